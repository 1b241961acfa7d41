//! A group of conditions and changes as one UPDATE message, which a server makes whole or not at all (RFC 2136).

use dnsmgmt_core::name::Name;
use dnsmgmt_core::provider::{Change, Group};
use dnsmgmt_core::record::{Record, RecordData, RecordType, Ttl};
use domain::base::iana::{Class, Opcode, Rtype};
use domain::base::message_builder::AdditionalBuilder;
use domain::base::{self, MessageBuilder, UnknownRecordData};

use super::before::Before;
use crate::dns::name_to_wire;
use crate::rdata::wire::{copies, number};

/// The TTL of a record without a wish in a new RRset, in seconds.
pub(super) const DEFAULT_TTL: u32 = 300;
/// Types of which a name can hold only one value: a server puts a second one in the place of the first (RFC 2136 section 3.4.2.2).
const SINGLE: [&str; 2] = ["CNAME", "DNAME"];
/// What must not come to stand beside a CNAME between our look and our change, since a server then ignores the CNAME without a
/// word. A name can be asked about as a whole only where it is to be empty.
const FORBIDDEN_BESIDE_CNAME: [&str; 16] = [
    "A", "AAAA", "CAA", "CNAME", "DNAME", "DS", "HTTPS", "LOC", "MX", "NAPTR", "NS", "PTR", "SRV", "SSHFP", "SVCB",
    "TXT",
];

/// Why a group is not asked for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Unasked {
    /// Its conditions speak against each other, so they cannot hold.
    Impossible,
    /// It cannot be put into a message, and why.
    Unsendable(String),
}

impl From<String> for Unasked {
    fn from(why: String) -> Self {
        Self::Unsendable(why)
    }
}

/// What a message says, record by record.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Update {
    prerequisites: Vec<Prerequisite>,
    updates: Vec<Rr>,
}

/// What must hold for the updates to be made (RFC 2136 section 2.4).
#[derive(Debug, Clone, PartialEq, Eq)]
enum Prerequisite {
    /// The RRset has exactly these values; none says that there is no such RRset.
    Exactly { name: Name, rtype: RecordType, values: Vec<Record> },
    /// The name has no records at all.
    Unused(Name),
}

/// A record of a message, whose class says what it means.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Rr {
    name: Name,
    class: Class,
    ttl: u32,
    rtype: Rtype,
    octets: Vec<u8>,
}

impl Update {
    /// Returns what a group asks for. `before` covers its names.
    pub(super) fn of(group: &Group, before: &Before<'_>) -> Result<Self, Unasked> {
        let mut update = Self::default();
        for condition in &group.only_if {
            update.require(Prerequisite::Exactly {
                name: condition.name.clone(),
                rtype: condition.rtype.clone(),
                values: condition.values.iter().map(|data| listed(before, &condition.name, data)).collect(),
            });
        }
        for change in &group.changes {
            match change {
                Change::Create(record) => update.keep_single(record, group, before)?,
                Change::Delete(_) => {}
                Change::Replace { old, new } => {
                    update.still_there(old, before)?;
                    update.keep_single(new, group, before)?;
                }
            }
        }
        update.make(group, before)?;
        Ok(update)
    }

    /// Returns what asks whether a name holds exactly these records of these types, and changes nothing.
    pub(super) fn question(name: &Name, records: &[Record], types: &[RecordType]) -> Self {
        let values = |rtype: &RecordType| -> Vec<Record> {
            records.iter().filter(|record| record.rtype() == *rtype).cloned().collect()
        };
        let exactly = |rtype: &RecordType| Prerequisite::Exactly {
            name: name.clone(),
            rtype: rtype.clone(),
            values: values(rtype),
        };
        Self { prerequisites: types.iter().map(exactly).collect(), updates: Vec::new() }
    }

    pub(super) fn has_prerequisites(&self) -> bool {
        !self.prerequisites.is_empty()
    }

    fn require(&mut self, prerequisite: Prerequisite) {
        if !self.prerequisites.contains(&prerequisite) {
            self.prerequisites.push(prerequisite);
        }
    }

    /// Requires that what is to be replaced is still there. The protocol can ask only for a whole RRset, so that a neighbour's value
    /// that came or went since makes the change fail; whoever asks then looks and asks again.
    fn still_there(&mut self, old: &Record, before: &Before<'_>) -> Result<(), Unasked> {
        match self.required(old.name(), &old.rtype()) {
            Some(values) if values.iter().any(|value| value.key == old.key) => return Ok(()),
            Some(_) => return Err(Unasked::Impossible),
            None => {}
        }
        let mut values: Vec<Record> = before.rrset(old.name(), &old.rtype()).cloned().collect();
        if !values.iter().any(|value| value.key == old.key) {
            values.push(old.clone());
        }
        self.require(Prerequisite::Exactly { name: old.name().clone(), rtype: old.rtype(), values });
        Ok(())
    }

