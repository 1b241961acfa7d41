//! Values to the wire and back (RFC 1035 section 3.3, RFC 3597).

use dnsmgmt_core::name::Name;
use dnsmgmt_core::record::{Handle, Record, RecordData, RecordType};
use domain::base::iana::Rtype;
use domain::base::name::{ParsedName, ToName};
use domain::base::rdata::ComposeRecordData;
use domain::base::zonefile_fmt::{DisplayKind, ZonefileFmt as _};
use domain::base::{ParsedRecord, UnknownRecordData};
use domain::rdata::ZoneRecordData;

use super::{GENERIC, objection, parse, scan, to_data, to_rtype, under_mnemonic};

/// A value as a message carries it, its names not compressed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wire {
    pub(crate) rtype: Rtype,
    pub(crate) octets: Vec<u8>,
}

/// Returns the type's number.
pub(crate) fn number(rtype: &RecordType) -> Result<Rtype, String> {
    to_rtype(rtype).ok_or_else(|| format!("the number of the type {rtype} is not known"))
}

/// Returns the value as a message carries it, or why it cannot.
pub(crate) fn encode(data: &RecordData) -> Result<Wire, String> {
    let rtype = number(&data.rtype())?;
    let octets = match data {
        RecordData::A(address) => address.octets().to_vec(),
        RecordData::Aaaa(address) => address.octets().to_vec(),
        RecordData::Cname(name) | RecordData::Ns(name) | RecordData::Ptr(name) => name_octets(name),
        RecordData::Mx { preference, exchange } => with_name(&[*preference], exchange),
        RecordData::Srv { priority, weight, port, target } => with_name(&[*priority, *weight, *port], target),
        RecordData::Txt(octets) => character_strings(octets),
        RecordData::Caa { flags, tag, value } => {
            let length = u8::try_from(tag.len()).map_err(|_| "its tag is too long".to_owned())?;
            [&[*flags, length], tag.as_bytes(), value].concat()
        }
        RecordData::Other { .. } => return opaque(&under_mnemonic(data)),
        _ => return Err(format!("{} values cannot be sent", data.rtype())),
    };
    if octets.len() > usize::from(u16::MAX) {
        return Err("its value is longer than a record can be".into());
    }
    Ok(Wire { rtype, octets })
}

/// A value that is not modelled is read as a zone file would be, whole: what does not read as one value of its type is refused.
fn opaque(data: &RecordData) -> Result<Wire, String> {
    let RecordData::Other { text, .. } = data else { return encode(data) };
    if let Some(why) = objection(data) {
        return Err(why);
    }
    let rtype = number(&data.rtype())?;
    let scanned = scan(&data.rtype(), text).map_err(|why| {
        format!("`{text}` cannot be sent ({why}); the generic form `{GENERIC} LENGTH HEXADECIMAL` always can")
    })?;
    let mut octets = Vec::new();
    scanned.compose_rdata(&mut octets).map_err(|_| "its value is longer than a record can be".to_owned())?;
    Ok(Wire { rtype, octets })
}

fn name_octets(name: &Name) -> Vec<u8> {
    with_name(&[], name)
}

fn with_name(numbers: &[u16], name: &Name) -> Vec<u8> {
    let mut octets: Vec<u8> = numbers.iter().flat_map(|number| number.to_be_bytes()).collect();
    octets.extend(crate::dns::name_to_wire(name).as_octets());
    octets
}

/// Strings of at most 255 octets, one at least.
fn character_strings(octets: &[u8]) -> Vec<u8> {
    let mut wire = Vec::with_capacity(octets.len() + octets.len() / 255 + 1);
    let chunks = octets.chunks(255);
    for chunk in chunks.chain(octets.is_empty().then_some(&[][..])) {
        wire.push(u8::try_from(chunk.len()).expect("a chunk has at most 255 octets"));
        wire.extend(chunk);
    }
    wire
}

