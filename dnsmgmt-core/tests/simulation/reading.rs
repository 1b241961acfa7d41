//! Heartbeats as the prior system's document describes them, read without the code that is tested.

use std::cell::RefCell;
use std::collections::HashMap;
use std::net::IpAddr;

use dnsmgmt_core::heartbeat::Member;
use dnsmgmt_core::name::Name;
use dnsmgmt_core::record::{Record, RecordData, RecordKey};

/// A heartbeat.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reading {
    pub(crate) member: Member,
    /// In seconds since 1970; nothing where it makes no sense.
    pub(crate) time: Option<i64>,
    /// In lower case.
    pub(crate) instance: Option<String>,
}

/// Reads a heartbeat.
pub(crate) fn read(record: &Record) -> Option<Reading> {
    let text = match &record.key.data {
        RecordData::Txt(octets) => String::from_utf8_lossy(octets).into_owned(),
        RecordData::Cname(target) => {
            target.as_str().strip_suffix(".heartbeat.invalid").unwrap_or_default().replacen('.', ",", 1)
        }
        _ => return None,
    };
    let member = member_of(record.name())?;
    let (time, instance) = match text.split_once(',') {
        Some((time, instance)) => (time, Some(instance.to_lowercase())),
        None => (text.as_str(), None),
    };
    let time = time.parse().ok();
    Some(Reading { member, instance: instance.filter(|_| time.is_some()), time })
}

thread_local! {
    /// What was read of names: each is read thousands of times.
    static READ: RefCell<HashMap<Name, Option<Member>>> = RefCell::default();
}

/// Returns what a heartbeat's name keeps.
fn member_of(name: &Name) -> Option<Member> {
    READ.with_borrow_mut(|read| match read.get(name) {
        Some(member) => member.clone(),
        None => read.entry(name.clone()).insert_entry(read_name(name)).get().clone(),
    })
}

fn read_name(name: &Name) -> Option<Member> {
    let (label, domain) = name.as_str().strip_prefix("_heartbeat-")?.split_once('.')?;
    let address: IpAddr = label.replace('-', ".").parse().or_else(|_| label.replace('-', ":").parse()).ok()?;
    Some(Member { domain: Name::parse(domain).ok()?, address })
}

/// Returns the key of a member's address record.
pub(crate) fn address_of(member: &Member) -> RecordKey {
    let data = match member.address {
        IpAddr::V4(address) => RecordData::A(address),
        IpAddr::V6(address) => RecordData::Aaaa(address),
    };
    RecordKey { name: member.domain.clone(), data }
}

/// Returns the member that an address record is.
pub(crate) fn member_at(key: &RecordKey) -> Option<Member> {
    Some(Member { domain: key.name.clone(), address: key.data.address()? })
}
