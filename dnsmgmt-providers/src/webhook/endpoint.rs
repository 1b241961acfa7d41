//! Endpoints, which are RRsets, and the records that they are here.

use std::borrow::Cow;
use std::collections::BTreeMap;

use dnsmgmt_core::name::Name;
use dnsmgmt_core::record::{Handle, Record, RecordData, RecordType, Ttl, character_strings};
use dnsmgmt_core::record_set::Opaque;
use serde::{Deserialize, Serialize};

/// The property of an endpoint that is an alias of the service's own and no CNAME (external-dns `ProviderSpecificAlias`).
const ALIAS: &str = "alias";

/// An RRset (external-dns `endpoint.Endpoint`).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Endpoint {
    pub(super) dns_name: String,
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "list")]
    pub(super) targets: Vec<String>,
    pub(super) record_type: String,
    /// Tells several RRsets of one name and type apart, such as the shares of a weighted set.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) set_identifier: String,
    /// In seconds; nothing above 0 is the service's own choice.
    #[serde(rename = "recordTTL", skip_serializing_if = "is_zero")]
    pub(super) record_ttl: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) labels: Option<BTreeMap<String, String>>,
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "list")]
    pub(super) provider_specific: Vec<Property>,
}

/// What is said of an endpoint to one service alone.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Property {
    #[serde(skip_serializing_if = "String::is_empty")]
    name: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    value: String,
}

/// One target of an endpoint as it was listed, and the endpoint around it: so all records of an RRset together are the
/// endpoint again.
#[derive(Debug, Serialize, Deserialize)]
struct Stored {
    /// Which endpoint of the listing it was.
    endpoint: usize,
    /// Which of its targets.
    at: usize,
    /// How many targets it had.
    of: usize,
    /// The endpoint with this target alone.
    #[serde(flatten)]
    part: Endpoint,
}

/// Go writes a list that was never made as `null`.
fn list<'de, D: serde::Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Vec<T>, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
fn is_zero(number: &i64) -> bool {
    *number == 0
}

impl Endpoint {
    pub(super) fn new(name: &Name, rtype: &RecordType) -> Self {
        Self { dns_name: name.to_string(), record_type: rtype.to_string(), ..Self::default() }
    }

