//! Looking at a provider.

use std::time::Duration;

use crate::patience::Patience;
use crate::progress::Progress;
use crate::provider::{DnsProvider, ProviderError, Reaction, RunId};
use crate::record_set::{Listing, Scope};

/// How often a question is asked before the program says that it could not run: fewer times than a change is verified, since
/// nothing hangs on it yet and a person with a mistyped address is waiting.
const TRIES: u32 = 3;

/// Lists what the provider holds in `scope`; an answer that did not arrive, or cannot be understood, is asked for again.
pub async fn observe(
    provider: &dyn DnsProvider,
    scope: &Scope,
    patience: &Patience,
    run: RunId,
    progress: &(dyn Fn(Progress<'_>) + Sync),
) -> Result<Listing, ProviderError> {
    let mut pauses = patience.pauses(run.0);
    let mut tries = 0;
    loop {
        tries += 1;
        progress(Progress::Looking);
        let error = match provider.list(scope).await {
            Ok(listing) => return Ok(listing),
            Err(error) => error,
        };
        let again = pause_after(&error).filter(|_| tries < TRIES);
        let Some(pause) = again.and_then(|asked_for| pauses.next(asked_for)) else { return Err(error) };
        progress(Progress::Waiting { pause, why: &error.to_string() });
        tokio::time::sleep(pause).await;
    }
}

/// Returns whether asking again can help, and how long the provider wants to be left alone at least.
pub(crate) fn pause_after(error: &ProviderError) -> Option<Option<Duration>> {
    match error.reaction {
        Reaction::Unreachable | Reaction::Malformed => Some(None),
        Reaction::Busy { retry_after } => Some(retry_after),
        Reaction::Unauthorized | Reaction::Refused => None,
    }
}
