//! The API's RRset and our records: what a zone says, and what a request spells.

use dnsmgmt_core::name::Name;
use dnsmgmt_core::record::{Record, RecordData, RecordType, Ttl};
use dnsmgmt_core::record_set::Opaque;
use serde::{Deserialize, Serialize};

use super::mark;

/// Types with hexadecimal digits, which the server writes in lower case.
const HEXADECIMAL: [&str; 3] = ["SMIMEA", "SSHFP", "TLSA"];

/// A zone as the API shows it (PowerDNS, "Zones").
#[derive(Debug, Deserialize)]
pub(super) struct Zone {
    pub(super) name: String,
    #[serde(default)]
    pub(super) kind: String,
    #[serde(default)]
    pub(super) soa_edit_api: String,
    pub(super) rrsets: Vec<Rrset>,
}

impl Zone {
    /// Returns whether its records come from another server, so that a change here lasts until the next transfer.
    pub(super) fn is_secondary(&self) -> bool {
        ["Slave", "Secondary", "Consumer"].iter().any(|kind| self.kind.eq_ignore_ascii_case(kind))
    }
}

/// An RRset as the API shows it. One that has comments only is one without records.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct Rrset {
    pub(super) name: String,
    #[serde(rename = "type")]
    pub(super) rtype: String,
    /// The server takes and shows any number of 32 bits, also those that are no TTL.
    pub(super) ttl: i64,
    pub(super) records: Vec<Stored>,
    #[serde(default)]
    pub(super) comments: Vec<Comment>,
}

/// A value as the server stores it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
pub(super) struct Stored {
    pub(super) content: String,
    #[serde(default)]
    pub(super) disabled: bool,
}

/// A comment of an RRset.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
pub(super) struct Comment {
    pub(super) content: String,
    #[serde(default)]
    pub(super) account: String,
    /// Seconds of the Unix epoch; the server's own time where it is not sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) modified_at: Option<i64>,
}

impl Rrset {
    /// Adds what the RRset holds to the records, and what cannot be modelled to the opaque entries.
    pub(super) fn read(&self, records: &mut Vec<Record>, opaque: &mut Vec<Opaque>) {
        let name = Name::parse(&self.name).ok();
        let rtype = RecordType::parse(&self.rtype).ok();
        let (Some(name), Some(rtype)) = (&name, &rtype) else {
            opaque.extend(self.records.iter().flat_map(|stored| self.of_its_own_type(name.as_ref(), stored)));
            return;
        };
        if rtype.is_zone_machinery() {
            return;
        }
        for stored in &self.records {
            match stored.data(rtype) {
                Some(data) => records.push(self.record(name, data, stored)),
                None => opaque.push(Opaque {
                    name: Some(name.clone()),
                    rtype: Some(rtype.clone()),
                    text: self.text(stored),
                    why: "its value is not one of its type".into(),
                }),
            }
        }
    }

    fn record(&self, name: &Name, data: RecordData, stored: &Stored) -> Record {
        let ttl = u32::try_from(self.ttl).ok().map(Ttl::Seconds);
        let comment = mark::of(&data, &self.comments).map(ToOwned::to_owned);
        Record { ttl, enabled: Some(!stored.disabled), comment, ..Record::new(name.clone(), data) }
    }

    /// Returns what an entry is in the way of whose type only this server knows. An ALIAS answers for addresses alone, a LUA for the
    /// type that it begins with.
    fn of_its_own_type(&self, name: Option<&Name>, stored: &Stored) -> Vec<Opaque> {
        let occupied = match self.rtype.as_str() {
            "ALIAS" => vec![Some(RecordType::A), Some(RecordType::Aaaa)],
            "LUA" => vec![stored.content.split_whitespace().next().and_then(|word| RecordType::parse(word).ok())],
            _ => vec![None],
        };
        let why = match (name, self.rtype.as_str()) {
            (None, _) => "its name is not a domain name",
            (_, "ALIAS" | "LUA") => "the server works out its answers by itself",
            _ => "its type is not one that IANA knows",
        };
        let entry = |rtype| Opaque { name: name.cloned(), rtype, text: self.text(stored), why: why.into() };
        occupied.into_iter().map(entry).collect()
    }

