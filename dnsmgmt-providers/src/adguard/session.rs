//! The connection to one server: where it is, who we are there, and the session that a login begins.

use dnsmgmt_core::provider::{ProviderError, Reaction};
use reqwest::header::{COOKIE, HeaderMap, HeaderValue, LOCATION, SET_COOKIE};
use reqwest::{Client, Method, StatusCode, Url};
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use tokio::sync::Mutex;

use super::Credentials;
use crate::http::{self, Answered};

/// The cookie that a session is known by (AdGuard Home `internal/home/authhttp.go`).
const SESSION_COOKIE: &str = "agh_session";

/// What it says to a login with another password, or another name.
const WRONG_PASSWORD: &str = "invalid username or password";

/// Sends requests, logged in where there is somebody to log in as.
#[derive(Debug)]
pub(super) struct Session {
    client: Client,
    base: String,
    credentials: Option<Credentials>,
    login: Mutex<Login>,
}

#[derive(Debug, Default)]
enum Login {
    #[default]
    NotYet,
    Open(HeaderValue),
    Refused(ProviderError),
}

impl Session {
    /// Prepares a session; nothing is sent yet.
    pub(super) fn new(name: &str, url: &str, credentials: Option<Credentials>) -> Result<Self, ProviderError> {
        let base = base_url(url).map_err(|why| {
            ProviderError::new(Reaction::Refused, format!("use the address of `{name}`"), why)
                .hint("write it as `http://host:port`, as in the browser when AdGuard Home's web interface is open")
        })?;
        Ok(Self { client: http::client()?, base, credentials, login: Mutex::default() })
    }

    /// Returns the address without a slash at its end.
    pub(super) fn base(&self) -> &str {
        &self.base
    }

    /// Sends one request below `/control/`. An answer of 401 or 403 becomes an error here, after a second login where the
    /// session may have ended; any other status is the caller's to read.
    pub(super) async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
        doing: &str,
    ) -> Result<Answered, ProviderError> {
        let Some(credentials) = &self.credentials else {
            let answered = self.exchange(method, path, body, None, doing).await?;
            return if is_denied(&answered) { Err(anonymous(&answered, doing)) } else { Ok(answered) };
        };
        let cookie = self.cookie(credentials, None).await?;
        let answered = self.exchange(method.clone(), path, body, Some(&cookie), doing).await?;
        if !is_denied(&answered) {
            return Ok(answered);
        }
        let renewed = self.cookie(credentials, Some(&cookie)).await?;
        let answered = self.exchange(method, path, body, Some(&renewed), doing).await?;
        if !is_denied(&answered) {
            return Ok(answered);
        }
        let error =
            ProviderError::new(Reaction::Unauthorized, doing, format!("{} right after a login", answered.shown()))
                .hint("check whether something between here and AdGuard Home asks for a login of its own");
        *self.login.lock().await = Login::Refused(error.clone());
        Err(error)
    }

    /// Returns the session's cookie, after a login if there is none yet or `ended` is still the one we have. Calls that come
    /// meanwhile wait for the same login.
    async fn cookie(
        &self,
        credentials: &Credentials,
        ended: Option<&HeaderValue>,
    ) -> Result<HeaderValue, ProviderError> {
        let mut login = self.login.lock().await;
        match &*login {
            Login::Refused(error) => return Err(error.clone()),
            Login::Open(cookie) if Some(cookie) != ended => return Ok(cookie.clone()),
            Login::Open(_) | Login::NotYet => {}
        }
        let outcome = self.log_in(credentials).await;
        match &outcome {
            Ok(cookie) => *login = Login::Open(cookie.clone()),
            Err(error) if error.reaction == Reaction::Unauthorized => *login = Login::Refused(error.clone()),
            Err(_) => {}
        }
        outcome
    }

    async fn log_in(&self, Credentials { username, password }: &Credentials) -> Result<HeaderValue, ProviderError> {
        let doing = format!("log in to AdGuard Home at {} as `{username}`", self.base);
        let body = json!({ "name": username, "password": password.expose_secret() });
        let answered = without_echo(self.exchange(Method::POST, "login", Some(&body), None, &doing).await?);
        let refused = match answered.status {
            StatusCode::OK => {
                return session_cookie(&answered.headers)
                    .ok_or_else(|| answered.malformed(&doing, format!("a login gives the cookie `{SESSION_COOKIE}`")));
            }
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => wrong_password(&answered, &doing),
            StatusCode::TOO_MANY_REQUESTS => blocked(&answered, &doing),
            _ => return Err(answered.failure(&doing)),
        };
        Err(if self.lets_everybody_in().await { no_users(&doing) } else { refused })
    }

    /// A server without users refuses every login, in the same words as a wrong password, and counts it as one.
    async fn lets_everybody_in(&self) -> bool {
        let answered = self.exchange(Method::GET, "rewrite/list", None, None, "look whether there are users").await;
        answered.is_ok_and(|answered| answered.status == StatusCode::OK && answered.body.starts_with('['))
    }

    async fn exchange(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
        cookie: Option<&HeaderValue>,
        doing: &str,
    ) -> Result<Answered, ProviderError> {
        let mut request = self.client.request(method, format!("{}/control/{path}", self.base));
        if let Some(body) = body {
            request = request.json(body);
        }
        if let Some(cookie) = cookie {
            request = request.header(COOKIE, cookie.clone());
        }
        let answered = http::send(request, doing).await?;
        if answered.status.is_redirection() && leads_to_set_up(&answered.headers) {
            let why = "AdGuard Home's first-run set-up is not finished";
            return Err(ProviderError::new(Reaction::Refused, doing, why)
                .hint(format!("open {} in a browser and finish it", self.base)));
        }
        Ok(answered)
    }
}

