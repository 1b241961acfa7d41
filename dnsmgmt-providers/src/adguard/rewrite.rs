//! One rewrite, as the server holds it, and the record that it is.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;

use dnsmgmt_core::name::Name;
use dnsmgmt_core::record::{Handle, Record, RecordData, RecordKey, RecordType, Ttl};
use dnsmgmt_core::record_set::Opaque;
use serde::{Deserialize, Serialize};

use super::target::refusal;

/// Why an entry is left alone that keeps newer versions from starting.
const FATAL: &str = "AdGuard Home v0.107.79 and later do not start with such an answer; delete it in AdGuard Home under \
                     Filters > DNS rewrites before upgrading";

/// An entry of `GET rewrite/list`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct Rewrite {
    #[serde(flatten)]
    pub(super) spelling: Spelling,
    /// Whether it answers; nothing from a server before v0.107.68, which answers with all of them.
    #[serde(default)]
    pub(super) enabled: Option<bool>,
}

/// Domain and answer, octet by octet: what the server compares to find an entry.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct Spelling {
    pub(super) domain: String,
    pub(super) answer: String,
}

/// What the server takes an answer for (`rewrites.go`, `normalize`).
pub(super) enum Meaning<'a> {
    /// `A` or `AAAA`: no rewrite for this type, the upstream is asked.
    Upstream(RecordType),
    /// An address.
    Address(IpAddr),
    /// An IPv6 address with a zone, `fe80::1%eth0`, which the server takes and no record holds.
    Scoped,
    /// Anything else: the target of a CNAME.
    Target(&'a str),
}

impl Rewrite {
    /// Returns the record, or why it is none.
    ///
    /// One whose domain the server never answers counts as switched off, whatever the server says: who wants it to answer has
    /// to have it written anew.
    pub(super) fn into_entry(self) -> Result<Record, Opaque> {
        let is_fatal = self.spelling.refused_target().is_some();
        let opaque = |name, rtype, why: &'static str| {
            let why = if is_fatal { FATAL } else { why };
            Err(Opaque { name, rtype, text: self.spelling.to_string(), why: why.into() })
        };
        let Ok(name) = Name::parse(&self.spelling.domain) else {
            return opaque(None, None, "its domain is not a domain name, so it never answers");
        };
        let data = match self.spelling.meaning() {
            Meaning::Address(IpAddr::V4(address)) => RecordData::A(address),
            Meaning::Address(IpAddr::V6(address)) => RecordData::Aaaa(address),
            Meaning::Upstream(rtype) => {
                return opaque(Some(name), Some(rtype), "an exception: this type is asked upstream");
            }
            Meaning::Scoped => {
                return opaque(Some(name), Some(RecordType::Aaaa), "its address has a zone, which no record holds");
            }
            // A CNAME silences everything else at its name, so what cannot be read as one is in the way of every type.
            Meaning::Target(target) => match Name::parse(target) {
                Ok(target) if target == name => {
                    return opaque(
                        Some(name),
                        None,
                        "an exception: a rewrite onto itself switches rewriting off there",
                    );
                }
                Ok(target) => RecordData::Cname(target),
                Err(_) => return opaque(Some(name), None, "its answer is neither an address nor a domain name"),
            },
        };
        let mut record = Record::new(name, data);
        record.enabled = if self.spelling.never_answered().is_some() { Some(false) } else { self.enabled };
        record.handles.push(self.spelling.handle());
        Ok(record)
    }
}

