//! Heartbeats: records that say until when an address of a name is to be kept.
//!
//! A host that registers `192.168.1.10` at `internal.example.com` writes beside the address
//!
//! ```text
//! _heartbeat-192-168-1-10.internal.example.com  TXT  "1699564820,web-01"
//! ```
//!
//! and writes it anew before it is too old: the Unix time in seconds of the last beat, and who lives there. The name holds one value for
//! each instance, because hosts behind one router share an address. An IPv6 address is written as RFC 5952 has it, with `-` for
//! each `:`. A provider that cannot hold TXT carries the same in the target of a CNAME,
//! `1699564820.web-01.heartbeat.invalid`, a name that can never be anybody's (RFC 2606 section 2).
//!
//! ```
//! use dnsmgmt_core::heartbeat::{Beat, Carrier, Heartbeat, InstanceId, Member};
//!
//! let member = Member { domain: "internal.example.com".parse()?, address: "192.168.1.10".parse()? };
//! assert_eq!(member.heartbeat_name()?.as_str(), "_heartbeat-192-168-1-10.internal.example.com");
//! let beat = Beat { time: "2023-11-09T21:20:20Z".parse()?, instance: InstanceId::parse("web-01")? };
//! assert_eq!(beat.carried_by(Carrier::Txt).to_string(), "\"1699564820,web-01\"");
//! let record = dnsmgmt_core::record::Record::new(member.heartbeat_name()?, beat.carried_by(Carrier::Cname));
//! assert_eq!(record.key.data.to_string(), "1699564820.web-01.heartbeat.invalid");
//! assert_eq!(Heartbeat::of(&record).unwrap().member, member);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;
use std::sync::Arc;

use jiff::Timestamp;

use crate::name::{Name, NameError};
use crate::provider::{DnsProvider, Types};
use crate::record::{Record, RecordData, RecordKey, RecordType};

/// What a heartbeat's label begins with.
pub(crate) const PREFIX: &str = "_heartbeat-";
/// What the target of a CNAME that carries a heartbeat ends with.
const CARRIED: &str = ".heartbeat.invalid";
/// The most characters of an instance.
const MAX_INSTANCE: usize = 63;

/// An address of a name: what is leased.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Member {
    /// The name, which other addresses may share.
    pub domain: Name,
    /// The address.
    pub address: IpAddr,
}

impl Member {
    /// Returns the member that an address record is.
    pub fn of(record: &Record) -> Option<Self> {
        Some(Self { domain: record.name().clone(), address: record.key.data.address()? })
    }

    /// Returns the key of its address record.
    pub fn key(&self) -> RecordKey {
        let data = match self.address {
            IpAddr::V4(address) => RecordData::A(address),
            IpAddr::V6(address) => RecordData::Aaaa(address),
        };
        RecordKey { name: self.domain.clone(), data }
    }

    /// Returns the name of its heartbeats.
    ///
    /// # Errors
    /// If the domain is so long that DNS does not allow it.
    pub fn heartbeat_name(&self) -> Result<Name, NameError> {
        self.domain.child(&label(self.address))
    }
}

impl fmt::Display for Member {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {}", self.address, self.domain)
    }
}

/// Who sends heartbeats: 1 to 63 of the characters `A-Z a-z 0-9 . _ -`, without two dots in a row and without one at an end. Compared
/// without case, because a CNAME keeps none.
#[derive(Debug, Clone)]
pub struct InstanceId(Arc<str>);

impl InstanceId {
    /// Reads an instance.
    ///
    /// # Errors
    /// If it is none.
    pub fn parse(text: &str) -> Result<Self, InstanceIdError> {
        let plain = |octet: u8| octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'_' | b'.');
        let is_one = (1..=MAX_INSTANCE).contains(&text.len())
            && text.bytes().all(plain)
            && text.split('.').all(|label| !label.is_empty());
        if is_one { Ok(Self(text.into())) } else { Err(InstanceIdError { text: text.into() }) }
    }

    /// Returns the text as it was given.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn folded(&self) -> impl Iterator<Item = u8> {
        self.0.bytes().map(|octet| octet.to_ascii_lowercase())
    }
}

impl FromStr for InstanceId {
    type Err = InstanceIdError;

    fn from_str(text: &str) -> Result<Self, InstanceIdError> {
        Self::parse(text)
    }
}

impl fmt::Display for InstanceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl PartialEq for InstanceId {
    fn eq(&self, other: &Self) -> bool {
        self.0.eq_ignore_ascii_case(&other.0)
    }
}

