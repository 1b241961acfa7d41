//! The API's record and ours: what a page of a listing says, and what a request spells.

use std::borrow::Cow;
use std::sync::Arc;

use dnsmgmt_core::name::Name;
use dnsmgmt_core::record::{Handle, Record, RecordData, RecordType, Ttl, character_strings};
use dnsmgmt_core::record_set::Opaque;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// The TTL that leaves it to Cloudflare.
const AUTOMATIC: u32 = 1;
/// The types that the API takes in parts only, where we know no parts (Cloudflare API, DNS records, create).
const IN_PARTS: [&str; 11] =
    ["CERT", "DNSKEY", "DS", "HTTPS", "LOC", "NAPTR", "SMIMEA", "SSHFP", "SVCB", "TLSA", "URI"];

/// Returns the types that can be listed and deleted, and not made.
pub(super) fn in_parts() -> impl Iterator<Item = RecordType> {
    IN_PARTS.iter().map(|mnemonic| RecordType::parse(mnemonic).expect("a mnemonic of our own"))
}

/// An entry of a listing.
#[derive(Debug)]
pub(super) struct Entry {
    /// The API's id; the whole text of an entry that has none.
    pub(super) id: Arc<str>,
    /// The record, or why it is none that we model.
    pub(super) record: Result<Record, Opaque>,
}

/// Returns whether the text has the form of the API's ids, so that it may stand in a path.
pub(super) fn is_id(text: &str) -> bool {
    text.len() == 32 && text.bytes().all(|octet| octet.is_ascii_hexdigit())
}

/// Reads an entry of a listing. Whatever it is, it is something: a record, or an entry that is in a record's way.
pub(super) fn read(entry: &RawValue) -> Entry {
    let Ok(listed) = serde_json::from_str::<Listed<'_>>(entry.get()) else {
        return unreadable(entry, "it does not have the form of a record");
    };
    if !is_id(&listed.id) {
        return unreadable(entry, "its id does not have the form of one");
    }
    let id: Arc<str> = listed.id.as_ref().into();
    let record = listed.record(&id);
    Entry { id, record }
}

/// A record as the API lists it.
#[derive(Debug, Deserialize)]
struct Listed<'a> {
    #[serde(borrow)]
    id: Cow<'a, str>,
    #[serde(borrow)]
    name: Cow<'a, str>,
    #[serde(borrow, rename = "type")]
    rtype: Cow<'a, str>,
    #[serde(borrow)]
    content: Option<Text<'a>>,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
    priority: Option<u16>,
    ttl: Option<u32>,
    proxied: Option<bool>,
    #[serde(borrow)]
    comment: Option<Text<'a>>,
}

/// A string that is borrowed where it has no escapes; serde borrows a bare `Cow`, and none within an `Option`.
#[derive(Debug, Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

