//! Which daemons and proxies are sources: what the file says, and variables where it says nothing.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use dnsmgmt_core::source::{RecordSource, SourceError};
use secrecy::SecretString;

use super::diagnostic::Diagnostic;
use super::vars::{
    DOCKER_CERT_PATH, DOCKER_HOST, DOCKER_TLS_VERIFY, HOSTIP, SOURCES, TRAEFIK_API_PASSWORD, TRAEFIK_API_URL,
    TRAEFIK_API_USERNAME,
};
use super::{Provider, Settings, check};
use crate::source::{self, docker, is_live, traefik};

impl Settings {
    /// Opens a source: `docker`, `docker:` and an address, `traefik`, `traefik:` and an address, or a file or folder as
    /// [`source::open`] does.
    ///
    /// # Errors
    /// If it is not known where it is. That it can be read shows when it is.
    pub fn source(&self, spec: &str, base: &Path) -> Result<Box<dyn RecordSource>, SourceError> {
        if !is_live(spec) {
            return source::open(spec, base);
        }
        let (kind, address) = kind(spec);
        let wrong = |error: Diagnostic| source::failed(spec, error);
        Ok(match kind {
            "docker" => Box::new(docker::Docker::new(self.docker(address).map_err(wrong)?)),
            _ => Box::new(traefik::Traefik::new(self.traefik(address).map_err(wrong)?)),
        })
    }

    /// Returns the daemons that sources ask.
    ///
    /// # Errors
    /// If an address or a variable is wrong.
    pub fn daemons(&self, specs: &[String]) -> Result<Vec<docker::Host>, Diagnostic> {
        Ok(self.dockers(specs)?.into_iter().flat_map(|docker| docker.hosts).collect())
    }

    /// Returns for each source that is Docker which daemons it asks, and how it reads labels. A daemon that several sources name is one
    /// of the first.
    ///
    /// # Errors
    /// If an address or a variable is wrong.
    pub fn dockers(&self, specs: &[String]) -> Result<Vec<docker::Settings>, Diagnostic> {
        let mut seen = BTreeSet::new();
        let of_docker = specs.iter().map(|spec| kind(spec)).filter(|(kind, _)| *kind == "docker");
        let dockers = of_docker.map(|(_, address)| {
            let mut docker = self.docker(address)?;
            docker.hosts.retain(|host| seen.insert(host.address.clone()));
            Ok(docker)
        });
        dockers.collect()
    }

    /// Returns the files that the configuration says are to be read: those that hold secrets, and sources.
    pub fn files_named(&self) -> Vec<PathBuf> {
        let of_providers = self.file.providers.iter().filter_map(Provider::secret);
        let of_traefik = self.file.traefik.iter().filter_map(|traefik| Some(&traefik.login.as_ref()?.password));
        let secrets = of_providers.chain(of_traefik).filter_map(|secret| Some(secret.file()?.0.to_owned()));
        let sources = self.policy().sources.iter().filter_map(|spec| source::path(spec)).map(PathBuf::from);
        secrets.chain(sources).collect()
    }

    /// Returns whether any source is Docker.
    pub fn has_docker(&self) -> bool {
        self.policy().sources.iter().any(|spec| kind(spec).0 == "docker")
    }

    /// Returns the daemons to ask, and how labels are read: the one at `address`, else those of the file, else those of
    /// `DOCKER_HOST`, else [`docker::DEFAULT_HOST`].
    ///
    /// # Errors
    /// If an address or a variable is wrong.
    pub fn docker(&self, address: Option<&str>) -> Result<docker::Settings, Diagnostic> {
        let mut rules = self.file.docker.rules.clone();
        if rules.host.is_empty() {
            rules.host = self.host_ip()?;
        }
        rules.providers = Some(self.provider_names()).filter(|names| !names.is_empty());
        let configured = &self.file.docker.hosts;
        let hosts = match address {
            Some(address) => {
                docker::Host::check(address).map_err(|why| Diagnostic::new(format!("`docker:{address}`: {why}")))?;
                match configured.iter().find(|host| host.address == address) {
                    Some(host) => vec![host.clone()],
                    None => vec![self.host(address)?],
                }
            }
            None if !configured.is_empty() => configured.clone(),
            None => match self.environment.value(&DOCKER_HOST)? {
                Some(value) => {
                    let addresses = value.text.split(',').map(str::trim).filter(|text| !text.is_empty());
                    let host = |address| {
                        docker::Host::check(address).map_err(|why| value.wrong(why))?;
                        self.host(address)
                    };
                    addresses.map(host).collect::<Result<_, _>>()?
                }
                None => docker::Settings::default().hosts,
            },
        };
        Ok(docker::Settings { hosts, rules })
    }