impl Spelling {
    /// Returns how a record is written: A-labels in lower case without the trailing dot, IPv6 as RFC 5952 has it. An error
    /// says why it must not be: because no version answers it, or because v0.107.79 would not start with it.
    pub(super) fn of(key: &RecordKey) -> Result<Self, &'static str> {
        let RecordKey { name, data } = key;
        if name.is_root() {
            return Err("AdGuard Home never answers a rewrite of the root");
        }
        if name.as_str() == "*" {
            return Err("AdGuard Home never answers a bare `*`; a wildcard has a domain behind it, as `*.example`");
        }
        if name.as_str().contains('\\') {
            return Err("AdGuard Home compares domains as text and never answers one with an escaped octet");
        }
        let answer = match data {
            RecordData::A(address) => address.to_string(),
            RecordData::Aaaa(address) => address.to_string(),
            RecordData::Cname(target) if target == name => {
                return Err("AdGuard Home takes a rewrite onto itself for an exception, not for a CNAME");
            }
            RecordData::Cname(target) if target.as_str().contains('\\') => {
                return Err("AdGuard Home takes an escaped octet in a CNAME's target for other octets");
            }
            RecordData::Cname(target) => match refusal(target.as_str()) {
                Some(why) => return Err(why),
                None => target.to_string(),
            },
            _ => return Err("AdGuard Home's rewrites hold only A, AAAA and CNAME"),
        };
        Ok(Self { domain: name.to_string(), answer })
    }

    /// Returns how the copies of a listed record are stored, one for each; its own spelling if it was never listed.
    pub(super) fn of_copies(record: &Record) -> Vec<Self> {
        let stored: Vec<Self> = record.handles.iter().filter_map(Self::from_handle).collect();
        if !stored.is_empty() {
            return stored;
        }
        vec![Self { domain: record.name().to_string(), answer: record.key.data.to_string() }]
    }

    /// Returns the same answer at another name.
    pub(super) fn renamed(&self, name: &Name) -> Self {
        Self { domain: name.to_string(), answer: self.answer.clone() }
    }

    /// Returns what the server takes the answer for.
    pub(super) fn meaning(&self) -> Meaning<'_> {
        match self.answer.as_str() {
            "A" => return Meaning::Upstream(RecordType::A),
            "AAAA" => return Meaning::Upstream(RecordType::Aaaa),
            _ => {}
        }
        if let Ok(address) = self.answer.parse() {
            return Meaning::Address(address);
        }
        match self.answer.split_once('%') {
            Some((address, zone)) if !zone.is_empty() && address.parse::<Ipv6Addr>().is_ok() => Meaning::Scoped,
            _ => Meaning::Target(&self.answer),
        }
    }

    /// Returns why the server never answers with this: it compares the domain as text with a question's name, which is in lower
    /// case, with A-labels and without a dot at its end.
    pub(super) fn never_answered(&self) -> Option<&'static str> {
        let domain = self.domain.as_str();
        let whys = [
            (domain.is_empty(), "its domain is empty"),
            (domain == "*", "a bare `*` stands for no domain; a wildcard has one behind it, as `*.example`"),
            (domain.ends_with('.'), "its domain ends in a dot"),
            (domain.contains(char::is_whitespace), "its domain has a blank in it"),
            (!domain.is_ascii(), "its domain has letters beyond ASCII; write it with `xn--...` labels"),
            (domain.contains('\\') || Name::parse(domain).is_err(), "its domain is not a domain name"),
        ];
        whys.into_iter().find_map(|(is_so, why)| is_so.then_some(why))
    }

    /// Returns why v0.107.79 does not start with this among its rewrites, if so.
    pub(super) fn refused_target(&self) -> Option<&'static str> {
        match self.meaning() {
            Meaning::Target(target) => refusal(target),
            Meaning::Upstream(_) | Meaning::Address(_) | Meaning::Scoped => None,
        }
    }

    /// Returns whether it is a CNAME, or an exception from one.
    pub(super) fn is_cname(&self) -> bool {
        matches!(self.meaning(), Meaning::Target(_))
    }

    fn handle(&self) -> Handle {
        let pair = serde_json::to_string(&(&self.domain, &self.answer)).expect("two strings are always JSON");
        Handle(Arc::from(pair))
    }

    fn from_handle(handle: &Handle) -> Option<Self> {
        let (domain, answer) = serde_json::from_str(&handle.0).ok()?;
        Some(Self { domain, answer })
    }
}

impl fmt::Display for Spelling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} -> {}", self.domain, self.answer)
    }
}

