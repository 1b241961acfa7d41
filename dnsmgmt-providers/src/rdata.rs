//! Values between their three forms: ours, the presentation text of types that are not modelled, and the wire.

#[cfg(feature = "rfc2136")]
pub(crate) mod wire;

use std::borrow::Cow;
use std::str::FromStr;

use dnsmgmt_core::name::Name;
use dnsmgmt_core::record::{RecordData, RecordType};
use domain::base::iana::{Class, Rtype};
use domain::base::name::{ParsedName, ToLabelIter, ToName};
use domain::base::rdata::{ComposeRecordData, ParseRecordData};
use domain::base::wire::ParseError;
use domain::dep::octseq::Parser;
use domain::rdata::ZoneRecordData;
use domain::zonefile::inplace::{Entry, ScannedRecordData, Zonefile};

/// The largest TTL (RFC 2181 section 8).
pub(crate) const MAX_TTL: u32 = i32::MAX as u32;
/// What a value in the generic form begins with (RFC 3597 section 5).
pub(crate) const GENERIC: &str = "\\#";

/// Mnemonics that the library spells differently from the registry.
const RESPELLED: [(&str, &str); 1] = [("NSAP-PTR", "NSAPPTR")];

/// What tells values apart.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Identity {
    /// The value itself.
    Value(RecordData),
    /// Of a type that is not modelled: the value as servers sign it, which does not depend on its spelling (RFC 4034 section 6.2).
    Wire(RecordType, Vec<u8>),
}

/// Returns what two values have in common if and only if servers hold them for one, as far as can be told.
pub(crate) fn identity(data: &RecordData) -> Identity {
    let data = under_mnemonic(data);
    let RecordData::Other { text, .. } = &*data else { return Identity::Value(data.into_owned()) };
    let rtype = mnemonic(&data.rtype());
    let Ok(scanned) = scan(&rtype, text) else { return Identity::Value(data.into_owned()) };
    match modelled(&scanned) {
        Ok(Some(modelled)) => Identity::Value(modelled),
        Ok(None) | Err(_) => {
            wire(&scanned).map_or_else(|| Identity::Value(data.into_owned()), |wire| Identity::Wire(rtype, wire))
        }
    }
}

/// Returns whether two values are one, also where they are not modelled and only spelled differently.
pub(crate) fn is_same(left: &RecordData, right: &RecordData) -> bool {
    left == right || {
        let may_have_spellings = |data: &RecordData| matches!(data, RecordData::Other { .. });
        (may_have_spellings(left) || may_have_spellings(right)) && identity(left) == identity(right)
    }
}

/// Returns the value under the mnemonic of its type, where that is given as `TYPEnnn` and has one (RFC 3597 section 5).
pub(crate) fn under_mnemonic(data: &RecordData) -> Cow<'_, RecordData> {
    let RecordData::Other { text, .. } = data else { return Cow::Borrowed(data) };
    let given = data.rtype();
    let rtype = mnemonic(&given);
    let respelled = if rtype == given { None } else { RecordData::parse(&rtype, text).ok() };
    respelled.map_or(Cow::Borrowed(data), Cow::Owned)
}

/// Returns the type by its mnemonic, if it has one.
pub(crate) fn mnemonic(rtype: &RecordType) -> RecordType {
    let RecordType::Other(_) = rtype else { return rtype.clone() };
    self::rtype(rtype.as_str().as_bytes()).unwrap_or_else(|| rtype.clone())
}

/// Nothing for a text that is no value of its type.
fn wire(scanned: &ScannedRecordData) -> Option<Vec<u8>> {
    let mut wire = Vec::new();
    // A value in the generic form may have names inside.
    match scanned {
        ZoneRecordData::Unknown(unknown) => match parse(unknown.rtype(), unknown.data()) {
            Ok(Some(parsed)) => parsed.compose_canonical_rdata(&mut wire),
            Ok(None) | Err(_) => scanned.compose_canonical_rdata(&mut wire),
        },
        _ => scanned.compose_canonical_rdata(&mut wire),
    }
    .ok()?;
    Some(wire)
}

/// Returns why servers would not take a value that is not modelled, as far as can be told.
pub(crate) fn objection(data: &RecordData) -> Option<String> {
    let RecordData::Other { text, .. } = data else { return None };
    let (rtype, generic) = (data.rtype(), text.starts_with(GENERIC));
    let relative = |&index: &usize| text.split_ascii_whitespace().nth(index).filter(|name| !is_absolute(name));
    if let Some(name) = name_fields(&rtype).iter().find_map(relative).filter(|_| !generic) {
        return Some(format!("the name `{name}` in it is not absolute; write it with a dot at its end"));
    }
    if generic || is_known_inside(&rtype) { scan(&rtype, text).err() } else { None }
}

/// Reads a type, known names only: a mistyped one is not a type of the future, for which there is `TYPEnnn` (RFC 3597).
pub(crate) fn rtype(token: &[u8]) -> Option<RecordType> {
    let text = std::str::from_utf8(token).ok()?.to_ascii_uppercase();
    if RESPELLED.iter().any(|(ours, _)| *ours == text) {
        return RecordType::parse(&text).ok();
    }
    let canonical = Rtype::from_str(&text).ok()?.to_string();
    let ours = RESPELLED.iter().find(|(_, theirs)| *theirs == canonical).map_or(&*canonical, |(ours, _)| ours);
    RecordType::parse(ours).ok()
}