    /// Returns the variables about sources that are set: who starts elsewhere does not know them.
    pub fn source_variables(&self) -> Vec<&'static str> {
        let docker = [&SOURCES, &DOCKER_HOST, &DOCKER_TLS_VERIFY, &DOCKER_CERT_PATH, &HOSTIP];
        let traefik = [&TRAEFIK_API_URL, &TRAEFIK_API_USERNAME, &TRAEFIK_API_PASSWORD];
        let all = docker.into_iter().chain(traefik);
        all.filter(|variable| self.environment.has(variable)).map(|variable| variable.name).collect()
    }

    fn host(&self, address: &str) -> Result<docker::Host, Diagnostic> {
        let tls = if address.starts_with("unix://") { None } else { self.certificates()? };
        Ok(docker::Host { address: address.into(), tls, addresses: Vec::new() })
    }

    /// Returns the folder of certificates, as Docker's own client finds it. What it is told to trust unseen is verified here too.
    fn certificates(&self) -> Result<Option<PathBuf>, Diagnostic> {
        if let Some(value) = self.environment.value(&DOCKER_CERT_PATH)? {
            return Ok(Some(value.text.into()));
        }
        if !self.environment.has(&DOCKER_TLS_VERIFY) {
            return Ok(None);
        }
        let home = self.environment.folder("HOME").map(|home| home.join(".docker"));
        let missing = || Diagnostic::new("`DOCKER_TLS_VERIFY` is set, and it is not known where the certificates are");
        home.ok_or_else(|| missing().help("set `DOCKER_CERT_PATH`")).map(Some)
    }

    /// Returns where Traefik's API is, and what stands behind the names of its routers: at `address`, else what the file says, else
    /// what variables say.
    ///
    /// # Errors
    /// If neither names an address, or if a secret cannot be read.
    pub fn traefik(&self, address: Option<&str>) -> Result<traefik::Settings, Diagnostic> {
        let host_ip = |answer: &[IpAddr]| if answer.is_empty() { self.host_ip() } else { Ok(answer.to_vec()) };
        let file = self.file.traefik.as_ref();
        if let Some(file) = file.filter(|file| address.is_none_or(|address| address == file.url)) {
            let login = file
                .login
                .as_ref()
                .map(|login| Ok::<_, Diagnostic>((login.username.clone(), login.password.read(&self.environment)?)));
            return Ok(traefik::Settings {
                url: file.url.clone(),
                login: login.transpose()?,
                answer: host_ip(&file.answer)?,
                provider: file.provider.clone(),
                ttl: file.ttl,
            });
        }
        let url = match (address, self.environment.value(&TRAEFIK_API_URL)?) {
            (Some(address), _) => {
                check::url(address).map_err(|why| Diagnostic::new(format!("`traefik:`: {why}")))?;
                address.to_owned()
            }
            (None, Some(value)) => {
                check::url(&value.text).map_err(|why| value.wrong(why))?;
                value.text
            }
            (None, None) => {
                return Err(Diagnostic::new("it is not known where Traefik's API is")
                    .help("name it with `url` in [traefik], or with `TRAEFIK_API_URL`"));
            }
        };
        let answer = file.map_or(&[][..], |file| &file.answer);
        Ok(traefik::Settings {
            url,
            login: self.traefik_login(address)?,
            answer: host_ip(answer)?,
            provider: file.and_then(|file| file.provider.clone()),
            ttl: file.and_then(|file| file.ttl),
        })
    }

    /// A password is for the address beside which it stands alone.
    fn traefik_login(&self, address: Option<&str>) -> Result<Option<(String, SecretString)>, Diagnostic> {
        if address.is_some() {
            return Ok(None);
        }
        let (user, password) =
            (self.environment.value(&TRAEFIK_API_USERNAME)?, self.environment.value(&TRAEFIK_API_PASSWORD)?);
        match (user, password) {
            (None, None) => Ok(None),
            (Some(user), Some(password)) => Ok(Some((user.text, password.text.into()))),
            _ => Err(Diagnostic::new("of `TRAEFIK_API_USERNAME` and `TRAEFIK_API_PASSWORD` only one is set")),
        }
    }

    /// Returns the addresses of this machine that `HOSTIP` names.
    fn host_ip(&self) -> Result<Vec<IpAddr>, Diagnostic> {
        let Some(value) = self.environment.value(&HOSTIP)? else { return Ok(Vec::new()) };
        let words = value.text.split(',').map(str::trim).filter(|word| !word.is_empty());
        let address = |word: &str| word.parse().map_err(|_| value.wrong(format!("`{word}` is not an address")));
        words.map(address).collect()
    }
}

/// Splits a source into its kind and its address, where it names one.
fn kind(spec: &str) -> (&str, Option<&str>) {
    spec.split_once(':').map_or((spec, None), |(kind, address)| (kind, Some(address)))
}
