//! What would surprise a person about the zone.

use dnsmgmt_core::provider::ProviderError;

use super::PowerDns;
use super::rrset::Zone;

impl PowerDns {
    /// Returns what would surprise a person, a sentence each.
    pub(super) async fn surprises(&self) -> Result<Vec<String>, ProviderError> {
        let (zone, _) = self.api.zone(&format!("look at {}", self.id)).await?;
        let key = self.api.shows_key().then(|| {
            format!(
                "the API key, which opens all zones of the server, goes unencrypted over the network {}",
                self.api.place()
            )
        });
        Ok(key.into_iter().chain(surprises(&zone)).collect())
    }
}

fn surprises(zone: &Zone) -> Vec<String> {
    let Zone { name, kind, soa_edit_api, .. } = zone;
    let mut surprises = Vec::new();
    if zone.is_secondary() {
        surprises.push(format!(
            "the kind of the zone {name} is {kind}: its records come from its primary, so changes here are refused"
        ));
    } else if soa_edit_api.is_empty() {
        surprises.push(format!(
            "the zone {name} has no SOA-EDIT-API, so changes do not raise its serial and its secondaries never notice them: \
             `pdnsutil set-meta {name} SOA-EDIT-API DEFAULT`"
        ));
    }
    let disabled = zone.rrsets.iter().flat_map(|rrset| &rrset.records).filter(|stored| stored.disabled).count();
    if disabled > 0 {
        surprises.push(format!("{disabled} records of the zone {name} are switched off and not answered"));
    }
    surprises
}
