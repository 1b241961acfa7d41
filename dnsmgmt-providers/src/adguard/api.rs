//! The calls, each with what its answers mean.

use std::sync::{Mutex, PoisonError};

use dnsmgmt_core::provider::{ProviderError, Reaction};
use jiff::Timestamp;
use reqwest::header::VARY;
use reqwest::{Method, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};

use super::rewrite::{Rewrite, Spelling};
use super::session::Session;
use crate::http::Answered;

/// The calls of one server, and what it has shown that it can do.
#[derive(Debug)]
pub(super) struct Api {
    session: Session,
    learnt: Mutex<Learnt>,
}

#[derive(Debug, Default, Clone, Copy)]
struct Learnt {
    /// Whether rewrites can be switched off (from v0.107.68).
    enabled: Option<bool>,
    /// Whether there is `rewrite/update` (from v0.107.33); believed until it turns out otherwise.
    no_update: bool,
}

/// What `rewrite/update` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Updated {
    /// The first entry spelled like the target was replaced.
    Done,
    /// No entry is spelled like the target.
    TargetNotFound,
    /// There is no such call on this server.
    Unsupported,
}

/// Whether a part of the server is switched on.
#[derive(Debug, Deserialize)]
struct Switch {
    enabled: bool,
}

impl Api {
    pub(super) fn new(session: Session) -> Self {
        Self { session, learnt: Mutex::default() }
    }

    /// Returns all rewrites, in the server's order, and its clock.
    pub(super) async fn list(&self) -> Result<(Vec<Rewrite>, Option<Timestamp>), ProviderError> {
        let doing = format!("list the rewrites at {}", self.session.base());
        let answered = self.session.send(Method::GET, "rewrite/list", None, &doing).await?;
        let rewrites: Vec<Rewrite> = decoded(&answered, "an array of rewrites", &doing)?;
        if let Some(first) = rewrites.first() {
            self.learn(|learnt| learnt.enabled = Some(first.enabled.is_some()));
        }
        Ok((rewrites, answered.date()))
    }

    /// Appends a rewrite; the server does not look whether it is there already.
    pub(super) async fn add(&self, new: &Spelling, enabled: Option<bool>) -> Result<(), ProviderError> {
        let doing = format!("add the rewrite `{new}` at {}", self.session.base());
        accepted(&self.session.send(Method::POST, "rewrite/add", Some(&entry(new, enabled)), &doing).await?, &doing)
    }

    /// Removes all rewrites spelled like this; the answer is the same where there is none.
    pub(super) async fn delete(&self, stored: &Spelling) -> Result<(), ProviderError> {
        let doing = format!("delete the rewrite `{stored}` at {}", self.session.base());
        accepted(&self.session.send(Method::POST, "rewrite/delete", Some(&entry(stored, None)), &doing).await?, &doing)
    }

    /// Replaces the first rewrite spelled like `stored`; `enabled` stays as it is where nothing is said.
    pub(super) async fn update(
        &self,
        stored: &Spelling,
        new: &Spelling,
        enabled: Option<bool>,
    ) -> Result<Updated, ProviderError> {
        if self.learnt().no_update {
            return Ok(Updated::Unsupported);
        }
        let doing = format!("change the rewrite `{stored}` to `{new}` at {}", self.session.base());
        let body = json!({ "target": entry(stored, None), "update": entry(new, enabled) });
        let answered = self.session.send(Method::PUT, "rewrite/update", Some(&body), &doing).await?;
        match answered.status {
            StatusCode::BAD_REQUEST if answered.body.starts_with("target rule not found") => {
                Ok(Updated::TargetNotFound)
            }
            _ if lacks_call(&answered) => {
                self.learn(|learnt| learnt.no_update = true);
                Ok(Updated::Unsupported)
            }
            StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED => Err(foreign(&answered, &doing)),
            _ => accepted(&answered, &doing).map(|()| Updated::Done),
        }
    }

