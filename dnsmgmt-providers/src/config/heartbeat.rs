//! The table `[heartbeat]` and the variables beside it: at which names a machine registers, and how leases are kept and ended.

use std::collections::BTreeSet;
use std::fmt::Display;
use std::str::FromStr;
use std::time::Duration;

use dnsmgmt_core::heartbeat::InstanceId;
use dnsmgmt_core::name::Name;
use dnsmgmt_core::record::Ttl;
use glob::Pattern;
use ipnet::IpNet;

use super::check;
use super::diagnostic::Diagnostic;
use super::table::{Table, Text};
use super::vars::{
    CF_PROXIED, COMBINED_DOMAIN, EXTERNAL_DOMAIN, Environment, HOSTNAME, INSTANCE_ID, INTERNAL_DOMAIN, IPV6_DOMAIN,
    RANGE_DOMAIN, STALE_THRESHOLD, TOP_LEVEL_DOMAIN, UPDATE_INTERVAL, Value,
};
use crate::addresses::{Chosen, Domains, Family, Service};
use crate::duration;

/// The keys of the table, and of an entry of `ranges`.
pub(crate) const HEARTBEAT: [&str; 22] = [
    "instance",
    "internal",
    "external",
    "ipv6",
    "combined",
    "top_level",
    "ranges",
    "proxied",
    "ttl",
    "threshold",
    "interval",
    "interfaces",
    "exclude_interfaces",
    "networks",
    "exclude_networks",
    "public_ipv4",
    "public_ipv6",
    "agree",
    "adopt",
    "domains",
    "own_whole_name",
    "keep_last_member",
];
pub(crate) const RANGE: [&str; 2] = ["network", "domain"];

/// How long a lease lasts where nothing else is said.
const THRESHOLD: Duration = Duration::from_secs(900);
/// How many intervals a lease should last at least.
const INTERVALS: u32 = 3;
/// The TTL of what is registered where nothing else is said.
const TTL: u32 = 120;
/// How many services have to agree where nothing else is said.
const AGREE: usize = 2;
/// Who tells a machine its public addresses where nobody else is named.
const PUBLIC_IPV4: [&str; 4] =
    ["https://api4.ipify.org", "https://ipv4.icanhazip.com", "https://checkip.amazonaws.com", "https://ifconfig.me/ip"];
const PUBLIC_IPV6: [&str; 3] = ["https://api6.ipify.org", "https://ipv6.icanhazip.com", "https://ifconfig.me/ip"];

/// How a machine registers, and how leases are kept and ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heartbeat {
    /// Who it is, where that is said.
    pub instance: Option<InstanceId>,
    /// The names at which it registers.
    pub domains: Domains,
    /// Whether its public addresses are proxied, where the provider can.
    pub proxied: Option<bool>,
    /// The TTL of what it writes. 2 minutes.
    pub ttl: Ttl,
    /// How long a lease lasts after its last heartbeat. 15 minutes.
    pub threshold: Duration,
    /// Whether somebody said how long, or it is what nobody said otherwise.
    pub is_threshold_said: bool,
    /// How far apart the runs of dns-heartbeat are, where that is said.
    pub interval: Option<Duration>,
    /// Which addresses of its interfaces count.
    pub chosen: Chosen,
    /// Who is asked for its public IPv4 address: nobody where no name is to have it.
    pub public_ipv4: Vec<Service>,
    /// Who is asked for its public IPv6 address.
    pub public_ipv6: Vec<Service>,
    /// How many of them have to agree. 2, or 1 where only one is named.
    pub agree: usize,
    /// Whether addresses that are there and that nobody keeps alive become this machine's.
    pub adopt: bool,
    /// More names whose leases are ended.
    pub more: BTreeSet<Name>,
    /// Names at which every address is ours, also one that never had a heartbeat.
    pub whole: BTreeSet<Name>,
    /// Whether the last address of a name stays.
    pub keep_last_member: bool,
}

