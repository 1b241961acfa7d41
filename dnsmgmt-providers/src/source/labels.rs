//! Which names a container wants, told from its labels and its name alone.
//!
//! Every way to say it is a [`Dialect`], and each can be switched off. Where two of them name the same name, the first in the
//! order of [`Dialect::ALL`] gives the answer. Nothing of a label becomes a record unchecked: one label that cannot be read makes
//! the whole container [`Problem::Unreadable`], so that nothing of it is created and nothing is taken away.

mod joyride;
mod own;
mod plain;
pub mod rule;
mod text;
mod traefik;
mod trafego;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use dnsmgmt_core::name::Name;
use dnsmgmt_core::record::{Record, RecordData, RecordType, Ttl};

use text::shown;

/// A container, as far as labels and addresses go.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Container {
    /// Its id, in full.
    pub id: String,
    /// Its name, without a slash before it.
    pub name: String,
    /// What it is doing.
    pub state: State,
    /// Whether its health check fails.
    pub is_unhealthy: bool,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// How it is connected.
    pub network: Network,
}

/// How a container is connected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Network {
    /// To these networks, by their names, with its addresses there: none while it is not up.
    Own(BTreeMap<String, Vec<IpAddr>>),
    /// It has its host's addresses.
    Host,
    /// It has none.
    None,
}

impl Default for Network {
    fn default() -> Self {
        Self::Own(BTreeMap::new())
    }
}

/// What a container is doing (Docker Engine API, `ContainerState.Status`).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "the words are the API's")]
pub enum State {
    Created,
    Running,
    Paused,
    Restarting,
    Stopping,
    Removing,
    Exited,
    Dead,
    /// The API does not say.
    #[default]
    Unknown,
}

impl State {
    /// Every state that the API has a word for.
    pub const ALL: [Self; 8] = [
        Self::Created,
        Self::Running,
        Self::Paused,
        Self::Restarting,
        Self::Stopping,
        Self::Removing,
        Self::Exited,
        Self::Dead,
    ];

    /// Returns the API's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Restarting => "restarting",
            Self::Stopping => "stopping",
            Self::Removing => "removing",
            Self::Exited => "exited",
            Self::Dead => "dead",
            Self::Unknown => "unknown",
        }
    }
}

/// A way to say which names a container wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Dialect {
    /// `dnsmgmt.name` and what belongs to it.
    Own,
    /// TrafegoDNS: `dns.hostname`, `dns.domain`, `dns.host.*` and what belongs to them.
    Trafego,
    /// Joyride: `joyride.host.name`.
    Joyride,
    /// The CoreDNS plugin of Joyride: `coredns.host.name`.
    Coredns,
    /// The rules of Traefik's routers.
    Traefik,
    /// The container's name below a suffix, without any label.
    Plain,
}

impl Dialect {
    /// All of them; the earlier one counts where two name the same name.
    pub const ALL: [Self; 6] = [Self::Own, Self::Trafego, Self::Joyride, Self::Coredns, Self::Traefik, Self::Plain];

    /// Returns the word that the configuration has for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Own => "dnsmgmt",
            Self::Trafego => "trafego",
            Self::Joyride => "joyride",
            Self::Coredns => "coredns",
            Self::Traefik => "traefik",
            Self::Plain => "plain",
        }
    }
}

/// Which address stands behind a name that does not say it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Answer {
    /// The container's own.
    #[default]
    Container,
    /// Its host's.
    Host,
}

/// How labels are read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rules {
    /// The dialects that are read.
    pub dialects: BTreeSet<Dialect>,
    /// Below which name every container is named, without any label; nothing for [`Dialect::Plain`] without it.
    pub suffix: Option<Name>,
    /// The networks whose addresses count, the first one that a container is in; without any, its only one.
    pub networks: Vec<String>,
    /// The host's addresses.
    pub host: Vec<IpAddr>,
    /// What `dnsmgmt.name` answers with where `dnsmgmt.content` does not say it.
    pub answer: Answer,
    /// The configured provider of names whose labels name none.
    pub provider: Option<String>,
    /// The names by which labels may name a provider; every one where that is not known.
    pub providers: Option<BTreeSet<String>>,
    /// Whether a container must say `dns.manage=true` before TrafegoDNS' labels, Traefik's rules and its plain name count.
    pub opt_in: bool,
    /// The states in which a container wants its names.
    pub states: BTreeSet<State>,
    /// Whether a container whose health check fails wants its names.
    pub unhealthy: bool,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            dialects: BTreeSet::from([Dialect::Own, Dialect::Trafego, Dialect::Joyride, Dialect::Coredns]),
            suffix: None,
            networks: Vec::new(),
            host: Vec::new(),
            answer: Answer::Container,
            provider: None,
            providers: None,
            opt_in: false,
            states: BTreeSet::from([State::Running, State::Paused, State::Restarting]),
            unhealthy: true,
        }
    }
}