impl Eq for InstanceId {}

impl PartialOrd for InstanceId {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for InstanceId {
    fn cmp(&self, other: &Self) -> Ordering {
        self.folded().cmp(other.folded())
    }
}

impl Hash for InstanceId {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.folded().for_each(|octet| state.write_u8(octet));
    }
}

/// Why a text names no instance.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{text}` is not an instance id, which is 1 to {MAX_INSTANCE} of the characters A-Z a-z 0-9 . _ - without two dots in a row \
     or one at an end"
)]
pub struct InstanceIdError {
    /// What was to be one.
    pub text: String,
}

/// What carries heartbeats at a provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Carrier {
    /// TXT: `"1699564820,web-01"`.
    Txt,
    /// CNAME, where there is no TXT: `1699564820.web-01.heartbeat.invalid`.
    Cname,
}

impl Carrier {
    /// Returns what carries heartbeats at a provider of these types; nothing where neither can be held.
    pub fn among(types: &Types) -> Option<Self> {
        match () {
            () if types.contains(&RecordType::Txt) => Some(Self::Txt),
            () if types.contains(&RecordType::Cname) => Some(Self::Cname),
            () => None,
        }
    }

    /// Returns the type of its records.
    pub fn rtype(self) -> RecordType {
        match self {
            Self::Txt => RecordType::Txt,
            Self::Cname => RecordType::Cname,
        }
    }
}

/// A heartbeat to write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Beat {
    /// When: whole seconds are written.
    pub time: Timestamp,
    /// Whose.
    pub instance: InstanceId,
}

impl Beat {
    /// Returns the value that carries it.
    pub fn carried_by(&self, carrier: Carrier) -> RecordData {
        let (time, instance) = (self.time.as_second(), &self.instance);
        match carrier {
            Carrier::Txt => RecordData::Txt(format!("{time},{instance}").into_bytes().into()),
            Carrier::Cname => {
                let target = Name::parse(&format!("{time}.{instance}{CARRIED}"));
                RecordData::Cname(target.expect("an instance is labels of 63 characters at most"))
            }
        }
    }
}

/// A heartbeat as it was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heartbeat {
    /// What it leases.
    pub member: Member,
    /// When the last beat was; nothing where the value makes no sense.
    pub time: Option<Timestamp>,
    /// Who lives there, as it is written; nothing where the value does not say it.
    pub instance: Option<String>,
}

impl Heartbeat {
    /// Reads a heartbeat: a TXT or CNAME whose name is that of one. Its value may make no sense.
    pub fn of(record: &Record) -> Option<Self> {
        let is_carrier = matches!(record.key.data, RecordData::Txt(_) | RecordData::Cname(_));
        let member = is_carrier.then(|| member_of(record.name()))??;
        Self::at(member, &record.key.data)
    }

    /// Reads the value of a heartbeat that leases that member.
    pub(crate) fn at(member: Member, data: &RecordData) -> Option<Self> {
        let read = match data {
            RecordData::Txt(octets) => read_text(octets),
            RecordData::Cname(target) => read_target(target),
            _ => return None,
        };
        let (time, instance) = read.map_or((None, None), |(time, instance)| (Some(time), instance));
        Some(Self { member, time, instance })
    }

    /// Returns whether both say that they are one instance's.
    pub(crate) fn has_instance_of(&self, other: &Self) -> bool {
        let instances = self.instance.as_deref().zip(other.instance.as_deref());
        instances.is_some_and(|(left, right)| left.eq_ignore_ascii_case(right))
    }

    /// Returns whether it is that instance's.
    pub fn is_of(&self, instance: &InstanceId) -> bool {
        self.instance.as_deref().is_some_and(|text| text.eq_ignore_ascii_case(instance.as_str()))
    }
}

/// Who keeps a lease: a machine as far as heartbeats tell it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Keeper {
    /// An instance, in lower case.
    Instance(String),
    /// Nobody knows whom: a lease for itself.
    Unknown(Member),
}

impl Keeper {
    /// Returns who keeps a lease that has these heartbeats.
    pub(crate) fn of<'a>(member: &Member, heartbeats: impl IntoIterator<Item = &'a Heartbeat>) -> Vec<Self> {
        let instances = heartbeats.into_iter().filter_map(|heartbeat| heartbeat.instance.as_deref());
        let keepers: Vec<Self> = instances.map(|instance| Self::Instance(instance.to_ascii_lowercase())).collect();
        if keepers.is_empty() { vec![Self::Unknown(member.clone())] } else { keepers }
    }
}

