//! Telling a check of healthchecks.io, or of a server of one's own, that a run began and what it ended with (healthchecks.io docs, "Pinging
//! API").

use std::time::Duration;

use anyhow::{Error, anyhow};
use dnsmgmt_core::observe::patiently;
use dnsmgmt_core::patience::Patience;
use dnsmgmt_core::provider::{ProviderError, Reaction, RunId};
use dnsmgmt_providers::http::post;
use secrecy::{ExposeSecret as _, SecretString};
use url::Url;

use crate::failure::complain;

/// How long one try may take, and all of them together.
const TRY: Duration = Duration::from_secs(3);
const ALL: Duration = Duration::from_secs(5);

/// Tells something of a run: `start`, or its exit status. It complains where that does not arrive, and returns within a few seconds.
pub(crate) async fn ping(url: &SecretString, what: &str, text: String) {
    if let Err(error) = try_to_tell(url, what, text).await {
        complain(&format!("the ping `/{what}` did not arrive: {error:#}; DNSMGMT_PING_URL says where it goes"));
    }
}

async fn try_to_tell(url: &SecretString, what: &str, text: String) -> Result<(), Error> {
    let url = address(url.expose_secret(), what)?;
    let doing = format!("ping {}", url.host_str().unwrap_or_default());
    let ask = async || post(url.clone(), text.clone(), TRY, &doing).await;
    let patience = Patience { total: ALL, ..Patience::default() };
    let asking = patiently(ask, |error| Some(error), &patience, RunId(fastrand::u64(..)), &|_| {});
    let late =
        |_| Err(ProviderError::new(Reaction::Unreachable, &doing, format!("no answer within {} s", ALL.as_secs())));
    Ok(tokio::time::timeout(ALL, asking).await.unwrap_or_else(late)?)
}

/// Returns where something is told: below the path, with the query as it is.
fn address(url: &str, what: &str) -> Result<Url, Error> {
    let mut url = Url::parse(url)?;
    url.path_segments_mut().map_err(|()| anyhow!("it is no address of a server"))?.pop_if_empty().push(what);
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_stands_behind_the_path_and_before_the_query() {
        for (url, expected) in [
            ("https://hc-ping.com/d1665499-e827", "https://hc-ping.com/d1665499-e827/start"),
            ("https://hc-ping.com/key/dns-cleanup?create=1", "https://hc-ping.com/key/dns-cleanup/start?create=1"),
            ("http://checks.lan:8000/ping/d1665499/", "http://checks.lan:8000/ping/d1665499/start"),
            ("https://user:pass@checks.lan/p/x", "https://user:pass@checks.lan/p/x/start"),
        ] {
            assert_eq!(address(url, "start").unwrap().as_str(), expected);
        }
        assert_eq!(address("https://hc-ping.com/x", "3").unwrap().path(), "/x/3");
    }
}
