//! Records: a typed value at a name, and what may vary about it.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;
use std::sync::Arc;

use crate::name::{Name, NameError};

/// The type of a record, by its mnemonic.
///
/// `TYPE1` and `A` are one type (RFC 3597 section 5); mnemonics are compared without case.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RecordType {
    /// An IPv4 address (RFC 1035).
    A,
    /// An IPv6 address (RFC 3596).
    Aaaa,
    /// A certification authority authorization (RFC 8659).
    Caa,
    /// An alias (RFC 1035).
    Cname,
    /// A mail exchange (RFC 1035).
    Mx,
    /// A name server (RFC 1035).
    Ns,
    /// A pointer (RFC 1035).
    Ptr,
    /// A service location (RFC 2782).
    Srv,
    /// Text (RFC 1035).
    Txt,
    /// Any other type, which we carry and do not look into.
    Other(OtherType),
}

/// A type that is not modelled, by its upper-case mnemonic; [`RecordType::parse`] is the only way to one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OtherType(Arc<str>);

impl RecordType {
    /// Reads a mnemonic that IANA has assigned (`AAAA`) or the generic form (`TYPE28`). Anything else is more likely a slip of
    /// the pen than a type.
    pub fn parse(text: &str) -> Result<Self, RecordError> {
        let unknown = || RecordError::Type { text: text.into() };
        let upper = text.trim().to_ascii_uppercase();
        let mnemonic =
            match upper.strip_prefix("TYPE").filter(|number| number.bytes().all(|octet| octet.is_ascii_digit())) {
                Some(number) => mnemonic(number.parse().map_err(|_| unknown())?),
                None if ASSIGNED.iter().any(|(_, assigned)| *assigned == upper) => upper,
                None => return Err(unknown()),
            };
        Ok(match mnemonic.as_str() {
            "A" => Self::A,
            "AAAA" => Self::Aaaa,
            "CAA" => Self::Caa,
            "CNAME" => Self::Cname,
            "MX" => Self::Mx,
            "NS" => Self::Ns,
            "PTR" => Self::Ptr,
            "SRV" => Self::Srv,
            "TXT" => Self::Txt,
            other => Self::Other(OtherType(other.into())),
        })
    }

    /// Returns the mnemonic.
    pub fn as_str(&self) -> &str {
        match self {
            Self::A => "A",
            Self::Aaaa => "AAAA",
            Self::Caa => "CAA",
            Self::Cname => "CNAME",
            Self::Mx => "MX",
            Self::Ns => "NS",
            Self::Ptr => "PTR",
            Self::Srv => "SRV",
            Self::Txt => "TXT",
            Self::Other(other) => &other.0,
        }
    }

    /// Returns whether this is an address, A or AAAA.
    pub fn is_address(&self) -> bool {
        matches!(self, Self::A | Self::Aaaa)
    }

    /// Returns the types that the zone's own machinery writes: SOA and those of DNSSEC (RFC 4034, 5155, 7344, 8976).
    pub fn zone_machinery() -> impl Iterator<Item = Self> {
        MACHINERY.into_iter().map(|mnemonic| Self::Other(OtherType(mnemonic.into())))
    }

    /// Returns whether the zone's own machinery writes this type. Such a record is never in a plan.
    pub fn is_zone_machinery(&self) -> bool {
        matches!(self, Self::Other(other) if MACHINERY.contains(&&*other.0))
    }
}

const MACHINERY: [&str; 9] = ["SOA", "DNSKEY", "RRSIG", "NSEC", "NSEC3", "NSEC3PARAM", "CDS", "CDNSKEY", "ZONEMD"];