    /// Requires, before a type is added of which a name holds only one, that the name is as it was seen: a server would put it in
    /// the place of what somebody else added since, or ignore it.
    fn keep_single(&mut self, new: &Record, group: &Group, before: &Before<'_>) -> Result<(), Unasked> {
        let (name, rtype) = (new.name(), new.rtype());
        if !SINGLE.contains(&rtype.as_str()) {
            return Ok(());
        }
        if before.at(name).is_empty() && rtype == RecordType::Cname && self.required_at(name).next().is_none() {
            self.require(Prerequisite::Unused(name.clone()));
            return Ok(());
        }
        let leaving = |record: &Record| {
            group.changes.iter().any(|change| match change {
                Change::Delete(old) | Change::Replace { old, .. } => old.key == record.key,
                Change::Create(_) => false,
            })
        };
        let excluded = if rtype == RecordType::Cname { &FORBIDDEN_BESIDE_CNAME[..] } else { &SINGLE[1..] };
        for mnemonic in excluded {
            let Ok(rtype) = RecordType::parse(mnemonic) else { continue };
            if self.required(name, &rtype).is_some() {
                continue;
            }
            // What stays there forbids the new one: then the server is asked for a name without it, and says no.
            let stays = |record: &Record| record.key != new.key && !leaving(record);
            let mut values: Vec<Record> = before.rrset(name, &rtype).cloned().collect();
            if values.iter().any(stays) {
                values.clear();
            }
            self.require(Prerequisite::Exactly { name: name.clone(), rtype, values });
        }
        Ok(())
    }

    /// Returns the values that an RRset is required to have.
    fn required(&self, name: &Name, rtype: &RecordType) -> Option<&[Record]> {
        self.required_at(name).find(|(required, _)| *required == rtype).map(|(_, values)| values)
    }

    fn required_at(&self, name: &Name) -> impl Iterator<Item = (&RecordType, &[Record])> {
        self.prerequisites.iter().filter_map(move |prerequisite| match prerequisite {
            Prerequisite::Exactly { name: at, rtype, values } if at == name => Some((rtype, values.as_slice())),
            Prerequisite::Exactly { .. } | Prerequisite::Unused(_) => None,
        })
    }

    /// Deletes and adds what the changes come to as a whole. Before anything is added, what makes room for it has gone; but a server
    /// keeps a zone's last NS (RFC 2136 section 3.4.2.4), so a new one comes before an old one goes.
    fn make(&mut self, group: &Group, before: &Before<'_>) -> Result<(), Unasked> {
        let Outcome { leaving, coming } = self.outcome(group, before);
        let is_ns = |record: &&Record| record.rtype() == RecordType::Ns;
        let is_new = |record: &&Record| !leaving.iter().any(|old| old.key == record.key);
        let ttl = |record: &Record| ttl(record.name(), &record.rtype(), group, before);
        let (ns_first, last): (Vec<&Record>, Vec<&Record>) =
            coming.iter().partition(|record| is_ns(record) && is_new(record));
        leaving.iter().filter(|record| !is_ns(record)).try_for_each(|old| self.push(old, Class::NONE, 0))?;
        ns_first.into_iter().try_for_each(|new| self.push(new, Class::IN, ttl(new)))?;
        leaving.iter().filter(is_ns).try_for_each(|old| self.push(old, Class::NONE, 0))?;
        last.into_iter().try_for_each(|new| self.push(new, Class::IN, ttl(new)))
    }

    fn outcome(&self, group: &Group, before: &Before<'_>) -> Outcome {
        let mut outcome = Outcome::default();
        for change in &group.changes {
            match change {
                Change::Create(new) => outcome.add(plain(new)),
                Change::Delete(old) => outcome.delete(listed(before, old.name(), &old.key.data)),
                Change::Replace { old, new } => {
                    let old = listed(before, old.name(), &old.key.data);
                    let new = if old.key == new.key { old.clone() } else { plain(new) };
                    outcome.delete(old);
                    outcome.add(new);
                }
            }
        }
        // An RRset has one TTL. Servers do not add what is there already, be it with another TTL, so all values that stay go and
        // come again, which is one step; which ones these are is a prerequisite.
        for change in &group.changes {
            if let Change::Replace { old, new } = change
                && old.key == new.key
            {
                let all = self.required(old.name(), &old.rtype()).unwrap_or_default();
                all.iter().for_each(|one| outcome.renew(one));
            }
        }
        outcome
    }

    /// Says something of a record in all its copies.
    fn push(&mut self, record: &Record, class: Class, ttl: u32) -> Result<(), Unasked> {
        for wire in copies(record)? {
            self.updates.push(Rr { name: record.name().clone(), class, ttl, rtype: wire.rtype, octets: wire.octets });
        }
        Ok(())
    }

