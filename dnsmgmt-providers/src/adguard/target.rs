//! What v0.107.79 takes for the target of a CNAME. With anything else in its settings it does not start.

use std::borrow::Cow;

use idna::punycode;

/// What a label that is Punycode begins with (RFC 3490 section 5).
const PREFIX: &str = "xn--";

/// Returns why v0.107.79 refuses this target, if it does.
///
/// This is golibs' `netutil.ValidateDomainName`: every label is turned into an A-label by Punycode alone, without a look at
/// which letters IDNA allows; then lengths count, and the last label is a host name's with something else than digits. Stricter is
/// this only with Punycode of surrogates, which Go reads as U+FFFD.
pub(super) fn refusal(target: &str) -> Option<&'static str> {
    if target.is_empty() {
        return Some("the target of the CNAME is empty");
    }
    let Some(labels) = target.split('.').map(to_a_label).collect::<Option<Vec<_>>>() else {
        return Some("a label of the CNAME's target begins with `xn--` and is no internationalised name");
    };
    if labels.iter().any(|label| label.is_empty()) {
        return Some("the target of the CNAME has an empty label, or ends in a dot");
    }
    if labels.iter().any(|label| label.len() > 63) {
        return Some("a label of the CNAME's target has more than 63 characters");
    }
    if labels.join(".").len() > 253 {
        return Some("the target of the CNAME has more than 253 characters");
    }
    let last = labels.last()?;
    let inner = |octet: u8| octet.is_ascii_alphanumeric() || octet == b'-';
    if !last.bytes().all(inner) || last.starts_with('-') || last.ends_with('-') {
        return Some("the last label of the CNAME's target has a character that no top-level domain has");
    }
    let is_number = last.bytes().all(|octet| octet.is_ascii_digit());
    is_number.then_some("the last label of the CNAME's target is a number")
}

/// Turns a label into ASCII as Go's `idna.Punycode` does: one that is Punycode already is decoded first. Nothing if it cannot
/// be, or holds nothing that needed it.
fn to_a_label(label: &str) -> Option<Cow<'_, str>> {
    let letters = match label.strip_prefix(PREFIX) {
        Some(encoded) => Cow::Owned(decode(encoded).filter(|letters| letters.is_empty() || !letters.is_ascii())?),
        None => Cow::Borrowed(label),
    };
    if letters.is_ascii() {
        return Some(letters);
    }
    punycode::encode_str(&letters).map(|encoded| format!("{PREFIX}{encoded}").into())
}

/// Go takes what stands before the last hyphen as it is, letters beyond ASCII too, so ASCII stands in for it here.
fn decode(encoded: &str) -> Option<String> {
    let (basic, _) = encoded.rsplit_once('-').unwrap_or_default();
    let stand_in = "a".repeat(basic.chars().count());
    let decoded = punycode::decode_to_string(&format!("{stand_in}{}", &encoded[basic.len()..]))?;
    let mut basic = basic.chars();
    Some(
        decoded.chars().map(|letter| if letter.is_ascii() { basic.next().unwrap_or(letter) } else { letter }).collect(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_that_are_taken() {
        let long = ["a".repeat(63), "b".repeat(63), "c".repeat(63), "d".repeat(61)].join(".");
        let taken = [
            "host.example",
            "a",
            "1.a1",
            "host_x.example",
            "a b.example",
            "\\032.example",
            "bücher.docker",
            "x.bücher",
            "xn--bcher-kva.example",
            "xn--a.example",
            "x.xn--a",
            "XN--zz!.example",
            "xn--ü-.docker",
            "xn--ü-kva.docker",
            "🦀.example",
            "１.example",
            &long,
        ];
        for target in taken {
            assert_eq!(refusal(target), None, "{target}");
        }
    }

    #[test]
    fn targets_that_are_refused() {
        let beyond_ascii = format!("{}.docker", "ü".repeat(60));
        let (label, whole) =
            ("a".repeat(64), ["a".repeat(63), "b".repeat(63), "c".repeat(63), "d".repeat(62)].join("."));
        let refused = [
            "",
            ".",
            "host.",
            "a..b",
            ".a",
            "host_x",
            "10.0.0.300",
            "10.0.0.0/24",
            "10.0.0.1:80",
            "x.-e",
            "x.e-",
            "x.y z",
            "1699564820,web-01",
            "xn--.example",
            "xn--a-.example",
            "xn--zzzzzzzzz99.example",
            "xn--ü.docker",
            "xn--bücher.docker",
            "x.xn--ü",
            "host.ü_",
            "x.xn--_-wka",
            &beyond_ascii,
            &label,
            &whole,
        ];
        for target in refused {
            assert!(refusal(target).is_some(), "{target}");
        }
    }
}
