//! What all that speaks HTTP shares: one client, one way to send, one way to read an answer's failure.

use std::error::Error;
use std::time::Duration;

use dnsmgmt_core::provider::{ProviderError, Reaction};
use jiff::Timestamp;
use jiff::fmt::rfc2822;
use reqwest::header::{CONTENT_TYPE, DATE, HeaderMap, RETRY_AFTER};
use reqwest::{Client, Method, RequestBuilder, StatusCode, Url};

/// How long a connection may take.
const CONNECT: Duration = Duration::from_secs(10);
/// How long an exchange may take: AdGuard Home takes 0.6 s for a change among 50,000 entries, so this is generous.
const EXCHANGE: Duration = Duration::from_secs(30);
/// How many characters of an answer that is not understood are shown.
const SHOWN: usize = 200;

/// Returns the one kind of client that is used here: no redirects, because a followed one turns a change into a question.
pub(crate) fn client() -> Result<Client, ProviderError> {
    client_bound_to(None)
}

/// Returns a client that connects from that address of ours, and so to addresses of its family alone.
#[cfg(feature = "config")]
pub(crate) fn client_from(address: std::net::IpAddr) -> Result<Client, ProviderError> {
    client_bound_to(Some(address))
}

fn client_bound_to(address: Option<std::net::IpAddr>) -> Result<Client, ProviderError> {
    // A second call finds it installed, which is as good.
    drop(rustls::crypto::ring::default_provider().install_default());
    let builder = || {
        Client::builder()
            .user_agent(concat!("dnsmgmt/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT)
            .timeout(EXCHANGE)
            .redirect(reqwest::redirect::Policy::none())
            .local_address(address)
    };
    let built = match builder().build() {
        Err(error) => without_roots(builder(), &error),
        built => built.map_err(|error| innermost(&error)),
    };
    built.map_err(|why| {
        ProviderError::new(Reaction::Refused, "set up the HTTP client", why)
            .hint("check SSL_CERT_FILE, SSL_CERT_DIR and the proxy variables")
    })
}

/// A system without certificates fails even for plain `http://`, so there our own roots stand in; but not for those that somebody named.
fn without_roots(builder: reqwest::ClientBuilder, error: &reqwest::Error) -> Result<Client, String> {
    let unreadable = rustls_native_certs::load_native_certs().errors;
    if !unreadable.is_empty() {
        let unreadable: Vec<String> = unreadable.iter().map(ToString::to_string).collect();
        return Err(format!("{}: {}", innermost(error), unreadable.join("; ")));
    }
    let roots = webpki_root_certs::TLS_SERVER_ROOT_CERTS.iter().map(|der| reqwest::Certificate::from_der(der));
    let built = roots.collect::<reqwest::Result<Vec<_>>>().and_then(|roots| builder.tls_certs_only(roots).build());
    built.map_err(|error| innermost(&error))
}

/// Returns whether everybody on the way to an address can read what is sent to it: no TLS, and not this machine.
#[cfg(any(feature = "cloudflare", feature = "powerdns"))]
pub(crate) fn is_open(url: &str) -> bool {
    let local = |host: &str| {
        let address = host.trim_start_matches('[').trim_end_matches(']').parse::<std::net::IpAddr>();
        host == "localhost" || address.is_ok_and(|address| address.is_loopback())
    };
    Url::parse(url).is_ok_and(|url| url.scheme() == "http" && !url.host_str().is_some_and(local))
}

/// An answer that arrived completely.
#[derive(Debug)]
pub(crate) struct Answered {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
    /// Whether it answers a question, so that nothing can have been changed.
    pub(crate) is_to_question: bool,
}

impl Answered {
    /// Returns the server's clock as its `Date` header has it.
    #[cfg_attr(
        feature = "docker",
        allow(dead_code, reason = "a source's clock does not matter, and it may stand alone")
    )]
    pub(crate) fn date(&self) -> Option<Timestamp> {
        rfc2822::parse(self.headers.get(DATE)?.to_str().ok()?).ok().map(|date| date.timestamp())
    }

    /// Returns how long the server asked us to wait. Only seconds are read; nobody we talk to sends a date.
    pub(crate) fn retry_after(&self) -> Option<Duration> {
        self.headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok().map(Duration::from_secs)
    }

    /// Returns the error that this status stands for by itself, where the API's own words do not say more.
    pub(crate) fn failure(&self, doing: &str) -> ProviderError {
        let reaction = match self.status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Reaction::Unauthorized,
            StatusCode::TOO_MANY_REQUESTS => Reaction::Busy { retry_after: self.retry_after() },
            StatusCode::SERVICE_UNAVAILABLE if self.retry_after().is_some() => {
                Reaction::Busy { retry_after: self.retry_after() }
            }
            // Another error says nothing about whether a change was made; for a question that does not matter.
            status if status.is_server_error() && self.is_to_question && self.retry_after().is_some() => {
                Reaction::Busy { retry_after: self.retry_after() }
            }
            // What timed out or came in the way of another change may be asked for again.
            StatusCode::REQUEST_TIMEOUT | StatusCode::CONFLICT => Reaction::Unreachable,
            status if status.is_server_error() => Reaction::Unreachable,
            status if status.is_redirection() => {
                let target = self.headers.get("location").and_then(|value| value.to_str().ok()).unwrap_or("elsewhere");
                return ProviderError::new(Reaction::Refused, doing, format!("a redirect ({status}) to {target}"))
                    .hint("point the configured address at the API itself; redirects are not followed");
            }
            status if status.is_success() => Reaction::Malformed,
            _ => Reaction::Refused,
        };
        ProviderError::new(reaction, doing, self.shown())
    }

    /// Returns the error of an answer that is not what it should be.
    pub(crate) fn malformed(&self, doing: &str, why: impl std::fmt::Display) -> ProviderError {
        ProviderError::new(Reaction::Malformed, doing, format!("{}; {why}", self.shown()))
            .hint("check that the configured address is the API's and that nothing in between answers for it")
    }

    /// Returns status and beginning of the body, on one line.
    pub(crate) fn shown(&self) -> String {
        let text: String = self.body.split_whitespace().collect::<Vec<_>>().join(" ");
        match text.char_indices().nth(SHOWN) {
            _ if text.is_empty() => format!("{} with an empty body", self.status),
            Some((end, _)) => format!("{}: {}...", self.status, &text[..end]),
            None => format!("{}: {text}", self.status),
        }
    }
}