/// The types that IANA has assigned and that can be in a zone ("Resource Record (RR) TYPEs", DNS parameters registry).
#[rustfmt::skip]
const ASSIGNED: [(u16, &str); 87] = [
    (1, "A"), (2, "NS"), (3, "MD"), (4, "MF"), (5, "CNAME"), (6, "SOA"), (7, "MB"), (8, "MG"), (9, "MR"), (10, "NULL"),
    (11, "WKS"), (12, "PTR"), (13, "HINFO"), (14, "MINFO"), (15, "MX"), (16, "TXT"), (17, "RP"), (18, "AFSDB"), (19, "X25"),
    (20, "ISDN"), (21, "RT"), (22, "NSAP"), (23, "NSAP-PTR"), (24, "SIG"), (25, "KEY"), (26, "PX"), (27, "GPOS"),
    (28, "AAAA"), (29, "LOC"), (30, "NXT"), (31, "EID"), (32, "NIMLOC"), (33, "SRV"), (34, "ATMA"), (35, "NAPTR"),
    (36, "KX"), (37, "CERT"), (38, "A6"), (39, "DNAME"), (40, "SINK"), (42, "APL"), (43, "DS"), (44, "SSHFP"),
    (45, "IPSECKEY"), (46, "RRSIG"), (47, "NSEC"), (48, "DNSKEY"), (49, "DHCID"), (50, "NSEC3"), (51, "NSEC3PARAM"),
    (52, "TLSA"), (53, "SMIMEA"), (55, "HIP"), (56, "NINFO"), (57, "RKEY"), (58, "TALINK"), (59, "CDS"), (60, "CDNSKEY"),
    (61, "OPENPGPKEY"), (62, "CSYNC"), (63, "ZONEMD"), (64, "SVCB"), (65, "HTTPS"), (66, "DSYNC"), (67, "HHIT"),
    (68, "BRID"), (99, "SPF"), (100, "UINFO"), (101, "UID"), (102, "GID"), (103, "UNSPEC"), (104, "NID"), (105, "L32"),
    (106, "L64"), (107, "LP"), (108, "EUI48"), (109, "EUI64"), (256, "URI"), (257, "CAA"), (258, "AVC"), (259, "DOA"),
    (260, "AMTRELAY"), (261, "RESINFO"), (262, "WALLET"), (263, "CLA"), (32768, "TA"), (32769, "DLV"),
];

/// Returns the mnemonic of a type's number, in the generic form where it has none.
fn mnemonic(number: u16) -> String {
    let assigned = ASSIGNED.iter().find(|(assigned, _)| *assigned == number);
    assigned.map_or_else(|| format!("TYPE{number}"), |(_, mnemonic)| (*mnemonic).to_owned())
}

impl FromStr for RecordType {
    type Err = RecordError;

    fn from_str(text: &str) -> Result<Self, RecordError> {
        Self::parse(text)
    }
}

impl fmt::Display for RecordType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The value of a record.
///
/// Values are compared by meaning: addresses parsed, names case-folded, TXT as octets without its quoting or its cut into
/// character-strings.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum RecordData {
    /// An IPv4 address.
    A(Ipv4Addr),
    /// An IPv6 address; an IPv4-mapped one stays what it is.
    Aaaa(Ipv6Addr),
    /// What a certification authority may do.
    Caa {
        /// 128 marks the property as critical.
        flags: u8,
        /// `issue`, `issuewild`, `iodef`, ..., in lower case (RFC 8659 section 4.1 compares it without case).
        tag: Arc<str>,
        /// The value, as octets.
        value: Arc<[u8]>,
    },
    /// The canonical name.
    Cname(Name),
    /// Where mail goes.
    Mx {
        /// Lower is preferred.
        preference: u16,
        /// The mail server; the root says that there is none (RFC 7505).
        exchange: Name,
    },
    /// A name server.
    Ns(Name),
    /// What an address or name points to.
    Ptr(Name),
    /// Where a service is.
    Srv {
        /// Lower is preferred.
        priority: u16,
        /// The share among equal priorities.
        weight: u16,
        /// The port.
        port: u16,
        /// The host; the root says that the service is not available (RFC 2782).
        target: Name,
    },
    /// Text as octets: the character-strings put together.
    Txt(Arc<[u8]>),
    /// A type that is not modelled, with its presentation text kept intact.
    Other {
        /// The type.
        rtype: OtherType,
        /// The value as it stood.
        text: Arc<str>,
    },
}

