//! Which provider and which zone a command speaks to.

use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use dnsmgmt_core::name::Name;
use dnsmgmt_core::own_mark::DEFAULT_TEMPLATE;
use secrecy::SecretString;
use url::Url;

use crate::adguard::{AdGuardConfig, Credentials};
use crate::cloudflare::{Budget, CLOUDFLARE_API, CloudflareConfig, CloudflareZone, DEFAULT_BATCH};
use crate::dns::Server;
use crate::powerdns::{DEFAULT_SERVER_ID, PowerDnsConfig};
use crate::rfc2136::Rfc2136Config;
use crate::webhook::WebhookConfig;
use crate::zonefile::ZonefileConfig;

use super::Settings;
use super::alone;
use super::diagnostic::Diagnostic;
use super::provider::{Kind, Login, Provider, Service, ZoneFile};
use super::rfc2136::Rfc2136Zone;
use super::table::list;
use super::vars::{Carrier, Environment};

/// A provider and a zone to connect to, with what was asked for. Its secrets are read already; `Debug` hides them.
#[derive(Debug, Clone)]
pub struct Target {
    pub(crate) provider: String,
    pub(crate) service: Bound,
    /// The zone that the configuration or the caller names.
    pub(crate) zone: Option<Name>,
    /// The text of our mark in comments, where it is not the default one.
    pub(crate) comment: Option<String>,
    /// The DNS server that is asked too whether a change is answered.
    pub(crate) witness: Option<Server>,
    pub(crate) names: Vec<Name>,
}

impl Target {
    /// Returns the provider's name.
    pub fn provider(&self) -> &str {
        &self.provider
    }

    /// Returns the zone, nothing where only the service itself knows it.
    pub fn zone(&self) -> Option<&Name> {
        self.zone.as_ref()
    }

    /// Lets a zone file that does not exist yet count as an empty zone, which the first creation makes. Without it a missing
    /// file is an error, because a mistyped path must not look like a zone from which everything is gone.
    #[must_use]
    pub fn make_missing(mut self) -> Self {
        if let Bound::Zonefile(config) = &mut self.service {
            config.make_missing = true;
        }
        self
    }

    /// Returns the names that were asked for and belong here.
    pub fn names(&self) -> &[Name] {
        &self.names
    }

    /// Returns the text of our mark in comments, with `{owner}` for the owner id; nothing where the kind keeps no comments.
    pub fn comment_template(&self) -> Option<&str> {
        match self.service {
            Bound::Cloudflare(_) | Bound::CloudflareToken(_) => {
                Some(self.comment.as_deref().unwrap_or(DEFAULT_TEMPLATE))
            }
            Bound::PowerDns(_) => Some(DEFAULT_TEMPLATE),
            Bound::Zonefile(_) | Bound::AdGuard(_) | Bound::Rfc2136(_) | Bound::Webhook(_) => None,
        }
    }

    /// Returns the DNS server that is to be asked whether a change is answered, where one is configured; where it is to be asked
    /// `anyway`, the one that the provider is itself.
    pub fn witness(&self, anyway: bool) -> Option<Server> {
        let itself = || match &self.service {
            Bound::AdGuard(config) => Url::parse(&config.url).ok()?.host_str()?.parse().ok(),
            Bound::Rfc2136(config) => Some(config.server.clone()),
            Bound::Zonefile(_)
            | Bound::Cloudflare(_)
            | Bound::CloudflareToken(_)
            | Bound::PowerDns(_)
            | Bound::Webhook(_) => None,
        };
        self.witness.clone().or_else(|| itself().filter(|_| anyway))
    }

    /// Returns the server or file that holds the zone, in one spelling and without any secret. A path is taken as it is written,
    /// symbolic links and all; one that is relative begins in `folder`, the program's current one.
    pub fn endpoint(&self, folder: &Path) -> String {
        match &self.service {
            Bound::Zonefile(config) => file(&folder.join(&config.path)),
            Bound::AdGuard(config) => server(&config.url),
            Bound::Cloudflare(config) => server(&config.url),
            Bound::CloudflareToken(token) => server(&token.url),
            Bound::Rfc2136(config) => format!("dns://{}", config.server),
            Bound::PowerDns(config) => powerdns(config),
            Bound::Webhook(config) => server(&config.url),
        }
    }
}

fn file(path: &Path) -> String {
    let plain: PathBuf = path.components().collect();
    format!("file:{}", plain.display())
}

