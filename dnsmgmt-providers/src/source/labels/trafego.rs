//! TrafegoDNS' labels.
//!
//! What is said of a provider, `dns.cloudflare.ttl`, counts more than what is said of all, `dns.ttl`. The provider is the one that
//! `dns.provider` names, else the configured one.

use dnsmgmt_core::name::Name;
use dnsmgmt_core::record::{RecordData, RecordType, Ttl};

use super::text::{data, flag, host_name, host_names, number, provider, rtype, ttl, words};
use super::{Answer, Ask, Attributes, Container, Content, Rules};

/// TrafegoDNS' own values where nothing is said.
const PRIORITY: u16 = 10;
const SRV_PRIORITY: u16 = 1;
const WEIGHT: u16 = 1;
const PORT: u16 = 80;
const FLAGS: u8 = 0;
const TAG: &str = "issue";

/// Returns whether the container wants nothing.
pub(super) fn is_skipped(container: &Container, rules: &Rules) -> Result<bool, String> {
    Labels::of(container, rules).get("skip").map_or(Ok(false), |(key, text)| flag(&key, text))
}

/// Returns whether the container says that it wants to be looked at.
pub(super) fn is_managed(container: &Container, rules: &Rules) -> Result<bool, String> {
    Labels::of(container, rules).get("manage").map_or(Ok(false), |(key, text)| flag(&key, text))
}

pub(super) fn asks(container: &Container, rules: &Rules) -> Result<Vec<Ask>, String> {
    let names = names(container)?;
    if names.is_empty() {
        return Ok(Vec::new());
    }
    let spoken = Spoken::read(container, rules)?;
    let domain = container.labels.get("dns.domain").map(|text| domain(text)).transpose()?;
    let ask = |(name, because): (Name, String)| {
        let (rtype, content) = spoken.content(&name, domain.as_ref())?;
        Ok(Ask { name, because, rtype, content, attributes: spoken.attributes.clone() })
    };
    names.into_iter().map(ask).collect()
}

/// Returns the names, each with the label that says it.
fn names(container: &Container) -> Result<Vec<(Name, String)>, String> {
    let label = |key: &str| container.labels.get(key).map(String::as_str);
    let mut names = Vec::new();
    let mut add = |key: &str, found: Vec<Name>| names.extend(found.into_iter().map(|name| (name, key.to_owned())));
    if let Some(text) = label("dns.hostname") {
        add("dns.hostname", host_names("dns.hostname", text, true)?);
    }
    let uses_apex = label("dns.use_apex").map_or(Ok(false), |text| flag("dns.use_apex", text))?;
    if let Some(domain) = label("dns.domain").map(domain).transpose()? {
        let subdomains = label("dns.subdomain").map_or_else(Vec::new, words);
        for subdomain in &subdomains {
            let name = host_name(&format!("{subdomain}.{domain}"), true);
            add("dns.subdomain", vec![name.map_err(|why| format!("label dns.subdomain: {why}"))?]);
        }
        if uses_apex {
            add("dns.use_apex", vec![domain.clone()]);
        }
        if subdomains.is_empty() && !uses_apex && label("dns.hostname").is_none() {
            let name = host_name(&format!("{}.{domain}", container.name), false);
            add("dns.domain", vec![name.map_err(|why| format!("label dns.domain: {why}"))?]);
        }
    } else if uses_apex || label("dns.subdomain").is_some() {
        return Err("the labels dns.subdomain and dns.use_apex need dns.domain".into());
    }
    for (key, text) in container.labels.iter().filter(|(key, _)| key.starts_with("dns.host.")) {
        let because = super::shown(key).trim_matches('`').to_owned();
        add(&because, host_names(&because, text, true)?);
    }
    Ok(names)
}

fn domain(text: &str) -> Result<Name, String> {
    host_name(text, false).map_err(|why| format!("label dns.domain: {why}"))
}

/// The labels, those of the provider before those of all.
struct Labels<'a> {
    container: &'a Container,
    provider: Option<String>,
}

impl<'a> Labels<'a> {
    fn of(container: &'a Container, rules: &Rules) -> Self {
        let said = container.labels.get("dns.provider").map(|text| text.trim().to_owned());
        Self { container, provider: said.or_else(|| rules.provider.clone()) }
    }

    fn get(&self, key: &str) -> Option<(String, &'a str)> {
        let of_provider = self.provider.as_ref().map(|provider| format!("dns.{provider}.{key}"));
        let keys = of_provider.into_iter().chain([format!("dns.{key}")]);
        keys.into_iter().find_map(|key| {
            let text = self.container.labels.get(&key)?;
            Some((key, text.as_str()))
        })
    }
}