/// Returns why a record is not written as a rewrite, where that is known without asking.
pub(super) fn objection(wanted: &Record) -> Option<&'static str> {
    unsupported(wanted).or_else(|| Spelling::of(&wanted.key).err())
}

/// Returns which attribute of a wanted record no rewrite can have.
fn unsupported(record: &Record) -> Option<&'static str> {
    let attributes = [
        (matches!(record.ttl, Some(Ttl::Seconds(_))), "AdGuard Home has one TTL for all rewrites and takes none"),
        (record.proxied == Some(true), "AdGuard Home has no proxy"),
        (record.comment.as_ref().is_some_and(|text| !text.is_empty()), "AdGuard Home's rewrites hold no comment"),
    ];
    attributes.into_iter().find_map(|(is_set, why)| is_set.then_some(why))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn name_strategy() -> impl Strategy<Value = Name> {
        r"(\*\.)?([A-Za-z0-9_][A-Za-z0-9_-]{0,20}\.|[äöüß]{1,9}\.){0,4}[a-z][a-z0-9]{0,9}\.?"
            .prop_filter_map("not a name after all", |text| Name::parse(&text).ok())
    }

    fn data_strategy() -> impl Strategy<Value = RecordData> {
        prop_oneof![
            any::<u32>().prop_map(|bits| RecordData::A(bits.into())),
            any::<u128>().prop_map(|bits| RecordData::Aaaa(bits.into())),
            (0..=u32::MAX).prop_map(|bits| RecordData::Aaaa(std::net::Ipv4Addr::from(bits).to_ipv6_mapped())),
            name_strategy().prop_map(RecordData::Cname),
        ]
    }

    proptest! {
        #[test]
        fn what_is_written_is_the_same_record_when_it_is_listed(name in name_strategy(), data in data_strategy()) {
            let key = RecordKey { name, data };
            if let Ok(spelling) = Spelling::of(&key) {
                prop_assert!(spelling.domain.is_ascii() && !spelling.domain.ends_with('.'));
                let listed = Rewrite { spelling, enabled: None }.into_entry();
                prop_assert_eq!(listed.map(|record| record.key), Ok(key));
            }
        }
    }

    fn rewrite(domain: &str, answer: &str) -> Rewrite {
        Rewrite { spelling: Spelling { domain: domain.into(), answer: answer.into() }, enabled: Some(true) }
    }

    fn record(name: &str, rtype: &str, value: &str) -> Record {
        let data = RecordData::parse(&RecordType::parse(rtype).unwrap(), value).unwrap();
        Record::new(Name::parse(name).unwrap(), data)
    }

    #[test]
    fn an_answer_is_what_the_server_takes_it_for() {
        let keys = [
            ("a.example", "10.0.0.1", "a.example A 10.0.0.1"),
            ("a.example", "FD00:0::1", "a.example AAAA fd00::1"),
            ("a.example", "::ffff:1.2.3.4", "a.example AAAA ::ffff:1.2.3.4"),
            ("a.example", "Host.Example.", "a.example CNAME host.example"),
            ("a.example", "aaaa", "a.example CNAME aaaa"),
            ("a.example", "010.0.0.1", "a.example CNAME 010.0.0.1"),
            ("A.Example.", "10.0.0.1", "a.example A 10.0.0.1"),
            ("bücher.example", "10.0.0.1", "xn--bcher-kva.example A 10.0.0.1"),
            ("*.example", "10.0.0.1", "*.example A 10.0.0.1"),
        ];
        for (domain, answer, key) in keys {
            assert_eq!(rewrite(domain, answer).into_entry().unwrap().to_string(), key);
        }
    }

    #[test]
    fn what_is_no_record_occupies_what_it_is_in_the_way_of() {
        let entries = [
            ("a.example", "A", Some("a.example"), Some(RecordType::A)),
            ("a.example", "AAAA", Some("a.example"), Some(RecordType::Aaaa)),
            ("a.example", "fe80::1%eth0", Some("a.example"), Some(RecordType::Aaaa)),
            ("a.example", "10.0.0.1:80", Some("a.example"), None),
            ("a.example", "1699564820,web-01", Some("a.example"), None),
            ("a.example", "A.example", Some("a.example"), None),
            ("a.example", "", Some("a.example"), None),
            ("", "", None, None),
            (" a.example", "10.0.0.1", None, None),
        ];
        for (domain, answer, name, rtype) in entries {
            let entry = rewrite(domain, answer).into_entry().unwrap_err();
            assert_eq!((entry.name.as_ref().map(Name::as_str), entry.rtype), (name, rtype), "{domain} -> {answer}");
        }
    }

    #[test]
    fn an_entry_that_newer_servers_do_not_start_with_says_how_to_get_rid_of_it() {
        let why = |domain, answer| rewrite(domain, answer).into_entry().unwrap_err().why;
        for (domain, answer) in [("a.example", "10.0.0.1:80"), ("a.example", ""), (" a.example", "x_y"), ("x_y", "x_y")]
        {
            assert!(why(domain, answer).contains("delete it in AdGuard Home under Filters > DNS rewrites"), "{answer}");
        }
        for (domain, answer) in [("a.example", "a b.example"), ("a.example", "a.example"), ("a.example", "A")] {
            assert!(!why(domain, answer).contains("delete"), "{answer}");
        }
    }

    #[test]
    fn a_domain_that_never_answers_makes_a_record_that_is_switched_off() {
        for domain in ["e.docker.", "bücher.docker", "*"] {
            assert_eq!(rewrite(domain, "10.0.0.1").into_entry().unwrap().enabled, Some(false), "{domain}");
        }
        for domain in ["e.docker", "*.docker", "xn--bcher-kva.docker", "_a.docker"] {
            assert_eq!(rewrite(domain, "10.0.0.1").into_entry().unwrap().enabled, Some(true), "{domain}");
        }
    }

    #[test]
    fn the_stored_spelling_survives_in_the_handle() {
        for answer in ["FD00:0::1", "\"q\"\\,", "Host.Example."] {
            let stored = rewrite("a.example.", answer).spelling;
            assert_eq!(Spelling::from_handle(&stored.handle()), Some(stored));
        }
    }

    #[test]
    fn a_record_is_written_in_the_form_that_is_answered() {
        let written = |name, rtype, value| Spelling::of(&record(name, rtype, value).key).unwrap().to_string();
        assert_eq!(written("A.Example.", "A", "10.0.0.1"), "a.example -> 10.0.0.1");
        assert_eq!(written("bücher.example", "AAAA", "FD00:0:0::1"), "xn--bcher-kva.example -> fd00::1");
        assert_eq!(written("*.example", "CNAME", "Host.Example."), "*.example -> host.example");
        assert_eq!(
            written("a.example", "CNAME", "1699564820.web_01.heartbeat.invalid"),
            "a.example -> 1699564820.web_01.heartbeat.invalid"
        );
    }

    #[test]
    fn what_is_not_answered_or_keeps_the_server_from_starting_is_not_written() {
        let long = ["a".repeat(63), "b".repeat(63), "c".repeat(63), "d".repeat(61)].join(".");
        let refused = [
            ("a.example", "CNAME", "host_x"),
            ("a.example", "CNAME", "10.0.0.300"),
            ("a.example", "CNAME", "10.0.0.0/24"),
            ("a.example", "CNAME", "x.-e"),
            ("a.example", "CNAME", "xn--zzzzzzzzz99.example"),
            ("a.example", "CNAME", "a\\032b.example"),
            ("a.example", "CNAME", "."),
            ("a.example", "CNAME", "A.example"),
            ("a\\032b.example", "A", "10.0.0.1"),
            (".", "A", "10.0.0.1"),
            ("*", "A", "10.0.0.1"),
            ("a.example", "TXT", "text"),
        ];
        for (name, rtype, value) in refused {
            assert!(Spelling::of(&record(name, rtype, value).key).is_err(), "{name} {rtype} {value}");
        }
        assert!(Spelling::of(&record("a.example", "CNAME", &long).key).is_ok());
    }
}