impl Listed<'_> {
    fn record(self, id: &Arc<str>) -> Result<Record, Opaque> {
        let rtype = RecordType::parse(&self.rtype).map_err(|_| self.opaque(None, "its type is not one"))?;
        let name = Name::parse(&self.name).map_err(|_| self.opaque(Some(&rtype), "its name is not a domain name"))?;
        let data = self.data(&rtype).ok_or_else(|| self.opaque(Some(&rtype), "its value is not one of its type"))?;
        let mut record = Record::new(name, data);
        record.ttl = self.ttl.map(|ttl| if ttl == AUTOMATIC { Ttl::Automatic } else { Ttl::Seconds(ttl) });
        record.proxied = self.proxied.filter(|_| is_proxiable(&rtype));
        record.comment = self.comment.map(|Text(text)| text.into_owned()).filter(|text| !text.is_empty());
        record.handles.push(Handle(id.clone()));
        Ok(record)
    }

    fn data(&self, rtype: &RecordType) -> Option<RecordData> {
        let parts = self.data.map(RawValue::get);
        let whole = match rtype {
            RecordType::Srv => parts.and_then(srv),
            RecordType::Caa => parts.and_then(caa),
            _ => None,
        };
        whole.or_else(|| RecordData::parse(rtype, &self.presentation(rtype)?).ok())
    }

    /// Returns the value as a zone file has it: the API keeps the priority of some types beside their content.
    fn presentation(&self, rtype: &RecordType) -> Option<Cow<'_, str>> {
        let Text(content) = self.content.as_ref()?;
        match (rtype, self.priority) {
            (RecordType::Mx | RecordType::Srv, priority) => Some(format!("{} {content}", priority?).into()),
            (RecordType::Other(_), Some(priority)) if rtype.as_str() == "URI" => {
                Some(format!("{priority} {content}").into())
            }
            _ => Some(Cow::Borrowed(content)),
        }
    }

    fn opaque(&self, rtype: Option<&RecordType>, why: &'static str) -> Opaque {
        let content = self.content.as_ref().map_or("", |Text(content)| content);
        Opaque {
            name: Name::parse(&self.name).ok(),
            rtype: rtype.cloned(),
            text: format!("{} {} {content}", self.name, self.rtype),
            why: why.into(),
        }
    }
}

fn srv(parts: &str) -> Option<RecordData> {
    #[derive(Deserialize)]
    struct Listed<'a> {
        priority: u16,
        weight: u16,
        port: u16,
        #[serde(borrow)]
        target: Cow<'a, str>,
    }
    let Listed { priority, weight, port, target } = serde_json::from_str(parts).ok()?;
    Some(RecordData::Srv { priority, weight, port, target: Name::parse(&target).ok()? })
}

fn caa(parts: &str) -> Option<RecordData> {
    #[derive(Deserialize)]
    struct Listed<'a> {
        flags: u8,
        #[serde(borrow)]
        tag: Cow<'a, str>,
        #[serde(borrow)]
        value: Cow<'a, str>,
    }
    let Listed { flags, tag, value } = serde_json::from_str(parts).ok()?;
    RecordData::caa(flags, &tag, value.as_bytes())
}

/// Keeps what can be told of an entry that is not a record.
fn unreadable(entry: &RawValue, why: &'static str) -> Entry {
    let fields: serde_json::Value = serde_json::from_str(entry.get()).unwrap_or_default();
    let field = |name: &str| fields.get(name).and_then(serde_json::Value::as_str);
    let opaque = Opaque {
        name: field("name").and_then(|name| Name::parse(name).ok()),
        rtype: field("type").and_then(|rtype| RecordType::parse(rtype).ok()),
        text: entry.get().into(),
        why: why.into(),
    };
    Entry { id: field("id").unwrap_or_else(|| entry.get()).into(), record: Err(opaque) }
}

fn is_proxiable(rtype: &RecordType) -> bool {
    rtype.is_address() || *rtype == RecordType::Cname
}

/// The fields of a record in a request; what is not set is not sent.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub(super) struct Fields<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none", rename = "type")]
    rtype: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    content: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<Parts<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    priority: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ttl: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    proxied: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    comment: Option<&'a str>,
}

/// A value in parts.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
enum Parts<'a> {
    Srv { priority: u16, weight: u16, port: u16, target: &'a str },
    Caa { flags: u8, tag: &'a str, value: &'a str },
}

impl<'a> Fields<'a> {
    /// Spells a record that is to be made. `proxied` is said outright: an address of a private network cannot be proxied, and
    /// nobody wants to depend on a default there.
    pub(super) fn all(record: &'a Record) -> Result<Self, String> {
        let mut fields = Self::value(&record.key.data)?;
        let rtype = record.rtype();
        fields.name = Some(record.name().as_str());
        fields.ttl = Some(record.ttl.map_or(AUTOMATIC, seconds));
        fields.proxied = record.proxied.or_else(|| is_proxiable(&rtype).then_some(false));
        fields.comment = record.comment.as_deref().filter(|comment| !comment.is_empty());
        fields.rtype = Some(rtype.as_str().into());
        Ok(fields)
    }

