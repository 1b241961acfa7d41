//! Cloudflare's DNS records API, version 4.
//!
//! One record is one value, with an id of its own; copies of a record are records too. Changes go in batches, which Cloudflare
//! makes in one database transaction, or not at all.

use async_trait::async_trait;
use dnsmgmt_core::name::Name;
use dnsmgmt_core::provider::{
    Answer, Attempt, Capabilities, Change, DnsProvider, Group, ListingSupport, ProviderError, ProviderId, TtlSupport,
    Types,
};
use dnsmgmt_core::record::RecordType;
use dnsmgmt_core::record_set::{Listing, RecordSet, Scope};
use secrecy::SecretString;

mod api;
mod batch;
mod envelope;
mod examine;
mod list;
mod pages;
mod record;
mod zone;

use api::Api;
pub use api::Budget;
pub use list::read_page;
use record::Fields;
pub use zone::{Zone, few_zones, zones, zones_of};

/// The address of Cloudflare's API.
pub const CLOUDFLARE_API: &str = "https://api.cloudflare.com/client/v4";
/// How many changes a request carries by default: what every plan allows (Cloudflare DNS, batch record changes).
pub const DEFAULT_BATCH: usize = 200;

/// How to reach a zone at Cloudflare.
#[derive(Debug, Clone)]
pub struct CloudflareConfig {
    /// The configured name, by default the kind.
    pub name: String,
    /// The API's address, [`CLOUDFLARE_API`] but for tests and proxies.
    pub url: String,
    /// An API token with the permission Zone / DNS / Edit, and Zone / Zone / Read where the zone is given by name.
    pub token: SecretString,
    /// The zone.
    pub zone: CloudflareZone,
    /// How many changes a request may carry: 200 on the Free plan, 3500 on the others.
    pub batch: usize,
    /// The calls that are left, shared among the connections of one user.
    pub budget: Budget,
}

/// Which zone is meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CloudflareZone {
    /// By its id, which costs no call. Its name stays unknown, so that [`ProviderId::zone`] is the id as a single label, and
    /// that a name is not in the zone is found out only when its record is made: it is deleted again at once.
    Id(String),
    /// By its name, which costs one call to look its id up.
    Name(Name),
    /// By its id, with the name that it has, which costs no call.
    IdAndName {
        /// The zone's id.
        id: String,
        /// The zone's name, which is believed until the zone's records say otherwise.
        name: Name,
    },
}

/// A zone at Cloudflare.
#[derive(Debug)]
pub struct Cloudflare {
    id: ProviderId,
    capabilities: Capabilities,
    api: Api,
    zone: String,
}

impl Cloudflare {
    /// Connects to a zone; calls the API only where the zone is given by name.
    pub async fn connect(config: CloudflareConfig) -> Result<Self, ProviderError> {
        let api = Api::new(&config.url, &config.token, config.budget)?;
        let zone = match config.zone {
            CloudflareZone::Name(name) => zone::look_up(&api, &name).await?,
            CloudflareZone::IdAndName { id, name } => Zone { id: zone::checked_id(&id)?, name },
            CloudflareZone::Id(id) => {
                let id = zone::checked_id(&id)?;
                Zone { name: Name::parse(&id).expect("32 hexadecimal digits are a label"), id }
            }
        };
        let id = ProviderId { name: config.name, zone: zone.name };
        Ok(Self { id, capabilities: capabilities(config.batch), api, zone: zone.id })
    }

    /// Returns the zone's name, where it is known.
    fn zone_name(&self) -> Option<&Name> {
        Some(&self.id.zone).filter(|name| name.as_str() != self.zone)
    }

    fn records_path(&self) -> String {
        format!("/zones/{}/dns_records", self.zone)
    }
}

#[async_trait]
impl DnsProvider for Cloudflare {
    fn id(&self) -> &ProviderId {
        &self.id
    }

    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    async fn list(&self, scope: &Scope) -> Result<Listing, ProviderError> {
        self.list_settled(scope).await
    }

    async fn apply(&self, work: &[Group], before: &RecordSet, attempt: Attempt) -> Vec<Answer> {
        self.make(work, before, attempt).await
    }

    fn objection(&self, change: &Change) -> Option<String> {
        match change {
            Change::Delete(_) => None,
            Change::Create(record) => Fields::all(record).err(),
            Change::Replace { old, new } if old.rtype() == new.rtype() => Fields::changed(old, new).err(),
            Change::Replace { old, new } => Fields::instead(old, new).err(),
        }
    }

    async fn examine(&self) -> Result<Vec<String>, ProviderError> {
        self.surprises().await
    }
}

/// Returns what Cloudflare can do under any plan; what is too much for the zone's own plan, the API refuses. Which types exclude each other is what it refuses (its API's notes on creating a record);
/// a DS beside an NS is how a zone below is signed.
fn capabilities(batch: usize) -> Capabilities {
    let other = |mnemonic: &str| RecordType::parse(mnemonic).expect("a mnemonic of our own");
    Capabilities {
        types: Types::AllBut(vec![other("SOA")]),
        ttl: TtlSupport::Seconds { least: 30, most: 86_400, automatic: true },
        proxied: true,
        enabled: false,
        comment: Some(500),
        conditions: false,
        batch: batch.max(1),
        cname_excludes: Types::Only(vec![RecordType::A, RecordType::Aaaa]),
        ns_excludes: Types::AllBut(vec![other("DS")]),
        listing: ListingSupport::Zone,
    }
}
