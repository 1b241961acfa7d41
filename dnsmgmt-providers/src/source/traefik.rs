//! The routers of Traefik, by its API: those of containers, and those without any.

use std::collections::BTreeSet;
use std::fmt;
use std::net::IpAddr;

use async_trait::async_trait;
use dnsmgmt_core::origin::Origin;
use dnsmgmt_core::record::{Record, RecordData, Ttl};
use dnsmgmt_core::source::{Desired, Place, RecordSource, SourceError, Wanted};
use reqwest::Client;
use reqwest::header::HeaderMap;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;

use super::failed;
use super::labels::rule;
use crate::http;

/// The most that one page holds (Traefik docs, "API"; `pkg/api/criterion.go`).
const PER_PAGE: u32 = 100;
/// Where the number of the next page stands; 1 behind the last one.
const NEXT_PAGE: &str = "X-Next-Page";

/// Where Traefik's API is, and what stands behind the names of its routers.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Its address; `/api` is put behind it where it does not end so.
    pub url: String,
    /// User and password, where it asks for them.
    pub login: Option<(String, SecretString)>,
    /// The addresses at which Traefik is reached.
    pub answer: Vec<IpAddr>,
    /// The configured provider of the names; told from them if not given.
    pub provider: Option<String>,
    /// The TTL of the records.
    pub ttl: Option<Ttl>,
}

/// Traefik's routers as a source.
#[derive(Debug)]
pub struct Traefik(Settings);

impl Traefik {
    /// Returns the source; nothing is asked yet.
    pub fn new(settings: Settings) -> Self {
        Self(settings)
    }

    /// Returns the address of the API without a slash at its end.
    fn api(&self) -> String {
        let url = self.0.url.trim_end_matches('/');
        if url.ends_with("/api") { url.into() } else { format!("{url}/api") }
    }

    fn failed(&self, problem: impl fmt::Display) -> SourceError {
        failed(&format!("Traefik at {}", self.0.url), problem)
    }

    async fn read(&self) -> Result<Desired, SourceError> {
        if self.0.answer.is_empty() {
            let missing = self.failed("it is not known at which address it is reached");
            return Err(SourceError { hint: Some("name it with `host_ip` in [traefik], or HOSTIP".into()), ..missing });
        }
        let client = http::client().map_err(|error| self.failed(error))?;
        let origin = Origin::of_source("traefik", self.0.url.trim_end_matches('/'));
        let mut desired = Desired { read: vec![origin.clone()], live: vec![origin.clone()], ..Desired::default() };
        for kind in ["http", "tcp"] {
            for router in self.routers(&client, kind).await? {
                let piece = origin.piece(&format!("{kind}/{}", router.name));
                if router.status.as_deref() == Some("disabled") {
                    continue;
                }
                match rule::hosts(&router.rule) {
                    Ok(names) => {
                        let records = names.iter().flat_map(|name| self.0.answer.iter().map(move |to| (name, to)));
                        desired.wanted.extend(records.map(|(name, to)| Wanted {
                            origin: piece.clone(),
                            place: Place { provider: self.0.provider.clone(), zone: None },
                            record: Record { ttl: self.0.ttl, ..Record::new(name.clone(), data(*to)) },
                        }));
                    }
                    Err(why) => desired.unreadable.push((piece, why)),
                }
            }
        }
        Ok(desired)
    }

    /// Reads every page. A router that comes twice says that the list changed meanwhile, so that another may be missing.
    async fn routers(&self, client: &Client, kind: &str) -> Result<Vec<Router>, SourceError> {
        let doing = format!("list its {} routers", kind.to_uppercase());
        let (mut routers, mut names) = (Vec::new(), BTreeSet::new());
        let mut page: u32 = 1;
        loop {
            let url = format!("{}/{kind}/routers", self.api());
            let mut request = client.get(url).query(&[("page", page), ("per_page", PER_PAGE)]);
            if let Some((user, password)) = &self.0.login {
                request = request.basic_auth(user, Some(password.expose_secret()));
            }
            let answered = http::send(request, &doing).await.map_err(|error| self.trouble(&error))?;
            if !answered.status.is_success() {
                return Err(self.trouble(&answered.failure(&doing)));
            }
            let found: Vec<Router> =
                serde_json::from_str(&answered.body).map_err(|why| self.trouble(&answered.malformed(&doing, why)))?;
            for router in found {
                if !names.insert(router.name.clone()) {
                    let why = format!("could not {doing}: they changed while they were read");
                    return Err(SourceError { hint: Some("run again".into()), ..self.failed(why) });
                }
                routers.push(router);
            }
            match next_page(&answered.headers).map_err(|why| self.trouble(&answered.malformed(&doing, why)))? {
                Some(next) if next == page + 1 => page = next,
                Some(1) => return Ok(routers),
                // Without the header somebody else answers, or something in between cut it off: there may be more.
                next => {
                    let said =
                        next.map_or_else(|| "no next page".to_owned(), |next| format!("page {next} as the next one"));
                    let why = format!("page {page} has {said}, which Traefik never says");
                    return Err(self.trouble(&answered.malformed(&doing, why)));
                }
            }
        }
    }

    fn trouble(&self, error: &dnsmgmt_core::provider::ProviderError) -> SourceError {
        let hint = "check that `url` is that of Traefik's API, which `api.insecure` or a router of its own opens";
        SourceError { hint: Some(hint.into()), ..self.failed(error) }
    }
}

#[async_trait]
impl RecordSource for Traefik {
    async fn desired(&self) -> Result<Desired, SourceError> {
        match self.read().await {
            Ok(desired) => Ok(desired),
            Err(error) => Ok(Desired { failed: vec![error], ..Desired::default() }),
        }
    }
}

/// What is read of a router.
#[derive(Debug, Deserialize)]
struct Router {
    name: String,
    #[serde(default)]
    rule: String,
    status: Option<String>,
}

fn next_page(headers: &HeaderMap) -> Result<Option<u32>, &'static str> {
    let Some(value) = headers.get(NEXT_PAGE) else { return Ok(None) };
    let number = value.to_str().ok().and_then(|text| text.trim().parse().ok());
    number.map(Some).ok_or("its next page is no number")
}

fn data(address: IpAddr) -> RecordData {
    match address {
        IpAddr::V4(address) => RecordData::A(address),
        IpAddr::V6(address) => RecordData::Aaaa(address),
    }
}
