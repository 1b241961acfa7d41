//! The connection: the key, the two calls, and what their failures mean.

use dnsmgmt_core::provider::{ProviderError, Reaction};
use jiff::Timestamp;
use reqwest::header::{HeaderName, HeaderValue};
use reqwest::{Client, Method, RequestBuilder, StatusCode, Url};
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;

use super::PowerDnsConfig;
use super::rrset::Zone;
use crate::http::{self, Answered};

const API_KEY: HeaderName = HeaderName::from_static("x-api-key");

/// Calls for one zone.
#[derive(Debug)]
pub(super) struct Api {
    client: Client,
    base: String,
    zone: String,
    zone_name: String,
    key: HeaderValue,
}

impl Api {
    pub(super) fn new(config: &PowerDnsConfig) -> Result<Self, ProviderError> {
        let base = base(&config.url)?;
        let server = coded(&config.server_id);
        let zone_name = config.zone.with_dot();
        let zone = format!("{base}/api/v1/servers/{server}/zones/{}", coded(&zone_name));
        Ok(Self { client: http::client()?, key: key(&config.api_key)?, base, zone, zone_name })
    }

    /// Returns where this is, for error texts.
    pub(super) fn place(&self) -> String {
        format!("at PowerDNS at {}", self.base)
    }

    /// Returns whether everybody on the way can read the key.
    pub(super) fn shows_key(&self) -> bool {
        http::is_open(&self.base)
    }

    /// Returns the whole zone, and the server's clock.
    pub(super) async fn zone(&self, doing: &str) -> Result<(Zone, Option<Timestamp>), ProviderError> {
        let doing = format!("{doing} {}", self.place());
        let answered = self.send(Method::GET, |request| request, &doing).await?;
        if answered.status != StatusCode::OK {
            return Err(self.failure(&answered, &doing));
        }
        let zone: Zone = serde_json::from_str(&answered.body).map_err(|error| answered.malformed(&doing, error))?;
        if !zone.name.eq_ignore_ascii_case(&self.zone_name) {
            return Err(answered.malformed(&doing, format!("it is the zone {}, not {}", zone.name, self.zone_name)));
        }
        Ok((zone, answered.date()))
    }

    /// Changes RRsets, all or none.
    pub(super) async fn patch(&self, body: &impl Serialize, doing: &str) -> Result<(), ProviderError> {
        let answered = self.send(Method::PATCH, |request| request.json(body), doing).await?;
        match answered.status {
            StatusCode::NO_CONTENT => Ok(()),
            _ => Err(self.failure(&answered, doing)),
        }
    }

    async fn send(
        &self,
        method: Method,
        with: impl FnOnce(RequestBuilder) -> RequestBuilder,
        doing: &str,
    ) -> Result<Answered, ProviderError> {
        let request = self.client.request(method, &self.zone).header(API_KEY, self.key.clone());
        http::send(with(request), doing).await
    }

    fn failure(&self, answered: &Answered, doing: &str) -> ProviderError {
        let mut error = answered.failure(doing);
        if let Some(words) = words(&answered.body) {
            error.answered = format!("{}: {words}", answered.status);
        }
        match answered.status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => error.hint(
                "give the `api-key` of the server's pdns.conf; a 403 also comes from its `webserver-allow-from`",
            ),
            StatusCode::NOT_FOUND => error.hint(format!(
                "the server has no zone {}, or the address or the server id (`localhost` but behind a proxy) is not that of its API: \
                 `pdnsutil list-all-zones` shows its zones, and `api=yes` in pdns.conf switches the API on",
                self.zone_name
            )),
            StatusCode::PAYLOAD_TOO_LARGE => error.hint("raise `webserver-max-bodysize` in pdns.conf"),
            StatusCode::INTERNAL_SERVER_ERROR => error.hint("the server's own log says more"),
            _ => error,
        }
    }
}

/// Returns the server's own words, which it puts into `error`.
fn words(body: &str) -> Option<String> {
    #[derive(serde::Deserialize)]
    struct Refusal {
        error: String,
    }
    Some(serde_json::from_str::<Refusal>(body).ok()?.error)
}

/// Returns the address without `/api/v1` behind it, which people copy along.
fn base(url: &str) -> Result<String, ProviderError> {
    let url = url.trim().trim_end_matches('/');
    let base = url.strip_suffix("/api/v1").unwrap_or(url).trim_end_matches('/');
    let plain = |url: &Url| {
        url.username().is_empty() && url.password().is_none() && url.query().is_none() && url.fragment().is_none()
    };
    if Url::parse(base).is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host() && plain(&url)) {
        return Ok(base.into());
    }
    // What was given is not shown, because it may contain a password.
    Err(ProviderError::new(Reaction::Refused, "use PowerDNS's API", "the configured address is none")
        .hint("give `http` or `https`, host and port, like http://127.0.0.1:8081"))
}

fn key(key: &SecretString) -> Result<HeaderValue, ProviderError> {
    let key = key.expose_secret().trim();
    match HeaderValue::from_str(key) {
        Ok(mut value) if !key.is_empty() => {
            value.set_sensitive(true);
            Ok(value)
        }
        _ => Err(ProviderError::new(
            Reaction::Unauthorized,
            "use PowerDNS's API",
            "the API key is empty or has characters that no header takes",
        )
        .hint("copy the `api-key` of the server's pdns.conf, without quotes or line breaks")),
    }
}

/// Codes an id as the server does: what is not a letter, a digit, `.`, `-` or `_` becomes `=` and its number (PowerDNS, "Zones").
fn coded(id: &str) -> String {
    let mut coded = String::with_capacity(id.len());
    for octet in id.bytes() {
        match octet {
            b'.' | b'-' | b'_' | b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' => coded.push(octet.into()),
            _ => coded.push_str(&format!("={octet:02X}")),
        }
    }
    coded
}

#[cfg(test)]
mod tests {
    use super::*;
    use dnsmgmt_core::name::Name;

    fn config(url: &str, key: &str) -> PowerDnsConfig {
        let (zone, server_id) = (Name::parse("0/25.2.0.192.in-addr.arpa").unwrap(), "localhost".into());
        PowerDnsConfig { name: "powerdns".into(), url: url.into(), api_key: key.to_owned().into(), server_id, zone }
    }

    #[test]
    fn the_address_of_a_zone_is_coded_as_the_server_does() {
        for url in ["http://[::1]:8081", "http://[::1]:8081/", "http://[::1]:8081/api/v1/"] {
            let api = Api::new(&config(url, "key")).unwrap();
            assert_eq!(api.zone, "http://[::1]:8081/api/v1/servers/localhost/zones/0=2F25.2.0.192.in-addr.arpa.");
        }
    }

    #[test]
    fn neither_the_connection_nor_an_error_shows_the_key() {
        let api = Api::new(&config("http://[::1]:8081", "s3cret")).unwrap();
        assert!(!format!("{api:?}").contains("s3cret"), "{api:?}");
        for wrong in ["", " \n", "s3\ncret"] {
            let error = Api::new(&config("http://[::1]:8081", wrong)).unwrap_err();
            assert_eq!(error.reaction, Reaction::Unauthorized);
            assert!(!format!("{error:?}").contains("cret\""), "{error:?}");
        }
        for wrong in ["", "127.0.0.1:8081", "ftp://host", "http://user:s3cret@host", "http://host/?x=1"] {
            let error = Api::new(&config(wrong, "key")).unwrap_err();
            assert_eq!(error.reaction, Reaction::Refused, "{wrong}");
            assert!(!format!("{error:?}").contains("s3cret"));
        }
    }
}