impl RecordData {
    /// Reads a value of a known type from its presentation text (RFC 1035 section 5.1).
    ///
    /// A TXT value that does not begin with a quote is taken as it stands, blanks included.
    pub fn parse(rtype: &RecordType, text: &str) -> Result<Self, RecordError> {
        let text = if *rtype == RecordType::Txt { text } else { text.trim() };
        let bad = |expected| RecordError::Value { rtype: rtype.clone(), text: text.into(), expected };
        let name = |text: &str| {
            Name::parse(text).map_err(|source| RecordError::Name { rtype: rtype.clone(), text: text.into(), source })
        };
        Ok(match rtype {
            RecordType::A => Self::A(text.parse().map_err(|_| bad("an IPv4 address"))?),
            RecordType::Aaaa => Self::Aaaa(text.parse().map_err(|_| bad("an IPv6 address"))?),
            RecordType::Cname => Self::Cname(name(text)?),
            RecordType::Ns => Self::Ns(name(text)?),
            RecordType::Ptr => Self::Ptr(name(text)?),
            RecordType::Txt => Self::Txt(parse_text(text).ok_or_else(|| bad("text, or quoted strings"))?),
            RecordType::Mx => {
                let [preference, exchange] = fields(text).ok_or_else(|| bad("`PREFERENCE NAME`"))?;
                Self::Mx {
                    preference: preference.parse().map_err(|_| bad("a preference of 0 to 65535"))?,
                    exchange: name(exchange)?,
                }
            }
            RecordType::Srv => {
                let [priority, weight, port, target] =
                    fields(text).ok_or_else(|| bad("`PRIORITY WEIGHT PORT NAME`"))?;
                let number = |text: &str| text.parse().map_err(|_| bad("numbers of 0 to 65535"));
                Self::Srv {
                    priority: number(priority)?,
                    weight: number(weight)?,
                    port: number(port)?,
                    target: name(target)?,
                }
            }
            RecordType::Caa => {
                let (flags, rest) = text.split_once(char::is_whitespace).ok_or_else(|| bad("`FLAGS TAG \"VALUE\"`"))?;
                let (tag, value) =
                    rest.trim_start().split_once(char::is_whitespace).ok_or_else(|| bad("`FLAGS TAG \"VALUE\"`"))?;
                let flags = flags.parse().map_err(|_| bad("flags of 0 to 255"))?;
                let value = parse_text(value.trim()).ok_or_else(|| bad("a quoted value"))?;
                Self::caa(flags, tag, &value).ok_or_else(|| bad("a tag of letters and digits"))?
            }
            RecordType::Other(rtype) => {
                if text.is_empty() || text.contains(['\n', '\r', '\0']) {
                    return Err(bad("one line of presentation text"));
                }
                Self::Other { rtype: rtype.clone(), text: text.into() }
            }
        })
    }

    /// Returns a CAA value, or nothing if the tag is not letters and digits (RFC 8659 section 4.1).
    pub fn caa(flags: u8, tag: &str, value: &[u8]) -> Option<Self> {
        let valid = (1..=255).contains(&tag.len()) && tag.bytes().all(|octet| octet.is_ascii_alphanumeric());
        valid.then(|| Self::Caa { flags, tag: tag.to_ascii_lowercase().into(), value: value.into() })
    }