    fn text(&self, stored: &Stored) -> String {
        format!("{} {} {}", self.name, self.rtype, stored.content)
    }
}

impl Stored {
    /// Spells a value as the server takes it: names absolute, TXT in quotes.
    pub(super) fn of(data: &RecordData, disabled: bool) -> Self {
        Self { content: data.to_zone_text(), disabled }
    }

    pub(super) fn data(&self, rtype: &RecordType) -> Option<RecordData> {
        RecordData::parse(rtype, &self.content).ok()
    }

    pub(super) fn is(&self, data: &RecordData) -> bool {
        self.data(&data.rtype()).is_some_and(|own| is_same(&own, data))
    }
}

/// Returns whether the server holds two values as one.
pub(super) fn is_same(left: &RecordData, right: &RecordData) -> bool {
    match (left, right) {
        (RecordData::Other { rtype, text }, RecordData::Other { rtype: other, text: spelled }) if rtype == other => {
            text == spelled || is_hexadecimal(left) && text.eq_ignore_ascii_case(spelled)
        }
        _ => left == right,
    }
}

/// Returns whether the value has digits that the server spells in its own way.
pub(super) fn is_hexadecimal(data: &RecordData) -> bool {
    matches!(data, RecordData::Other { .. }) && HEXADECIMAL.contains(&data.rtype().as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(rrset: &str) -> (Vec<Record>, Vec<Opaque>) {
        let (mut records, mut opaque) = (Vec::new(), Vec::new());
        serde_json::from_str::<Rrset>(rrset).unwrap().read(&mut records, &mut opaque);
        (records, opaque)
    }

    #[test]
    fn values_come_with_what_varies_about_them() {
        let (records, opaque) = read(
            r#"{"name":"a.example.","type":"A","ttl":60,"records":[{"content":"10.0.0.1","disabled":true},{"content":"10.0.0.2"}],
                "comments":[{"content":"10.0.0.2: ours","account":"dnsmgmt","modified_at":7},{"content":"10.0.0.1: theirs","account":"ann"}]}"#,
        );
        assert!(opaque.is_empty());
        assert_eq!(records[0].to_string(), "a.example A 10.0.0.1");
        assert_eq!((records[0].ttl, records[0].enabled), (Some(Ttl::Seconds(60)), Some(false)));
        assert_eq!((records[0].comment.as_deref(), records[1].comment.as_deref()), (None, Some("ours")));
        assert_eq!(records[1].enabled, Some(true));
    }

    #[test]
    fn what_only_this_server_knows_is_in_the_way_of_what_it_answers_for() {
        let occupied = |rtype: &str, content: &str| {
            let (records, opaque) = read(&format!(
                r#"{{"name":"a.example.","type":"{rtype}","ttl":60,"records":[{{"content":{content:?}}}]}}"#
            ));
            assert!(records.is_empty());
            opaque
                .into_iter()
                .map(|entry| entry.rtype.map_or_else(|| "all".into(), |rtype| rtype.to_string()))
                .collect::<Vec<_>>()
        };
        assert_eq!(occupied("ALIAS", "b.example."), ["A", "AAAA"]);
        assert_eq!(occupied("LUA", "TXT \"return 1\""), ["TXT"]);
        assert_eq!(occupied("ADDR", "\\# 0"), ["all"]);
        assert_eq!(occupied("A", "10.0.0"), ["A"]);
    }

    #[test]
    fn the_zone_s_own_machinery_is_not_listed() {
        let (records, opaque) =
            read(r#"{"name":"example.","type":"SOA","ttl":60,"records":[{"content":"a. b. 1 2 3 4 5"}]}"#);
        assert!(records.is_empty() && opaque.is_empty());
    }

    #[test]
    fn hexadecimal_digits_have_no_case() {
        let data = |rtype: &str, text: &str| RecordData::parse(&rtype.parse().unwrap(), text).unwrap();
        assert!(is_same(&data("TLSA", "3 1 1 ABCD"), &data("TLSA", "3 1 1 abcd")));
        assert!(!is_same(&data("OPENPGPKEY", "ABCD"), &data("OPENPGPKEY", "abcd")));
    }
}