fn server(url: &str) -> String {
    let url = Url::parse(url).expect("addresses are checked when they are read, and hold no user");
    url.as_str().trim_end_matches('/').to_owned()
}

/// The server's id tells the servers behind one proxy apart.
fn powerdns(config: &PowerDnsConfig) -> String {
    let server = server(&config.url);
    let server = server.strip_suffix("/api/v1").unwrap_or(&server);
    if config.server_id == DEFAULT_SERVER_ID { server.into() } else { format!("{server}#{}", config.server_id) }
}

/// A service bound to one zone, with all that it takes to connect.
#[derive(Debug, Clone)]
pub(crate) enum Bound {
    Zonefile(ZonefileConfig),
    AdGuard(AdGuardConfig),
    Cloudflare(CloudflareConfig),
    /// A token whose zones are to be looked up.
    CloudflareToken(CloudflareToken),
    Rfc2136(Rfc2136Config),
    PowerDns(PowerDnsConfig),
    Webhook(WebhookConfig),
}

#[derive(Debug, Clone)]
pub(crate) struct CloudflareToken {
    pub(crate) name: String,
    pub(crate) url: String,
    pub(crate) token: SecretString,
    pub(crate) batch: usize,
    pub(crate) budget: Budget,
}

impl CloudflareToken {
    pub(crate) fn with(self, zone: CloudflareZone) -> CloudflareConfig {
        let Self { name, url, token, batch, budget } = self;
        CloudflareConfig { name, url, token, zone, batch, budget }
    }
}

impl Settings {
    /// Returns what a command speaks to. The provider is the named one (by the caller, else by `DNSMGMT_PROVIDER`), else the
    /// only one, else the file's default, else the one whose zone is the longest suffix of the domain. The zone is the named
    /// one, else the longest suffix of the domain, else the only one.
    pub fn select(
        &self,
        provider: Option<&str>,
        zone: Option<&Name>,
        domain: Option<&Name>,
    ) -> Result<Target, Diagnostic> {
        let choice = self.choose(provider, zone, domain)?;
        self.target(choice, zone, domain.into_iter().cloned().collect())
    }

    /// Returns what to speak to for several names, each as [`Settings::select`] would: one target for each zone, with its names.
    pub fn targets_for(
        &self,
        provider: Option<&str>,
        zone: Option<&Name>,
        names: &[Name],
    ) -> Result<Vec<Target>, Diagnostic> {
        let mut groups: Vec<(Choice<'_>, Vec<Name>)> = Vec::new();
        for name in names {
            let choice = self.choose(provider, zone, Some(name))?;
            match groups.iter_mut().find(|(known, _)| known.same(&choice)) {
                Some((_, names)) => names.push(name.clone()),
                None => groups.push((choice, vec![name.clone()])),
            }
        }
        groups.into_iter().map(|(choice, names)| self.target(choice, zone, names)).collect()
    }

    /// Returns every zone of the named provider (by the caller, else by `DNSMGMT_PROVIDER`), else of all providers, each with
    /// its provider. Where one provider cannot be used, the others can.
    pub fn every_target(
        &self,
        provider: Option<&str>,
    ) -> Result<impl Iterator<Item = (&Provider, Result<Target, Diagnostic>)>, Diagnostic> {
        let providers = match self.asked(provider)? {
            Some(provider) => vec![provider],
            None if self.usable().is_empty() => return Err(self.nothing_configured()),
            None => self.usable(),
        };
        let choices = providers.into_iter().flat_map(|provider| choices(provider, None, None));
        Ok(choices.map(|choice| (choice.provider, self.target(choice, None, Vec::new()))))
    }

    fn choose(
        &self,
        provider: Option<&str>,
        zone: Option<&Name>,
        domain: Option<&Name>,
    ) -> Result<Choice<'_>, Diagnostic> {
        if let (Some(zone), Some(domain)) = (zone, domain)
            && !domain.is_within(zone)
        {
            return Err(Diagnostic::new(format!("`{domain}` is not in the zone `{zone}`")));
        }
        let provider = match self.asked(provider)? {
            Some(provider) => Some(provider),
            None => self.preferred()?,
        };
        match provider {
            Some(provider) => self.within(provider, zone, domain),
            None => self.across(zone, domain),
        }
    }

