//! By which address others see this machine: several services are asked, and must agree.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;
use std::sync::LazyLock;
use std::time::Duration;

use dnsmgmt_core::name::Name;
use dnsmgmt_core::record::{RecordData, RecordType};
use dnsmgmt_core::witness::Answered;
use futures_util::future::join_all;
use reqwest::Client;
use url::Url;

use super::{Family, may_be_public};
use crate::dns::Server;
use crate::http;
use crate::witness::Witness;

/// How long a service may take.
const TIMEOUT: Duration = Duration::from_secs(10);
/// How many octets of an answer are read: an address has 39 at most.
const ANSWER: usize = 256;

/// What tells somebody's address to whoever asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Service {
    /// A page whose text is the address.
    Web(Url),
    /// A DNS server that answers a name with the address, as `myip.opendns.com` or `o-o.myaddr.l.google.com`.
    Dns {
        /// The server.
        server: Server,
        /// The name.
        name: Name,
        /// Whether the address is the text of a TXT, and not that of an A or AAAA.
        is_text: bool,
    },
}

/// A text that names no service.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a service is https://HOST/PATH, or dns://SERVER/NAME with ?TXT behind it where the address is a text")]
pub struct ServiceError;

impl FromStr for Service {
    type Err = ServiceError;

    fn from_str(text: &str) -> Result<Self, ServiceError> {
        let Some(rest) = text.strip_prefix("dns://") else {
            let url = Url::parse(text).map_err(|_| ServiceError)?;
            let is_plain = url.username().is_empty() && url.password().is_none() && url.host_str().is_some();
            let is_web = matches!(url.scheme(), "http" | "https") && is_plain;
            return is_web.then_some(Self::Web(url)).ok_or(ServiceError);
        };
        let (server, name) = rest.split_once('/').ok_or(ServiceError)?;
        let (name, is_text) = match name.split_once('?') {
            None => (name, false),
            Some((name, "TXT")) => (name, true),
            Some(_) => return Err(ServiceError),
        };
        let (server, name) = (server.parse().map_err(|_| ServiceError)?, Name::parse(name).map_err(|_| ServiceError)?);
        Ok(Self::Dns { server, name, is_text })
    }
}

impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Web(url) => url.fmt(f),
            Self::Dns { server, name, is_text } => {
                write!(f, "dns://{server}/{name}{}", if *is_text { "?TXT" } else { "" })
            }
        }
    }
}

/// Why the address by which others see this machine is not known. Nothing follows from that.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the public {family} address is not known, because {}: {}", why(*.agree), .answers.join("; "))]
pub struct Undetermined {
    /// Of which family.
    pub family: Family,
    /// How many services have to agree.
    pub agree: usize,
    /// What each said, or what happened instead.
    pub answers: Vec<String>,
}

fn why(agree: usize) -> String {
    if agree == 1 { "no service tells it".into() } else { format!("no {agree} services agree on one") }
}

/// Asks services by which address they see this machine, in their order and no more of them than it takes until `agree` say the same.
///
/// # Errors
/// If fewer agree.
pub async fn ask(family: Family, services: &[Service], agree: usize) -> Result<IpAddr, Undetermined> {
    // One for all of them, because each that is made reads the system's certificates.
    let client = LazyLock::new(|| http::client_from(family.unspecified()).map_err(|error| error.to_string()));
    let client = || client.as_ref().map_err(String::clone);
    let mut votes: BTreeMap<IpAddr, usize> = BTreeMap::new();
    let mut answers = Vec::new();
    let mut left = services.iter();
    loop {
        let most = votes.values().copied().max().unwrap_or(0);
        if let Some((address, _)) = votes.iter().find(|(_, count)| **count >= agree) {
            return Ok(*address);
        }
        // Those that are still needed, at once.
        let next: Vec<&Service> = left.by_ref().take(agree - most).collect();
        if next.is_empty() {
            return Err(Undetermined { family, agree, answers });
        }
        let asked = join_all(next.iter().map(|service| ask_one(family, service, &client))).await;
        for (service, answer) in next.into_iter().zip(asked) {
            match answer {
                Ok(address) => {
                    answers.push(format!("{service} says {address}"));
                    *votes.entry(address).or_default() += 1;
                }
                Err(why) => answers.push(format!("{service}: {why}")),
            }
        }
    }
}

async fn ask_one<'c>(
    family: Family,
    service: &Service,
    client: &impl Fn() -> Result<&'c Client, String>,
) -> Result<IpAddr, String> {
    let answer = tokio::time::timeout(TIMEOUT, async {
        match service {
            Service::Web(url) => ask_web(client()?, url).await,
            Service::Dns { server, name, is_text } => ask_dns(family, server, name, *is_text).await,
        }
    });
    let address = answer.await.unwrap_or_else(|_| Err(format!("no answer within {} s", TIMEOUT.as_secs())))?;
    match Family::of(address) == family {
        true if may_be_public(address) => Ok(address),
        true => Err(format!("it says {address}, which nobody elsewhere can reach")),
        false => Err(format!("it says {address}, which is no {family} address")),
    }
}