    /// Returns the message, ready to be signed and sent.
    pub(super) fn message(&self, zone: &Name) -> Result<AdditionalBuilder<Vec<u8>>, Unasked> {
        const FITS: &str = "a vector takes a record";
        let mut message = MessageBuilder::new_vec();
        message.header_mut().set_opcode(Opcode::UPDATE);
        let mut message = message.question();
        message.push((name_to_wire(zone), Rtype::SOA, Class::IN)).expect(FITS);
        let mut message = message.answer();
        for prerequisite in &self.prerequisites {
            for rr in prerequisite.records()? {
                message.push(rr.record()).expect(FITS);
            }
        }
        let mut message = message.authority();
        for rr in &self.updates {
            message.push(rr.record()).expect(FITS);
        }
        Ok(message.additional())
    }
}

/// What a group comes to when its changes are made in order: a value is in each list once at most, and in both where it goes to
/// come again.
#[derive(Debug, Default)]
struct Outcome {
    leaving: Vec<Record>,
    coming: Vec<Record>,
}

impl Outcome {
    fn delete(&mut self, old: Record) {
        self.coming.retain(|new| new.key != old.key);
        if !is_among(&self.leaving, &old) {
            self.leaving.push(old);
        }
    }

    fn add(&mut self, new: Record) {
        if !is_among(&self.coming, &new) {
            self.coming.push(new);
        }
    }

    /// Lets what stays go and come again as it is.
    fn renew(&mut self, listed: &Record) {
        if !is_among(&self.leaving, listed) {
            self.delete(listed.clone());
            self.add(listed.clone());
        }
    }
}

fn is_among(records: &[Record], record: &Record) -> bool {
    records.iter().any(|one| one.key == record.key)
}

/// Returns a record as we write it, and not as one that was listed once.
fn plain(record: &Record) -> Record {
    Record { handles: Vec::new(), ..record.clone() }
}

impl Prerequisite {
    fn records(&self) -> Result<Vec<Rr>, Unasked> {
        let empty =
            |name: &Name, rtype| Rr { name: name.clone(), class: Class::NONE, ttl: 0, rtype, octets: Vec::new() };
        Ok(match self {
            Self::Unused(name) => vec![empty(name, Rtype::ANY)],
            Self::Exactly { name, rtype, values } if values.is_empty() => vec![empty(name, number(rtype)?)],
            Self::Exactly { name, values, .. } => {
                let mut records = Vec::new();
                for wire in values.iter().map(copies).collect::<Result<Vec<_>, _>>()?.into_iter().flatten() {
                    let (name, class) = (name.clone(), Class::IN);
                    let rr = Rr { name, class, ttl: 0, rtype: wire.rtype, octets: wire.octets };
                    if !records.contains(&rr) {
                        records.push(rr);
                    }
                }
                records
            }
        })
    }
}

impl Rr {
    fn record(&self) -> base::Record<base::Name<Vec<u8>>, UnknownRecordData<&[u8]>> {
        let data = UnknownRecordData::from_octets(self.rtype, self.octets.as_slice())
            .expect("a value is encoded within its limit");
        base::Record::new(name_to_wire(&self.name), self.class, base::Ttl::from_secs(self.ttl), data)
    }
}

/// Returns the record as it is listed, if it is.
fn listed(before: &Before<'_>, name: &Name, data: &RecordData) -> Record {
    let listed = before.at(name).iter().find(|listed| listed.key.data == *data);
    listed.cloned().unwrap_or_else(|| Record::new(name.clone(), data.clone()))
}

/// Returns the TTL of an RRset that is added to, which has only one: the last wish, else that of what is replaced, else that of what
/// is there.
fn ttl(name: &Name, rtype: &RecordType, group: &Group, before: &Before<'_>) -> u32 {
    let seconds = |ttl: Option<Ttl>| match ttl {
        Some(Ttl::Seconds(seconds)) => Some(seconds),
        Some(Ttl::Automatic) | None => None,
    };
    let is_here = |record: &Record| record.name() == name && record.rtype() == *rtype;
    let wish = |change: &Change| match change {
        Change::Create(new) | Change::Replace { new, .. } if is_here(new) => seconds(new.ttl),
        Change::Create(_) | Change::Delete(_) | Change::Replace { .. } => None,
    };
    let replaced = |change: &Change| match change {
        Change::Replace { old, new } if is_here(new) => {
            seconds(listed(before, name, &old.key.data).ttl).or_else(|| seconds(old.ttl))
        }
        Change::Create(_) | Change::Delete(_) | Change::Replace { .. } => None,
    };
    let sibling = || before.rrset(name, rtype).find_map(|listed| seconds(listed.ttl));
    let last_wish = group.changes.iter().rev().find_map(wish);
    last_wish.or_else(|| group.changes.iter().find_map(replaced)).or_else(sibling).unwrap_or(DEFAULT_TTL)
}