    /// Returns whether it is known by now that rewrites cannot be switched off one by one.
    pub(super) fn cannot_disable(&self) -> bool {
        self.learnt().enabled == Some(false)
    }

    /// Returns whether rewrites can be switched off one by one, asking only where no listing has shown it.
    pub(super) async fn can_disable(&self) -> Result<bool, ProviderError> {
        match self.learnt().enabled {
            Some(known) => Ok(known),
            None => Ok(self.rewrites_enabled().await?.is_some()),
        }
    }

    /// Returns whether rewrites are answered at all; nothing where the server has no such switch (before v0.107.68).
    pub(super) async fn rewrites_enabled(&self) -> Result<Option<bool>, ProviderError> {
        let doing = format!("read the settings of the rewrites at {}", self.session.base());
        let answered = self.session.send(Method::GET, "rewrite/settings", None, &doing).await?;
        let switch = match answered.status {
            _ if lacks_call(&answered) => None,
            StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED => return Err(foreign(&answered, &doing)),
            _ => Some(decoded::<Switch>(&answered, "the settings of the rewrites", &doing)?.enabled),
        };
        self.learn(|learnt| learnt.enabled = Some(switch.is_some()));
        Ok(switch)
    }

    /// Returns whether filtering is switched on, without which there are no rewrites.
    pub(super) async fn filtering_enabled(&self) -> Result<bool, ProviderError> {
        let doing = format!("read the state of filtering at {}", self.session.base());
        let answered = self.session.send(Method::GET, "filtering/status", None, &doing).await?;
        Ok(decoded::<Switch>(&answered, "the state of filtering", &doing)?.enabled)
    }

    fn learnt(&self) -> Learnt {
        *self.learnt.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn learn(&self, what: impl FnOnce(&mut Learnt)) {
        what(&mut self.learnt.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

/// Returns a rewrite as the server reads it.
fn entry(spelling: &Spelling, enabled: Option<bool>) -> Value {
    let mut entry = json!({ "domain": spelling.domain, "answer": spelling.answer });
    if let Some(enabled) = enabled {
        entry["enabled"] = enabled.into();
    }
    entry
}

/// Returns whether AdGuard Home itself says that it has no such call. A proxy in front of it may say the like while AdGuard Home
/// cannot be reached: even in the same words, if it is written in Go, but then without a word about compression.
fn lacks_call(answered: &Answered) -> bool {
    let text = answered.body.trim();
    let is_said = match answered.status {
        StatusCode::NOT_FOUND => text == "404 page not found",
        StatusCode::METHOD_NOT_ALLOWED => text.starts_with("only method "),
        _ => false,
    };
    is_said && answered.headers.contains_key(VARY)
}

/// Returns the error of a 404 or 405 that is not AdGuard Home's.
fn foreign(answered: &Answered, doing: &str) -> ProviderError {
    ProviderError::new(Reaction::Unreachable, doing, format!("{}, which AdGuard Home does not say", answered.shown()))
        .hint("check whether something between here and AdGuard Home answered in its place")
}

fn decoded<T: serde::de::DeserializeOwned>(answered: &Answered, what: &str, doing: &str) -> Result<T, ProviderError> {
    match answered.status {
        StatusCode::OK => serde_json::from_str(&answered.body)
            .map_err(|error| answered.malformed(doing, format!("this is not {what}: {error}"))),
        StatusCode::NOT_FOUND => {
            Err(answered.failure(doing).hint("check that the address is AdGuard Home's, without `/control` at its end"))
        }
        _ => Err(answered.failure(doing)),
    }
}

/// A change is answered with 200 and nothing else; whatever comes with a body was not said by AdGuard Home.
fn accepted(answered: &Answered, doing: &str) -> Result<(), ProviderError> {
    match answered.status {
        StatusCode::OK if answered.body.trim().is_empty() => Ok(()),
        StatusCode::OK => Err(answered.malformed(doing, "AdGuard Home answers a change with an empty body")),
        _ => Err(answered.failure(doing)),
    }
}
