//! AdGuard Home's DNS rewrites, over its HTTP API.
//!
//! Written after the source of v0.107.52 and v0.107.79 (`internal/filtering/rewritehttp.go`, `rewrites.go`) and tried on both.
//! What matters most: `rewrite/delete` answers 200 whether or not anything matched, and matches octet by octet, so what goes
//! back is always the spelling that was listed; `rewrite/update` is the one honest call, because it says when its target is
//! not there. What a server cannot do is learnt from its answers, never from its version.
//!
//! Conditions are honoured as far as that call can: what a group deletes and a condition of it is about is deleted only if it is
//! still there as it was listed, and what follows it in the group only then.

mod api;
mod change;
mod examine;
mod rewrite;
mod session;
mod target;

use async_trait::async_trait;
use dnsmgmt_core::name::Name;
use dnsmgmt_core::provider::{
    Answer, Attempt, Capabilities, Change, DnsProvider, Group, ListingSupport, ProviderError, ProviderId, TtlSupport,
    Types,
};
use dnsmgmt_core::record::RecordType;
use dnsmgmt_core::record_set::{Listing, RecordSet, Scope};
use secrecy::SecretString;

use self::api::Api;
use self::change::Work;
use self::rewrite::Rewrite;
use self::session::Session;

/// How to reach an AdGuard Home.
#[derive(Debug, Clone)]
pub struct AdGuardConfig {
    /// The configured name.
    pub name: String,
    /// Where its web interface is, as `http://host:port`; a path before `/control` is kept. User and password do not belong
    /// in it.
    pub url: String,
    /// Who we are; nothing for a server without users.
    pub credentials: Option<Credentials>,
}

/// A user of the web interface.
#[derive(Debug, Clone)]
pub struct Credentials {
    /// The user's name.
    pub username: String,
    /// The password.
    pub password: SecretString,
}

/// The rewrites of one AdGuard Home.
///
/// It logs in once, with the first call, and keeps the session in memory. A login that was refused is not tried again for as
/// long as the value lives: five failures block the whole address for a quarter of an hour.
#[derive(Debug)]
pub struct AdGuard {
    id: ProviderId,
    capabilities: Capabilities,
    api: Api,
}

impl AdGuard {
    /// Prepares the connection; nothing is sent yet. The error is [`Refused`](dnsmgmt_core::provider::Reaction::Refused) where
    /// the address is none.
    pub fn connect(config: AdGuardConfig) -> Result<Self, ProviderError> {
        let session = Session::new(&config.name, &config.url, config.credentials)?;
        Ok(Self {
            id: ProviderId { name: config.name, zone: Name::root() },
            capabilities: capabilities(),
            api: Api::new(session),
        })
    }
}

#[async_trait]
impl DnsProvider for AdGuard {
    fn id(&self) -> &ProviderId {
        &self.id
    }

    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    async fn list(&self, scope: &Scope) -> Result<Listing, ProviderError> {
        let (rewrites, provider_time) = self.api.list().await?;
        let (mut records, mut opaque) = (Vec::new(), Vec::new());
        for entry in rewrites.into_iter().map(Rewrite::into_entry) {
            match entry {
                Ok(record) if record.name().is_tombstone() || scope.covers(record.name()) => records.push(record),
                Err(entry) if entry.name.as_ref().map_or(*scope == Scope::Zone, |name| scope.covers(name)) => {
                    opaque.push(entry);
                }
                Ok(_) | Err(_) => {}
            }
        }
        // Of the copies of a record the first says whether it answers, except that an explicit yes counts over all.
        records.sort_by_key(|record| record.enabled == Some(false));
        Ok(Listing { records: records.into_iter().collect(), opaque, provider_time })
    }

    async fn apply(&self, work: &[Group], before: &RecordSet, attempt: Attempt) -> Vec<Answer> {
        Work::new(&self.api, before, attempt).make(work).await
    }

    fn objection(&self, change: &Change) -> Option<String> {
        change::objection(&self.api, change).map(Into::into)
    }

    async fn examine(&self) -> Result<Vec<String>, ProviderError> {
        let (rewrites, _) = self.api.list().await?;
        let mut findings = examine::settings(&self.api).await?;
        findings.extend(examine::entries(&rewrites));
        Ok(findings)
    }
}

/// What the rewrites can and cannot do. `enabled` came with v0.107.68; an older server is told apart when it is needed.
fn capabilities() -> Capabilities {
    Capabilities {
        types: Types::Only(vec![RecordType::A, RecordType::Aaaa, RecordType::Cname]),
        ttl: TtlSupport::Fixed,
        proxied: false,
        enabled: true,
        comment: None,
        conditions: false,
        batch: 1,
        cname_excludes: Types::Only(vec![RecordType::A, RecordType::Aaaa]),
        ns_excludes: Types::none(),
        listing: ListingSupport::Zone,
    }
}