    /// Spells what `new` says and `old` does not have: the rest stays as it is, tags included.
    pub(super) fn changed(old: &Record, new: &'a Record) -> Result<Self, String> {
        let mut fields = if new.key.data == old.key.data { Self::default() } else { Self::value(&new.key.data)? };
        fields.ttl = new.ttl.filter(|_| new.ttl != old.ttl).map(seconds);
        fields.proxied = new.proxied.filter(|_| new.proxied != old.proxied);
        fields.comment =
            new.comment.as_deref().filter(|comment| *comment != old.comment.as_deref().unwrap_or_default());
        Ok(fields)
    }

    /// Spells a record of another type that is made in the place of `old`: what it leaves open, it takes over.
    pub(super) fn instead(old: &'a Record, new: &'a Record) -> Result<Self, String> {
        let mut fields = Self::all(new)?;
        fields.ttl = new.ttl.or(old.ttl).map(seconds).or(fields.ttl);
        if new.proxied.is_none() && is_proxiable(&new.rtype()) {
            fields.proxied = old.proxied.or(fields.proxied);
        }
        fields.comment = new.comment.as_deref().or(old.comment.as_deref()).filter(|comment| !comment.is_empty());
        Ok(fields)
    }

    /// Returns whether nothing is to be sent.
    pub(super) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    fn value(data: &'a RecordData) -> Result<Self, String> {
        let mut fields = Self::default();
        match data {
            RecordData::A(_) | RecordData::Aaaa(_) => fields.content = Some(data.to_string()),
            RecordData::Cname(name) | RecordData::Ns(name) | RecordData::Ptr(name) => {
                fields.content = Some(name.to_string());
            }
            RecordData::Txt(octets) => fields.content = Some(character_strings(octets)),
            RecordData::Mx { preference, exchange } => {
                (fields.priority, fields.content) = (Some(*preference), Some(exchange.to_string()));
            }
            RecordData::Srv { priority, weight, port, target } => {
                let (priority, weight, port, target) = (*priority, *weight, *port, target.as_str());
                fields.data = Some(Parts::Srv { priority, weight, port, target });
            }
            RecordData::Caa { flags, tag, value } => {
                let value = std::str::from_utf8(value)
                    .map_err(|_| "a CAA value is text at Cloudflare, and this one is not UTF-8".to_owned())?;
                fields.data = Some(Parts::Caa { flags: *flags, tag, value });
            }
            RecordData::Other { text, .. } if in_parts().all(|rtype| rtype != data.rtype()) => {
                fields.content = Some(text.to_string());
            }
            other => {
                return Err(format!(
                    "Cloudflare takes {} in parts that are not known here, not as the text `{other}`",
                    other.rtype()
                ));
            }
        }
        Ok(fields)
    }
}

