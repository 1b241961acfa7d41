//! The connection: the token, the address, and the budget of calls.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use dnsmgmt_core::provider::{ProviderError, Reaction};
use jiff::fmt::rfc2822;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use reqwest::{Client, Method, RequestBuilder, StatusCode, Url};
use secrecy::{ExposeSecret, SecretString};

use super::CLOUDFLARE_API;
use crate::http::{self, Answered};

/// What to do when calls are answered with 429.
pub(super) const BUDGET: &str = "wait; Cloudflare allows 1200 calls in 5 minutes to all programs of one user together, the \
                                 dashboard included, and blocks all of them for 5 minutes when there are more";

/// Sends requests with the token.
#[derive(Debug)]
pub(super) struct Api {
    client: Client,
    url: String,
    authorization: HeaderValue,
    budget: Budget,
}

/// The calls that a user has left, which Cloudflare counts for all of the user's zones and tokens together; clones share it.
#[derive(Debug, Clone, Default)]
pub struct Budget {
    /// How long to wait, since the last answer said that it was the last one allowed.
    spent: Arc<Mutex<Option<Duration>>>,
}

impl Budget {
    fn spent(&self) -> MutexGuard<'_, Option<Duration>> {
        self.spent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Api {
    pub(super) fn new(url: &str, token: &SecretString, budget: Budget) -> Result<Self, ProviderError> {
        let url = url.trim().trim_end_matches('/').to_owned();
        if !Url::parse(&url).is_ok_and(|url| is_base(&url)) {
            // What was given is not shown, because it may contain a password.
            return Err(ProviderError::new(
                Reaction::Refused,
                "use Cloudflare's API",
                "the configured address is none",
            )
            .hint(format!("give `http` or `https`, host and path alone, like {CLOUDFLARE_API}")));
        }
        Ok(Self { client: http::client()?, authorization: bearer(token)?, url, budget })
    }

    /// Returns whether everybody on the way can read the token.
    pub(super) fn shows_token(&self) -> bool {
        http::is_open(&self.url)
    }

    /// Returns a request; `path` begins with a slash.
    pub(super) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{path}", self.url)).header(AUTHORIZATION, self.authorization.clone())
    }

    /// Sends a request and reads its answer to the end.
    ///
    /// One call more than allowed blocks all programs of the user for five minutes. So where an answer says that it was the
    /// last one for now, the next call is not made and answers how long to wait; the call after that is made again.
    pub(super) async fn send(&self, request: RequestBuilder, doing: &str) -> Result<Answered, ProviderError> {
        if let Some(wait) = self.budget.spent().take() {
            let busy = Reaction::Busy { retry_after: Some(wait) };
            return Err(
                ProviderError::new(busy, doing, "the last answer said that no call is left for now").hint(BUDGET)
            );
        }
        let answered = http::send(request, doing).await?;
        if answered.status != StatusCode::TOO_MANY_REQUESTS {
            *self.budget.spent() = wait_for_budget(&answered);
        }
        Ok(answered)
    }

    /// Returns where this is, for error texts.
    pub(super) fn place(&self) -> String {
        if self.url == CLOUDFLARE_API { "at Cloudflare".into() } else { format!("at Cloudflare's API at {}", self.url) }
    }
}

fn is_base(url: &Url) -> bool {
    let plain =
        url.username().is_empty() && url.password().is_none() && url.query().is_none() && url.fragment().is_none();
    matches!(url.scheme(), "http" | "https") && url.has_host() && plain
}

fn bearer(token: &SecretString) -> Result<HeaderValue, ProviderError> {
    let token = token.expose_secret().trim();
    let value = (!token.is_empty()).then(|| HeaderValue::from_str(&format!("Bearer {token}")));
    match value {
        Some(Ok(mut value)) => {
            value.set_sensitive(true);
            Ok(value)
        }
        _ => Err(ProviderError::new(
            Reaction::Unauthorized,
            "use Cloudflare's API",
            "the token is empty or has characters that no token has",
        )
        .hint("copy the API token anew, without quotes or line breaks")),
    }
}

/// Returns how long to wait where no further call is allowed, by `Ratelimit: "default";r=0;t=30` or, before September 2025, by
/// `x-ratelimit-remaining` and the date in `x-ratelimit-reset` (Cloudflare's documentation, API rate limits).
pub(super) fn wait_for_budget(answered: &Answered) -> Option<Duration> {
    limits(&answered.headers).or_else(|| older_limits(answered)).filter(|wait| !wait.is_zero())
}