/// A record that a container wants, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wish {
    /// The record.
    pub record: Record,
    /// The configured name of its provider, where it is said.
    pub provider: Option<String>,
    /// In which dialect it is said.
    pub dialect: Dialect,
    /// The label that says it; the container's name for [`Dialect::Plain`].
    pub because: String,
}

/// Why it is not known what a container wants. Nothing of it is judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Problem {
    /// Its labels make no sense, or what they ask for does not exist.
    Unreadable(String),
    /// It cannot be told at present.
    NotNow(String),
}

impl Problem {
    /// Returns the sentence.
    pub fn why(&self) -> &str {
        let (Self::Unreadable(why) | Self::NotNow(why)) = self;
        why
    }
}

/// Returns what a container wants.
///
/// # Errors
/// If a label makes no sense, or an address is not known.
pub fn wishes(container: &Container, rules: &Rules) -> Result<Vec<Wish>, Problem> {
    if container.state == State::Unknown {
        return Err(Problem::NotNow("it is not said whether it runs".into()));
    }
    if !counts(container, rules) || is_skipped(container, rules).map_err(Problem::Unreadable)? {
        return Ok(Vec::new());
    }
    let mut named: BTreeMap<Name, Dialect> = BTreeMap::new();
    let mut wishes = Vec::new();
    for dialect in Dialect::ALL.into_iter().filter(|dialect| rules.dialects.contains(dialect)) {
        for ask in asks(dialect, container, rules).map_err(Problem::Unreadable)? {
            if *named.entry(ask.name.clone()).or_insert(dialect) == dialect {
                wishes.extend(ask.wishes(dialect, container, rules)?);
            }
        }
    }
    let mut seen = BTreeSet::new();
    wishes.retain(|wish| seen.insert((wish.record.key.clone(), wish.provider.clone())));
    Ok(wishes)
}

/// Returns which names a container speaks of beside those that it `wants`: in a dialect that is switched off or does not count for it, and
/// all of them where it is not known what it wants. None where it is in no state to want any.
///
/// # Errors
/// If a label makes no sense.
pub fn spoken(
    container: &Container,
    rules: &Rules,
    wants: &Result<Vec<Wish>, Problem>,
) -> Result<BTreeSet<Name>, String> {
    if !counts(container, rules) && container.state != State::Unknown {
        return Ok(BTreeSet::new());
    }
    let is_heard = wants.is_ok() && !is_skipped(container, rules)?;
    let all = Rules { opt_in: false, ..rules.clone() };
    let mut names = BTreeSet::new();
    for dialect in Dialect::ALL {
        let is_on = rules.dialects.contains(&dialect);
        let wants_them = is_heard && is_on && !is_left_out(dialect, container, rules)?;
        if !wants_them && (is_on || dialect != Dialect::Plain) {
            names.extend(asks(dialect, container, &all)?.into_iter().map(|ask| ask.name));
        }
    }
    Ok(names)
}

/// Returns whether a container is in a state in which it may want something.
pub fn counts(container: &Container, rules: &Rules) -> bool {
    rules.states.contains(&container.state) && (rules.unhealthy || !container.is_unhealthy)
}

fn is_skipped(container: &Container, rules: &Rules) -> Result<bool, String> {
    let own = rules.dialects.contains(&Dialect::Own) && own::is_skipped(container)?;
    Ok(own || (rules.dialects.contains(&Dialect::Trafego) && trafego::is_skipped(container, rules)?))
}

fn asks(dialect: Dialect, container: &Container, rules: &Rules) -> Result<Vec<Ask>, String> {
    if is_left_out(dialect, container, rules)? {
        return Ok(Vec::new());
    }
    match dialect {
        Dialect::Own => own::asks(container, rules),
        Dialect::Joyride => joyride::asks(container, "joyride.host.name"),
        Dialect::Coredns => joyride::asks(container, "coredns.host.name"),
        Dialect::Trafego => trafego::asks(container, rules),
        Dialect::Traefik => traefik::asks(container, rules),
        Dialect::Plain => plain::asks(container, rules),
    }
}

/// Returns whether a dialect does not count for a container because that does not say so.
fn is_left_out(dialect: Dialect, container: &Container, rules: &Rules) -> Result<bool, String> {
    let may_be = matches!(dialect, Dialect::Trafego | Dialect::Traefik | Dialect::Plain);
    Ok(may_be && rules.opt_in && !trafego::is_managed(container, rules)?)
}

/// A name that is asked for, with what is said about its records.
#[derive(Debug, Clone)]
struct Ask {
    name: Name,
    because: String,
    rtype: Option<RecordType>,
    content: Content,
    attributes: Attributes,
}

/// What stands behind a name.
#[derive(Debug, Clone)]
enum Content {
    Address(Answer),
    /// The container's address; nothing for a container without a network of its own.
    AddressIfAny,
    Data(RecordData),
}