fn seconds(ttl: Ttl) -> u32 {
    match ttl {
        Ttl::Automatic => AUTOMATIC,
        Ttl::Seconds(seconds) => seconds,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "023e105f4ecef8ad9ca31a8372d0c353";

    fn entry(fields: &str) -> Entry {
        let text = format!(r#"{{"id":"{ID}","ttl":1,"proxied":false,"meta":{{}},"tags":[],{fields}}}"#);
        read(&RawValue::from_string(text).unwrap())
    }

    fn shown(fields: &str) -> String {
        match entry(fields).record {
            Ok(record) => record.to_string(),
            Err(opaque) => format!("{} {:?} {:?}", opaque.why, opaque.name, opaque.rtype),
        }
    }

    #[test]
    fn every_type_is_read() {
        for (fields, record) in [
            (r#""name":"a.example.com","type":"A","content":"10.0.0.1""#, "a.example.com A 10.0.0.1"),
            (r#""name":"a.example.com","type":"AAAA","content":"2001:DB8:0::1""#, "a.example.com AAAA 2001:db8::1"),
            (r#""name":"xn--bcher-kva.example","type":"CNAME","content":"b.c""#, "xn--bcher-kva.example CNAME b.c"),
            (r#""name":"bücher.example","type":"PTR","content":"b.c.""#, "xn--bcher-kva.example PTR b.c"),
            (r#""name":"e.com","type":"MX","priority":10,"content":"mx.e.com""#, "e.com MX 10 mx.e.com"),
            (r#""name":"e.com","type":"MX","priority":0,"content":".""#, "e.com MX 0 ."),
            (r#""name":"e.com","type":"TXT","content":"\"a \" \"b\\195\\188\"""#, r#"e.com TXT "a b\195\188""#),
            (r#""name":"e.com","type":"TXT","content":"\"ü\"""#, r#"e.com TXT "\195\188""#),
            (r#""name":"e.com","type":"TXT","content":"v=spf1 -all""#, r#"e.com TXT "v=spf1 -all""#),
            (
                r#""name":"_s._tcp.e.com","type":"SRV","priority":1,"content":"5 5060 sip.e.com","data":
                   {"service":"_s","proto":"_tcp","name":"e.com","priority":1,"weight":5,"port":5060,"target":"sip.e.com"}"#,
                "_s._tcp.e.com SRV 1 5 5060 sip.e.com",
            ),
            (
                r#""name":"s.e.com","type":"SRV","priority":1,"content":"5\t5060\tsip.e.com""#,
                "s.e.com SRV 1 5 5060 sip.e.com",
            ),
            (
                r#""name":"e.com","type":"CAA","content":"0 issue \"x\"","data":{"flags":0,"tag":"issue","value":"le.org"}"#,
                r#"e.com CAA 0 issue "le.org""#,
            ),
            (
                r#""name":"e.com","type":"CAA","content":"0 issue \"le.org\"","data":null"#,
                r#"e.com CAA 0 issue "le.org""#,
            ),
            (r#""name":"e.com","type":"TLSA","content":"3 1 1 ab","data":{"usage":3}"#, "e.com TLSA 3 1 1 ab"),
            (r#""name":"e.com","type":"URI","priority":10,"content":"1 \"ftp://x\"""#, r#"e.com URI 10 1 "ftp://x""#),
        ] {
            assert_eq!(shown(fields), record);
        }
    }

    #[test]
    fn what_cannot_be_read_is_in_the_way_and_is_no_record() {
        for (fields, opaque) in [
            (
                r#""name":"e.com","type":"A","content":"10.0.0""#,
                "its value is not one of its type Some(Name(e.com)) Some(A)",
            ),
            (r#""name":"e.com","type":"A""#, "its value is not one of its type Some(Name(e.com)) Some(A)"),
            (
                r#""name":"e.com","type":"TXT","content":"\"open""#,
                "its value is not one of its type Some(Name(e.com)) Some(Txt)",
            ),
            (r#""name":"e..com","type":"A","content":"10.0.0.1""#, "its name is not a domain name None Some(A)"),
            (r#""name":"e.com","type":"","content":"x""#, "its type is not one Some(Name(e.com)) None"),
            (
                r#""name":"e.com","type":"A","content":7"#,
                "it does not have the form of a record Some(Name(e.com)) Some(A)",
            ),
        ] {
            assert_eq!(shown(fields), opaque);
        }
        let stray = read(
            &RawValue::from_string(r#"{"id":"../x","name":"e.com","type":"A","content":"10.0.0.1"}"#.into()).unwrap(),
        );
        assert_eq!(stray.record.unwrap_err().why, "its id does not have the form of one");
        assert!(read(&RawValue::from_string("7".into()).unwrap()).record.is_err());
    }

    #[test]
    fn what_varies_is_read_and_absent_where_it_means_nothing() {
        let record = |fields: &str| entry(fields).record.unwrap();
        let text = r#""name":"e.com","type":"TXT","content":"x","comment":null"#;
        assert_eq!((record(text).ttl, record(text).proxied, record(text).comment), (Some(Ttl::Automatic), None, None));
        let id: Handle = Handle(ID.into());
        let address: Record = read(
            &RawValue::from_string(format!(
                r#"{{"id":"{ID}","name":"e.com","type":"A","content":"10.0.0.1","ttl":300,"proxied":true,"comment":"a \"b\""}}"#
            ))
            .unwrap(),
        )
        .record
        .unwrap();
        assert_eq!(address.ttl, Some(Ttl::Seconds(300)));
        assert_eq!(address.proxied, Some(true));
        assert_eq!(address.comment.as_deref(), Some("a \"b\""));
        assert_eq!(address.handles, [id]);
        assert_eq!(record(r#""name":"e.com","type":"TXT","content":"x","comment":"""#).comment, None);
    }

    #[test]
    fn every_type_in_parts_is_one_and_cannot_be_made() {
        assert_eq!(in_parts().count(), IN_PARTS.len());
        for rtype in in_parts() {
            let RecordType::Other(other) = rtype else { panic!("{rtype} is modelled") };
            assert!(Fields::value(&RecordData::Other { rtype: other, text: "x".into() }).is_err());
        }
    }

    fn wanted(rtype: &str, text: &str) -> Record {
        let data = RecordData::parse(&rtype.parse().unwrap(), text).unwrap();
        Record::new(Name::parse("a.example.com").unwrap(), data)
    }

    fn json(fields: &Fields<'_>) -> String {
        serde_json::to_string(fields).unwrap()
    }

    #[test]
    fn a_record_to_be_made_is_spelled_in_full() {
        let mut address = wanted("A", "10.0.0.1");
        assert_eq!(
            json(&Fields::all(&address).unwrap()),
            r#"{"name":"a.example.com","type":"A","content":"10.0.0.1","ttl":1,"proxied":false}"#
        );
        (address.ttl, address.proxied, address.comment) = (Some(Ttl::Seconds(60)), Some(true), Some("ours".into()));
        assert_eq!(
            json(&Fields::all(&address).unwrap()),
            r#"{"name":"a.example.com","type":"A","content":"10.0.0.1","ttl":60,"proxied":true,"comment":"ours"}"#
        );
        let long = wanted("TXT", &"x".repeat(256));
        assert!(json(&Fields::all(&long).unwrap()).contains(r#"x\" \"x\"""#));
        assert!(!json(&Fields::all(&long).unwrap()).contains("proxied"));
        let tlsa = wanted("TLSA", "3 1 1 ab");
        assert!(Fields::all(&tlsa).unwrap_err().contains("TLSA"));
        assert!(Fields::all(&wanted("OPENPGPKEY", "mQ==")).is_ok());
        assert!(Fields::all(&wanted("CAA", r#"0 issue "\200""#)).is_err());
    }

    #[test]
    fn only_what_changes_is_sent() {
        let (mut old, mut new) = (wanted("A", "10.0.0.1"), wanted("A", "10.0.0.2"));
        (old.ttl, old.proxied) = (Some(Ttl::Automatic), Some(false));
        assert_eq!(json(&Fields::changed(&old, &new).unwrap()), r#"{"content":"10.0.0.2"}"#);
        (new.ttl, new.proxied, new.comment) = (Some(Ttl::Automatic), Some(true), Some(String::new()));
        assert_eq!(json(&Fields::changed(&old, &new).unwrap()), r#"{"content":"10.0.0.2","proxied":true}"#);
        old.comment = Some("theirs".into());
        new.key = old.key.clone();
        assert_eq!(json(&Fields::changed(&old, &new).unwrap()), r#"{"proxied":true,"comment":""}"#);
        assert!(Fields::changed(&old, &old).unwrap().is_empty());
    }
}
