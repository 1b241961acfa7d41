//! Asking for changes: one message for each group, many on their way at once.

use std::collections::HashMap;

use dnsmgmt_core::provider::{Answer, Change, Group, ProviderError, Reaction};
use dnsmgmt_core::record::{Record, RecordType};
use dnsmgmt_core::record_set::RecordSet;
use domain::base::Message;
use domain::base::iana::Opcode;

use super::Rfc2136;
use super::before::Before;
use super::refusal::{Asked, Refusal};
use super::signer::Transaction;
use super::update::{Unasked, Update};
use crate::dns::Connection;

/// How many messages may be on their way; BIND reads no more than 23 of a connection at once.
const WINDOW: usize = 20;
/// The longest message that there can be over TCP (RFC 1035 section 4.2.2).
const LONGEST: usize = u16::MAX as usize;

/// A group and what has become of it.
struct Asking<'a> {
    group: &'a Group,
    update: Option<Update>,
    answer: Option<Answer>,
    /// Whether the server failed over it while others were on their way too.
    failed_among_others: bool,
}

impl<'a> Asking<'a> {
    fn new(group: &'a Group, update: Option<Update>, answer: Option<Answer>) -> Self {
        Self { group, update, answer, failed_among_others: false }
    }
}

/// What was sent and not answered yet, by the id of its message.
type Pending = HashMap<u16, (usize, Transaction)>;

