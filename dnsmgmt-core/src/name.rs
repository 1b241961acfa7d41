//! Absolute domain names.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use crate::provider::RunId;

/// The most octets a label may have (RFC 1035 section 2.3.4).
const MAX_LABEL: usize = 63;
/// The most octets a name may have on the wire, length octets and the root's included (RFC 1035 section 2.3.4).
const MAX_NAME: usize = 255;
/// A label `*` that is not the leftmost, as it is kept.
const ESCAPED_STAR: &str = "\\042";
/// The domain below which a provider without an honest delete puts entries that it is about to remove.
const TOMBSTONES: &str = "tombstone.invalid";

/// An absolute, lower-case domain name.
///
/// There is no relative name: a trailing dot is accepted when reading and never kept. Internationalised labels are stored as
/// A-labels (RFC 5890). Octets other than letters, digits, `-`, `_`, `/` and a leading `*` label are kept as `\DDD`
/// (RFC 1035 section 5.1), so that a dot in the text always separates labels.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(Arc<str>);

impl Name {
    /// Reads a name as people and zone files write it, with or without the trailing dot.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        if text.is_ascii() {
            return Self::parse_ascii(text);
        }
        if text.contains('\\') {
            return Err(NameError::EscapeBesideUnicode { name: text.into() });
        }
        let ascii: Result<Vec<String>, NameError> =
            text.split(['.', '\u{3002}', '\u{ff0e}', '\u{ff61}']).map(|label| to_a_label(text, label)).collect();
        Self::parse_ascii(&ascii?.join("."))
    }

    fn parse_ascii(text: &str) -> Result<Self, NameError> {
        if text.is_empty() {
            return Err(NameError::Empty);
        }
        let relative = text.strip_suffix('.').filter(|head| !ends_in_escape(head)).unwrap_or(text);
        if relative.is_empty() {
            return Ok(Self::root());
        }
        let mut canonical = String::with_capacity(relative.len());
        let mut octets = 1;
        for (index, label) in split_labels(relative).enumerate() {
            if index > 0 {
                canonical.push('.');
            }
            octets += 1 + push_label(&mut canonical, text, label, index == 0)?;
        }
        within_limit(octets, text)?;
        Ok(Self(canonical.into()))
    }

    /// Builds a name from its labels as octets, the way they stand on the wire, without the root's empty label.
    pub fn from_labels<'a>(labels: impl IntoIterator<Item = &'a [u8]>) -> Result<Self, NameError> {
        let mut canonical = String::new();
        let mut octets = 1;
        for (index, label) in labels.into_iter().enumerate() {
            if index > 0 {
                canonical.push('.');
            }
            let start = canonical.len();
            for &octet in label {
                push_octet(&mut canonical, octet, label == b"*" && index == 0);
            }
            check_label(label.len(), &canonical[start..], &canonical)?;
            octets += 1 + label.len();
        }
        within_limit(octets, &canonical)?;
        Ok(if canonical.is_empty() { Self::root() } else { Self(canonical.into()) })
    }

    /// Returns the root of the tree, which also stands for "no zone" where an API has none.
    pub fn root() -> Self {
        Self(".".into())
    }

    /// Returns the name without the trailing dot, `.` for the root.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the name with the trailing dot, as zone files and DNS tools write it.
    pub fn with_dot(&self) -> String {
        if self.is_root() { ".".into() } else { format!("{}.", self.0) }
    }

    /// Returns the name with its A-labels decoded for people, where that can be read back.
    pub fn to_unicode(&self) -> String {
        match idna::domain_to_unicode(&self.0) {
            (text, Ok(())) if Self::parse(&text).is_ok_and(|again| again == *self) => text,
            _ => self.0.to_string(),
        }
    }

    /// Returns the labels as text, from the left, escapes included.
    pub fn labels(&self) -> impl DoubleEndedIterator<Item = &str> {
        self.0.split('.').filter(|label| !label.is_empty())
    }

    /// Returns the labels as octets, from the left.
    pub fn octet_labels(&self) -> impl Iterator<Item = Vec<u8>> {
        self.labels()
            .map(|label| Unescape::new(label).map(|octet| octet.expect("a stored name is canonical").1).collect())
    }

    /// Returns whether this is the root.
    pub fn is_root(&self) -> bool {
        &*self.0 == "."
    }

    /// Returns whether the leftmost label is `*` (RFC 4592).
    pub fn is_wildcard(&self) -> bool {
        self.0.starts_with("*.") || &*self.0 == "*"
    }

    /// Returns whether the wildcard name covers `name`, that is, would answer for it if nothing closer existed (RFC 4592).
    pub fn covers(&self, name: &Self) -> bool {
        self.is_wildcard() && self.parent().is_some_and(|parent| name != &parent && name.is_within(&parent))
    }

    /// Returns the name without its leftmost label, or nothing for the root.
    pub fn parent(&self) -> Option<Self> {
        if self.is_root() {
            return None;
        }
        let Some((_, parent)) = self.0.split_once('.') else { return Some(Self::root()) };
        // A label `*` that is not the leftmost is kept escaped, and is the leftmost now.
        Some(match parent.strip_prefix(ESCAPED_STAR) {
            Some(rest) if rest.is_empty() || rest.starts_with('.') => Self(format!("*{rest}").into()),
            _ => Self(parent.into()),
        })
    }

    /// Returns whether the name is `ancestor` or below it.
    pub fn is_within(&self, ancestor: &Self) -> bool {
        ancestor.is_root()
            || self.0.strip_suffix(&*ancestor.0).is_some_and(|head| head.is_empty() || head.ends_with('.'))
    }

    /// Returns the name relative to `origin` as zone files write it: `@` for the origin itself, nothing if it is not within.
    pub fn relative_to(&self, origin: &Self) -> Option<&str> {
        if self == origin {
            return Some("@");
        }
        if origin.is_root() {
            return Some(self.as_str());
        }
        self.0.strip_suffix(&*origin.0)?.strip_suffix('.')
    }

    /// Returns the name one label below this one.
    pub fn child(&self, label: &str) -> Result<Self, NameError> {
        if self.is_root() { Self::parse(label) } else { Self::parse(&format!("{label}.{}", self.0)) }
    }

    /// Returns the name under which a run puts entries that are on their way out (see [`Name::is_tombstone`]).
    pub fn tombstone(run: RunId) -> Self {
        Self(format!("{run}.{TOMBSTONES}").into())
    }

    /// Returns whether the name marks an entry that we renamed on its way out: the remains of a deletion asked for in the
    /// second way, ours by its form. RFC 2606 reserves `.invalid`, so nobody's real name ends like this.
    pub fn is_tombstone(&self) -> bool {
        self.0.strip_suffix(TOMBSTONES).is_some_and(|head| head.ends_with('.'))
    }
}