/// Returns the longest wait among the limits that are used up.
fn limits(headers: &HeaderMap) -> Option<Duration> {
    let header = headers.get("ratelimit")?.to_str().ok()?;
    header
        .split(',')
        .filter(|item| parameter(item, "r") == Some(0))
        .filter_map(|item| parameter(item, "t"))
        .max()
        .map(Duration::from_secs)
}

fn parameter(item: &str, name: &str) -> Option<u64> {
    item.split(';').skip(1).find_map(|part| part.trim().strip_prefix(name)?.strip_prefix('=')?.parse().ok())
}

fn older_limits(answered: &Answered) -> Option<Duration> {
    let text = |name: &str| answered.headers.get(name)?.to_str().ok();
    if text("x-ratelimit-remaining")?.trim() != "0" {
        return None;
    }
    let reset = rfc2822::parse(text("x-ratelimit-reset")?).ok()?.timestamp();
    let seconds = reset.as_second() - answered.date()?.as_second();
    seconds.try_into().ok().map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use reqwest::StatusCode;

    use super::*;

    fn answered(headers: &[(&'static str, &str)]) -> Answered {
        let headers = headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect();
        Answered { status: StatusCode::OK, headers, body: String::new(), is_to_question: true }
    }

    #[test]
    fn the_budget_is_read_in_both_of_its_forms() {
        let wait = |headers: &[(&'static str, &str)]| wait_for_budget(&answered(headers)).map(|wait| wait.as_secs());
        assert_eq!(wait(&[]), None);
        assert_eq!(wait(&[("ratelimit", r#""default";r=50;t=30"#)]), None);
        assert_eq!(wait(&[("ratelimit", r#""default";r=0;t=30"#)]), Some(30));
        assert_eq!(wait(&[("ratelimit", r#""burst";r=1;t=900, "default"; r=0; t=30"#)]), Some(30));
        assert_eq!(wait(&[("ratelimit", r#""default";r=0;t=0"#)]), None);
        let date = ("date", "Tue, 04 Mar 2025 10:00:00 GMT");
        let reset = ("x-ratelimit-reset", "Tue, 04 Mar 2025 10:02:00 GMT");
        assert_eq!(wait(&[date, reset, ("x-ratelimit-remaining", "0")]), Some(120));
        assert_eq!(wait(&[date, reset, ("x-ratelimit-remaining", "7")]), None);
        assert_eq!(wait(&[date, ("x-ratelimit-remaining", "0")]), None);
    }

    #[test]
    fn neither_the_connection_nor_an_error_shows_the_token() {
        let api = Api::new(CLOUDFLARE_API, &"s3cret".into(), Budget::default()).unwrap();
        assert!(!format!("{api:?}").contains("s3cret"), "{api:?}");
        let error = Api::new(CLOUDFLARE_API, &"s3\ncret".into(), Budget::default()).unwrap_err();
        assert_eq!(error.reaction, Reaction::Unauthorized);
        assert!(!format!("{error:?}").contains("cret\""), "{error:?}");
        assert!(Api::new(CLOUDFLARE_API, &" \n".into(), Budget::default()).is_err());
    }

    #[test]
    fn an_address_that_is_none_is_refused() {
        for wrong in [
            "",
            "api.cloudflare.com",
            "ftp://api.cloudflare.com",
            "https://",
            "https://user:s3cret@host/client/v4",
            "https://host/client/v4?x=1",
        ] {
            let error = Api::new(wrong, &"token".into(), Budget::default()).unwrap_err();
            assert_eq!(error.reaction, Reaction::Refused, "{wrong}");
            assert!(!format!("{error:?}").contains("s3cret"));
        }
    }

    #[test]
    fn a_token_in_clear_is_known_for_what_it_is() {
        let shows = |url: &str| Api::new(url, &"token".into(), Budget::default()).unwrap().shows_token();
        assert!(shows("http://proxy.example/client/v4") && shows("http://10.0.0.1/client/v4"));
        assert!(!shows("http://127.0.0.1:8080/client/v4") && !shows("http://[::1]/") && !shows("http://localhost"));
        assert!(!shows(CLOUDFLARE_API));
    }
}
