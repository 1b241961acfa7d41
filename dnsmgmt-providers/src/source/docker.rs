//! The containers of Docker and Podman.
//!
//! Every daemon is a source of its own, known by its id and not by its address, and every container is a piece of it, known by its
//! name: a container that is made anew has another id, and the same name, so that its records follow it at once.
//! A daemon that cannot be read costs nobody else anything.

mod engine;
mod events;
mod usage;

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, UdpSocket};
use std::path::{Path, PathBuf};

use async_trait::async_trait;
pub use bollard;
use dnsmgmt_core::name::Name;
use dnsmgmt_core::origin::Origin;
use dnsmgmt_core::source::{Desired, Place, RecordSource, SourceError, Wanted};
use url::Url;

pub use self::engine::Engine;
pub use self::events::Events;
pub use self::usage::Sample;
use super::failed;
use super::labels::{Container, Problem, Rules, Wish, counts, spoken, wishes};

/// Where Docker listens where nothing else is said.
pub const DEFAULT_HOST: &str = "unix:///var/run/docker.sock";

/// What marks a swarm's task, and what its name ends with.
const TASK_ID: &str = "com.docker.swarm.task.id";

/// A daemon to ask.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Host {
    /// Where it listens: `unix:///path.sock` or `tcp://host:port`.
    pub address: String,
    /// The folder of `ca.pem`, `cert.pem` and `key.pem`, where it speaks TLS.
    pub tls: Option<PathBuf>,
    /// The addresses of the machine that it runs on; those of [`Rules::host`] if none are given.
    pub addresses: Vec<IpAddr>,
}

impl Host {
    /// Checks where a daemon listens.
    ///
    /// # Errors
    /// If it is no `unix://` with a path and no `tcp://` with a host: a sentence.
    pub fn check(address: &str) -> Result<(), String> {
        if let Some(path) = address.strip_prefix("unix://") {
            return match Path::new(path).is_absolute() {
                true => Ok(()),
                false => Err("the path of a socket begins with a slash: unix:///var/run/docker.sock".into()),
            };
        }
        let url = Url::parse(address).ok().filter(|url| matches!(url.scheme(), "tcp" | "http" | "https"));
        let url = url.ok_or("a daemon listens at unix:///path or tcp://host:port")?;
        match () {
            () if url.host_str().is_none_or(str::is_empty) => Err("the host is missing: tcp://host:port".into()),
            () if !url.username().is_empty() || url.password().is_some() => {
                Err("a user stands in it, and Docker knows certificates alone".into())
            }
            () if !matches!(url.path(), "" | "/") || url.query().is_some() => Err("it ends with the port".into()),
            () => Ok(()),
        }
    }

    /// Returns the addresses of its machine: those that are given, else the one that is its address, else those of `rules` for a
    /// socket of this machine, else what this machine reaches others from.
    fn machine(&self, rules: &Rules, is_alone: bool) -> Vec<IpAddr> {
        if !self.addresses.is_empty() {
            return self.addresses.clone();
        }
        let is_local = self.address.starts_with("unix://");
        if !rules.host.is_empty() && (is_local || is_alone) {
            return rules.host.clone();
        }
        let named = Url::parse(&self.address).ok().and_then(|url| {
            let host = url.host_str()?.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>().ok()?;
            (!host.is_loopback() && !host.is_unspecified()).then_some(host)
        });
        named.or_else(|| is_local.then(outgoing).flatten()).into_iter().collect()
    }
}

/// Returns the address from which this machine reaches others. Nothing is sent. In a container it would be the container's.
fn outgoing() -> Option<IpAddr> {
    if ["/.dockerenv", "/run/.containerenv"].iter().any(|mark| Path::new(mark).exists()) {
        return None;
    }
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).ok()?;
    // An address for documentation (RFC 5737): only the route to it is looked up.
    socket.connect((Ipv4Addr::new(192, 0, 2, 1), 9)).ok()?;
    let address = socket.local_addr().ok()?.ip();
    (!address.is_loopback() && !address.is_unspecified()).then_some(address)
}

/// Which daemons are asked, and how labels are read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The daemons.
    pub hosts: Vec<Host>,
    /// How labels are read.
    pub rules: Rules,
}

impl Default for Settings {
    fn default() -> Self {
        let host = Host { address: DEFAULT_HOST.into(), ..Host::default() };
        Self { hosts: vec![host], rules: Rules::default() }
    }
}

/// Containers as a source.
#[derive(Debug)]
pub struct Docker(Settings);

/// What a daemon runs.
#[derive(Debug)]
pub struct Daemon {
    /// The source: `docker:` and the daemon's id.
    pub origin: Origin,
    /// Where it listens.
    pub address: String,
    /// Every container, whatever it is doing, in the order of their names.
    pub containers: Vec<Seen>,
}

/// A container, and what it wants.
#[derive(Debug)]
pub struct Seen {
    /// The container.
    pub container: Container,
    /// The piece of its daemon that it is.
    pub origin: Origin,
    /// Whether it is in a state in which it may want something.
    pub counts: bool,
    /// What it wants, if that can be told.
    pub wants: Result<Vec<Wish>, Problem>,
    /// Which names it speaks of beside those, if that can be told.
    pub speaks: Result<BTreeSet<Name>, String>,
}

