//! Asking one daemon.

use std::collections::BTreeMap;
use std::error::Error as _;
use std::io::{self, ErrorKind};
use std::net::IpAddr;
use std::time::Duration;

use bollard::errors::Error;
use bollard::models::{ContainerSummary, ContainerSummaryHealthStatusEnum, ContainerSummaryStateEnum};
use bollard::query_parameters::ListContainersOptionsBuilder;
use bollard::{API_DEFAULT_VERSION, ClientVersion};
use dnsmgmt_core::source::SourceError;
use jiff::Timestamp;

use super::{Host, named};
use crate::http::innermost;
use crate::source::failed;
use crate::source::labels::{Container, Network, State};

/// How long an answer may take, its body included: a daemon under load takes seconds for thousands of containers.
const EXCHANGE: Duration = Duration::from_secs(30);
/// How many characters of what it says are shown.
const SHOWN: usize = 200;

/// A daemon that answered.
#[derive(Debug)]
pub struct Engine {
    docker: bollard::Docker,
    host: String,
    is_podman: bool,
}

impl Engine {
    /// Connects to a daemon, and speaks the newest version of the API that both know.
    ///
    /// # Errors
    /// If it does not answer as Docker does.
    pub async fn connect(host: &Host) -> Result<Self, SourceError> {
        let name = named(host);
        let open = |version: &ClientVersion| client(host, version).map_err(|error| trouble(&name, "ask", &error));
        let docker = open(API_DEFAULT_VERSION)?;
        let version = answer(&name, "ask for its version", docker.version()).await?;
        let theirs = version.api_version.as_deref().and_then(|text| {
            let (major, minor) = text.split_once('.')?;
            Some((major.parse().ok()?, minor.parse().ok()?))
        });
        // bollard 0.21.1 leaves the version out of what it asks, which gets the daemon's newest; one that does not must ask for what
        // the daemon knows.
        let ours = (API_DEFAULT_VERSION.major_version, API_DEFAULT_VERSION.minor_version);
        let Some(theirs) = theirs else {
            return Err(failed(&name, "it does not say which version of Docker's API it speaks"));
        };
        let (major_version, minor_version) = ours.min(theirs);
        let docker = open(&ClientVersion { major_version, minor_version })?;
        let components = version.components.unwrap_or_default();
        let is_podman = components.iter().any(|component| component.name == "Podman Engine");
        Ok(Self { docker, host: name, is_podman })
    }

    /// Returns the client, for what is not asked here.
    pub fn client(&self) -> &bollard::Docker {
        &self.docker
    }

    /// Returns what the daemon is known by for good, and how many containers it says to have: nothing where that counts others too.
    ///
    /// Podman makes up another id for each answer (`pkg/api/handlers/compat/info.go`), so it is known by its machine's name and by
    /// where it keeps its containers.
    ///
    /// # Errors
    /// If it does not say.
    pub async fn identity(&self) -> Result<(String, i64), SourceError> {
        let info = answer(&self.host, "ask for its id", self.docker.info()).await?;
        if !self.is_podman {
            let id = info.id.filter(|id| !id.is_empty());
            let id = id.ok_or_else(|| failed(&self.host, "it does not say its id, so nothing can be told apart"))?;
            return Ok((id, info.containers.unwrap_or_default()));
        }
        match (info.name, info.docker_root_dir) {
            (Some(name), Some(folder)) if !name.is_empty() => Ok((format!("podman:{name}:{folder}"), 0)),
            _ => Err(failed(&self.host, "Podman does not say its machine's name and folder")),
        }
    }

    /// Returns how the daemon is called in errors.
    pub(super) fn name(&self) -> &str {
        &self.host
    }

    /// Returns what time it is by the daemon's clock.
    pub(super) async fn time(&self) -> Result<Timestamp, SourceError> {
        let info = answer(&self.host, "ask for its time", self.docker.info()).await?;
        let said = info.system_time.as_deref().and_then(|said| said.parse().ok());
        said.ok_or_else(|| failed(&self.host, "it does not say what time it is"))
    }