impl Default for Heartbeat {
    fn default() -> Self {
        Self {
            instance: None,
            domains: Domains::default(),
            proxied: None,
            ttl: Ttl::Seconds(TTL),
            threshold: THRESHOLD,
            is_threshold_said: false,
            interval: None,
            chosen: Chosen::default(),
            public_ipv4: Vec::new(),
            public_ipv6: Vec::new(),
            agree: AGREE,
            adopt: false,
            more: BTreeSet::new(),
            whole: BTreeSet::new(),
            keep_last_member: false,
        }
    }
}

impl Heartbeat {
    /// Returns how long a machine whose runs are so far apart counts on its lease to last. Where only the clean-up is told how long that is, the
    /// machine takes it to be three times as long as its runs are apart, as it should be, and never longer than where nobody says anything.
    pub fn lease(&self, interval: Option<Duration>) -> Duration {
        match interval {
            Some(interval) if !self.is_threshold_said => self.threshold.min(INTERVALS * interval),
            _ => self.threshold,
        }
    }

    /// Returns every name whose leases are ended.
    pub fn leased(&self) -> BTreeSet<Name> {
        self.domains.names().into_iter().chain(self.more.iter().cloned()).chain(self.whole.iter().cloned()).collect()
    }

    /// Returns who is asked for the public address of a family.
    pub fn services(&self, family: Family) -> &[Service] {
        match family {
            Family::Ipv4 => &self.public_ipv4,
            Family::Ipv6 => &self.public_ipv6,
        }
    }
}

/// What the file says, before variables.
#[derive(Debug, Default)]
pub(crate) struct File {
    heartbeat: Heartbeat,
    public_ipv4: Option<Vec<Service>>,
    public_ipv6: Option<Vec<Service>>,
    agree: Option<usize>,
}

pub(crate) fn read(top: &Table<'_>) -> Result<File, Diagnostic> {
    let Some(table) = top.table("heartbeat")? else { return Ok(File::default()) };
    table.only(&HEARTBEAT)?;
    let default = Heartbeat::default();
    let threshold = time(&table, "threshold")?;
    let domain = |key| table.text(key)?.map(|text| domain_of(&table, text)).transpose();
    let names =
        |key| -> Result<_, Diagnostic> { table.texts(key)?.into_iter().map(|text| domain_of(&table, text)).collect() };
    let heartbeat = Heartbeat {
        instance: table.text("instance")?.map(|text| by(&table, text, instance)).transpose()?,
        domains: Domains {
            internal: domain("internal")?,
            external: domain("external")?,
            ipv6: domain("ipv6")?,
            combined: domain("combined")?,
            top_level: domain("top_level")?,
            ranges: ranges(&table)?,
        },
        proxied: table.flag("proxied")?,
        ttl: table.text("ttl")?.map(|text| by(&table, text, duration::ttl)).transpose()?.unwrap_or(default.ttl),
        threshold: threshold.unwrap_or(default.threshold),
        is_threshold_said: threshold.is_some(),
        interval: time(&table, "interval")?,
        chosen: Chosen {
            interfaces: patterns(&table, "interfaces")?,
            exclude_interfaces: patterns(&table, "exclude_interfaces")?,
            networks: networks(&table, "networks")?,
            exclude_networks: networks(&table, "exclude_networks")?,
        },
        adopt: table.flag("adopt")?.unwrap_or(default.adopt),
        more: names("domains")?,
        whole: names("own_whole_name")?,
        keep_last_member: table.flag("keep_last_member")?.unwrap_or(default.keep_last_member),
        ..default
    };
    let services = |key| table.entry(key).is_some().then(|| services(&table, key)).transpose();
    Ok(File {
        heartbeat,
        public_ipv4: services("public_ipv4")?,
        public_ipv6: services("public_ipv6")?,
        agree: table.number("agree", 1..=16)?,
    })
}