/// Returns whether two records of one name cannot stand together at a provider. Heartbeats can, also where CNAMEs carry them: a
/// provider that has to hold them so is a list of entries, and nobody is to be answered with them.
pub(crate) fn exclude(provider: &dyn DnsProvider, left: &Record, right: &Record) -> bool {
    let are_heartbeats = || Heartbeat::of(left).is_some() && Heartbeat::of(right).is_some();
    let zone = provider.id().zone_name();
    provider.capabilities().conflict(left.name(), zone, &left.rtype(), &right.rtype()) && !are_heartbeats()
}

/// Returns whether a record of that name and type is likely a heartbeat, told fast.
#[cfg(feature = "repository")]
pub(crate) fn is_heartbeat(name: &str, rtype: &str) -> bool {
    name.starts_with(PREFIX) && matches!(rtype, "TXT" | "CNAME")
}

/// Returns what a heartbeat's name leases.
fn member_of(name: &Name) -> Option<Member> {
    let label = name.as_str().strip_prefix(PREFIX)?.split('.').next()?;
    Some(Member { domain: name.parent()?, address: address(label)? })
}

fn label(address: IpAddr) -> String {
    let text = match address {
        IpAddr::V4(address) => address.to_string().replace('.', "-"),
        IpAddr::V6(address) => hexadecimal(address).replace(':', "-"),
    };
    format!("{PREFIX}{text}")
}

/// Returns the text of RFC 5952 without its dotted form (section 5): a dot would end the label.
fn hexadecimal(address: Ipv6Addr) -> String {
    match address.to_ipv4_mapped() {
        None => address.to_string(),
        Some(_) => {
            let [.., high, low] = address.segments();
            format!("::ffff:{high:x}:{low:x}")
        }
    }
}

/// Reads an address as [`label`] writes it, and in no other way: each has one name.
fn address(text: &str) -> Option<IpAddr> {
    let read = match text.replace('-', ".").parse() {
        Ok(address) => IpAddr::V4(address),
        Err(_) => IpAddr::V6(text.replace('-', ":").parse().ok()?),
    };
    (label(read).strip_prefix(PREFIX) == Some(text)).then_some(read)
}

/// Reads `1699564820,web-01`, with or without quotes that stand in the text itself, or the time alone.
fn read_text(octets: &[u8]) -> Option<(Timestamp, Option<String>)> {
    let text = std::str::from_utf8(octets).ok()?.trim_matches(['"', ' ']);
    match text.split_once(',') {
        Some((time, instance)) => Some((seconds(time)?, Some(instance.trim().to_owned()))),
        None => Some((seconds(text)?, None)),
    }
}

fn read_target(target: &Name) -> Option<(Timestamp, Option<String>)> {
    let text = target.as_str().strip_suffix(CARRIED)?;
    match text.split_once('.') {
        Some((time, instance)) => Some((seconds(time)?, Some(instance.to_owned()))),
        None => Some((seconds(text)?, None)),
    }
}

