//! What the fields of an entry mean: names, TTLs, types and values, to and from their presentation text.

use std::borrow::Cow;

use dnsmgmt_core::name::Name;
use dnsmgmt_core::record::{RecordData, RecordType};
use domain::base::name::UncertainName;

use crate::rdata::{GENERIC, is_absolute, modelled, name_fields, octets, scan, to_rtype};
pub(super) use crate::rdata::{Identity, MAX_TTL, identity, is_same, mnemonic, objection, rtype, under_mnemonic};

/// Reads a value, of which `raw` is the text as it stood if that is one line without a comment.
///
/// Names become absolute, also in types that are not modelled; otherwise the text of those stays as it stood. Nothing if it is
/// a value that servers take and that we cannot hold.
pub(super) fn read(
    rtype: &RecordType,
    tokens: &[&[u8]],
    raw: Option<&[u8]>,
    origin: Option<&Name>,
) -> Result<Option<RecordData>, String> {
    let mut fields: Vec<Cow<'_, str>> = tokens.iter().map(|token| escaped(token)).collect();
    let changed = make_names_absolute(rtype, &mut fields, origin)?;
    if !matches!(rtype, RecordType::Other(_)) {
        let data = scan(rtype, &fields.join(" ")).map_err(|why| not_a_value(rtype, tokens, &why))?;
        return modelled(&data).map_err(|why| not_a_value(rtype, tokens, &why));
    }
    let text = raw
        .filter(|raw| !changed && raw.iter().all(|octet| is_printable(octet) || *octet == b'\t'))
        .and_then(|raw| String::from_utf8(raw.to_vec()).ok())
        .unwrap_or_else(|| fields.join(" "));
    // An APL record may be empty (RFC 3123 section 5).
    Ok(RecordData::parse(rtype, &text).ok())
}

/// Returns the type as it is written beside a value: `TYPEnnn` beside one in the generic form, because a server may be older than
/// a mnemonic and takes both all the same (RFC 3597 section 5).
pub(super) fn written_type(data: &RecordData) -> String {
    let rtype = data.rtype();
    match (data, to_rtype(&rtype)) {
        (RecordData::Other { text, .. }, Some(number)) if text.starts_with(GENERIC) => {
            format!("TYPE{}", number.to_int())
        }
        _ => rtype.to_string(),
    }
}

/// Reads a name, against the origin where it is relative.
pub(super) fn name(token: &[u8], origin: Option<&Name>) -> Result<Name, String> {
    let text = escaped(token);
    let origin = || origin.ok_or_else(|| format!("`{text}` is relative, and no $ORIGIN stands before it"));
    match token {
        b"@" => return origin().cloned(),
        b"." => return Ok(Name::root()),
        _ => {}
    }
    let bad = |why: &dyn std::fmt::Display| format!("`{text}` is not a domain name ({why})");
    if text.starts_with('"') {
        return Err(bad(&"it is quoted"));
    }
    let labels: Vec<Vec<u8>> = match UncertainName::<Vec<u8>>::from_chars(text.chars()).map_err(|why| bad(&why))? {
        UncertainName::Absolute(name) => octets(&name),
        UncertainName::Relative(name) => octets(&name).into_iter().chain(origin()?.octet_labels()).collect(),
    };
    Name::from_labels(labels.iter().map(Vec::as_slice)).map_err(|why| bad(&why))
}

/// Reads a TTL: seconds, or numbers with units as in `1w2d` (BIND 9 Administrator Reference Manual, "Setting TTLs").
///
/// Every number needs its unit then: BIND refuses `1h30`, which others take for 3630 seconds.
pub(super) fn ttl(token: &[u8]) -> Option<u32> {
    let text = std::str::from_utf8(token).ok()?;
    if let Ok(seconds) = text.parse::<u32>() {
        return (seconds <= MAX_TTL && !text.starts_with('+')).then_some(seconds);
    }
    let (mut sum, mut number) = (0_u64, None::<u64>);
    for octet in text.bytes() {
        if octet.is_ascii_digit() {
            let digit = u64::from(octet - b'0');
            number = Some(number.unwrap_or_default().checked_mul(10)?.checked_add(digit)?);
        } else {
            sum = sum.checked_add(number.take()?.checked_mul(unit(octet)?)?)?;
        }
    }
    let seconds = u32::try_from(sum).ok()?;
    (number.is_none() && !text.is_empty() && seconds <= MAX_TTL).then_some(seconds)
}

fn unit(octet: u8) -> Option<u64> {
    Some(match octet.to_ascii_lowercase() {
        b's' => 1,
        b'm' => 60,
        b'h' => 3_600,
        b'd' => 86_400,
        b'w' => 604_800,
        _ => return None,
    })
}