impl File {
    /// Returns what counts: what variables say, else what the file says.
    pub(crate) fn with(&self, environment: &Environment) -> Result<Heartbeat, Diagnostic> {
        let mut heartbeat = self.heartbeat.clone();
        let instance = match environment.value(&INSTANCE_ID)? {
            None if heartbeat.instance.is_none() => environment.value(&HOSTNAME)?,
            said => said,
        };
        if let Some(value) = instance {
            heartbeat.instance = Some(InstanceId::parse(value.text.trim()).map_err(|why| value.wrong(why))?);
        }
        let Domains { internal, external, ipv6, combined, top_level, ranges } = &mut heartbeat.domains;
        for (variable, name) in [
            (&INTERNAL_DOMAIN, internal),
            (&EXTERNAL_DOMAIN, external),
            (&IPV6_DOMAIN, ipv6),
            (&COMBINED_DOMAIN, combined),
            (&TOP_LEVEL_DOMAIN, top_level),
        ] {
            if let Some(value) = environment.value(variable)? {
                *name = Some(check::zone(value.text.trim()).map_err(|why| value.wrong(why))?);
            }
        }
        let numbered = numbered_ranges(environment)?;
        if !numbered.is_empty() {
            *ranges = numbered;
        }
        if let Some(value) = environment.value(&CF_PROXIED)? {
            heartbeat.proxied = Some(flag(&value)?);
        }
        heartbeat.interval = environment.seconds(&UPDATE_INTERVAL)?.or(heartbeat.interval);
        if let Some(threshold) = environment.seconds(&STALE_THRESHOLD)? {
            (heartbeat.threshold, heartbeat.is_threshold_said) = (threshold, true);
        }
        self.finish(heartbeat)
    }

    /// Settles what depends on what is said elsewhere.
    fn finish(&self, mut heartbeat: Heartbeat) -> Result<Heartbeat, Diagnostic> {
        let domains = &heartbeat.domains;
        if domains.top_level.is_some() && domains.combined.is_none() {
            return Err(Diagnostic::new("a top-level name is an alias of the combined one, which is not said")
                .help("set `COMBINED_DOMAIN`, or `combined` in [heartbeat]"));
        }
        if let Some(top_level) = domains.top_level.as_ref().filter(|name| domains.names().contains(*name)) {
            let why = format!("`{top_level}` cannot be the top-level name, an alias, and have addresses itself");
            return Err(Diagnostic::new(why).help("the two need names of their own"));
        }
        heartbeat.public_ipv4 = usual(&self.public_ipv4, &PUBLIC_IPV4, domains.external.is_some());
        heartbeat.public_ipv6 = usual(&self.public_ipv6, &PUBLIC_IPV6, domains.ipv6.is_some());
        let fewest =
            [&heartbeat.public_ipv4, &heartbeat.public_ipv6].into_iter().map(Vec::len).filter(|count| *count > 0);
        let fewest = fewest.min().unwrap_or(AGREE);
        heartbeat.agree = self.agree.unwrap_or_else(|| AGREE.min(fewest));
        if heartbeat.agree > fewest {
            let why = format!("{} services have to agree, and only {fewest} of a kind are named", heartbeat.agree);
            return Err(Diagnostic::new(why).help("name more in `public_ipv4` or `public_ipv6`, or set `agree` lower"));
        }
        Ok(heartbeat)
    }
}

/// Returns the services that are named; where none are, the usual ones if a name is to have such an address.
fn usual(named: &Option<Vec<Service>>, usual: &[&str], is_wanted: bool) -> Vec<Service> {
    match named {
        Some(services) => services.clone(),
        None if is_wanted => usual.iter().map(|text| text.parse().expect("the usual services are some")).collect(),
        None => Vec::new(),
    }
}