    /// Reads a value whose type is to be told from itself: an address is A or AAAA, anything else the target of a CNAME.
    pub fn infer(text: &str) -> Result<Self, RecordError> {
        let text = text.trim();
        match text.parse() {
            Ok(IpAddr::V4(address)) => return Ok(Self::A(address)),
            Ok(IpAddr::V6(address)) => return Ok(Self::Aaaa(address)),
            Err(_) => {}
        }
        // `10.0.0.300`, `10.0.0.1:80` and `10.0.0.0/24` are mistyped addresses, not names: no top-level domain is a number.
        let last = text.trim_end_matches('.').rsplit('.').next().unwrap_or_default();
        if last.starts_with(|first: char| first.is_ascii_digit()) && !last.contains(|c: char| c.is_ascii_alphabetic())
            || text.contains(':')
        {
            return Err(RecordError::NoAddress { text: text.into() });
        }
        Name::parse(text).map(Self::Cname).map_err(|source| RecordError::NoType { text: text.into(), source })
    }

    /// Returns the type.
    pub fn rtype(&self) -> RecordType {
        match self {
            Self::A(_) => RecordType::A,
            Self::Aaaa(_) => RecordType::Aaaa,
            Self::Caa { .. } => RecordType::Caa,
            Self::Cname(_) => RecordType::Cname,
            Self::Mx { .. } => RecordType::Mx,
            Self::Ns(_) => RecordType::Ns,
            Self::Ptr(_) => RecordType::Ptr,
            Self::Srv { .. } => RecordType::Srv,
            Self::Txt(_) => RecordType::Txt,
            Self::Other { rtype, .. } => RecordType::Other(rtype.clone()),
        }
    }

    /// Returns the address of an A or AAAA.
    pub fn address(&self) -> Option<IpAddr> {
        match self {
            Self::A(address) => Some((*address).into()),
            Self::Aaaa(address) => Some((*address).into()),
            _ => None,
        }
    }

    /// Returns the value as a zone file writes it: names absolute with their dot, TXT in character-strings of at most 255
    /// octets (RFC 1035 section 3.3).
    pub fn to_zone_text(&self) -> String {
        match self {
            Self::Cname(name) | Self::Ns(name) | Self::Ptr(name) => name.with_dot(),
            Self::Mx { preference, exchange } => format!("{preference} {}", exchange.with_dot()),
            Self::Srv { priority, weight, port, target } => format!("{priority} {weight} {port} {}", target.with_dot()),
            Self::Txt(octets) => character_strings(octets),
            Self::A(_) | Self::Aaaa(_) | Self::Caa { .. } | Self::Other { .. } => self.to_string(),
        }
    }
}

/// The value for people and programs: names without their dot, TXT as one quoted string. [`RecordData::parse`] reads it back.
impl fmt::Display for RecordData {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::A(address) => address.fmt(f),
            Self::Aaaa(address) => address.fmt(f),
            Self::Caa { flags, tag, value } => write!(f, "{flags} {tag} {}", quoted(value)),
            Self::Cname(name) | Self::Ns(name) | Self::Ptr(name) => name.fmt(f),
            Self::Mx { preference, exchange } => write!(f, "{preference} {exchange}"),
            Self::Srv { priority, weight, port, target } => write!(f, "{priority} {weight} {port} {target}"),
            Self::Txt(octets) => f.write_str(&quoted(octets)),
            Self::Other { text, .. } => f.write_str(text),
        }
    }
}

/// Returns the octets as one quoted string, with `\"`, `\\` and `\DDD` for what is not printable ASCII (RFC 1035 section 5.1).
pub fn quoted(octets: &[u8]) -> String {
    let mut text = String::with_capacity(octets.len() + 2);
    text.push('"');
    for &octet in octets {
        match octet {
            b'"' | b'\\' => text.extend(['\\', octet.into()]),
            b' '..=b'~' => text.push(octet.into()),
            _ => text.push_str(&format!("\\{octet:03}")),
        }
    }
    text.push('"');
    text
}

/// Returns the octets as quoted character-strings of at most 255 octets each, separated by blanks.
pub fn character_strings(octets: &[u8]) -> String {
    if octets.is_empty() {
        return quoted(octets);
    }
    octets.chunks(255).map(quoted).collect::<Vec<_>>().join(" ")
}