/// Reads a Unix time.
fn seconds(text: &str) -> Option<Timestamp> {
    let digits = text.trim();
    let is_number = !digits.is_empty() && digits.bytes().all(|octet| octet.is_ascii_digit());
    Timestamp::from_second(digits.parse().ok().filter(|_| is_number)?).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn record(name: &str, rtype: &str, value: &str) -> Record {
        let data = RecordData::parse(&RecordType::parse(rtype).unwrap(), value).unwrap();
        Record::new(Name::parse(name).unwrap(), data)
    }

    fn name(address: &str) -> String {
        let member = Member { domain: Name::parse("x.example").unwrap(), address: address.parse().unwrap() };
        member.heartbeat_name().unwrap().to_string()
    }

    fn read(value: &str) -> Option<(Option<i64>, Option<String>)> {
        let heartbeat = Heartbeat::of(&record("_heartbeat-10-0-0-1.x.example", "TXT", value))?;
        Some((heartbeat.time.map(|time| time.as_second()), heartbeat.instance))
    }

    #[test]
    fn every_address_has_one_name() {
        assert_eq!(name("192.168.1.10"), "_heartbeat-192-168-1-10.x.example");
        assert_eq!(name("2001:DB8::1"), "_heartbeat-2001-db8--1.x.example");
        assert_eq!(name("::1"), "_heartbeat---1.x.example");
        assert_eq!(name("fd00::"), "_heartbeat-fd00--.x.example");
        assert_eq!(name("::ffff:10.0.0.1"), "_heartbeat---ffff-a00-1.x.example");
        for other in ["2001-DB8--1", "2001-db8-0-0-0-0-0-1", "10-0-0-01", "10-0-0", "10-0-0-1-2", "x", ""] {
            // `Name` folds the case, so the first of them is the canonical one.
            let found = Heartbeat::of(&record(&format!("_heartbeat-{other}.x.example"), "TXT", "1,a"));
            assert_eq!(found.is_some(), other == "2001-DB8--1", "{other}");
        }
        assert_eq!(Heartbeat::of(&record("heartbeat-10-0-0-1.x.example", "TXT", "1,a")), None);
        assert_eq!(Heartbeat::of(&record("_heartbeat-10-0-0-1.x.example", "A", "10.0.0.1")), None);
    }

    #[test]
    fn values_of_the_prior_system_are_read_as_it_wrote_and_read_them() {
        let web = |time| Some((Some(time), Some("web-container-abc123".to_owned())));
        assert_eq!(read("1699564820,web-container-abc123"), web(1_699_564_820));
        assert_eq!(read(r#""1699564820,web-container-abc123""#), web(1_699_564_820));
        assert_eq!(read(r#""\"1699564820,web-container-abc123\"""#), web(1_699_564_820), "quotes in the text itself");
        assert_eq!(read(r#""1699564820""#), Some((Some(1_699_564_820), None)), "the later form");
        assert_eq!(read(r#""1699564820,a b,c""#), Some((Some(1_699_564_820), Some("a b,c".into()))));
        assert_eq!(read("0,a"), Some((Some(0), Some("a".into()))));
    }

    #[test]
    fn what_makes_no_sense_is_a_heartbeat_without_a_time() {
        for wrong in
            ["", "x", "v=spf1 -all", ",web-01", "-5,web-01", "1.5,a", "99999999999999999999,a", "9999999999999,a"]
        {
            assert_eq!(read(wrong), Some((None, None)), "{wrong:?}");
        }
        let target = |text: &str| Heartbeat::of(&record("_heartbeat-10-0-0-1.x.example", "CNAME", text)).unwrap();
        assert_eq!(target("www.example").time, None);
        assert_eq!(target("heartbeat.invalid").time, None);
        assert_eq!(target("5.heartbeat.invalid").time, Some(Timestamp::from_second(5).unwrap()));
        assert_eq!(target("5.a.b.heartbeat.invalid").instance.as_deref(), Some("a.b"));
    }

    #[test]
    fn instances_are_names_compared_without_case() {
        let id = |text: &str| InstanceId::parse(text);
        assert_eq!(id("Web-01.lab_x"), id("web-01.LAB_X"));
        assert_eq!(id("Web-01").unwrap().as_str(), "Web-01", "and are written as they were given");
        for wrong in ["", ".a", "a.", "a..b", "a b", "a,b", "ü", "a\"b", &"x".repeat(64)] {
            assert!(id(wrong).is_err(), "{wrong}");
        }
        assert!(id(&"x".repeat(63)).is_ok());
    }

    #[test]
    fn a_provider_that_holds_neither_carries_none() {
        assert_eq!(Carrier::among(&Types::All), Some(Carrier::Txt));
        assert_eq!(Carrier::among(&Types::Only(vec![RecordType::A, RecordType::Cname])), Some(Carrier::Cname));
        assert_eq!(Carrier::among(&Types::Only(vec![RecordType::A])), None);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(
            address in any::<IpAddr>(),
            instance in "[A-Za-z0-9_-]{1,20}(\\.[A-Za-z0-9_-]{1,20}){0,2}",
            time in 0_i64..253_402_300_799,
            by_cname in any::<bool>(),
        ) {
            let member = Member { domain: Name::parse("all.example.com").unwrap(), address };
            let instance = InstanceId::parse(&instance).unwrap();
            let beat = Beat { time: Timestamp::from_second(time).unwrap(), instance };
            let carrier = if by_cname { Carrier::Cname } else { Carrier::Txt };
            let record = Record::new(member.heartbeat_name().unwrap(), beat.carried_by(carrier));
            let found = Heartbeat::of(&record).unwrap();
            prop_assert!(found.is_of(&beat.instance));
            prop_assert_eq!((found.member, found.time), (member, Some(beat.time)));
        }
    }
}
