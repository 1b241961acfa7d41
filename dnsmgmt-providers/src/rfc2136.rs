//! DNS UPDATE (RFC 2136) signed with TSIG (RFC 8945): BIND, Knot, PowerDNS and whatever else takes it.
//!
//! The zone is listed by its transfer (RFC 5936), or by names where the server lets nobody transfer it. A group of conditions and
//! changes is one UPDATE message, which the server makes whole or not at all; many messages go over one connection without waiting
//! for each other. What a server ignores without a word, such as a CNAME beside other records, shows in the next listing.

mod apply;
mod before;
mod key;
mod names;
mod refusal;
mod signer;
mod transfer;
mod update;

use async_trait::async_trait;
use dnsmgmt_core::name::Name;
use dnsmgmt_core::provider::{
    Answer, Attempt, Capabilities, Change, DnsProvider, Group, ListingSupport, ProviderError, ProviderId, TtlSupport,
    Types,
};
use dnsmgmt_core::record::{RecordData, RecordType, Ttl};
use dnsmgmt_core::record_set::{Listing, RecordSet, Scope};
use jiff::{SignedDuration, Timestamp};

pub use key::{ALGORITHMS, KeyError, TsigKey};
use refusal::{Asked, Context};
use signer::Signer;

use crate::dns::Server;
use crate::rdata::{self, MAX_TTL, wire};

/// What tells the time, by which messages are signed.
pub type Clock = fn() -> Timestamp;

/// How many changes are asked for over one connection, in as many messages as there are groups.
const BATCH: usize = 1000;
/// What may stand beside a CNAME (RFC 4034 section 2.5 and 3, RFC 2535 section 2.3.5).
const ALLOWED_BESIDE_CNAME: [&str; 5] = ["RRSIG", "NSEC", "KEY", "SIG", "NXT"];
/// Where BIND notes at the zone's name how far the signing has come, by default (`sig-signing-type`, BIND 9 Administrator Reference Manual).
const SIGNING_STATE: &str = "TYPE65534";
/// How far the server's clock and ours may be apart before a person should know; signatures bear five minutes.
const SKEW: SignedDuration = SignedDuration::from_secs(60);

/// How to reach a zone.
#[derive(Debug, Clone)]
pub struct Rfc2136Config {
    /// The configured name, by default the kind.
    pub name: String,
    /// The zone's primary server.
    pub server: Server,
    /// The zone.
    pub zone: Name,
    /// The key that may transfer and change it.
    pub key: TsigKey,
    /// How the zone is listed.
    pub listing: ZoneListing,
}

/// How a zone is listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ZoneListing {
    /// By its transfer (AXFR).
    #[default]
    Transfer,
    /// Only names that are asked about: nothing is known of the zone as a whole.
    Names,
}

/// A zone at a server that takes DNS UPDATE.
#[derive(Debug)]
pub struct Rfc2136 {
    id: ProviderId,
    capabilities: Capabilities,
    server: Server,
    signer: Signer,
    listing: ZoneListing,
}

impl Rfc2136 {
    /// Returns the zone; nothing is asked yet. `clock` tells the time of each signature.
    pub fn new(config: Rfc2136Config, clock: Clock) -> Self {
        let Rfc2136Config { name, server, zone, key, listing } = config;
        let id = ProviderId { name, zone };
        Self { id, capabilities: capabilities(listing), server, signer: Signer { key, clock }, listing }
    }

    fn context(&self, asked: Asked) -> Context<'_> {
        Context { server: &self.server, zone: &self.id.zone, key: &self.signer.key, asked }
    }

    async fn by_transfer(&self, scope: &Scope) -> Result<Listing, ProviderError> {
        let listing = transfer::transfer(&self.server, &self.id.zone, &self.signer, scope).await;
        listing.map_err(|refusal| {
            self.context(Asked::Transfer).error(format_args!("transfer the zone {}", self.id.zone), &refusal)
        })
    }
}

#[async_trait]
impl DnsProvider for Rfc2136 {
    fn id(&self) -> &ProviderId {
        &self.id
    }

    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    async fn list(&self, scope: &Scope) -> Result<Listing, ProviderError> {
        match self.listing {
            ZoneListing::Transfer => self.by_transfer(scope).await,
            ZoneListing::Names => self.by_names(scope).await,
        }
    }

    async fn apply(&self, work: &[Group], before: &RecordSet, _attempt: Attempt) -> Vec<Answer> {
        self.make(work, before).await
    }

    fn objection(&self, change: &Change) -> Option<String> {
        let new = match change {
            Change::Delete(record) => return wire::encode(&record.key.data).err(),
            Change::Create(new) | Change::Replace { new, .. } => new,
        };
        if matches!(new.ttl, Some(Ttl::Seconds(seconds)) if seconds > MAX_TTL) {
            return Some(format!("a TTL is at most {MAX_TTL} seconds (RFC 2181 section 8)"));
        }
        if let Err(why) = wire::encode(&new.key.data) {
            return Some(why);
        }
        let listed = wire::respelled(&new.key.data)?;
        Some(format!("the server gives this value back as {} `{listed}`, so write it so", listed.rtype()))
    }

    fn is_same(&self, left: &RecordData, right: &RecordData) -> bool {
        rdata::is_same(left, right)
    }

    async fn examine(&self) -> Result<Vec<String>, ProviderError> {
        let mut found = Vec::new();
        let apex = Scope::from_iter([self.id.zone.clone()]);
        let listing = self.list(&apex).await?;
        let apart = listing.provider_time.map(|time| time.duration_since((self.signer.clock)()).abs());
        if let Some(apart) = apart.filter(|apart| *apart > SKEW) {
            let seconds = apart.as_secs();
            found.push(format!(
                "the clocks of {} and of this machine are {seconds} seconds apart; beyond 300 it refuses signatures",
                self.server
            ));
        }
        if let Err(error) = self.may_change().await {
            let hint = error.hint.as_ref().map(|hint| format!("; {hint}")).unwrap_or_default();
            found.push(format!("records can be listed and not changed: {error}{hint}"));
        }
        if self.listing == ZoneListing::Names {
            found.push("the zone is listed by names alone, so nothing that is about the whole zone can be done".into());
        }
        Ok(found)
    }
}

/// Returns the types that the zone's own machinery writes.
fn machinery() -> impl Iterator<Item = RecordType> {
    RecordType::zone_machinery().chain(RecordType::parse(SIGNING_STATE).ok())
}

fn is_machinery(rtype: &RecordType) -> bool {
    rtype.is_zone_machinery() || rtype.as_str() == SIGNING_STATE
}

fn capabilities(listing: ZoneListing) -> Capabilities {
    let types = |mnemonics: &[&str]| mnemonics.iter().filter_map(|mnemonic| RecordType::parse(mnemonic).ok()).collect();
    let (listed, listing) = match listing {
        ZoneListing::Transfer => (Types::AllBut(machinery().collect()), ListingSupport::Zone),
        ZoneListing::Names => (Types::Only(names::TYPES.to_vec()), ListingSupport::NamesOnly),
    };
    Capabilities {
        types: listed,
        ttl: TtlSupport::Seconds { least: 0, most: MAX_TTL, automatic: false },
        proxied: false,
        enabled: false,
        comment: None,
        conditions: true,
        batch: BATCH,
        cname_excludes: Types::AllBut(types(&ALLOWED_BESIDE_CNAME)),
        ns_excludes: Types::none(),
        listing,
    }
}