/// Returns the text with what is not printable ASCII, which servers take as it is, as `\DDD`.
pub(super) fn escaped(octets: &[u8]) -> Cow<'_, str> {
    if let Ok(text) = std::str::from_utf8(octets)
        && octets.iter().all(is_printable)
    {
        return Cow::Borrowed(text);
    }
    let mut text = String::with_capacity(octets.len() + 16);
    let mut backslash = false;
    for octet in octets {
        match octet {
            octet if is_printable(octet) => text.push((*octet).into()),
            // `\ü` is `\195\188`: the first backslash is there already.
            octet if backslash => text.push_str(&format!("{octet:03}")),
            octet => text.push_str(&format!("\\{octet:03}")),
        }
        backslash = *octet == b'\\' && !backslash;
    }
    Cow::Owned(text)
}

fn is_printable(octet: &u8) -> bool {
    (b' '..=b'~').contains(octet)
}

fn make_names_absolute(rtype: &RecordType, fields: &mut [Cow<'_, str>], origin: Option<&Name>) -> Result<bool, String> {
    let mut changed = false;
    if fields.first().is_some_and(|first| first == GENERIC) {
        return Ok(changed);
    }
    for &index in name_fields(rtype) {
        if let Some(field) = fields.get_mut(index).filter(|field| !is_absolute(field)) {
            *field = Cow::Owned(name(field.as_bytes(), origin)?.with_dot());
            changed = true;
        }
    }
    Ok(changed)
}

fn not_a_value(rtype: &RecordType, tokens: &[&[u8]], why: &str) -> String {
    if tokens.is_empty() {
        return format!("expected a value for {rtype} here");
    }
    let text: Vec<Cow<'_, str>> = tokens.iter().map(|token| escaped(token)).collect();
    format!("`{}` is not a value for {rtype} ({why})", text.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin() -> Name {
        Name::parse("example.com").unwrap()
    }

    fn value(rtype: &str, text: &str) -> Result<Option<RecordData>, String> {
        let line = super::super::tokens::line(text.as_bytes(), 0).unwrap();
        let tokens: Vec<&[u8]> = line.tokens.iter().map(|token| &text.as_bytes()[token.span.clone()]).collect();
        read(&super::rtype(rtype.as_bytes()).unwrap(), &tokens, Some(text.as_bytes()), Some(&origin()))
    }

    fn shown(rtype: &str, text: &str) -> String {
        value(rtype, text).unwrap().unwrap().to_string()
    }

    #[test]
    fn units_are_added_up() {
        for (text, seconds) in [("0", 0), ("3600", 3600), ("1h", 3600), ("1W2d", 777_600), ("1h30m", 5400), ("1s1s", 2)]
        {
            assert_eq!(ttl(text.as_bytes()), Some(seconds), "{text}");
        }
        assert_eq!(ttl(b"2147483647"), Some(MAX_TTL));
        for bad in ["", "h", "1h30", "1y", "-1", "+1", "2147483648", "99999999999w", "18446744073709551615w", "1 h"] {
            assert_eq!(ttl(bad.as_bytes()), None, "{bad}");
        }
    }

    #[test]
    fn names_are_read_against_the_origin() {
        let read = |text: &str| name(text.as_bytes(), Some(&origin())).map(|name| name.to_string());
        assert_eq!(read("@").unwrap(), "example.com");
        assert_eq!(read("WWW").unwrap(), "www.example.com");
        assert_eq!(read("a.b.").unwrap(), "a.b");
        assert_eq!(read(".").unwrap(), ".");
        assert_eq!(read(r"a\.b").unwrap(), r"a\046b.example.com");
        assert_eq!(read(r"a\\.b.").unwrap(), r"a\092.b");
        assert_eq!(read(r"a\.").unwrap(), r"a\046.example.com");
        assert_eq!(read("*").unwrap(), "*.example.com");
        assert_eq!(read("a!b").unwrap(), r"a\033b.example.com");
        for bad in ["a..b", "\"a\"", "a\\300.", &"a".repeat(64), &"a.".repeat(128)] {
            assert!(read(bad).is_err(), "{bad}");
        }
        assert!(name(b"www", None).unwrap_err().contains("$ORIGIN"));
        assert_eq!(name(b"\xfc.", None).unwrap().as_str(), r"\252");
    }

    #[test]
    fn modelled_values_are_read() {
        assert_eq!(shown("a", "10.0.0.1"), "10.0.0.1");
        assert_eq!(shown("A", r"\# 4 0A000001"), "10.0.0.1");
        assert_eq!(shown("TYPE1", r"\# 4 0A 00 00 01"), "10.0.0.1");
        assert_eq!(shown("CNAME", r"\# 3 01 61 00"), "a");
        assert_eq!(shown("MX", "10 Mail"), "10 mail.example.com");
        assert_eq!(shown("mx", "10 @"), "10 example.com");
        assert_eq!(shown("SRV", "1 2 3 ."), "1 2 3 .");
        assert_eq!(shown("TXT", "@"), "\"@\"");
        assert_eq!(shown("TXT", r#""a;(b" c"d\"e""#), r#""a;(bcd\"e""#);
        assert_eq!(shown("TXT", "\"\t\""), r#""\009""#);
        assert_eq!(shown("TXT", "\"\u{fc}\\\u{fc}\""), r#""\195\188\195\188""#);
        assert_eq!(shown("CAA", r#"0 ISSUE "ca.example; x=1""#), r#"0 issue "ca.example; x=1""#);
        assert_eq!(shown("CAA", "0 issue ca.example"), r#"0 issue "ca.example""#);
    }

    #[test]
    fn other_types_keep_their_text_but_for_relative_names() {
        assert_eq!(shown("tlsa", "3 1 1  ABcd"), "3 1 1  ABcd");
        assert_eq!(shown("TYPE65534", r"\# 4 0A000001"), r"\# 4 0A000001");
        assert_eq!(shown("LOC", "52 22 23 N 4 53 32 E -2m"), "52 22 23 N 4 53 32 E -2m");
        assert_eq!(shown("HTTPS", r#"1 .  alpn="h2,h3""#), r#"1 .  alpn="h2,h3""#);
        assert_eq!(shown("HTTPS", "1 web  alpn=h2"), "1 web.example.com. alpn=h2");
        assert_eq!(shown("DNAME", "@"), "example.com.");
        assert_eq!(shown("HINFO", "\"\u{fc}\" x"), r#""\195\188" x"#);
        assert_eq!(rtype(b"TYPE52").unwrap().as_str(), "TLSA");
        assert_eq!(rtype(b"nsap-ptr").unwrap().as_str(), "NSAP-PTR");
        assert_eq!(rtype(b"INN"), None);
        assert_eq!(value("APL", "").unwrap(), None);
    }

    #[test]
    fn what_is_no_value_is_named() {
        for (rtype, text) in [
            ("A", "10.0.0.300"),
            ("A", "10.0.0.1 10.0.0.2"),
            ("A", ""),
            ("AAAA", "10.0.0.1"),
            ("MX", "mail"),
            ("MX", "65536 mail"),
            ("SRV", "1 2 3"),
            ("CNAME", "a..b"),
            ("CAA", "0 issue"),
            ("TXT", ""),
            ("A", r"\# 3 0A0000"),
            ("A", r"\# 4 0A0000"),
        ] {
            let problem = value(rtype, text).unwrap_err();
            assert!(problem.contains(text.split(' ').next().unwrap()), "{rtype} {text}: {problem}");
        }
    }

    #[test]
    fn spellings_of_one_value_are_told() {
        let same = |rtype: &str, left: &str, right: &str| {
            let data = |text: &str| RecordData::parse(&rtype.parse().unwrap(), text).unwrap();
            is_same(&data(left), &data(right))
        };
        assert!(same("TLSA", "3 1 1 ABCD", "3 1 1  ab cd"));
        assert!(same("TLSA", "3 1 1 ABCD", r"\# 5 03 01 01 ABCD"));
        assert!(!same("TLSA", "3 1 1 ABCD", "3 1 1 ABCE"));
        assert!(same("LOC", "52 22 23 N 4 53 32 E -2m", "52 22 23 N 4 53 32 E -2m"));
        assert!(!same("LOC", "52 22 23 N 4 53 32 E -2m", "52 22 23 N 4 53 32 E -2.0m"));
        assert!(same("DNAME", "Other.Example.", "other.example."));
        assert!(same("DNAME", "other.example.", r"\# 15 054F74686572 076578616D706C65 00"));
    }

    #[test]
    fn spellings_of_one_type_are_told() {
        let data = |rtype: &str, text: &str| RecordData::parse(&rtype.parse().unwrap(), text).unwrap();
        let same = |(left, of_left), (right, of_right)| is_same(&data(left, of_left), &data(right, of_right));
        assert!(same(("TYPE52", "3 1 1 ABCD"), ("TLSA", "3 1 1 abcd")));
        assert!(same(("TYPE53", "3 1 1 ABCD"), ("SMIMEA", "3 1 1 ABCD")));
        assert!(same(("TYPE65534", r"\# 1 ab"), ("TYPE65534", r"\# 1 AB")));
        assert!(!same(("TYPE52", "3 1 1 ABCD"), ("TLSA", "3 1 1 ABCE")));
        assert!(!same(("TLSA", "3 1 1 ABCD"), ("SMIMEA", "3 1 1 ABCD")));
        assert_eq!(rtype(b"TYPE23").unwrap().as_str(), "NSAP-PTR");
        assert_eq!(written_type(&data("TLSA", r"\# 4 030101AB")), "TYPE52");
        assert_eq!(written_type(&data("TLSA", "3 1 1 AB")), "TLSA");
    }

    #[test]
    fn what_servers_would_not_take_is_objected_to() {
        let objection = |rtype: &str, text: &str| objection(&RecordData::parse(&rtype.parse().unwrap(), text).unwrap());
        assert_eq!(objection("TLSA", "3 1 1 ABCD"), None);
        assert_eq!(objection("LOC", "52 22 23 N 4 53 32 E -2m"), None);
        assert_eq!(objection("DNAME", "a.example."), None);
        assert!(objection("DNAME", "a.example").unwrap().contains("a.example"));
        assert!(objection("TLSA", "3 1 1 XYZ").is_some());
        assert!(objection("LOC", r"\# 2 00").is_some());
    }
}