    /// Returns every container, whatever it is doing: all of them, or an error.
    ///
    /// # Errors
    /// If it cannot be read to its end.
    pub async fn containers(&self) -> Result<Vec<Container>, SourceError> {
        let all = ListContainersOptionsBuilder::default().all(true).build();
        let listed = answer(&self.host, "list its containers", self.docker.list_containers(Some(all))).await?;
        let modes: BTreeMap<String, Mode> =
            listed.iter().filter_map(|one| Some((one.id.clone()?, Mode::of(one)))).collect();
        let mut read = Vec::with_capacity(listed.len());
        for one in listed {
            let Some(id) = one.id.clone().filter(|id| !id.is_empty()) else {
                return Err(failed(&self.host, "it lists a container without an id"));
            };
            let network = network(&id, &modes).map_err(|why| failed(&self.host, format!("container {id}: {why}")))?;
            read.push(container(one, id, network));
        }
        Ok(read)
    }
}

/// How a container is connected, as it is said.
enum Mode {
    Said(Network),
    /// As the container of this id.
    Like(String),
    /// An address is none.
    Wrong(String),
}

impl Mode {
    fn of(listed: &ContainerSummary) -> Self {
        let mode = listed.host_config.as_ref().and_then(|config| config.network_mode.as_deref()).unwrap_or_default();
        if let Some(id) = mode.strip_prefix("container:") {
            return Self::Like(id.into());
        }
        let networks = listed.network_settings.as_ref().and_then(|settings| settings.networks.as_ref());
        let mut own: BTreeMap<String, Vec<IpAddr>> = BTreeMap::new();
        for (name, endpoint) in networks.into_iter().flatten().filter(|(name, _)| !matches!(&***name, "host" | "none"))
        {
            let texts = [&endpoint.ip_address, &endpoint.global_ipv6_address];
            let texts = texts.into_iter().flatten().filter(|text| !text.is_empty());
            match texts.map(|text| text.parse()).collect() {
                Ok(addresses) => drop(own.insert(name.clone(), addresses)),
                Err(_) => return Self::Wrong(format!("its address in the network {name} is none")),
            }
        }
        match mode {
            "host" if own.is_empty() => Self::Said(Network::Host),
            "none" if own.is_empty() => Self::Said(Network::None),
            _ => Self::Said(Network::Own(own)),
        }
    }
}

/// Follows containers that share the network of others; a circle, or one that is gone, has no address now.
fn network(id: &str, modes: &BTreeMap<String, Mode>) -> Result<Network, String> {
    let mut id = id.to_owned();
    for _ in 0..modes.len() {
        match modes.get(&id) {
            Some(Mode::Said(network)) => return Ok(network.clone()),
            Some(Mode::Wrong(why)) => return Err(why.clone()),
            Some(Mode::Like(other)) => id.clone_from(other),
            None => break,
        }
    }
    Ok(Network::default())
}

fn container(listed: ContainerSummary, id: String, network: Network) -> Container {
    let status = listed.status.unwrap_or_default();
    let health = listed.health.and_then(|health| health.status);
    // Before API 1.52 the health stands in the text for people alone.
    let is_unhealthy = health == Some(ContainerSummaryHealthStatusEnum::UNHEALTHY) || status.ends_with("(unhealthy)");
    let names = listed.names.unwrap_or_default();
    // Links between containers give one more names, with a slash in them.
    let own = names.iter().map(|name| name.trim_start_matches('/')).find(|name| !name.contains('/'));
    Container {
        name: own.unwrap_or_default().to_owned(),
        state: listed.state.map_or(State::Unknown, state),
        is_unhealthy,
        labels: listed.labels.unwrap_or_default().into_iter().collect(),
        network,
        id,
    }
}