/// What may be said of every record.
#[derive(Debug, Clone, Default)]
struct Attributes {
    ttl: Option<Ttl>,
    proxied: Option<bool>,
    /// The providers; nothing where they are told from the name.
    providers: Vec<String>,
}

impl Ask {
    fn wishes(&self, dialect: Dialect, container: &Container, rules: &Rules) -> Result<Vec<Wish>, Problem> {
        let data = match &self.content {
            Content::Data(RecordData::Cname(target)) if *target == self.name => {
                return Err(Problem::Unreadable(format!("{} would be an alias of itself", self.name)));
            }
            Content::Data(data) => vec![data.clone()],
            Content::Address(answer) => self.of_type(addresses(*answer, container, rules)?)?,
            Content::AddressIfAny if matches!(container.network, Network::Own(_)) => {
                addresses(Answer::Container, container, rules)?.into_iter().map(of_address).collect()
            }
            Content::AddressIfAny => Vec::new(),
        };
        self.names_known(rules)?;
        let said: Vec<_> = self.attributes.providers.iter().cloned().map(Some).collect();
        let providers = if said.is_empty() { vec![rules.provider.clone()] } else { said };
        let wish = |data: &RecordData, provider: &Option<String>| Wish {
            record: Record {
                ttl: self.attributes.ttl,
                proxied: self.attributes.proxied,
                ..Record::new(self.name.clone(), data.clone())
            },
            provider: provider.clone(),
            dialect,
            because: self.because.clone(),
        };
        Ok(data.iter().flat_map(|data| providers.iter().map(move |provider| wish(data, provider))).collect())
    }

    /// Refuses a provider that is not configured: what the container wants has no place then.
    fn names_known(&self, rules: &Rules) -> Result<(), Problem> {
        let Some(known) = &rules.providers else { return Ok(()) };
        let Some(unknown) = self.attributes.providers.iter().find(|name| !known.contains(*name)) else { return Ok(()) };
        let known = known.iter().map(|name| shown(name)).collect::<Vec<_>>().join(", ");
        let why = format!(
            "a label asks for the provider {}, and there is none of that name; configured: {known}",
            shown(unknown)
        );
        Err(Problem::Unreadable(why))
    }

    /// Returns the addresses of the type that is asked for.
    fn of_type(&self, addresses: Vec<IpAddr>) -> Result<Vec<RecordData>, Problem> {
        let data: Vec<_> = addresses.into_iter().map(of_address).collect();
        let Some(rtype) = &self.rtype else { return Ok(data) };
        let of_type: Vec<_> = data.into_iter().filter(|data| data.rtype() == *rtype).collect();
        match of_type.is_empty() {
            true => Err(Problem::Unreadable(format!("there is no address for the {rtype} record of {}", self.name))),
            false => Ok(of_type),
        }
    }
}

fn of_address(address: IpAddr) -> RecordData {
    match address {
        IpAddr::V4(address) => RecordData::A(address),
        IpAddr::V6(address) => RecordData::Aaaa(address),
    }
}

fn addresses(answer: Answer, container: &Container, rules: &Rules) -> Result<Vec<IpAddr>, Problem> {
    let of_host = |why: &str| match rules.host.is_empty() {
        true => Err(Problem::Unreadable(format!(
            "{why}, and the host's address is not known; name it with `host_ip` or HOSTIP"
        ))),
        false => Ok(rules.host.clone()),
    };
    let networks = match (&container.network, answer) {
        (_, Answer::Host) => return of_host("it wants its host's address"),
        (Network::Host, _) => return of_host("it shares its host's network"),
        (Network::None, _) => {
            return Err(Problem::Unreadable("it has no network, so there is no address for its names".into()));
        }
        (Network::Own(networks), Answer::Container) => networks,
    };
    let chosen = match rules.networks.iter().find_map(|name| networks.get(name)) {
        Some(addresses) => addresses,
        None if !rules.networks.is_empty() && !networks.is_empty() => {
            let why = format!("it is in none of the configured networks, but in {}", list(networks));
            return Err(Problem::Unreadable(why));
        }
        None => match networks.iter().next() {
            Some((_, addresses)) if networks.len() == 1 => addresses,
            Some(_) => {
                let why = format!("it is in the networks {}; say with `networks` which one counts", list(networks));
                return Err(Problem::Unreadable(why));
            }
            None => return Err(Problem::NotNow(format!("it is {} and in no network yet", container.state.as_str()))),
        },
    };
    match chosen.is_empty() {
        true => Err(Problem::NotNow(format!("it is {} and has no address now", container.state.as_str()))),
        false => Ok(chosen.clone()),
    }
}

fn list(networks: &BTreeMap<String, Vec<IpAddr>>) -> String {
    networks.keys().map(|name| shown(name)).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests;