    /// Returns the provider that the caller names, else the one that `DNSMGMT_PROVIDER` names.
    fn asked(&self, provider: Option<&str>) -> Result<Option<&Provider>, Diagnostic> {
        match (provider, &self.provider) {
            (Some(name), _) => self.named(name, None).map(Some),
            (None, Some((name, carrier))) => self.named(name, Some(carrier)).map(Some),
            (None, None) => Ok(None),
        }
    }

    /// Returns the provider of a name: a configured one, else what variables configure of a kind, else the only one of a kind.
    fn named(&self, name: &str, carrier: Option<&Carrier>) -> Result<&Provider, Diagnostic> {
        if let Some(provider) = self.file.providers.iter().find(|provider| provider.name == name) {
            return Ok(provider);
        }
        if let Some(provider) = self.alone.iter().find(|provider| provider.name == name) {
            return Ok(provider);
        }
        let kind = Kind::parse(name);
        let of_kind: Vec<&Provider> =
            self.file.providers.iter().filter(|provider| Some(provider.kind()) == kind).collect();
        match of_kind[..] {
            [] => Err(self.no_such_provider(name, carrier)),
            [provider] => Ok(provider),
            _ => {
                let message = format!("several providers are of the kind `{name}`");
                Err(Diagnostic::new(message).help(format!("name one of them: {}", names(&of_kind))))
            }
        }
    }

    /// Returns the names that lead to a provider: the configured ones, and the kinds of which there is one.
    pub(crate) fn provider_names(&self) -> BTreeSet<String> {
        let own = self.providers().map(|provider| provider.name.clone());
        let kinds = Kind::ALL.into_iter().map(Kind::as_str).filter(|kind| self.named(kind, None).is_ok());
        own.chain(kinds.map(str::to_owned)).collect()
    }

    /// Returns the provider to use where none is named, nothing where that depends on the domain.
    fn preferred(&self) -> Result<Option<&Provider>, Diagnostic> {
        match self.usable()[..] {
            [] => Err(self.nothing_configured()),
            [provider] => Ok(Some(provider)),
            _ if self.file.providers.is_empty() => {
                let variables = list(self.alone.iter().map(|provider| &provider.origin));
                let message = format!("variables configure several providers: {variables}");
                let kinds = names(&self.usable());
                Err(Diagnostic::new(message).help(format!("set `DNSMGMT_PROVIDER` to one of {kinds}")))
            }
            _ => match &self.file.default {
                Some(name) => self.named(name, None).map(Some),
                None => Ok(None),
            },
        }
    }

    /// Returns the providers among which is chosen: the file's, or without any the variables'.
    fn usable(&self) -> Vec<&Provider> {
        let providers = if self.file.providers.is_empty() { &self.alone } else { &self.file.providers };
        providers.iter().collect()
    }