/// Returns the type of a number.
pub(crate) fn rtype_of(number: Rtype) -> RecordType {
    RecordType::parse(&format!("TYPE{}", number.to_int())).expect("any number is a type")
}

/// Returns the value of a record, or why we cannot hold it.
pub(crate) fn decode(record: &ParsedRecord<'_, Vec<u8>>) -> Result<RecordData, String> {
    let record = record.to_record::<ZoneRecordData<_, ParsedName<_>>>().map_err(|why| why.to_string())?;
    let Some(record) = record else { return Err("its value cannot be read".into()) };
    let rtype = rtype_of(record.rtype());
    match to_data(record.data())? {
        Some(data) => Ok(data),
        None if matches!(rtype, RecordType::Other(_)) => Ok(presented(&rtype, record.data())),
        None => Err("its value cannot be shown".into()),
    }
}

/// Returns a value that is not modelled, in the text that reads back as the same octets: the generic form where the library's
/// own does not.
fn presented<O: AsRef<[u8]>, N: ToName>(rtype: &RecordType, data: &ZoneRecordData<O, N>) -> RecordData
where
    ZoneRecordData<O, N>: ComposeRecordData + domain::base::zonefile_fmt::ZonefileFmt,
{
    let mut octets = Vec::new();
    let composed = data.compose_rdata(&mut octets).is_ok();
    let text = data.display_zonefile(DisplayKind::Simple).to_string();
    let shown = RecordData::parse(rtype, &text)
        .ok()
        .filter(|shown| composed && encode(shown).is_ok_and(|wire| wire.octets == octets));
    shown.unwrap_or_else(|| {
        let generic = format!("{GENERIC} {} {}", octets.len(), hexadecimal(&octets));
        RecordData::parse(rtype, generic.trim_end()).expect("one line of presentation text")
    })
}

/// Returns the value as a listing has it, where that is another spelling than the given one.
pub(crate) fn respelled(data: &RecordData) -> Option<RecordData> {
    let RecordData::Other { .. } = data else { return None };
    let wire = opaque(&under_mnemonic(data)).ok()?;
    let parsed = parse(wire.rtype, &wire.octets).ok()??;
    let listed = match to_data(&parsed).ok()? {
        Some(modelled) => modelled,
        None => presented(&rtype_of(wire.rtype), &parsed),
    };
    (listed != *data).then_some(listed)
}

/// What a handle says where the server's octets are those that we would send.
const PLAIN: &str = "=";

/// Returns the handle of a listed value that can be on the wire in more ways than one, all of which are the same value for us: the
/// cut of TXT into strings, the case of a CAA's tag. A server tells them apart.
pub(crate) fn handle(record: &ParsedRecord<'_, Vec<u8>>, data: &RecordData) -> Option<Handle> {
    if !matches!(data, RecordData::Txt(_) | RecordData::Caa { .. }) {
        return None;
    }
    let listed = record.to_record::<UnknownRecordData<_>>().ok()??;
    let octets: &[u8] = listed.data().data();
    let is_plain = encode(data).is_ok_and(|wire| wire.octets == octets);
    Some(Handle(if is_plain { PLAIN.into() } else { hexadecimal(octets).into() }))
}

/// Returns all the ways in which a listed record is on the wire; the plain one where none is known.
pub(crate) fn copies(record: &Record) -> Result<Vec<Wire>, String> {
    let plain = encode(&record.key.data)?;
    let mut copies = Vec::new();
    for Handle(text) in &record.handles {
        copies.push(match octets(text) {
            Some(octets) => Wire { rtype: plain.rtype, octets },
            None => plain.clone(),
        });
    }
    if copies.is_empty() {
        copies.push(plain);
    }
    Ok(copies)
}

fn hexadecimal(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02X}")).collect()
}

fn octets(hexadecimal: &str) -> Option<Vec<u8>> {
    let pairs = hexadecimal.as_bytes().chunks(2);
    pairs.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()).collect()
}
