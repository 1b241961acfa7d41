//! The HTTP API of the PowerDNS Authoritative Server (<https://doc.powerdns.com/authoritative/http-api/zone.html>).
//!
//! Written after 4.7.3. It replaces whole RRsets and knows no conditions: the last writer wins. So the zone is read right before
//! each write and siblings go back as they were read; and a sibling that our own write dropped, because it came between the read and
//! the write, is put back where its mark tells of it. The read is always of the whole zone: asked for one name
//! (`rrset_name`), the server leaves out records that are switched off.

mod api;
mod change;
mod examine;
mod mark;
mod rrset;
mod write;

use async_trait::async_trait;
use dnsmgmt_core::name::Name;
use dnsmgmt_core::provider::{
    Answer, Attempt, Capabilities, Change, DnsProvider, Group, ListingSupport, ProviderError, ProviderId, TtlSupport,
    Types,
};
use dnsmgmt_core::record::{RecordData, RecordType};
use dnsmgmt_core::record_set::{Listing, RecordSet, Scope};
use secrecy::SecretString;

use api::Api;

/// The id that the API has for the server itself, the only one there is (PowerDNS, "Servers").
pub const DEFAULT_SERVER_ID: &str = "localhost";

/// How many changes a request carries: the server takes bodies of 2 MB (`webserver-max-bodysize`), and an RRset goes whole.
const BATCH: usize = 500;
/// How many characters a mark may have; the databases behind the server hold 64,000.
const COMMENT: usize = 500;

/// How to reach a zone of a PowerDNS server.
#[derive(Debug, Clone)]
pub struct PowerDnsConfig {
    /// The configured name, by default the kind.
    pub name: String,
    /// Where the server's web server is, as `http://host:8081`; with or without `/api/v1`.
    pub url: String,
    /// The server's `api-key`.
    pub api_key: SecretString,
    /// The id of the server in the API, [`DEFAULT_SERVER_ID`] but behind a proxy of several.
    pub server_id: String,
    /// The zone.
    pub zone: Name,
}

/// A zone of a PowerDNS server.
#[derive(Debug)]
pub struct PowerDns {
    id: ProviderId,
    capabilities: Capabilities,
    api: Api,
}

impl PowerDns {
    /// Prepares the connection; nothing is sent yet. The error is [`Refused`](dnsmgmt_core::provider::Reaction::Refused) where the
    /// address is none, and [`Unauthorized`](dnsmgmt_core::provider::Reaction::Unauthorized) where the key cannot be one.
    pub fn connect(config: PowerDnsConfig) -> Result<Self, ProviderError> {
        let api = Api::new(&config)?;
        let id = ProviderId { name: config.name, zone: config.zone };
        Ok(Self { id, capabilities: capabilities(), api })
    }
}

#[async_trait]
impl DnsProvider for PowerDns {
    fn id(&self) -> &ProviderId {
        &self.id
    }

    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    async fn list(&self, scope: &Scope) -> Result<Listing, ProviderError> {
        let (zone, provider_time) = self.api.zone(&format!("list {scope} of {}", self.id)).await?;
        let (mut records, mut opaque) = (Vec::new(), Vec::new());
        for rrset in &zone.rrsets {
            rrset.read(&mut records, &mut opaque);
        }
        records.retain(|record| scope.covers(record.name()));
        opaque.retain(|entry| entry.name.as_ref().map_or(*scope == Scope::Zone, |name| scope.covers(name)));
        Ok(Listing { records: records.into_iter().collect(), opaque, provider_time })
    }

    async fn apply(&self, work: &[Group], _before: &RecordSet, _attempt: Attempt) -> Vec<Answer> {
        self.make(work).await
    }

    fn objection(&self, change: &Change) -> Option<String> {
        change::objection(change)
    }

    fn is_same(&self, left: &RecordData, right: &RecordData) -> bool {
        rrset::is_same(left, right)
    }

    async fn examine(&self) -> Result<Vec<String>, ProviderError> {
        self.surprises().await
    }
}

/// Returns what the server can do. A CNAME excludes every type (4.7 refuses it beside any other that is not DNSSEC's own).
fn capabilities() -> Capabilities {
    Capabilities {
        types: Types::AllBut(RecordType::zone_machinery().collect()),
        ttl: TtlSupport::Seconds { least: 0, most: i32::MAX.unsigned_abs(), automatic: false },
        proxied: false,
        enabled: true,
        comment: Some(COMMENT),
        conditions: false,
        batch: BATCH,
        cname_excludes: Types::All,
        ns_excludes: Types::none(),
        listing: ListingSupport::Zone,
    }
}
