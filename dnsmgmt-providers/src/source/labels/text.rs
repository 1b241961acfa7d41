//! What a label's text must be before it becomes a part of a record.

use dnsmgmt_core::name::Name;
use dnsmgmt_core::record::{RecordData, RecordType, Ttl};

use crate::duration;

/// How much of a label's text an error shows.
const SHOWN: usize = 60;

/// The types that a label may ask for. Others would hand the zone to whoever starts a container.
const TYPES: [RecordType; 7] = [
    RecordType::A,
    RecordType::Aaaa,
    RecordType::Caa,
    RecordType::Cname,
    RecordType::Mx,
    RecordType::Srv,
    RecordType::Txt,
];

/// Returns text that is safe to be printed, in backquotes: escaped, and cut where it is long.
pub(super) fn shown(text: &str) -> String {
    let escaped: String = text.chars().take(SHOWN).flat_map(char::escape_debug).collect();
    let more = if text.chars().nth(SHOWN).is_some() { "..." } else { "" };
    format!("`{escaped}{more}`")
}

/// Reads the name of a host: letters, digits, `-` and `_` in every label (RFC 1123 section 2.1; `_` because people use it), where
/// it is no address. Internationalised names are read too. `wildcard` lets the first label be `*`.
pub(super) fn host_name(text: &str, wildcard: bool) -> Result<Name, String> {
    let text = text.trim();
    let wrong = |why: &str| Err(format!("{} is not the name of a host: {why}", shown(text)));
    // The parser's error repeats the name, which may be long and hostile.
    let Ok(name) = Name::parse(text) else {
        return wrong("its labels have 1 to 63 letters, digits, `-` or `_`, and all of it 253 characters");
    };
    let plain = |label: &str| label.bytes().all(|octet| octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'_'));
    let has_edge = |label: &str| label.starts_with('-') || label.ends_with('-');
    let is_number = |label: &str| label.bytes().all(|octet| octet.is_ascii_digit());
    let below_star = name.is_wildcard();
    let labels = || name.labels().skip(usize::from(below_star));
    match () {
        () if name.is_root() => wrong("it is the root"),
        () if below_star && !wildcard => wrong("a wildcard cannot be asked for here"),
        () if !labels().all(plain) => wrong("only letters, digits, `-` and `_` can be in it"),
        () if labels().any(has_edge) => wrong("no part of it begins or ends with `-`"),
        () if below_star && name.labels().count() == 1 => wrong("it would answer for everything"),
        () if name.labels().next_back().is_some_and(is_number) => wrong("its last label is a number, as in an address"),
        () if name.is_tombstone() => wrong("names below it are made up by this program"),
        () => Ok(name),
    }
}

/// Reads names with commas between them; at least one.
pub(super) fn host_names(key: &str, text: &str, wildcard: bool) -> Result<Vec<Name>, String> {
    let words = words(text);
    if words.is_empty() {
        return Err(format!("the label {key} names nothing"));
    }
    words.into_iter().map(|word| host_name(word, wildcard).map_err(|why| format!("label {key}: {why}"))).collect()
}

/// Returns what stands between commas.
pub(super) fn words(text: &str) -> Vec<&str> {
    text.split(',').map(str::trim).filter(|word| !word.is_empty()).collect()
}

/// Reads `true` or `false`, in any case and with blanks around it.
pub(super) fn flag(key: &str, text: &str) -> Result<bool, String> {
    match text.trim() {
        word if word.eq_ignore_ascii_case("true") => Ok(true),
        word if word.eq_ignore_ascii_case("false") => Ok(false),
        word => Err(format!("the label {key} is true or false, not {}", shown(word))),
    }
}

pub(super) fn number<N: std::str::FromStr>(key: &str, text: &str) -> Result<N, String> {
    text.trim().parse().map_err(|_| format!("the label {key} is a number, not {}", shown(text)))
}

pub(super) fn ttl(key: &str, text: &str) -> Result<Ttl, String> {
    let ttl = duration::ttl(text.trim());
    ttl.map_err(|_| format!("the label {key} is a TTL such as `300`, `5m` or `auto`, not {}", shown(text)))
}

/// Reads the configured name of a provider.
pub(super) fn provider(key: &str, text: &str) -> Result<String, String> {
    let text = text.trim();
    let plain = |octet: u8| octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'_' | b'.');
    if (1..=63).contains(&text.len()) && text.bytes().all(plain) {
        return Ok(text.into());
    }
    Err(format!("the label {key} is the name of a provider, not {}", shown(text)))
}

pub(super) fn rtype(key: &str, text: &str) -> Result<RecordType, String> {
    let rtype = RecordType::parse(text.trim()).ok().filter(|rtype| TYPES.contains(rtype));
    let types = || TYPES.map(|rtype| rtype.to_string()).join(", ");
    rtype.ok_or_else(|| format!("the label {key} is one of {}, not {}", types(), shown(text)))
}

/// Reads a value, of a type that is said or told from it. Every name in it must be one of a host, and TXT is the text as it
/// stands: nothing in it is syntax.
pub(super) fn data(key: &str, rtype: Option<&RecordType>, text: &str) -> Result<RecordData, String> {
    if text.contains(char::is_control) {
        return Err(format!("the label {key} holds control characters: {}", shown(text)));
    }
    if rtype == Some(&RecordType::Txt) {
        return Ok(RecordData::Txt(text.as_bytes().into()));
    }
    let wrong = || {
        let what = rtype.map_or_else(|| "an address or a name".into(), |rtype| format!("the value of a {rtype}"));
        format!("the label {key} is not {what}: {}", shown(text))
    };
    let data = match rtype {
        Some(rtype) => RecordData::parse(rtype, text),
        None => RecordData::infer(text),
    };
    let data = data.map_err(|_| wrong())?;
    let target = match &data {
        RecordData::Cname(name) => Some(name),
        RecordData::Mx { exchange: name, .. } | RecordData::Srv { target: name, .. } if !name.is_root() => Some(name),
        _ => None,
    };
    target.map_or(Ok(()), |name| host_name(name.as_str(), false).map(drop)).map_err(|_| wrong())?;
    Ok(data)
}