/// What the labels say of records, whatever their names.
#[derive(Debug, Clone, Default)]
pub(super) struct Spoken {
    pub(super) attributes: Attributes,
    rtype: Option<RecordType>,
    /// The label and what it says.
    content: Option<(String, String)>,
    priority: Option<u16>,
    weight: Option<u16>,
    port: Option<u16>,
    flags: Option<u8>,
    tag: Option<String>,
}

impl Spoken {
    pub(super) fn read(container: &Container, rules: &Rules) -> Result<Self, String> {
        let labels = Labels::of(container, rules);
        let get = |key: &str| labels.get(key);
        let number16 = |key: &str| get(key).map(|(key, text)| number(&key, text)).transpose();
        Ok(Self {
            attributes: Attributes {
                ttl: get("ttl").map(|(key, text)| own_ttl(&key, text)).transpose()?,
                // TrafegoDNS takes everything but this one word for true.
                proxied: get("proxied").map(|(key, text)| flag(&key, text).unwrap_or(true)),
                providers: providers(container)?,
            },
            rtype: get("type").map(|(key, text)| rtype(&key, text)).transpose()?,
            content: get("content").map(|(key, text)| (key, text.to_owned())),
            priority: number16("priority")?,
            weight: number16("weight")?,
            port: number16("port")?,
            flags: get("flags").map(|(key, text)| number(&key, text)).transpose()?,
            tag: get("tag").map(|(_, text)| text.trim().to_owned()),
        })
    }

    /// Returns type and value of a name's record. A name without a value is one of the host, and an alias without one leads to the
    /// domain.
    pub(super) fn content(&self, name: &Name, domain: Option<&Name>) -> Result<(Option<RecordType>, Content), String> {
        let rtype = self.rtype.clone();
        let Some((key, text)) = &self.content else {
            return match &rtype {
                None => Ok((rtype, Content::Address(Answer::Host))),
                Some(of) if of.is_address() => Ok((rtype, Content::Address(Answer::Host))),
                Some(RecordType::Cname) if domain.is_some_and(|domain| domain != name) => {
                    let target = domain.cloned().unwrap_or_else(|| name.clone());
                    Ok((rtype, Content::Data(RecordData::Cname(target))))
                }
                Some(of) => Err(format!("the label dns.type asks for {of}, so dns.content must hold its value")),
            };
        };
        let data = match rtype {
            Some(RecordType::Mx) => RecordData::Mx {
                preference: self.priority.unwrap_or(PRIORITY),
                exchange: host_name(text, false).map_err(|why| format!("label {key}: {why}"))?,
            },
            Some(RecordType::Srv) => RecordData::Srv {
                priority: self.priority.unwrap_or(SRV_PRIORITY),
                weight: self.weight.unwrap_or(WEIGHT),
                port: self.port.unwrap_or(PORT),
                target: host_name(text, false).map_err(|why| format!("label {key}: {why}"))?,
            },
            Some(RecordType::Caa) if text.contains(char::is_control) => {
                return Err(format!("the label {key} holds control characters: {}", super::shown(text)));
            }
            Some(RecordType::Caa) => {
                let tag = self.tag.as_deref().unwrap_or(TAG);
                RecordData::caa(self.flags.unwrap_or(FLAGS), tag, text.trim().as_bytes())
                    .ok_or_else(|| format!("the label dns.tag is letters and digits, not {}", super::shown(tag)))?
            }
            // TrafegoDNS' default type is CNAME, and an address makes it A or AAAA: what the value itself says.
            ref rtype => data(key, rtype.as_ref(), text)?,
        };
        Ok((rtype, Content::Data(data)))
    }
}

/// Where Cloudflare is meant, 1 is its word for "automatic" (Cloudflare API, "DNS Records").
fn own_ttl(key: &str, text: &str) -> Result<Ttl, String> {
    if text.trim() == "1" { Ok(Ttl::Automatic) } else { ttl(key, text) }
}

fn providers(container: &Container) -> Result<Vec<String>, String> {
    let of = |key: &'static str| {
        let words = container.labels.get(key).map_or_else(Vec::new, |text| words(text));
        words.into_iter().map(|word| provider(key, word)).collect::<Result<Vec<_>, _>>()
    };
    let (one, several) = (of("dns.provider")?, of("dns.providers")?);
    if several.iter().any(|name| name == "all") {
        return Err("the label dns.providers names the providers; `all` is not known".into());
    }
    Ok(if several.is_empty() { one } else { several })
}
