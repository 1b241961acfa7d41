//! The four calls of the protocol.

use dnsmgmt_core::provider::{ProviderError, Reaction};
use jiff::Timestamp;
use reqwest::header::{ACCEPT, CONTENT_TYPE};
use reqwest::{Client, Method, StatusCode, Url};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::endpoint::Endpoint;
use super::filter::DomainFilter;
use crate::http::{self, Answered};

/// The media type of version 1 (external-dns `provider/webhook/api`). Some servers refuse a request without it.
const MEDIA_TYPE: &str = "application/external.dns.webhook+json;version=1";
/// The media type without its version.
const ESSENCE: &str = "application/external.dns.webhook+json";

/// Sends requests to one webhook.
#[derive(Debug)]
pub(super) struct Api {
    client: Client,
    base: String,
}

/// What is to be changed (external-dns `plan.Changes`); `update_old` and `update_new` are pairs.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Changes {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) create: Vec<Endpoint>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) update_old: Vec<Endpoint>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) update_new: Vec<Endpoint>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) delete: Vec<Endpoint>,
}

impl Api {
    pub(super) fn new(name: &str, url: &str) -> Result<Self, ProviderError> {
        let base = url.trim().trim_end_matches('/').to_owned();
        if !Url::parse(&base).is_ok_and(|url| is_base(&url)) {
            // What was given is not shown, because it may contain a password.
            return Err(ProviderError::new(Reaction::Refused, format!("use the address of `{name}`"), "it is none")
                .hint("give what external-dns is given as `--webhook-provider-url`, like http://localhost:8888"));
        }
        Ok(Self { client: http::client()?, base })
    }

    /// Returns the address without a slash at its end.
    pub(super) fn base(&self) -> &str {
        &self.base
    }

    /// Asks whether the webhook speaks our version, and for which domains.
    pub(super) async fn negotiate(&self) -> Result<DomainFilter, ProviderError> {
        let doing = format!("negotiate with the webhook at {}", self.base);
        let answered = self.send(Method::GET, "/", None::<&()>, &doing).await?;
        if !answered.status.is_success() {
            return Err(failure(&answered, &doing));
        }
        match media_type(&answered) {
            Some(media_type) if is_ours(&media_type) => read(&answered, &doing),
            media_type => Err(another_protocol(media_type.as_deref(), &doing)),
        }
    }

    /// Returns all that the webhook holds, and its clock.
    pub(super) async fn records(&self) -> Result<(Vec<Endpoint>, Option<Timestamp>), ProviderError> {
        let doing = format!("list the records of the webhook at {}", self.base);
        let answered = self.send(Method::GET, "/records", None::<&()>, &doing).await?;
        let endpoints: Option<Vec<Endpoint>> = read_ok(&answered, &doing)?;
        // The reference server writes `null` where its provider found nothing, as Go does with a list that was never made.
        Ok((endpoints.unwrap_or_default(), answered.date()))
    }

    /// Asks what the service behind the webhook would make of these endpoints. Nothing is changed by it.
    pub(super) async fn adjust(&self, wanted: &[Endpoint]) -> Result<Vec<Endpoint>, ProviderError> {
        let doing = format!("ask the webhook at {} what it makes of the records", self.base);
        let mut answered = self.send(Method::POST, "/adjustendpoints", Some(wanted), &doing).await?;
        answered.is_to_question = true;
        let endpoints: Option<Vec<Endpoint>> = read_ok(&answered, &doing)?;
        Ok(endpoints.unwrap_or_default())
    }

    /// Asks for the changes.
    pub(super) async fn apply(&self, changes: &Changes) -> Result<(), ProviderError> {
        let doing = format!("change records at the webhook at {}", self.base);
        let answered = self.send(Method::POST, "/records", Some(changes), &doing).await?;
        match answered.status {
            StatusCode::NO_CONTENT => Ok(()),
            status if status.is_success() => Err(answered.malformed(&doing, "a webhook answers a change with 204")),
            _ => Err(failure(&answered, &doing)),
        }
    }