    /// Returns the records, or the endpoint as an entry where one of its parts cannot be a record: what is written back is the
    /// whole of it. `place` tells it from the others of its listing.
    pub(super) fn read(&self, place: usize) -> Result<Vec<Record>, Opaque> {
        let name = Name::parse(&self.dns_name).ok();
        let rtype = RecordType::parse(&self.record_type).ok();
        let opaque = |why: Cow<'static, str>| Opaque {
            name: name.clone(),
            // An alias of the service's own answers for addresses.
            rtype: rtype.clone().filter(|_| !self.is_alias()),
            text: self.shown(),
            why,
        };
        let Some(name) = &name else { return Err(opaque("its name is not a domain name".into())) };
        let Some(rtype) = &rtype else { return Err(opaque("its type is not one that is known".into())) };
        if !self.set_identifier.is_empty() {
            return Err(opaque("it is one of several sets with an identifier, such as a weighted one".into()));
        }
        if self.is_alias() {
            return Err(opaque("it is an alias of the service's own".into()));
        }
        if self.targets.is_empty() {
            return Err(opaque("it has no targets".into()));
        }
        let ttl = self.ttl().ok_or_else(|| opaque("its TTL is more than there can be".into()))?;
        let values: Result<Vec<RecordData>, _> =
            self.targets.iter().map(|target| RecordData::parse(rtype, target)).collect();
        let values = values.map_err(|error| opaque(error.to_string().into()))?;
        let record = |(at, data)| Record {
            ttl: Some(ttl),
            handles: vec![self.handle(place, at)],
            ..Record::new(name.clone(), data)
        };
        Ok(values.into_iter().enumerate().map(record).collect())
    }

    fn handle(&self, endpoint: usize, at: usize) -> Handle {
        let part = Self { targets: vec![self.targets[at].clone()], ..self.clone() };
        let stored = Stored { endpoint, at, of: self.targets.len(), part };
        Handle(serde_json::to_string(&stored).expect("texts and numbers can be written as JSON").into())
    }

    /// Puts the endpoint together that the records of an RRset were read from, nothing where there are no records. The error
    /// says why it cannot be changed.
    pub(super) fn of<'a>(records: impl Iterator<Item = &'a Record>) -> Result<Option<Self>, &'static str> {
        let mut parts: Vec<Stored> = Vec::new();
        for record in records {
            if record.handles.is_empty() {
                return Err("it was not listed from this webhook");
            }
            for Handle(text) in &record.handles {
                parts.push(serde_json::from_str(text).map_err(|_| "it was not listed from this webhook")?);
            }
        }
        parts.sort_by_key(|part| (part.endpoint, part.at));
        let Some(first) = parts.first() else { return Ok(None) };
        if parts.iter().any(|part| part.endpoint != first.endpoint) {
            return Err(
                "the webhook lists its RRset in several pieces, and the protocol does not say which one a change is about",
            );
        }
        if parts.len() != first.of {
            return Err("some of its siblings are not known, and a change writes all of them");
        }
        let targets = parts.iter().flat_map(|part| part.part.targets.iter().cloned()).collect();
        Ok(Some(Self { targets, ..first.part.clone() }))
    }

    /// Returns whether the endpoint is the RRset of that name and type, and no share of it.
    pub(super) fn is_of(&self, name: &Name, rtype: &RecordType) -> bool {
        self.set_identifier.is_empty()
            && Name::parse(&self.dns_name).is_ok_and(|own| own == *name)
            && RecordType::parse(&self.record_type).is_ok_and(|own| own == *rtype)
    }

    /// Returns the values in their order; one that cannot be read is nothing.
    pub(super) fn values(&self) -> Vec<Option<RecordData>> {
        let rtype = RecordType::parse(&self.record_type).ok();
        let value = |target: &String| RecordData::parse(rtype.as_ref()?, target).ok();
        self.targets.iter().map(value).collect()
    }

    /// Returns the TTL, nothing where it is more than there can be (RFC 2181 section 8).
    pub(super) fn ttl(&self) -> Option<Ttl> {
        match self.record_ttl {
            ..=0 => Some(Ttl::Automatic),
            seconds => u32::try_from(seconds).ok().filter(|ttl| *ttl <= i32::MAX as u32).map(Ttl::Seconds),
        }
    }

    pub(super) fn set_ttl(&mut self, ttl: Ttl) {
        self.record_ttl = match ttl {
            Ttl::Automatic => 0,
            Ttl::Seconds(seconds) => seconds.into(),
        };
    }

    /// Returns whether it is an alias of the service's own and no CNAME.
    pub(super) fn is_alias(&self) -> bool {
        self.provider_specific.iter().any(|property| property.name == ALIAS && property.value == "true")
    }

    /// Returns the endpoint for people.
    pub(super) fn shown(&self) -> String {
        let mut text = format!("{} {} {}", self.dns_name, self.record_type, self.targets.join(" "));
        if !self.set_identifier.is_empty() {
            text.push_str(&format!(" ({})", self.set_identifier));
        }
        text
    }
}

/// Returns a value as a target. Names go without their dot, but in SRV, where external-dns wants it (`NewSRVRecord`). Text goes
/// in quotes, as external-dns writes its own (`endpoint.Labels.Serialize`), so that blanks and commas stay.
pub(super) fn target(data: &RecordData) -> String {
    match data {
        RecordData::Srv { .. } => data.to_zone_text(),
        RecordData::Txt(octets) => character_strings(octets),
        _ => data.to_string(),
    }
}

/// Says which RRsets of the zone the webhook lists in several pieces.
pub(super) fn in_pieces(endpoints: &[Endpoint], zone: &Name) -> Vec<String> {
    let mut counts: BTreeMap<(Name, RecordType), usize> = BTreeMap::new();
    let records = endpoints.iter().enumerate().filter_map(|(place, endpoint)| endpoint.read(place).ok());
    for record in records.filter_map(|records| records.into_iter().next()) {
        if record.name().is_within(zone) {
            *counts.entry((record.name().clone(), record.rtype())).or_default() += 1;
        }
    }
    let pieces = |((name, rtype), count)| {
        format!("the webhook lists {name} {rtype} in {count} pieces, so it cannot be changed from here")
    };
    counts.into_iter().filter(|(_, count)| *count > 1).map(pieces).collect()
}
