//! What would surprise a person about the token and the zone.

use dnsmgmt_core::name::Name;
use dnsmgmt_core::provider::{DnsProvider, ProviderError, Reaction};
use dnsmgmt_core::record_set::{Listing, Scope};
use reqwest::Method;
use serde::Deserialize;

use super::Cloudflare;
use super::envelope;

/// How many names a sentence gives.
const NAMED: usize = 3;

/// The state of a token.
#[derive(Deserialize)]
struct Token {
    status: String,
    expires_on: Option<String>,
}

/// The state of a zone.
#[derive(Deserialize)]
struct State {
    name: String,
    status: Option<String>,
    paused: Option<bool>,
    name_servers: Option<Vec<String>>,
}

impl Cloudflare {
    /// Returns what would surprise a person, a sentence each. Where the budget of calls ends on the way, that is one of them.
    pub(super) async fn surprises(&self) -> Result<Vec<String>, ProviderError> {
        let mut surprises = Vec::new();
        match self.look(&mut surprises).await {
            Err(error) if matches!(error.reaction, Reaction::Busy { .. }) => {
                surprises.push(format!("not everything was looked at: {error}"));
            }
            looked => looked?,
        }
        Ok(surprises)
    }

    /// The listing decides whether the zone can be asked at all; the other two questions may be beyond what the token may ask.
    async fn look(&self, surprises: &mut Vec<String>) -> Result<(), ProviderError> {
        let listing = self.list(&Scope::Zone).await?;
        if self.api.shows_token() {
            surprises.push(format!("the API token goes unencrypted over the network {}", self.api.place()));
        }
        // Tokens that belong to an account cannot be verified here; that they list the zone says enough.
        if let Some(token) = allowed(self.get::<Token>("/user/tokens/verify").await)? {
            surprises.extend(token.surprises());
        }
        let state = allowed(self.get::<State>(&format!("/zones/{}", self.zone)).await)?;
        let apex = match &state {
            Some(state) => {
                surprises.extend(state.surprises());
                Name::parse(&state.name).ok()
            }
            None => {
                surprises.push(
                    "the token may not read the zone itself (Zone / Zone / Read), so whether the zone is active was not checked"
                        .into(),
                );
                None
            }
        };
        if let Some(apex) = apex {
            surprises.extend(self.other_name(&apex));
            surprises.extend(strays(&listing, &apex));
        }
        Ok(())
    }

    async fn get<T: for<'a> Deserialize<'a>>(&self, path: &str) -> Result<T, ProviderError> {
        let doing = format!("ask for {path} {}", self.api.place());
        let answered = self.api.send(self.api.request(Method::GET, path), &doing).await?;
        Ok(envelope::result(&answered, &doing)?)
    }

    /// Tells of a zone that was given by id and name, and is called something else.
    fn other_name(&self, apex: &Name) -> Option<String> {
        let given = self.zone_name().filter(|given| *given != apex)?;
        Some(format!("the zone {} is called {apex}, and not {given} as configured", self.zone))
    }
}

/// Returns nothing where the API does not let us ask.
fn allowed<T>(answer: Result<T, ProviderError>) -> Result<Option<T>, ProviderError> {
    match answer {
        Ok(answer) => Ok(Some(answer)),
        Err(error) if matches!(error.reaction, Reaction::Unauthorized | Reaction::Refused) => Ok(None),
        Err(error) => Err(error),
    }
}

impl Token {
    fn surprises(&self) -> Vec<String> {
        let mut surprises = Vec::new();
        if self.status != "active" {
            surprises.push(format!("the API token is `{}`, not active", self.status));
        }
        if let Some(end) = &self.expires_on {
            surprises.push(format!("the API token expires on {end}; make a new one before"));
        }
        surprises
    }
}

impl State {
    fn surprises(&self) -> Vec<String> {
        let mut surprises = Vec::new();
        if let Some(status) = self.status.as_deref().filter(|status| *status != "active") {
            let servers = self.name_servers.as_deref().unwrap_or_default().join(" and ");
            surprises.push(format!(
                "the zone {} is `{status}`, not active: nobody is answered from it until its registrar names {servers}",
                self.name
            ));
        }
        if self.paused == Some(true) {
            surprises.push(format!("the zone {} is paused: its records are answered and not proxied", self.name));
        }
        surprises
    }
}

/// Tells of what stands in the zone and is not what it seems.
fn strays(listing: &Listing, apex: &Name) -> Vec<String> {
    let outside: Vec<String> =
        listing.records.iter().filter(|record| !record.name().is_within(apex)).map(ToString::to_string).collect();
    let opaque: Vec<String> = listing.opaque.iter().map(|opaque| format!("{} ({})", opaque.text, opaque.why)).collect();
    [(outside, format!("outside {apex}")), (opaque, "that cannot be read and are left alone".to_owned())]
        .into_iter()
        .filter(|(entries, _)| !entries.is_empty())
        .map(|(entries, what)| {
            let more = if entries.len() > NAMED { ", ..." } else { "" };
            format!("{} records {what}: {}{more}", entries.len(), entries[..entries.len().min(NAMED)].join(", "))
        })
        .collect()
}