/// Sends a request and reads the answer to its end. `doing` is read behind "could not".
pub(crate) async fn send(request: RequestBuilder, doing: &str) -> Result<Answered, ProviderError> {
    let unreachable = |error: reqwest::Error| {
        let broken = if error.is_body() || error.is_decode() { "the answer broke off" } else { "no answer" };
        let why = innermost(&error.without_url());
        let hint = match why.contains("invalid peer certificate") {
            true => {
                "name the certificate of the authority that signs for this server with SSL_CERT_FILE, or check the address"
            }
            false => "check that the address is right and that the server runs and can be reached from here",
        };
        ProviderError::new(Reaction::Unreachable, doing, format!("{broken}: {why}")).hint(hint)
    };
    let (client, request) = request.build_split();
    let request = request.map_err(unreachable)?;
    let is_to_question = request.method() == Method::GET;
    let response = client.execute(request).await.map_err(unreachable)?;
    let (status, headers) = (response.status(), response.headers().clone());
    let body = response.bytes().await.map_err(unreachable)?;
    let body = String::from_utf8_lossy(&body).into_owned();
    Ok(Answered { status, headers, body, is_to_question })
}

/// Posts a text, and returns when the other side took it. The address may be a secret, so it is not shown, and neither is what an answer says
/// beside its status, which may repeat it. `doing` is read behind "could not".
pub async fn post(url: Url, text: String, within: Duration, doing: &str) -> Result<(), ProviderError> {
    let request = client()?.post(url).header(CONTENT_TYPE, "text/plain; charset=utf-8").timeout(within).body(text);
    let answered = send(request, doing).await?;
    match answered.status {
        status if status.is_success() => Ok(()),
        status => Err(ProviderError::new(answered.failure(doing).reaction, doing, status.to_string())),
    }
}