    fn within<'a>(
        &self,
        provider: &'a Provider,
        zone: Option<&Name>,
        domain: Option<&Name>,
    ) -> Result<Choice<'a>, Diagnostic> {
        let mut choices = choices(provider, zone, domain);
        choices.sort_by(Choice::deeper);
        match choices[..] {
            [] => Err(self.no_zone(provider, zone, domain)),
            [_, _, ..] if domain.is_none() => {
                let message = format!("`{}` has several zones: {}", provider.name, list(provider.zones()));
                Err(Diagnostic::new(message).help("choose one with --zone, or name a domain"))
            }
            [first, ..] => Ok(first),
        }
    }

    fn across(&self, zone: Option<&Name>, domain: Option<&Name>) -> Result<Choice<'_>, Diagnostic> {
        let providers = self.usable();
        let mut choices: Vec<Choice<'_>> =
            providers.iter().flat_map(|provider| choices(provider, zone, domain)).collect();
        choices.sort_by(Choice::deeper);
        let deepest = choices.iter().take_while(|choice| choice.depth == choices[0].depth).count();
        if deepest == 1 && zone.or(domain).is_some() {
            return Ok(choices[0]);
        }
        if deepest == 0 {
            let message = match (zone, domain) {
                (None, Some(domain)) => format!("no provider has a zone that holds `{domain}`"),
                (Some(zone), _) => format!("no provider has the zone `{zone}`"),
                (None, None) => "no provider has a zone".into(),
            };
            let zones = providers.iter().flat_map(|provider| provider.zones()).filter(|zone| !zone.is_root());
            return Err(Diagnostic::new(message).help(format!("configured: {}", list(zones))));
        }
        let message = match zone.or(domain) {
            Some(name) => format!("several providers may hold `{name}`"),
            None => "several providers are configured".into(),
        };
        let among: Vec<&Provider> = choices[..deepest].iter().map(|choice| choice.provider).collect();
        let among = if zone.or(domain).is_some() { among } else { providers };
        Err(Diagnostic::new(message).help(format!("name one with --provider or `DNSMGMT_PROVIDER`: {}", names(&among))))
    }

    fn target(&self, choice: Choice<'_>, zone: Option<&Name>, names: Vec<Name>) -> Result<Target, Diagnostic> {
        let known = choice.provider.candidates().swap_remove(choice.zone);
        Ok(Target {
            provider: choice.provider.name.clone(),
            service: choice.bind(zone, &self.environment)?,
            zone: known.or_else(|| zone.cloned()),
            comment: choice.provider.comment().map(Into::into),
            witness: choice.provider.witness.clone(),
            names,
        })
    }

    fn no_such_provider(&self, name: &str, carrier: Option<&Carrier>) -> Diagnostic {
        let by = carrier.map(|carrier| format!(" ({carrier} names it)")).unwrap_or_default();
        let missing = Diagnostic::new(format!("there is no provider `{name}`{by}"));
        let known: Vec<&Provider> = self.providers().collect();
        match (Kind::parse(name), known.is_empty()) {
            (Some(kind), _) => missing.help(how(kind)),
            (None, true) => ways(missing),
            (None, false) => missing.help(format!("configured: {}", names(&known))),
        }
    }

    fn nothing_configured(&self) -> Diagnostic {
        let mut nothing = ways(Diagnostic::new("no DNS provider is configured"));
        nothing = match (&self.path, &self.searched[..]) {
            (Some(path), _) => nothing.help(format!("or add a table [providers.NAME] to {}", path.display())),
            (None, [first, ..]) => nothing.help(format!("or write {}", first.display())),
            (None, []) => nothing,
        };
        for (set, main) in alone::without_effect(&self.environment) {
            nothing = nothing.help(format!("`{}` is set, but does nothing without `{}`", set.name, main.name));
        }
        nothing
    }

    fn no_zone(&self, provider: &Provider, zone: Option<&Name>, domain: Option<&Name>) -> Diagnostic {
        let name = &provider.name;
        let message = match (zone, domain) {
            (Some(zone), _) => format!("`{name}` has no zone `{zone}`"),
            (None, Some(domain)) => format!("`{domain}` is in no zone of `{name}`"),
            (None, None) => format!("`{name}` has no zone"),
        };
        let zones = provider.zones();
        let has = if zones.iter().all(Name::is_root) {
            "it has no zones at all".into()
        } else {
            format!("its zones: {}", list(zones))
        };
        let elsewhere: Vec<&Provider> = self
            .usable()
            .into_iter()
            .filter(|other| choices(other, zone, domain).iter().any(|choice| choice.depth > 0))
            .collect();
        let missing = Diagnostic::new(message).help(has);
        if elsewhere.is_empty() {
            return missing;
        }
        missing.help(format!("one that fits is at {}: name it with --provider", names(&elsewhere)))
    }
}

/// A provider's zone, by its place in [`Provider::candidates`].
#[derive(Debug, Clone, Copy)]
struct Choice<'a> {
    provider: &'a Provider,
    zone: usize,
    /// How many labels the zone has; none where it is not known or the root.
    depth: usize,
}

/// Returns what may be the zone, or hold the domain.
fn choices<'a>(provider: &'a Provider, zone: Option<&Name>, domain: Option<&Name>) -> Vec<Choice<'a>> {
    let fits = |known: &Name| zone.is_none_or(|zone| zone == known) && domain.is_none_or(|name| name.is_within(known));
    let depth = |known: &Name| known.labels().count();
    provider
        .candidates()
        .iter()
        .enumerate()
        .filter(|(_, known)| known.as_ref().is_none_or(fits))
        .map(|(zone, known)| Choice { provider, zone, depth: known.as_ref().map_or(0, depth) })
        .collect()
}