impl Rfc2136 {
    /// Asks for the work, in order, and returns one answer for each change.
    pub(super) async fn make(&self, work: &[Group], before: &RecordSet) -> Vec<Answer> {
        let mut before = Before::new(before);
        let mut asking: Vec<Asking<'_>> = work.iter().map(|group| self.prepare(group, &mut before)).collect();
        if let Err(refusal) = self.ask_all(&mut asking).await {
            for one in asking.iter_mut().filter(|one| one.answer.is_none()) {
                one.answer = Some(Answer::Failed(self.error(one.group, &refusal)));
            }
        }
        let of_group = |one: Asking<'_>| {
            let answer = one.answer.unwrap_or(Answer::ConditionFailed);
            one.group.changes.iter().map(move |_| answer.clone()).collect::<Vec<_>>()
        };
        asking.into_iter().flat_map(of_group).collect()
    }

    /// Returns an error if the key may not change the zone, found out by a message that changes nothing.
    pub(super) async fn may_change(&self) -> Result<(), ProviderError> {
        self.ask_one(&Update::default()).await.map_err(|refusal| {
            self.context(Asked::Update { adds_mx: false, adds_no_host: false })
                .error(format_args!("change the zone {}", self.id.zone), &refusal)
        })
    }

    /// Sends one message over a connection of its own.
    pub(super) async fn ask_one(&self, update: &Update) -> Result<(), Refusal> {
        let mut connection = Connection::open(&self.server).await?;
        let mut pending = Pending::new();
        match self.message(update, 0, &mut pending) {
            Ok(message) => connection.send(&message).await?,
            Err(Unasked::Unsendable(why)) => return Err(Refusal::Unfit(why)),
            Err(Unasked::Impossible) => return Err(Refusal::Unfit("its conditions speak against each other".into())),
        }
        self.receive(&mut connection, &mut pending).await?.1
    }

    fn prepare<'a>(&self, group: &'a Group, before: &mut Before<'_>) -> Asking<'a> {
        match Update::of(group, before) {
            Ok(update) => {
                before.take(group);
                Asking::new(group, Some(update), None)
            }
            Err(unasked) => Asking::new(group, None, Some(self.unasked(group, unasked))),
        }
    }

    /// Stops where any further message would be answered the same, with what is not answered yet left open.
    async fn ask_all(&self, asking: &mut [Asking<'_>]) -> Result<(), Refusal> {
        let mut connection = None;
        let mut pending = Pending::new();
        // The first message goes alone: a key that is not let in is not tried a thousand times.
        let mut window = 1;
        for index in 0..asking.len() {
            let Some(message) = self.message_of(&mut asking[index], index, &mut pending) else { continue };
            let connection = match &mut connection {
                Some(connection) => connection,
                None => connection.insert(Connection::open(&self.server).await?),
            };
            connection.send(&message).await?;
            if pending.len() >= window {
                self.take(connection, &mut pending, asking, window > 1).await?;
                window = WINDOW;
            }
        }
        let Some(connection) = &mut connection else { return Ok(()) };
        while !pending.is_empty() {
            self.take(connection, &mut pending, asking, true).await?;
        }
        self.ask_alone(connection, asking).await
    }

    /// Knot makes what has come in meanwhile in one go, and fails over all of it where it refuses one: the others are asked for once
    /// more, each alone, while that helps.
    async fn ask_alone(&self, connection: &mut Connection, asking: &mut [Asking<'_>]) -> Result<(), Refusal> {
        let mut pending = Pending::new();
        for index in 0..asking.len() {
            if !std::mem::take(&mut asking[index].failed_among_others) {
                continue;
            }
            let Some(message) = self.message_of(&mut asking[index], index, &mut pending) else { continue };
            connection.send(&message).await?;
            self.take(connection, &mut pending, asking, false).await?;
            if matches!(&asking[index].answer, Some(Answer::Failed(error)) if error.reaction == Reaction::Unreachable) {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Returns the message that asks for a group; nothing where it is answered already, or cannot be asked for.
    fn message_of(&self, one: &mut Asking<'_>, index: usize, pending: &mut Pending) -> Option<Vec<u8>> {
        match self.message(one.update.as_ref()?, index, pending) {
            Ok(message) => Some(message),
            Err(unasked) => {
                one.answer = Some(self.unasked(one.group, unasked));
                None
            }
        }
    }

    async fn take(
        &self,
        connection: &mut Connection,
        pending: &mut Pending,
        asking: &mut [Asking<'_>],
        among_others: bool,
    ) -> Result<(), Refusal> {
        let (index, said) = self.receive(connection, pending).await?;
        let one = &mut asking[index];
        let has_prerequisites = one.update.as_ref().is_some_and(Update::has_prerequisites);
        match said {
            Ok(()) => one.answer = Some(Answer::Accepted),
            Err(refusal) if refusal.is_prerequisite() && has_prerequisites => {
                one.answer = Some(Answer::ConditionFailed);
            }
            Err(refusal) => {
                one.answer = Some(Answer::Failed(self.error(one.group, &refusal)));
                one.failed_among_others = refusal.is_failure() && among_others;
                if refusal.ends_all() {
                    return Err(refusal);
                }
            }
        }
        Ok(())
    }

    /// Returns the message in octets, signed.
    fn message(&self, update: &Update, index: usize, pending: &mut Pending) -> Result<Vec<u8>, Unasked> {
        let mut message = update.message(&self.id.zone)?;
        // Over a connection of our own the id has only to be another than those of what is on its way.
        let id = u16::try_from(index % (LONGEST + 1)).unwrap_or_default();
        message.header_mut().set_id(id);
        let transaction = self.signer.sign(&mut message);
        let octets = message.finish();
        if octets.len() > LONGEST {
            return Err(format!("it takes {} octets, and a message has at most {LONGEST}", octets.len()).into());
        }
        pending.insert(id, (index, transaction));
        Ok(octets)
    }

    /// Returns which group the next message answers, and what it says.
    async fn receive(
        &self,
        connection: &mut Connection,
        pending: &mut Pending,
    ) -> Result<(usize, Result<(), Refusal>), Refusal> {
        let mut answer = connection.receive().await?;
        let Some((index, transaction)) = pending.remove(&answer.header().id()).filter(|_| is_answer(&answer)) else {
            return Err(Refusal::Unfit("it sent a message that belongs to no change of ours".into()));
        };
        Ok((index, self.signer.check(&transaction, &mut answer).map(drop)))
    }

    fn error(&self, group: &Group, refusal: &Refusal) -> ProviderError {
        let (adds_mx, adds_no_host) = (adds_mx(group), adds_no_host(group));
        self.context(Asked::Update { adds_mx, adds_no_host }).error(doing(group), refusal)
    }

    fn unasked(&self, group: &Group, unasked: Unasked) -> Answer {
        match unasked {
            Unasked::Impossible => Answer::ConditionFailed,
            Unasked::Unsendable(why) => {
                let doing = format!("{} at {}", doing(group), self.server);
                Answer::Failed(ProviderError::new(Reaction::Refused, doing, why))
            }
        }
    }
}

fn is_answer(message: &Message<Vec<u8>>) -> bool {
    message.header().qr() && message.header().opcode() == Opcode::UPDATE
}

fn adds_mx(group: &Group) -> bool {
    added(group).any(|new| new.rtype() == RecordType::Mx)
}

/// Returns whether it gives an address or mail to a name that is none of a host (RFC 952).
fn adds_no_host(group: &Group) -> bool {
    let is_of_host = |new: &&Record| new.rtype().is_address() || new.rtype() == RecordType::Mx;
    added(group).filter(is_of_host).any(|new| new.name().as_str().contains('_'))
}

fn added(group: &Group) -> impl Iterator<Item = &Record> {
    group.changes.iter().filter_map(|change| match change {
        Change::Create(new) | Change::Replace { new, .. } => Some(new),
        Change::Delete(_) => None,
    })
}

fn doing(group: &Group) -> String {
    match group.changes.as_slice() {
        [change] => change.to_string(),
        [Change::Create(_) | Change::Delete(_) | Change::Replace { .. }, rest @ ..] => {
            format!("{} and {} more in one step", group.changes[0], rest.len())
        }
        [] => "make no change".into(),
    }
}