fn state(state: ContainerSummaryStateEnum) -> State {
    match state {
        ContainerSummaryStateEnum::EMPTY => State::Unknown,
        ContainerSummaryStateEnum::CREATED => State::Created,
        ContainerSummaryStateEnum::RUNNING => State::Running,
        ContainerSummaryStateEnum::PAUSED => State::Paused,
        ContainerSummaryStateEnum::RESTARTING => State::Restarting,
        ContainerSummaryStateEnum::EXITED => State::Exited,
        ContainerSummaryStateEnum::REMOVING => State::Removing,
        ContainerSummaryStateEnum::DEAD => State::Dead,
        ContainerSummaryStateEnum::STOPPING => State::Stopping,
    }
}

fn client(host: &Host, version: &ClientVersion) -> Result<bollard::Docker, Error> {
    let address = host.address.replacen("https://", "tcp://", 1).replacen("http://", "tcp://", 1);
    let address = address.trim_end_matches('/');
    match &host.tls {
        _ if address.starts_with("unix://") => bollard::Docker::connect_with_unix(address, EXCHANGE.as_secs(), version),
        Some(folder) => {
            // A second call finds it installed, which is as good.
            drop(rustls::crypto::ring::default_provider().install_default());
            let [key, certificate, ca] = ["key.pem", "cert.pem", "ca.pem"].map(|name| folder.join(name));
            bollard::Docker::connect_with_ssl(address, &key, &certificate, &ca, EXCHANGE.as_secs(), version)
        }
        None => bollard::Docker::connect_with_http(address, EXCHANGE.as_secs(), version),
    }
}

/// Waits for a whole answer; the client's own patience ends with the answer's head.
pub(super) async fn answer<T>(
    name: &str,
    doing: &str,
    asked: impl Future<Output = Result<T, Error>>,
) -> Result<T, SourceError> {
    match tokio::time::timeout(EXCHANGE, asked).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(error)) => Err(trouble(name, doing, &error)),
        Err(_) => Err(trouble(name, doing, &Error::RequestTimeoutError)),
    }
}

pub(super) fn trouble(name: &str, doing: &str, error: &Error) -> SourceError {
    let said = match error {
        Error::SocketNotFoundError(_) => "there is no such socket".into(),
        Error::RequestTimeoutError => format!("no whole answer within {} s", EXCHANGE.as_secs()),
        Error::DockerResponseServerError { status_code, message } => {
            let words: Vec<&str> = message.split_whitespace().collect();
            let words: String = words.join(" ").chars().take(SHOWN).collect();
            if words.is_empty() {
                format!("it answered {status_code}")
            } else {
                format!("it answered {status_code}: {words}")
            }
        }
        Error::JsonDataError { message, .. } => format!("its answer is not Docker's: {message}"),
        Error::JsonSerdeError { err } => format!("its answer breaks off or is not Docker's: {err}"),
        other => innermost(other),
    };
    let hint = match (error, io_kind(error)) {
        (Error::SocketNotFoundError(_), _) | (_, Some(ErrorKind::NotFound | ErrorKind::ConnectionRefused)) => {
            "start Docker, or name where it listens with `hosts` in [docker] or DOCKER_HOST"
        }
        (_, Some(ErrorKind::PermissionDenied)) => {
            "this program's user must be able to use the socket: usually by the group `docker`"
        }
        (Error::CertPathError { .. } | Error::CertParseError { .. } | Error::CertMultipleKeys { .. }, _) => {
            "the folder of certificates holds ca.pem, cert.pem and key.pem"
        }
        (Error::DockerResponseServerError { .. }, _) => "look into the daemon's log",
        _ => "check that Docker runs there, and that nothing in between answers for it",
    };
    SourceError { hint: Some(hint.into()), ..failed(name, format!("could not {doing}: {said}")) }
}

/// Returns what the system said, where it is in the error's causes.
fn io_kind(error: &Error) -> Option<ErrorKind> {
    let mut cause = error.source();
    if let Error::IOError { err } = error {
        return Some(err.kind());
    }
    while let Some(inner) = cause {
        if let Some(error) = inner.downcast_ref::<io::Error>() {
            return Some(error.kind());
        }
        cause = inner.source();
    }
    None
}