impl FromStr for Name {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        Self::parse(text)
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Name({})", self.0)
    }
}

/// Converts one label to its A-label; a label that is ASCII already stays as written, escapes are not expected here.
fn to_a_label(name: &str, label: &str) -> Result<String, NameError> {
    if label.is_ascii() {
        return Ok(label.to_owned());
    }
    idna::domain_to_ascii(label)
        .ok()
        .filter(|ascii| !ascii.is_empty())
        .ok_or_else(|| NameError::NotInternationalised { label: label.into(), name: name.into() })
}

/// Returns whether the text ends in a backslash that escapes what follows it.
fn ends_in_escape(text: &str) -> bool {
    text.bytes().rev().take_while(|&octet| octet == b'\\').count() % 2 == 1
}

/// Splits at the dots that are not escaped.
fn split_labels(text: &str) -> impl Iterator<Item = &str> {
    let mut escaped = false;
    text.split(move |character: char| {
        let separates = character == '.' && !escaped;
        escaped = character == '\\' && !escaped;
        separates
    })
}

/// Appends one label in canonical form and returns how many octets it has.
fn push_label(canonical: &mut String, name: &str, label: &str, first: bool) -> Result<usize, NameError> {
    let mut octets = 0;
    for octet in Unescape::new(label) {
        let (plain, octet) = octet.ok_or_else(|| NameError::BadEscape { label: label.into(), name: name.into() })?;
        let wildcard = first && label == "*";
        if plain && !wildcard && !is_plain(octet) {
            return Err(NameError::Character { character: octet.into(), label: label.into(), name: name.into() });
        }
        push_octet(canonical, octet, first && matches!(label, "*" | "\\*" | "\\042"));
        octets += 1;
    }
    check_label(octets, label, name)?;
    Ok(octets)
}