impl Docker {
    /// Returns the source; nothing is asked yet.
    pub fn new(settings: Settings) -> Self {
        Self(settings)
    }

    /// Asks every daemon at once, and returns what each runs, in the order of the settings. Those that answer with one id are errors:
    /// one that is named twice, or machines that were cloned, of which nobody could tell whose container is gone.
    pub async fn look(&self) -> Vec<Result<Daemon, SourceError>> {
        let is_alone = self.0.hosts.len() == 1;
        let asked = self.0.hosts.iter().cloned().map(|host| {
            let mut rules = self.0.rules.clone();
            rules.host = host.machine(&rules, is_alone);
            tokio::spawn(async move { read(&host, &rules).await })
        });
        let asked: Vec<_> = asked.collect();
        let mut daemons = Vec::with_capacity(asked.len());
        for (task, host) in asked.into_iter().zip(&self.0.hosts) {
            daemons.push(match task.await {
                Ok(daemon) => daemon,
                Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
                Err(_) => Err(failed(&named(host), "the runtime is shutting down")),
            });
        }
        tell_apart(daemons)
    }
}

/// Makes errors of daemons that share an id.
fn tell_apart(daemons: Vec<Result<Daemon, SourceError>>) -> Vec<Result<Daemon, SourceError>> {
    let mut seen = BTreeSet::new();
    let ids = daemons.iter().flatten().map(|daemon| &daemon.origin);
    let twice: BTreeSet<Origin> = ids.filter(|id| !seen.insert((*id).clone())).cloned().collect();
    let check = |daemon: Daemon| match twice.contains(&daemon.origin) {
        false => Ok(daemon),
        true => Err(shared_id(&daemon.address, &daemon.origin)),
    };
    daemons.into_iter().map(|daemon| daemon.and_then(check)).collect()
}

/// Returns the error of a daemon that answered with the id of another one.
pub fn shared_id(address: &str, daemon: &Origin) -> SourceError {
    SourceError {
        hint: Some(
            "name each daemon once; of two machines that were cloned, give one a new id: remove \
             /var/lib/docker/engine-id (before Docker 23: /etc/docker/key.json) and start Docker anew"
                .into(),
        ),
        ..failed(&format!("Docker at {address}"), format!("another one that was asked says that it is {daemon} too"))
    }
}

#[async_trait]
impl RecordSource for Docker {
    async fn desired(&self) -> Result<Desired, SourceError> {
        let mut desired = Desired::default();
        for daemon in self.look().await {
            match daemon {
                Ok(daemon) => desired.extend(daemon.desired()),
                Err(error) => desired.failed.push(error),
            }
        }
        Ok(desired)
    }
}

impl Daemon {
    /// Returns what its containers want together.
    pub fn desired(self) -> Desired {
        let mut desired = Desired {
            read: vec![self.origin.clone()],
            live: vec![self.origin.clone()],
            daemons: vec![(self.address, self.origin)],
            ..Desired::default()
        };
        for Seen { container, origin, counts, wants, speaks } in self.containers {
            if counts {
                desired.containers.push(origin.clone());
            }
            desired.spoken.push((origin.clone(), speaks));
            match wants {
                Ok(wishes) => desired.wanted.extend(wishes.into_iter().map(|wish| Wanted {
                    origin: origin.clone(),
                    place: Place { provider: wish.provider, zone: None },
                    record: wish.record,
                })),
                Err(Problem::Unreadable(why)) => {
                    desired.unreadable.push((origin, format!("container {}: {why}", container.name)));
                }
                Err(Problem::NotNow(why)) => {
                    desired.undecided.push((origin, format!("container {}: {why}", container.name)));
                }
            }
        }
        desired
    }
}

async fn read(host: &Host, rules: &Rules) -> Result<Daemon, SourceError> {
    let engine = Engine::connect(host).await?;
    let (id, count) = engine.identity().await?;
    let mut containers = engine.containers().await?;
    if containers.is_empty() && count > 0 {
        let why = format!("it says that there are {count} containers, and lists none");
        return Err(failed(&named(host), why));
    }
    containers.sort_by(|left, right| (&left.name, &left.id).cmp(&(&right.name, &right.id)));
    let origin = Origin::of_source("docker", &id);
    let see = |container: Container| {
        let wants = wishes(&container, rules);
        let (counts, speaks) = (counts(&container, rules), spoken(&container, rules, &wants));
        Seen { origin: origin.piece(piece(&container)), counts, wants, speaks, container }
    };
    let containers = containers.into_iter().map(see).collect();
    Ok(Daemon { containers, origin, address: host.address.clone() })
}

/// Returns what stays of a container when it is made anew: its name; of a swarm's task, which is made anew under another name, what
/// stands before the task's id.
fn piece(container: &Container) -> &str {
    let name = match container.name.is_empty() {
        true => &container.id,
        false => &container.name,
    };
    let task = container.labels.get(TASK_ID).and_then(|id| name.strip_suffix(id.as_str())?.strip_suffix('.'));
    task.filter(|slot| !slot.is_empty()).unwrap_or(name)
}

/// Returns how a daemon is called in errors.
fn named(host: &Host) -> String {
    format!("Docker at {}", host.address)
}

#[cfg(test)]
mod tests;
