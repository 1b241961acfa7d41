//! Looking at a provider.

use std::fmt::Display;
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
    let list = async || {
        progress(Progress::Looking);
        provider.list(scope).await
    };
    patiently(list, |error| Some(error), patience, run, progress).await
}

/// Asks a question, and asks it again where that can help: `provider_error` tells what the provider said, if it was asked.
pub async fn patiently<T, E: Display>(
    ask: impl AsyncFn() -> Result<T, E>,
    provider_error: impl Fn(&E) -> Option<&ProviderError>,
    patience: &Patience,
    run: RunId,
    progress: &(dyn Fn(Progress<'_>) + Sync),
) -> Result<T, E> {
    let mut pauses = patience.pauses(run.0);
    let mut tries = 0;
    loop {
        let error = match ask().await {
            Ok(answer) => return Ok(answer),
            Err(error) => error,
        };
        tries += 1;
        let again = provider_error(&error).and_then(pause_after).filter(|_| tries < TRIES);
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