/// Returns the two innermost causes on one line: reqwest keeps what matters there, and says the same at every level above.
pub(crate) fn innermost(error: &dyn Error) -> String {
    let mut causes = vec![error.to_string()];
    let mut cause = error.source();
    while let Some(inner) = cause {
        causes.push(inner.to_string());
        cause = inner.source();
    }
    match &causes[..] {
        [.., outer, inner] if !outer.ends_with(inner) => format!("{outer}: {inner}"),
        [.., inner] => inner.clone(),
        [] => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use wiremock::matchers::any;
    use wiremock::{Mock, MockServer, ResponseTemplate};

    use super::*;

    #[test]
    fn a_client_can_be_built_twice() {
        client().unwrap();
        client().unwrap();
    }

    #[test]
    fn every_status_has_its_reaction() {
        use Reaction::{Busy, Malformed, Refused, Unauthorized, Unreachable};
        let wait = Busy { retry_after: Some(Duration::from_secs(7)) };
        let table = [
            // status, with Retry-After, to a question and to a change, and without
            (200, [Malformed, Malformed, Malformed]),
            (302, [Refused, Refused, Refused]),
            (400, [Refused, Refused, Refused]),
            (401, [Unauthorized, Unauthorized, Unauthorized]),
            (404, [Refused, Refused, Refused]),
            (408, [Unreachable, Unreachable, Unreachable]),
            (409, [Unreachable, Unreachable, Unreachable]),
            (429, [wait, wait, Busy { retry_after: None }]),
            (500, [wait, Unreachable, Unreachable]),
            (502, [wait, Unreachable, Unreachable]),
            (503, [wait, wait, Unreachable]),
            (524, [wait, Unreachable, Unreachable]),
        ];
        for (status, expected) in table {
            let reaction = |retry_after: bool, is_to_question: bool| {
                let mut headers = HeaderMap::new();
                if retry_after {
                    headers.insert(RETRY_AFTER, "7".parse().unwrap());
                }
                let status = StatusCode::from_u16(status).unwrap();
                Answered { status, headers, body: String::new(), is_to_question }.failure("try").reaction
            };
            assert_eq!([reaction(true, true), reaction(true, false), reaction(false, true)], expected, "{status}");
        }
    }

    #[tokio::test]
    async fn what_goes_wrong_with_a_post_shows_neither_its_address_nor_what_may_repeat_it() {
        let server = MockServer::start().await;
        for (status, reaction) in [
            (301, Reaction::Refused),
            (404, Reaction::Refused),
            (429, Reaction::Busy { retry_after: None }),
            (503, Reaction::Unreachable),
        ] {
            let url = Url::parse(&format!("{}/s3cret", server.uri())).unwrap();
            server.reset().await;
            let answer = ResponseTemplate::new(status).set_body_string("no such page: /s3cret");
            let answer = answer.insert_header("location", "https://example.com/s3cret");
            Mock::given(any()).respond_with(answer).mount(&server).await;
            let error = post(url, "text".into(), Duration::from_secs(9), "ping it").await.unwrap_err();
            assert_eq!(error.reaction, reaction);
            assert!(error.to_string().contains(&format!("could not ping it: {status}")), "{error}");
            assert!(!format!("{error:?}").contains("s3cret"), "{error:?}");
        }
        let nowhere = Url::parse("http://127.0.0.1:9/s3cret").unwrap();
        let error = post(nowhere, "text".into(), Duration::from_secs(9), "ping it").await.unwrap_err();
        assert!(!format!("{error:?}").contains("s3cret"), "{error:?}");
    }

    #[tokio::test]
    async fn nobody_listening_is_unreachable_and_says_where_it_failed() {
        let request = client().unwrap().get("http://127.0.0.1:9/");
        let error = send(request, "list the rewrites at http://127.0.0.1:9").await.unwrap_err();
        assert_eq!(error.reaction, Reaction::Unreachable);
        assert!(error.to_string().contains("could not list the rewrites at http://127.0.0.1:9: no answer"), "{error}");
        assert!(error.to_string().contains("refused"), "{error}");
    }
}