/// Where the names stand among the fields of a value.
pub(crate) fn name_fields(rtype: &RecordType) -> &'static [usize] {
    match rtype.as_str() {
        "CNAME" | "NS" | "PTR" | "DNAME" | "MB" | "MD" | "MF" | "MG" | "MR" | "NSAP-PTR" | "NSEC" | "NXT" => &[0],
        "MX" | "AFSDB" | "KX" | "LP" | "RT" | "SVCB" | "HTTPS" => &[1],
        "RP" | "MINFO" | "SOA" | "TALINK" => &[0, 1],
        "PX" => &[1, 2],
        "SRV" => &[3],
        "NAPTR" => &[5],
        "RRSIG" | "SIG" => &[7],
        _ => &[],
    }
}

/// Returns whether a name ends with a dot that is not escaped.
pub(crate) fn is_absolute(name: &str) -> bool {
    name.strip_suffix('.').is_some_and(|head| head.bytes().rev().take_while(|&octet| octet == b'\\').count() % 2 == 0)
}

pub(crate) fn octets(name: &impl ToLabelIter) -> Vec<Vec<u8>> {
    name.iter_labels().filter(|label| !label.is_root()).map(|label| label.as_slice().to_vec()).collect()
}

/// Has the library read a value whose names are absolute.
pub(crate) fn scan(rtype: &RecordType, text: &str) -> Result<ScannedRecordData, String> {
    let mnemonic = to_rtype(rtype).ok_or("an unknown type")?;
    let mut file = Zonefile::from(format!(". 0 {mnemonic} {text}\n").as_str());
    file.set_default_class(Class::IN);
    match file.next_entry() {
        Ok(Some(Entry::Record(record))) => Ok(record.into_owner_and_data().1),
        Ok(_) => Err("nothing there".into()),
        Err(why) => Err(without_position(&why.to_string()).into()),
    }
}

/// The library reads any octets as a value of a type that it does not know from inside, even none.
fn is_known_inside(rtype: &RecordType) -> bool {
    to_rtype(rtype).is_some_and(|rtype| !matches!(parse(rtype, &[]), Ok(Some(ZoneRecordData::Unknown(_)))))
}

pub(crate) fn to_rtype(rtype: &RecordType) -> Option<Rtype> {
    let text = rtype.as_str();
    let text = RESPELLED.iter().find(|(ours, _)| *ours == text).map_or(text, |(_, theirs)| theirs);
    Rtype::from_str(text).ok()
}

pub(crate) type Parsed<'a> = ZoneRecordData<&'a [u8], ParsedName<&'a [u8]>>;

pub(crate) fn parse(rtype: Rtype, wire: &[u8]) -> Result<Option<Parsed<'_>>, ParseError> {
    Parsed::parse_rdata(rtype, &mut Parser::from_ref(wire))
}

/// Returns a value of a modelled type, which may have been written in the generic form.
pub(crate) fn modelled(data: &ScannedRecordData) -> Result<Option<RecordData>, String> {
    let ZoneRecordData::Unknown(unknown) = data else { return to_data(data) };
    match parse(unknown.rtype(), unknown.data()) {
        Ok(Some(parsed)) => to_data(&parsed),
        Ok(None) => Ok(None),
        Err(why) => Err(why.to_string()),
    }
}

fn to_data<O: AsRef<[u8]>, N: ToName>(data: &ZoneRecordData<O, N>) -> Result<Option<RecordData>, String> {
    let name = |name: &N| {
        let labels = octets(name);
        Name::from_labels(labels.iter().map(Vec::as_slice)).map_err(|why| why.to_string())
    };
    Ok(Some(match data {
        ZoneRecordData::A(a) => RecordData::A(a.addr()),
        ZoneRecordData::Aaaa(aaaa) => RecordData::Aaaa(aaaa.addr()),
        ZoneRecordData::Cname(cname) => RecordData::Cname(name(cname.cname())?),
        ZoneRecordData::Ns(ns) => RecordData::Ns(name(ns.nsdname())?),
        ZoneRecordData::Ptr(ptr) => RecordData::Ptr(name(ptr.ptrdname())?),
        ZoneRecordData::Mx(mx) => RecordData::Mx { preference: mx.preference(), exchange: name(mx.exchange())? },
        ZoneRecordData::Srv(srv) => RecordData::Srv {
            priority: srv.priority(),
            weight: srv.weight(),
            port: srv.port(),
            target: name(srv.target())?,
        },
        ZoneRecordData::Txt(txt) => RecordData::Txt(txt.iter().flatten().copied().collect()),
        ZoneRecordData::Caa(caa) => {
            let tag = caa.tag().to_string();
            return Ok(RecordData::caa(caa.flags().bits(), &tag, caa.value().as_ref()));
        }
        _ => return Ok(None),
    }))
}

/// The library's positions are those in the text that it was given, which is not the file's.
fn without_position(message: &str) -> &str {
    message.splitn(3, ':').last().unwrap_or(message).trim_start()
}