    async fn send<T: Serialize + ?Sized>(
        &self,
        method: Method,
        path: &str,
        body: Option<&T>,
        doing: &str,
    ) -> Result<Answered, ProviderError> {
        let mut request = self.client.request(method, format!("{}{path}", self.base)).header(ACCEPT, MEDIA_TYPE);
        if let Some(body) = body {
            let body = serde_json::to_vec(body).expect("texts and numbers can be written as JSON");
            request = request.header(CONTENT_TYPE, MEDIA_TYPE).body(body);
        }
        http::send(request, doing).await
    }
}

fn is_base(url: &Url) -> bool {
    let plain =
        url.username().is_empty() && url.password().is_none() && url.query().is_none() && url.fragment().is_none();
    matches!(url.scheme(), "http" | "https") && url.has_host() && plain
}

/// Returns the media type in lower case and without blanks.
fn media_type(answered: &Answered) -> Option<String> {
    let text = answered.headers.get(CONTENT_TYPE)?.to_str().ok()?;
    Some(text.chars().filter(|c| !c.is_whitespace() && *c != '"').collect::<String>().to_ascii_lowercase())
}

fn is_ours(media_type: &str) -> bool {
    let mut parts = media_type.split(';');
    parts.next() == Some(ESSENCE) && parts.any(|parameter| parameter == "version=1")
}

fn another_protocol(media_type: Option<&str>, doing: &str) -> ProviderError {
    let (answered, hint) = match media_type {
        Some(other) if other.split(';').next() == Some(ESSENCE) => (
            format!("it speaks another version of the protocol: {other}"),
            "this program speaks version 1; use a webhook that does too",
        ),
        Some(other) => (
            format!("it answers with {other}, so it is no webhook of external-dns"),
            "check the address: it is that of the webhook itself, by default port 8888, not that of its metrics or of a proxy",
        ),
        None => (
            "its answer has no media type, so it is no webhook of external-dns".into(),
            "check the address: it is that of the webhook itself, by default port 8888",
        ),
    };
    ProviderError::new(Reaction::Refused, doing, answered).hint(hint)
}

/// Reads an answer that has to be 200. Only the negotiation has to name the media type, as external-dns has it; where another
/// answer names another version, it is not read.
fn read_ok<T: DeserializeOwned>(answered: &Answered, doing: &str) -> Result<T, ProviderError> {
    if answered.status != StatusCode::OK {
        return Err(match answered.status.is_success() {
            true => answered.malformed(doing, "a webhook answers this with 200"),
            false => failure(answered, doing),
        });
    }
    match media_type(answered) {
        Some(other) if other.split(';').next() == Some(ESSENCE) && !is_ours(&other) => {
            Err(another_protocol(Some(&other), doing))
        }
        _ => read(answered, doing),
    }
}

fn read<T: DeserializeOwned>(answered: &Answered, doing: &str) -> Result<T, ProviderError> {
    serde_json::from_str(&answered.body)
        .map_err(|error| answered.malformed(doing, format!("it cannot be read: {error}")))
}

/// Returns the error of a status, with what is known of it in this protocol.
fn failure(answered: &Answered, doing: &str) -> ProviderError {
    let error = answered.failure(doing);
    let hint = match answered.status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
            "the protocol knows no credentials, so something in front of the webhook asks for them; let this machine pass"
        }
        StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED => {
            "check the address: it is that of the webhook itself, by default port 8888, without `/records`"
        }
        StatusCode::NOT_ACCEPTABLE | StatusCode::UNSUPPORTED_MEDIA_TYPE => {
            "the webhook speaks another version of the protocol; this program speaks version 1"
        }
        status if status.is_server_error() || status.is_client_error() => {
            "the webhook's own log says why; the protocol has no room for a reason"
        }
        _ => return error,
    };
    error.hint(hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_one_of_the_parameters_of_the_media_type() {
        assert!(is_ours(MEDIA_TYPE));
        assert!(is_ours("application/external.dns.webhook+json;charset=utf-8;version=1"));
        for other in ["application/json", "application/external.dns.webhook+json", "text/html;version=1"] {
            assert!(!is_ours(other), "{other}");
        }
        assert!(!is_ours("application/external.dns.webhook+json;version=10"));
    }

    #[test]
    fn what_is_not_there_is_left_out_of_the_changes() {
        assert_eq!(serde_json::to_string(&Changes::default()).unwrap(), "{}");
    }
}
