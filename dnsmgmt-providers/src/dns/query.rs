//! Questions, and what is read out of their answers.

use dnsmgmt_core::name::Name;
use domain::base::iana::{Class, Rcode, Rtype};
use domain::base::message_builder::AdditionalBuilder;
use domain::base::name::{ParsedName, ToName as _};
use domain::base::{self, Message, MessageBuilder, ParsedRecord};

/// A question for the records of one type at a name (RFC 1035 section 4.1.2).
#[derive(Debug, Clone)]
pub(crate) struct Question {
    pub(crate) name: base::Name<Vec<u8>>,
    pub(crate) rtype: Rtype,
}

impl Question {
    pub(crate) fn new(name: &Name, rtype: Rtype) -> Self {
        Self { name: name_to_wire(name), rtype }
    }
}

/// Returns a message that asks the question of a server for what it holds itself, ready to be signed and sent.
pub(crate) fn question(question: &Question) -> AdditionalBuilder<Vec<u8>> {
    let mut message = MessageBuilder::new_vec();
    message.header_mut().set_random_id();
    let mut message = message.question();
    message.push((&question.name, question.rtype, Class::IN)).expect("a question fits into a message");
    message.additional()
}

/// Returns the name as messages have it.
pub(crate) fn name_to_wire(name: &Name) -> base::Name<Vec<u8>> {
    let mut wire = Vec::with_capacity(name.as_str().len() + 2);
    for label in name.octet_labels() {
        wire.push(u8::try_from(label.len()).expect("a label has at most 63 octets"));
        wire.extend(label);
    }
    wire.push(0);
    base::Name::from_octets(wire).expect("a name of ours is a name on the wire")
}

/// What a server says to a question.
#[derive(Debug)]
pub(crate) struct Reply(Message<Vec<u8>>);

/// A message that cannot be read, or is no answer to the question.
#[derive(Debug)]
pub(crate) struct Unreadable;

impl Reply {
    /// Reads a message as the reply to the question.
    pub(crate) fn to(question: &Question, message: Message<Vec<u8>>) -> Result<Self, Unreadable> {
        let header = message.header();
        let echoed = message.sole_question().map_err(|_| Unreadable)?;
        let is_it = header.qr() && echoed.qname() == &question.name && echoed.qtype() == question.rtype;
        is_it.then_some(Self(message)).ok_or(Unreadable)
    }

    /// Returns whether nothing is at the name, nor below it. Behind an alias it is the alias' target that is not there (RFC 6604
    /// section 3).
    pub(crate) fn is_no_name(&self) -> bool {
        self.0.header().rcode() == Rcode::NXDOMAIN && self.0.header_counts().ancount() == 0
    }

    /// Returns how the server refused to answer, if it did. That there is no such name is an answer.
    pub(crate) fn refusal(&self) -> Option<Rcode> {
        Some(self.0.header().rcode()).filter(|rcode| !matches!(*rcode, Rcode::NOERROR | Rcode::NXDOMAIN))
    }

    /// Returns whether the server holds the name itself: otherwise the answer is a referral, or from a cache.
    pub(crate) fn is_authoritative(&self) -> bool {
        self.0.header().aa()
    }

    /// Returns the records of exactly the question's name and type in the answer: not those that an alias leads to.
    pub(crate) fn answers(&self, question: &Question) -> Result<Vec<ParsedRecord<'_, Vec<u8>>>, Unreadable> {
        let section = self.0.answer().map_err(|_| Unreadable)?;
        within(section, |record| record.owner() == question.name && record.rtype() == question.rtype)
    }

    /// Returns the name above the question's whose DNAME makes up what is answered, if one does (RFC 6672 section 3.1).
    pub(crate) fn alias_above(&self, question: &Question) -> Result<Option<base::Name<Vec<u8>>>, Unreadable> {
        let section = self.0.answer().map_err(|_| Unreadable)?;
        let is_above = |owner: &ParsedName<_>| *owner != question.name && question.name.ends_with(owner);
        let above = within(section, |record| record.rtype() == Rtype::DNAME && is_above(&record.owner()))?;
        Ok(above.first().map(|record| record.owner().to_name()))
    }

    /// Returns the name servers that a referral names, with the name that it is for.
    pub(crate) fn referral(&self) -> Result<Vec<ParsedRecord<'_, Vec<u8>>>, Unreadable> {
        let section = self.0.authority().map_err(|_| Unreadable)?;
        within(section, |record| record.rtype() == Rtype::NS)
    }
}

fn within<'a>(
    section: base::message::RecordSection<'a, Vec<u8>>,
    is_meant: impl Fn(&ParsedRecord<'a, Vec<u8>>) -> bool,
) -> Result<Vec<ParsedRecord<'a, Vec<u8>>>, Unreadable> {
    let mut records = Vec::new();
    for record in section {
        let record = record.map_err(|_| Unreadable)?;
        if record.class() == Class::IN && is_meant(&record) {
            records.push(record);
        }
    }
    Ok(records)
}