/// Reads quoted strings, put together; a text that does not begin with a quote is taken as it stands. Nothing if a quote is
/// not closed, an escape is broken, or something else stands between the strings.
fn parse_text(text: &str) -> Option<Arc<[u8]>> {
    if !text.trim_start().starts_with('"') {
        return Some(text.as_bytes().into());
    }
    let mut octets = Vec::with_capacity(text.len());
    let mut rest = text.trim().bytes();
    while let Some(octet) = rest.next() {
        match octet {
            b'"' => read_quoted(&mut rest, &mut octets)?,
            b' ' | b'\t' => {}
            _ => return None,
        }
    }
    Some(octets.into())
}

/// Reads up to the closing quote.
fn read_quoted(rest: &mut std::str::Bytes<'_>, octets: &mut Vec<u8>) -> Option<()> {
    loop {
        match rest.next()? {
            b'"' => return Some(()),
            b'\\' => {
                let first = rest.next()?;
                if first.is_ascii_digit() {
                    let digits = [first, rest.next()?, rest.next()?];
                    octets.push(std::str::from_utf8(&digits).ok()?.parse().ok()?);
                } else {
                    octets.push(first);
                }
            }
            octet => octets.push(octet),
        }
    }
}

/// Splits at blanks into exactly `N` fields.
fn fields<const N: usize>(text: &str) -> Option<[&str; N]> {
    text.split_whitespace().collect::<Vec<_>>().try_into().ok()
}

/// What identifies a record within a zone: its name and its value. Two records of one name and type with different values are
/// two records.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordKey {
    /// The owner name.
    pub name: Name,
    /// The value, which contains the type.
    pub data: RecordData,
}

impl RecordKey {
    /// Returns the type.
    pub fn rtype(&self) -> RecordType {
        self.data.rtype()
    }
}

impl fmt::Display for RecordKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.name, self.rtype(), self.data)
    }
}

/// How long an answer may be cached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Ttl {
    /// The provider chooses.
    Automatic,
    /// So many seconds, at most 2^31 - 1 (RFC 2181 section 8).
    Seconds(u32),
}

impl fmt::Display for Ttl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Automatic => f.pad("auto"),
            Self::Seconds(seconds) => seconds.fmt(f),
        }
    }
}

/// What a provider calls one stored copy of a record: an id, or a spelling to be sent back. Only the provider that gave it
/// reads it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Handle(pub Arc<str>);

/// A record: its key, what may vary about it, and the provider's handles for it.
///
/// In a record that is wanted, an attribute that is not set is not compared and not changed. In one that was listed, it is
/// one that the provider does not have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Name and value.
    pub key: RecordKey,
    /// How long answers may be cached.
    pub ttl: Option<Ttl>,
    /// Whether the provider answers with its own addresses and forwards (Cloudflare).
    pub proxied: Option<bool>,
    /// Whether the provider answers with it at all (AdGuard Home's `enabled`, the opposite of PowerDNS's `disabled`).
    pub enabled: Option<bool>,
    /// A note that the provider keeps beside the record.
    pub comment: Option<String>,
    /// One for each copy that the provider holds; several where it holds duplicates, none where it has no such thing.
    pub handles: Vec<Handle>,
}

impl Record {
    /// Returns a record with nothing said about what may vary.
    pub fn new(name: Name, data: RecordData) -> Self {
        Self {
            key: RecordKey { name, data },
            ttl: None,
            proxied: None,
            enabled: None,
            comment: None,
            handles: Vec::new(),
        }
    }

    /// Returns the owner name.
    pub fn name(&self) -> &Name {
        &self.key.name
    }

    /// Returns the type.
    pub fn rtype(&self) -> RecordType {
        self.key.rtype()
    }