async fn ask_web(client: &Client, url: &Url) -> Result<IpAddr, String> {
    let failed = |error: reqwest::Error| http::innermost(&error.without_url());
    let mut response = client.get(url.clone()).send().await.map_err(failed)?;
    if !response.status().is_success() {
        return Err(format!("it answers {}", response.status()));
    }
    let mut text = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(failed)? {
        text.extend_from_slice(&chunk);
        if text.len() > ANSWER {
            return Err("its answer is longer than an address".into());
        }
    }
    let text = String::from_utf8_lossy(&text);
    text.trim().parse().map_err(|_| "its answer is no address".into())
}

async fn ask_dns(family: Family, server: &Server, name: &Name, is_text: bool) -> Result<IpAddr, String> {
    let rtype = match family {
        _ if is_text => RecordType::Txt,
        Family::Ipv4 => RecordType::A,
        Family::Ipv6 => RecordType::Aaaa,
    };
    let answered = Witness::new(server.clone()).ask(name, &rtype).await.map_err(|error| error.answered)?;
    let Answered::Values(values) = answered else { return Err("it refers to another server".into()) };
    let address = |value: &RecordData| match value {
        RecordData::Txt(text) => std::str::from_utf8(text).ok()?.trim().parse().ok(),
        value => value.address(),
    };
    let mut addresses = values.iter().filter_map(address);
    match (addresses.next(), addresses.next()) {
        (Some(address), None) => Ok(address),
        (Some(_), Some(_)) => Err("it answers with several addresses".into()),
        (None, _) => Err("its answer holds no address".into()),
    }
}

#[cfg(test)]
mod tests {
    use wiremock::matchers::any;
    use wiremock::{Mock, MockServer, ResponseTemplate};

    use super::*;

    async fn saying(status: u16, text: &str) -> (MockServer, Service) {
        let server = MockServer::start().await;
        Mock::given(any()).respond_with(ResponseTemplate::new(status).set_body_string(text)).mount(&server).await;
        let service = server.uri().parse().unwrap();
        (server, service)
    }

    async fn asked(server: &MockServer) -> usize {
        server.received_requests().await.unwrap().len()
    }

    #[tokio::test]
    async fn as_many_are_asked_as_have_to_agree_and_more_only_where_they_do_not() {
        let (one, first) = saying(200, "203.0.113.7\n").await;
        let (two, second) = saying(200, " 203.0.113.7").await;
        let (three, third) = saying(200, "203.0.113.7").await;
        let address = ask(Family::Ipv4, &[first.clone(), second, third.clone()], 2).await;
        assert_eq!(address, Ok("203.0.113.7".parse().unwrap()));
        assert_eq!((asked(&one).await, asked(&two).await, asked(&three).await), (1, 1, 0));
        let (_odd, other) = saying(200, "203.0.113.8").await;
        let address = ask(Family::Ipv4, &[first, other, third], 2).await;
        assert_eq!(address, Ok("203.0.113.7".parse().unwrap()));
    }

    #[tokio::test]
    async fn nothing_is_believed_of_services_that_fail_or_say_nonsense_or_do_not_agree() {
        let (_one, good) = saying(200, "203.0.113.7").await;
        for (status, text, why) in [
            (503, "203.0.113.7", "503"),
            (200, "<html>log in</html>", "no address"),
            (200, &"1".repeat(1000), "longer"),
            (200, "192.168.1.1", "nobody elsewhere"),
            (200, "127.0.0.1", "nobody elsewhere"),
            (200, "2001:db8::1", "no IPv4"),
            (200, "203.0.113.8", "says 203.0.113.8"),
        ] {
            let (_other, bad) = saying(status, text).await;
            let error = ask(Family::Ipv4, &[bad, good.clone()], 2).await.unwrap_err();
            assert!(error.to_string().contains(why) && error.answers.len() == 2, "{error}");
        }
        let nobody = "http://127.0.0.1:9/".parse().unwrap();
        assert!(ask(Family::Ipv4, &[nobody], 1).await.is_err());
    }

    #[test]
    fn services_are_pages_or_questions_and_are_written_as_they_are_read() {
        for text in [
            "https://api.example.com/ip?format=text",
            "dns://resolver1.opendns.com:53/myip.opendns.com",
            "dns://[2001:db8::1]:53/o-o.myaddr.l.google.com?TXT",
        ] {
            assert_eq!(text.parse::<Service>().unwrap().to_string(), text);
        }
        for wrong in ["api.example.com", "ftp://x/", "https://a:b@x/", "dns://x", "dns://x/", "dns://x/y?MX", ""] {
            assert!(wrong.parse::<Service>().is_err(), "{wrong}");
        }
    }
}
