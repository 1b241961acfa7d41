//! Our own labels.

use super::text::{data, flag, host_names, provider, rtype, ttl, words};
use super::{Answer, Ask, Attributes, Container, Content, Rules};

const PREFIX: &str = "dnsmgmt.";
const NAME: &str = "dnsmgmt.name";
const TYPE: &str = "dnsmgmt.type";
const CONTENT: &str = "dnsmgmt.content";
const TTL: &str = "dnsmgmt.ttl";
const PROXIED: &str = "dnsmgmt.proxied";
const PROVIDER: &str = "dnsmgmt.provider";
const SKIP: &str = "dnsmgmt.skip";

/// All that there are.
const KEYS: [&str; 7] = [NAME, TYPE, CONTENT, TTL, PROXIED, PROVIDER, SKIP];

pub(super) fn is_skipped(container: &Container) -> Result<bool, String> {
    container.labels.get(SKIP).map_or(Ok(false), |text| flag(SKIP, text))
}

pub(super) fn asks(container: &Container, rules: &Rules) -> Result<Vec<Ask>, String> {
    let label = |key: &'static str| container.labels.get(key).map(|text| (key, text.as_str()));
    let is_unknown = |key: &&String| key.starts_with(PREFIX) && !KEYS.contains(&key.as_str());
    if let Some(unknown) = container.labels.keys().find(is_unknown) {
        return Err(format!("there is no label {}; there are {}", super::shown(unknown), KEYS.join(", ")));
    }
    let attributes = attributes(container)?;
    let rtype = label(TYPE).map(|(key, text)| rtype(key, text)).transpose()?;
    let content = label(CONTENT).filter(|(_, text)| !text.trim().is_empty());
    let content = match content.map(|(key, text)| (key, text.trim(), text)) {
        Some((_, "container", _)) => Content::Address(Answer::Container),
        Some((_, "host", _)) => Content::Address(Answer::Host),
        Some((key, _, text)) => Content::Data(data(key, rtype.as_ref(), text)?),
        None => Content::Address(rules.answer),
    };
    if let (Content::Address(_), Some(rtype)) = (&content, rtype.as_ref().filter(|rtype| !rtype.is_address())) {
        return Err(format!("the label {TYPE} asks for {rtype}, so {CONTENT} must hold its value"));
    }
    let Some((key, text)) = label(NAME) else { return Ok(Vec::new()) };
    let names = host_names(key, text, true)?.into_iter();
    let ask = |name| Ask {
        name,
        because: NAME.into(),
        rtype: rtype.clone(),
        content: content.clone(),
        attributes: attributes.clone(),
    };
    Ok(names.map(ask).collect())
}

/// Returns what is said of every record; the plain name follows it too.
pub(super) fn attributes(container: &Container) -> Result<Attributes, String> {
    let label = |key: &'static str| container.labels.get(key).map(|text| (key, text.as_str()));
    let providers = label(PROVIDER).map_or_else(Vec::new, |(_, text)| words(text));
    Ok(Attributes {
        ttl: label(TTL).map(|(key, text)| ttl(key, text)).transpose()?,
        proxied: label(PROXIED).map(|(key, text)| flag(key, text)).transpose()?,
        providers: providers.into_iter().map(|word| provider(PROVIDER, word)).collect::<Result<_, _>>()?,
    })
}