/// Returns the address to put `/control/` behind, or why it is none. The reason never shows the address where it may hold a
/// password.
fn base_url(text: &str) -> Result<String, String> {
    if text.contains('@') {
        return Err("it contains a user or a password, which belong into settings of their own".into());
    }
    let url = Url::parse(text).map_err(|error| format!("`{text}` is no URL: {error}"))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(format!("`{text}` begins with neither `http://` nor `https://`"));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(format!("`{text}` has a `?` or a `#` in it"));
    }
    Ok(url.as_str().trim_end_matches('/').to_owned())
}

fn is_denied(answered: &Answered) -> bool {
    matches!(answered.status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN)
}

/// Before the set-up every call is redirected to `install.html`, relative to itself.
fn leads_to_set_up(headers: &HeaderMap) -> bool {
    headers.get(LOCATION).and_then(|target| target.to_str().ok()).is_some_and(|target| target.ends_with("install.html"))
}

/// Returns the session's cookie as it is to be sent back.
fn session_cookie(headers: &HeaderMap) -> Option<HeaderValue> {
    let mut pairs = headers.get_all(SET_COOKIE).iter().filter_map(|cookie| cookie.to_str().ok()?.split(';').next());
    let pair = pairs.find(|pair| pair.trim().split_once('=').is_some_and(|(name, _)| name == SESSION_COOKIE))?;
    let mut cookie = HeaderValue::from_str(pair.trim()).ok()?;
    cookie.set_sensitive(true);
    Some(cookie)
}

/// Hides what something else than AdGuard Home says to a login: it may repeat the password.
fn without_echo(answered: Answered) -> Answered {
    if matches!(answered.body.trim(), "" | WRONG_PASSWORD) {
        return answered;
    }
    Answered { body: "(a text that is not shown, because it may repeat the password)".into(), ..answered }
}

fn anonymous(answered: &Answered, doing: &str) -> ProviderError {
    ProviderError::new(Reaction::Unauthorized, doing, format!("{}; it wants a user and a password", answered.shown()))
        .hint("set ADGUARD_USERNAME and ADGUARD_PASSWORD")
}

fn wrong_password(answered: &Answered, doing: &str) -> ProviderError {
    let why = "wrong user or password, or blocked for up to 15 minutes after 5 failures";
    ProviderError::new(Reaction::Unauthorized, doing, format!("{why}; the server said {}", answered.shown())).hint(
        "check ADGUARD_USERNAME and ADGUARD_PASSWORD before you try again, and leave both out for a server without users",
    )
}

fn no_users(doing: &str) -> ProviderError {
    let why = "this AdGuard Home has no users; it lets everybody in and refuses logins";
    ProviderError::new(Reaction::Unauthorized, doing, why)
        .hint("leave ADGUARD_USERNAME and ADGUARD_PASSWORD out, or set up a user in AdGuard Home")
}

fn blocked(answered: &Answered, doing: &str) -> ProviderError {
    let time = answered.retry_after().map_or_else(|| "for a while".into(), |left| format!("for {} s", left.as_secs()));
    let why = format!("logins from this address are blocked {time} after too many wrong passwords");
    ProviderError::new(Reaction::Unauthorized, doing, why)
        .hint("check ADGUARD_USERNAME and ADGUARD_PASSWORD, here and wherever else this address logs in, and try again after that time")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_loses_its_slash_and_keeps_its_path() {
        assert_eq!(base_url("http://10.0.0.1:3000/").unwrap(), "http://10.0.0.1:3000");
        assert_eq!(base_url("https://home.example/adguard//").unwrap(), "https://home.example/adguard");
        assert_eq!(base_url("http://[fd00::1]").unwrap(), "http://[fd00::1]");
    }

    #[test]
    fn an_address_that_is_none_is_refused_without_showing_a_password() {
        for text in
            ["home.example:3000", "home.example", "ftp://home.example", "http://", "http://a/?b", "http://a/#b", ""]
        {
            assert!(base_url(text).unwrap_err().contains(&format!("`{text}`")), "{text}");
        }
        for text in ["http://admin:hunter2@home.example", "admin:hunter2@home.example"] {
            assert!(!base_url(text).unwrap_err().contains("hunter2"));
        }
    }

    #[test]
    fn the_session_is_found_among_other_cookies_and_not_shown() {
        let mut headers = HeaderMap::new();
        headers.append(SET_COOKIE, HeaderValue::from_static("proxy=agh_session; Path=/"));
        headers.append(SET_COOKIE, HeaderValue::from_static("agh_session=00ff; Path=/; HttpOnly"));
        let cookie = session_cookie(&headers).unwrap();
        assert_eq!(cookie, "agh_session=00ff");
        assert!(!format!("{cookie:?}").contains("00ff"));
    }
}
