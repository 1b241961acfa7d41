//! What a value must be, wherever it is given. An error is a sentence without its subject's place.

use dnsmgmt_core::name::Name;
use dnsmgmt_core::own_mark::OwnMark;
use url::Url;

/// Returns the name of a zone.
pub(crate) fn zone(text: &str) -> Result<Name, String> {
    let name = Name::parse(text).map_err(|error| error.to_string())?;
    match () {
        () if name.is_root() => Err("the root is not a zone that records can be kept in".into()),
        () if name.is_wildcard() => Err(format!("`{name}` is a wildcard, not a zone")),
        () => Ok(name),
    }
}

/// Reads an address. What is wrong is said without it, because it may hold a password or be a secret.
pub(crate) fn address(text: &str) -> Result<Url, String> {
    let other_scheme = || "the address must start with http:// or https://".to_owned();
    let url = Url::parse(text).map_err(|error| match error {
        url::ParseError::RelativeUrlWithoutBase => other_scheme(),
        error => format!("not an address: {error}"),
    })?;
    if matches!(url.scheme(), "http" | "https") { Ok(url) } else { Err(other_scheme()) }
}

/// Checks the address of a service.
pub(crate) fn url(text: &str) -> Result<(), String> {
    let url = address(text)?;
    match () {
        () if !url.username().is_empty() || url.password().is_some() => {
            Err("the address holds a user; user and password have their own settings".into())
        }
        () if url.query().is_some() || url.fragment().is_some() => {
            Err("the address holds a `?` or a `#`; it ends with the path".into())
        }
        () => Ok(()),
    }
}

/// Checks an id of a Cloudflare zone: 32 hexadecimal digits (Cloudflare API, "Zone Details"). What is wrong is said without the
/// value, which may be the token.
pub(crate) fn zone_id(text: &str) -> Result<(), String> {
    if text.len() == 32 && text.bytes().all(|octet| octet.is_ascii_hexdigit()) {
        return Ok(());
    }
    Err("this is not a zone id; an id is 32 hexadecimal digits and stands on the zone's overview page".into())
}

/// Checks the text of our mark in comments: with an owner id as it is made at random it must fit every plan, also Free, which takes
/// 100 characters (Cloudflare DNS docs, "Record attributes").
pub(crate) fn comment(text: &str) -> Result<(), String> {
    const LIMIT: usize = 100;
    const OWNER_ID: &str = "0123456789abcdef";
    let mark = OwnMark::new(text, OWNER_ID).map_err(|error| error.to_string())?;
    if mark.comment(LIMIT).is_some() {
        return Ok(());
    }
    Err(format!("the comment has more than {LIMIT} characters, {} of them the owner id", OWNER_ID.len()))
}

/// Checks a provider's name, which stands in reports and in the database.
pub(crate) fn provider_name(text: &str) -> Result<(), String> {
    let plain = |octet: u8| octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'_' | b'.');
    if (1..=63).contains(&text.len()) && text.bytes().all(plain) {
        return Ok(());
    }
    Err("a provider's name is 1 to 63 of the characters A-Z a-z 0-9 - _ .".into())
}