impl Choice<'_> {
    fn same(&self, other: &Self) -> bool {
        std::ptr::eq(self.provider, other.provider) && self.zone == other.zone
    }

    fn deeper(&self, other: &Self) -> Ordering {
        other.depth.cmp(&self.depth)
    }

    fn bind(&self, asked: Option<&Name>, environment: &Environment) -> Result<Bound, Diagnostic> {
        let name = self.provider.name.clone();
        Ok(match &self.provider.service {
            Service::Zonefile { zones } => {
                let ZoneFile { path, name: origin } = zones[self.zone].clone();
                Bound::Zonefile(ZonefileConfig { name, path, origin, make_missing: false })
            }
            Service::AdGuard { url, login } => {
                let credentials = login.as_ref().map(|login| login.read(environment)).transpose()?;
                Bound::AdGuard(AdGuardConfig { name, url: url.clone(), credentials })
            }
            Service::Cloudflare { url, token, zones, batch, budget, .. } => {
                let url = url.clone().unwrap_or_else(|| CLOUDFLARE_API.into());
                let batch = batch.unwrap_or(DEFAULT_BATCH);
                let (token, budget) = (token.read(environment)?, budget.clone());
                let token = CloudflareToken { name, url, token, batch, budget };
                match called(zones.get(self.zone), asked) {
                    Some(zone) => Bound::Cloudflare(token.with(zone)),
                    None => Bound::CloudflareToken(token),
                }
            }
            Service::Rfc2136(Rfc2136Zone { server, zone, key, listing }) => Bound::Rfc2136(Rfc2136Config {
                name,
                server: server.clone(),
                zone: zone.clone(),
                key: key.read(environment)?,
                listing: *listing,
            }),
            Service::PowerDns { url, key, zone, server_id } => {
                let server_id = server_id.clone().unwrap_or_else(|| DEFAULT_SERVER_ID.into());
                let api_key = key.read(environment)?;
                Bound::PowerDns(PowerDnsConfig { name, url: url.clone(), api_key, server_id, zone: zone.clone() })
            }
            Service::Webhook { url, zone } => {
                Bound::Webhook(WebhookConfig { name, url: url.clone(), zone: zone.as_ref().or(asked).cloned() })
            }
            Service::Broken { error, .. } => return Err(error.clone()),
        })
    }
}

impl Login {
    fn read(&self, environment: &Environment) -> Result<Credentials, Diagnostic> {
        Ok(Credentials { username: self.username.clone(), password: self.password.read(environment)? })
    }
}

/// Returns the configured zone, which gets the name that was asked for if it has none.
fn called(zone: Option<&CloudflareZone>, asked: Option<&Name>) -> Option<CloudflareZone> {
    match (zone, asked) {
        (Some(CloudflareZone::Id(id)), Some(name)) => {
            Some(CloudflareZone::IdAndName { id: id.clone(), name: name.clone() })
        }
        (Some(zone), _) => Some(zone.clone()),
        (None, asked) => asked.cloned().map(CloudflareZone::Name),
    }
}

fn names(providers: &[&Provider]) -> String {
    let mut names: Vec<&str> = providers.iter().map(|provider| provider.name()).collect();
    names.dedup();
    list(names)
}

/// Adds the shortest ways to configure a provider.
fn ways(error: Diagnostic) -> Diagnostic {
    Kind::ALL.into_iter().fold(error, |error, kind| error.help(how(kind)))
}

fn how(kind: Kind) -> &'static str {
    match kind {
        Kind::Zonefile => "for a zone file, no server needed: set `ZONEFILE_PATH`, and `ZONEFILE_ORIGIN` to its zone",
        Kind::AdGuard => {
            "for AdGuard Home: set `ADGUARD_URL`, and `ADGUARD_USERNAME` and `ADGUARD_PASSWORD` if it asks for them"
        }
        Kind::Rfc2136 => {
            "for BIND, Knot, or another server that takes DNS UPDATE: set `RFC2136_SERVER`, `RFC2136_ZONE`, `RFC2136_TSIG_NAME` and \
             `RFC2136_TSIG_SECRET`"
        }
        Kind::Cloudflare => "for Cloudflare: set `CF_API_TOKEN`, and `CF_ZONE` if the token has several zones",
        Kind::PowerDns => "for PowerDNS: set `PDNS_API_URL`, `PDNS_API_KEY` and `PDNS_ZONE`",
        Kind::Webhook => {
            "for a webhook of external-dns: set `WEBHOOK_URL`, and `WEBHOOK_ZONE` if its domain filter does not name one zone"
        }
    }
}