fn check_label(octets: usize, label: &str, name: &str) -> Result<(), NameError> {
    match octets {
        0 => Err(NameError::EmptyLabel { name: name.into() }),
        1..=MAX_LABEL => Ok(()),
        _ => Err(NameError::LongLabel { octets, label: label.into() }),
    }
}

fn within_limit(octets: usize, name: &str) -> Result<(), NameError> {
    if octets <= MAX_NAME {
        return Ok(());
    }
    let label = split_labels(name).max_by_key(|label| label.len()).unwrap_or_default();
    Err(NameError::LongName { octets, label: label.into(), name: name.into() })
}

/// Returns whether the octet stands for itself in a name's text.
fn is_plain(octet: u8) -> bool {
    octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'_' | b'/')
}

fn push_octet(canonical: &mut String, octet: u8, wildcard: bool) {
    if is_plain(octet) || wildcard {
        canonical.push(octet.to_ascii_lowercase().into());
    } else {
        canonical.push_str(&format!("\\{octet:03}"));
    }
}

/// The octets of a label's text, each with whether it stood there plainly; nothing for a broken escape.
struct Unescape<'a>(std::str::Bytes<'a>);

impl<'a> Unescape<'a> {
    fn new(label: &'a str) -> Self {
        Self(label.bytes())
    }

    fn escaped(&mut self) -> Option<(bool, u8)> {
        let first = self.0.next()?;
        if !first.is_ascii_digit() {
            return Some((false, first));
        }
        let digits = [first, self.0.next()?, self.0.next()?];
        let value = std::str::from_utf8(&digits).ok()?.parse().ok()?;
        Some((false, value))
    }
}

impl Iterator for Unescape<'_> {
    type Item = Option<(bool, u8)>;

    fn next(&mut self) -> Option<Self::Item> {
        match self.0.next()? {
            b'\\' => Some(self.escaped()),
            plain => Some(Some((true, plain))),
        }
    }
}

