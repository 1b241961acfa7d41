//! The webhook protocol of external-dns, as its client: any webhook that serves external-dns can be a provider here.
//!
//! Written after external-dns v0.22.0 (`provider/webhook`, `endpoint`) and tried on its reference server. The protocol knows
//! RRsets and not records, has no conditions and promises no atomicity; the answer 204 says that the request was read.

mod api;
mod change;
mod endpoint;
mod filter;

use async_trait::async_trait;
use dnsmgmt_core::name::Name;
use dnsmgmt_core::provider::{
    Answer, Attempt, Capabilities, Change, DnsProvider, Group, ListingSupport, ProviderError, ProviderId, Reaction,
    TtlSupport, Types,
};
use dnsmgmt_core::record::RecordType;
use dnsmgmt_core::record_set::{Listing, RecordSet, Scope};

use self::api::Api;
use self::filter::DomainFilter;

/// How to reach a webhook.
#[derive(Debug, Clone)]
pub struct WebhookConfig {
    /// The configured name, by default the kind.
    pub name: String,
    /// The address that external-dns is given as `--webhook-provider-url`, such as `http://localhost:8888`.
    pub url: String,
    /// The zone; nothing for the only one that the webhook's domain filter names.
    pub zone: Option<Name>,
}

/// One zone of a webhook.
#[derive(Debug)]
pub struct Webhook {
    id: ProviderId,
    capabilities: Capabilities,
    api: Api,
    filter: DomainFilter,
}

impl Webhook {
    /// Negotiates with the webhook, which costs one call.
    ///
    /// The error is [`Refused`](Reaction::Refused) where it speaks another version of the protocol, or where its domain filter
    /// does not cover the zone.
    pub async fn connect(config: WebhookConfig) -> Result<Self, ProviderError> {
        let api = Api::new(&config.name, &config.url)?;
        let filter = api.negotiate().await?;
        let refused = |(answered, hint): (String, String)| {
            ProviderError::new(Reaction::Refused, format!("use the webhook at {}", api.base()), answered).hint(hint)
        };
        let zone = match config.zone {
            Some(zone) => filter.cover(&zone).map(|()| zone),
            None => filter.only_zone(),
        };
        let id = ProviderId { name: config.name, zone: zone.map_err(refused)? };
        Ok(Self { id, capabilities: capabilities(), api, filter })
    }
}

#[async_trait]
impl DnsProvider for Webhook {
    fn id(&self) -> &ProviderId {
        &self.id
    }

    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    async fn list(&self, scope: &Scope) -> Result<Listing, ProviderError> {
        let (endpoints, provider_time) = self.api.records().await?;
        let (mut records, mut opaque) = (Vec::new(), Vec::new());
        for (place, endpoint) in endpoints.iter().enumerate() {
            match endpoint.read(place) {
                Ok(found) => records.extend(found),
                Err(entry) => opaque.push(entry),
            }
        }
        let covered = |name: &Name| name.is_within(&self.id.zone) && scope.covers(name);
        records.retain(|record| covered(record.name()));
        opaque.retain(|entry| entry.name.as_ref().map_or(*scope == Scope::Zone, covered));
        Ok(Listing { records: records.into_iter().collect(), opaque, provider_time })
    }

    async fn apply(&self, work: &[Group], before: &RecordSet, _: Attempt) -> Vec<Answer> {
        change::make(&self.api, work, before).await
    }

    fn objection(&self, change: &Change) -> Option<String> {
        match change {
            Change::Delete(_) => None,
            Change::Create(record) | Change::Replace { new: record, .. } => self.filter.objection(record.name()),
        }
    }

    async fn examine(&self) -> Result<Vec<String>, ProviderError> {
        let (endpoints, _) = self.api.records().await?;
        let mut findings: Vec<String> = self.filter.surprise().into_iter().collect();
        findings.extend(endpoint::in_pieces(&endpoints, &self.id.zone));
        Ok(findings)
    }
}

/// What the protocol can and cannot do; what the service behind it can do, it does not say. The types are those that
/// external-dns knows (`endpoint.KnownRecordTypes`).
fn capabilities() -> Capabilities {
    let other = |mnemonic: &str| RecordType::parse(mnemonic).expect("a mnemonic of our own");
    Capabilities {
        types: Types::Only(vec![
            RecordType::A,
            RecordType::Aaaa,
            RecordType::Cname,
            RecordType::Txt,
            RecordType::Srv,
            RecordType::Ns,
            RecordType::Ptr,
            RecordType::Mx,
            other("NAPTR"),
            other("DNAME"),
        ]),
        ttl: TtlSupport::Seconds { least: 1, most: i32::MAX as u32, automatic: true },
        proxied: false,
        enabled: false,
        comment: None,
        conditions: false,
        // All in one request, as external-dns does it: an RRset that is cut over two requests would be written twice.
        batch: usize::MAX,
        cname_excludes: Types::All,
        ns_excludes: Types::AllBut(vec![other("DS")]),
        listing: ListingSupport::Zone,
    }
}