    /// Returns whether `listed` has everything that this wanted record says; what it leaves open is not compared. The key is
    /// not looked at, nor the TTL of a proxied record, which is the provider's own.
    pub fn agrees_with(&self, listed: &Self) -> bool {
        fn open_or_same<T: PartialEq>(wanted: &Option<T>, listed: &Option<T>) -> bool {
            wanted.is_none() || wanted == listed
        }
        (listed.proxied == Some(true) || open_or_same(&self.ttl, &listed.ttl))
            && open_or_same(&self.proxied, &listed.proxied)
            && (self.enabled.is_none() || self.enabled.unwrap_or(true) == listed.enabled.unwrap_or(true))
            && (self.comment.is_none()
                || self.comment.as_deref().unwrap_or_default() == listed.comment.as_deref().unwrap_or_default())
    }
}

impl fmt::Display for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.key.fmt(f)
    }
}

/// Why a text is not a record.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RecordError {
    /// Not a type's mnemonic.
    #[error("`{text}` is not a record type; one without a mnemonic is written as TYPE and its number")]
    Type {
        /// The text as given.
        text: String,
    },
    /// Not a value of its type.
    #[error("`{text}` is not a value for {rtype}: expected {expected}")]
    Value {
        /// The type.
        rtype: RecordType,
        /// The text as given.
        text: String,
        /// What would be one.
        expected: &'static str,
    },
    /// A value that names something, and the name is not one.
    #[error("`{text}` is not a name for {rtype} to point to")]
    Name {
        /// The type.
        rtype: RecordType,
        /// The text as given.
        text: String,
        /// What is wrong with it.
        source: NameError,
    },
    /// It looks like an address, and is none.
    #[error("`{text}` looks like an address and is none; give the type if it is meant as something else")]
    NoAddress {
        /// The text as given.
        text: String,
    },
    /// Neither an address nor a name.
    #[error("`{text}` is neither an address nor a name, so its type cannot be told; give the type")]
    NoType {
        /// The text as given.
        text: String,
        /// Why it is not a name.
        source: NameError,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    fn data(rtype: &str, text: &str) -> RecordData {
        RecordData::parse(&rtype.parse().unwrap(), text).unwrap()
    }

    #[test]
    fn addresses_compare_parsed() {
        assert_eq!(data("AAAA", "FD00:0::1"), data("AAAA", "fd00::1"));
        assert_ne!(data("AAAA", "::ffff:1.2.3.4"), data("A", "1.2.3.4"));
    }

    #[test]
    fn quoting_and_chunks_are_not_the_value() {
        assert_eq!(data("TXT", r#""v=spf1 " "-all""#), data("TXT", "v=spf1 -all"));
        assert_eq!(data("TXT", r#""a\"b\\c\100""#), data("TXT", r#"a"b\cd"#));
        assert_eq!(data("TXT", "\"\"").to_string(), "\"\"");
        assert!(RecordData::parse(&RecordType::Txt, r#""open"#).is_err());
        assert!(RecordData::parse(&RecordType::Txt, r#""a" b"#).is_err());
        let long = data("TXT", &"x".repeat(300));
        assert_eq!(long.to_zone_text(), format!("\"{}\" \"{}\"", "x".repeat(255), "x".repeat(45)));
        assert_eq!(data("TXT", &long.to_zone_text()), long);
    }

    #[test]
    fn every_modelled_type_reads_back_what_it_prints() {
        for (rtype, text) in [
            ("A", "10.1.2.3"),
            ("AAAA", "fd00::1"),
            ("CNAME", "target.example"),
            ("TXT", r#""say \"hi\" \195\188""#),
            ("MX", "10 mail.example"),
            ("SRV", "0 5 5060 sip.example"),
            ("CAA", r#"0 issue "letsencrypt.org; x=1""#),
            ("NS", "ns1.example"),
            ("PTR", "host.example"),
            ("TLSA", "3 1 1 ABCDEF"),
        ] {
            let value = data(rtype, text);
            assert_eq!(value.to_string(), text);
            assert_eq!(data(rtype, &value.to_zone_text()), value);
            assert_eq!(value.rtype().as_str(), rtype);
        }
    }

    #[test]
    fn the_type_is_told_from_the_answer() {
        assert_eq!(RecordData::infer("10.1.2.3").unwrap().rtype(), RecordType::A);
        assert_eq!(RecordData::infer("fd00::1").unwrap().rtype(), RecordType::Aaaa);
        assert_eq!(RecordData::infer("::ffff:1.2.3.4").unwrap().rtype(), RecordType::Aaaa);
        assert_eq!(RecordData::infer("Web.Example.").unwrap().to_string(), "web.example");
        for mistyped in ["10.0.0.300", "10.0.0.1:80", "10.0.0.0/24", "10.0.0", "fd00::zz", "http://x"] {
            assert!(RecordData::infer(mistyped).is_err(), "{mistyped}");
        }
    }

    #[test]
    fn types_have_one_spelling() {
        assert_eq!(RecordType::parse("type28").unwrap(), RecordType::Aaaa);
        assert_eq!(RecordType::parse("tlsa").unwrap().as_str(), "TLSA");
        assert!(RecordType::parse("SOA").unwrap().is_zone_machinery());
        assert_eq!(RecordType::parse("TYPE52").unwrap().as_str(), "TLSA");
        assert_eq!(RecordType::parse("type065280").unwrap().as_str(), "TYPE65280");
        for unknown in ["AAA", "TYPE", "TYPE65536", "TYPE-1", "EXAMPLE"] {
            assert!(RecordType::parse(unknown).is_err(), "{unknown}");
        }
        assert!(RecordType::parse("").is_err());
        assert!(RecordType::parse("A B").is_err());
    }

    #[test]
    fn what_is_left_open_is_not_compared() {
        let name = Name::parse("a.example").unwrap();
        let mut listed = Record::new(name.clone(), data("A", "10.0.0.1"));
        listed.ttl = Some(Ttl::Seconds(300));
        let mut wanted = Record::new(name, data("A", "10.0.0.1"));
        assert!(wanted.agrees_with(&listed));
        wanted.enabled = Some(true);
        assert!(wanted.agrees_with(&listed), "a provider without the flag answers");
        wanted.ttl = Some(Ttl::Seconds(60));
        assert!(!wanted.agrees_with(&listed));
    }

    #[test]
    fn what_is_said_is_compared() {
        let listed = Record::new(Name::parse("a.example").unwrap(), data("A", "10.0.0.1"));
        let agree = |wanted: &Record, listed: &Record| wanted.agrees_with(listed);
        let proxied = |proxied| Record { proxied, ..listed.clone() };
        assert!(agree(&proxied(Some(true)), &proxied(Some(true))) && agree(&proxied(None), &proxied(Some(true))));
        assert!(!agree(&proxied(Some(true)), &proxied(Some(false))) && !agree(&proxied(Some(true)), &proxied(None)));
        let with_ttl = |record: Record, ttl| Record { ttl: Some(Ttl::Seconds(ttl)), ..record };
        assert!(agree(&with_ttl(listed.clone(), 60), &with_ttl(proxied(Some(true)), 1)), "the provider chooses it");
        assert!(!agree(&with_ttl(listed.clone(), 60), &with_ttl(proxied(Some(false)), 1)));
        let enabled = |enabled| Record { enabled, ..listed.clone() };
        assert!(!agree(&enabled(Some(false)), &enabled(None)) && !agree(&enabled(Some(true)), &enabled(Some(false))));
        let comment = |comment: Option<&str>| Record { comment: comment.map(Into::into), ..listed.clone() };
        assert!(agree(&comment(Some("")), &comment(None)) && agree(&comment(None), &comment(Some("theirs"))));
        assert!(
            !agree(&comment(Some("ours")), &comment(Some("theirs"))) && !agree(&comment(Some("ours")), &comment(None))
        );
    }
}