/// Why a text is not a domain name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NameError {
    /// Nothing was given.
    #[error("a domain name is missing; the root is written as `.`")]
    Empty,
    /// Two dots in a row, or a dot at the start.
    #[error("`{name}` has an empty label: two dots in a row, or a dot at the start")]
    EmptyLabel {
        /// The name as given.
        name: String,
    },
    /// A label over RFC 1035's 63 octets.
    #[error("the label `{label}` has {octets} octets; DNS allows {MAX_LABEL}")]
    LongLabel {
        /// How many octets it has.
        octets: usize,
        /// The label as given.
        label: String,
    },
    /// A name over RFC 1035's 255 octets.
    #[error("`{name}` has {octets} octets on the wire; DNS allows {MAX_NAME} (its longest label is `{label}`)")]
    LongName {
        /// How many octets it has.
        octets: usize,
        /// The longest of its labels.
        label: String,
        /// The name as given.
        name: String,
    },
    /// A character that cannot stand there unescaped.
    #[error("the label `{label}` of `{name}` has the character {character:?}, which no host name has")]
    Character {
        /// The character.
        character: char,
        /// The label as given.
        label: String,
        /// The name as given.
        name: String,
    },
    /// A backslash that is not followed by a character or three digits up to 255.
    #[error("the label `{label}` of `{name}` has a broken escape; write `\\DDD` with three digits up to 255")]
    BadEscape {
        /// The label as given.
        label: String,
        /// The name as given.
        name: String,
    },
    /// A label that IDNA does not allow.
    #[error("the label `{label}` of `{name}` is not a valid internationalised name (IDNA)")]
    NotInternationalised {
        /// The label as given.
        label: String,
        /// The name as given.
        name: String,
    },
    /// Escapes and letters beyond ASCII in one name, which could be read in two ways.
    #[error("`{name}` has both an escape and letters beyond ASCII; write the internationalised labels as `xn--...`")]
    EscapeBesideUnicode {
        /// The name as given.
        name: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> Name {
        Name::parse(text).unwrap()
    }

    #[test]
    fn a_name_is_folded_and_loses_its_dot() {
        assert_eq!(name("WWW.Example.COM.").as_str(), "www.example.com");
        assert_eq!(name("www.example.com"), name("www.EXAMPLE.com."));
        assert_eq!(name(".").as_str(), ".");
        assert_eq!(name("_acme-challenge.X").as_str(), "_acme-challenge.x");
    }

    #[test]
    fn internationalised_names_are_stored_as_a_labels() {
        assert_eq!(name("Bücher.example").as_str(), "xn--bcher-kva.example");
        assert_eq!(name("*.bücher。example").as_str(), "*.xn--bcher-kva.example");
        assert_eq!(name("_dmarc.straße.de").as_str(), "_dmarc.xn--strae-oqa.de");
        assert_eq!(name("xn--bcher-kva.example").to_unicode(), "bücher.example");
        let error = Name::parse("www.a\u{378}b.example").unwrap_err();
        assert!(matches!(&error, NameError::NotInternationalised { label, .. } if label == "a\u{378}b"), "{error}");
    }

    #[test]
    fn a_wildcard_stands_only_at_the_left() {
        assert!(name("*.example.com").is_wildcard());
        assert!(name("\\*.example.com").is_wildcard());
        assert!(name("*.example.com").covers(&name("a.b.example.com")));
        assert!(!name("*.example.com").covers(&name("example.com")));
        assert!(matches!(Name::parse("a.*.example.com"), Err(NameError::Character { character: '*', .. })));
        assert!(matches!(Name::parse("a*.example.com"), Err(NameError::Character { .. })));
    }

    #[test]
    fn limits_name_the_label() {
        let long = "a".repeat(64);
        let error = Name::parse(&format!("www.{long}.example")).unwrap_err();
        assert_eq!(error, NameError::LongLabel { octets: 64, label: long });
        let labels = vec!["abcdefg"; 32].join(".");
        assert!(matches!(Name::parse(&labels), Err(NameError::LongName { octets: 257, .. })));
        assert!(Name::parse(&"a.".repeat(127)).is_ok());
        assert!(matches!(Name::parse(&"a.".repeat(128)), Err(NameError::LongName { .. })));
        assert!(matches!(Name::parse("a..b"), Err(NameError::EmptyLabel { .. })));
        assert!(matches!(Name::parse(".a"), Err(NameError::EmptyLabel { .. })));
        assert!(matches!(Name::parse("a b.c"), Err(NameError::Character { character: ' ', .. })));
        assert_eq!(Name::parse(""), Err(NameError::Empty));
    }

    #[test]
    fn escapes_are_canonical() {
        assert_eq!(name("john\\.doe.example.com").as_str(), "john\\046doe.example.com");
        assert_eq!(name("john\\046doe.example.com").labels().count(), 3);
        assert_eq!(name("a\\\\.b").as_str(), "a\\092.b");
        assert_eq!(name("a\\.").as_str(), "a\\046");
        assert!(matches!(Name::parse("a\\25.b"), Err(NameError::BadEscape { .. })));
        assert!(matches!(Name::parse("a\\256.b"), Err(NameError::BadEscape { .. })));
        let octets: Vec<Vec<u8>> = name("a\\000\\.b.c").octet_labels().collect();
        assert_eq!(octets, [b"a\0.b".to_vec(), b"c".to_vec()]);
        assert_eq!(Name::from_labels(octets.iter().map(Vec::as_slice)).unwrap(), name("a\\000\\.b.c"));
    }

    #[test]
    fn the_tree() {
        assert!(name("a.b.c").is_within(&name("b.c")));
        assert!(name("b.c").is_within(&name("b.c")));
        assert!(!name("ab.c").is_within(&name("b.c")));
        assert!(name("b.c").is_within(&Name::root()));
        assert_eq!(name("a.b.c").parent(), Some(name("b.c")));
        assert_eq!(name("c").parent(), Some(Name::root()));
        assert_eq!(Name::root().parent(), None);
        assert_eq!(name(r"a.\*.c").parent(), Some(name("*.c")), "the leftmost label is a wildcard's");
        assert_eq!(name(r"a.\*").parent(), Some(name("*")));
        assert_eq!(name("a.b.c").relative_to(&name("b.c")), Some("a"));
        assert_eq!(name("b.c").relative_to(&name("b.c")), Some("@"));
        assert_eq!(name("ab.c").relative_to(&name("b.c")), None);
        assert!(name("r1.tombstone.invalid").is_tombstone());
        assert!(!name("tombstone.invalid").is_tombstone());
        assert!(!name("xtombstone.invalid").is_tombstone());
    }
}