/// Returns the ranges that variables name: `IPV4_RANGE_1` with `IPV4_RANGE_1_DOMAIN`, and so on, in the order of their numbers.
fn numbered_ranges(environment: &Environment) -> Result<Vec<(IpNet, Name)>, Diagnostic> {
    let mut ranges = Vec::new();
    for prefix in ["IPV4_RANGE_", "IPV6_RANGE_"] {
        let mut numbers: Vec<(u32, &str)> = environment
            .names()
            .filter_map(|name| {
                let number = name.strip_prefix(prefix)?;
                let number = number.strip_suffix(RANGE_DOMAIN).unwrap_or(number);
                Some((number.parse().ok()?, number))
            })
            .collect();
        numbers.sort_unstable();
        numbers.dedup();
        for (_, number) in numbers {
            let (network, domain) = (format!("{prefix}{number}"), format!("{prefix}{number}{RANGE_DOMAIN}"));
            let value = |name: &str| environment.text(name).map(|text| text.trim().to_owned());
            let (Some(net), Some(name)) = (value(&network), value(&domain)) else {
                return Err(Diagnostic::new(format!("`{network}` and `{domain}` belong together, and one is not set")));
            };
            let wrong = |name: &str, why: &dyn Display| Diagnostic::new(format!("`{name}`: {why}"));
            let is_v4 = prefix.starts_with("IPV4");
            let net: IpNet =
                net.parse().map_err(|_| wrong(&network, &format!("`{net}` is not a network, such as 10.8.0.0/16")))?;
            if matches!(net, IpNet::V4(_)) != is_v4 {
                return Err(wrong(&network, &format!("{net} is a network of the other family")));
            }
            ranges.push((net, check::zone(&name).map_err(|why| wrong(&domain, &why))?));
        }
    }
    Ok(ranges)
}

fn flag(value: &Value) -> Result<bool, Diagnostic> {
    match value.text.trim().to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" | "on" => Ok(true),
        "false" | "0" | "no" | "off" => Ok(false),
        _ => Err(value.wrong(format!("`{}` is neither true nor false", value.text))),
    }
}

fn instance(text: &str) -> Result<InstanceId, String> {
    InstanceId::parse(text).map_err(|why| why.to_string())
}

fn ranges(table: &Table<'_>) -> Result<Vec<(IpNet, Name)>, Diagnostic> {
    let Some(entries) = table.array("ranges")? else { return Ok(Vec::new()) };
    let range = |entry| {
        let range = table.child("an entry of `ranges`".into(), toml::Spanned::span(entry), entry)?;
        range.only(&RANGE)?;
        let network = range.required("network")?;
        Ok((network_of(&range, network)?, domain_of(&range, range.required("domain")?)?))
    };
    entries.iter().map(range).collect()
}

fn networks(table: &Table<'_>, key: &str) -> Result<Vec<IpNet>, Diagnostic> {
    table.texts(key)?.into_iter().map(|text| network_of(table, text)).collect()
}

fn network_of(table: &Table<'_>, text: Text<'_>) -> Result<IpNet, Diagnostic> {
    let read = |text: &str| text.parse().map_err(|_| format!("`{text}` is not a network, such as 10.8.0.0/16"));
    by(table, text, read)
}

fn patterns(table: &Table<'_>, key: &str) -> Result<Vec<Pattern>, Diagnostic> {
    table.texts(key)?.into_iter().map(|text| parsed(table, text)).collect()
}

fn services(table: &Table<'_>, key: &str) -> Result<Vec<Service>, Diagnostic> {
    table.texts(key)?.into_iter().map(|text| parsed(table, text)).collect()
}

fn domain_of(table: &Table<'_>, text: Text<'_>) -> Result<Name, Diagnostic> {
    by(table, text, check::zone)
}

fn time(table: &Table<'_>, key: &str) -> Result<Option<Duration>, Diagnostic> {
    let some = |text: &str| match duration::parse(text)? {
        Duration::ZERO => Err("it must be longer than nothing".into()),
        some => Ok(some),
    };
    table.text(key)?.map(|text| by(table, text, some)).transpose()
}

fn parsed<T: FromStr<Err: Display>>(table: &Table<'_>, text: Text<'_>) -> Result<T, Diagnostic> {
    by(table, text, |text| text.parse::<T>().map_err(|why| format!("`{text}`: {why}")))
}

fn by<T>(table: &Table<'_>, text: Text<'_>, read: impl Fn(&str) -> Result<T, String>) -> Result<T, Diagnostic> {
    read(text.text).map_err(|why| table.source.wrong(text.at, why))
}
