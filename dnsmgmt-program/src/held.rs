//! What the providers hold: as they say now, or as the cache says that they did.

use std::time::Duration;

use anyhow::Result;
use dnsmgmt_core::name::Name;
use dnsmgmt_core::provider::ProviderId;
use dnsmgmt_core::record_set::{Listing, Scope};
use dnsmgmt_core::repository::{DnsRepositoryManager, RepositoryError};
use dnsmgmt_providers::config::Target;
use jiff::{SignedDuration, Timestamp};

use crate::context::{Asked, Connected, Context};
use crate::output::age;

/// What a provider holds in a zone.
#[derive(Debug)]
pub struct Held {
    /// The provider and the zone.
    pub provider: ProviderId,
    /// What it holds there.
    pub listing: Listing,
    /// When it was listed, if it is what the cache holds.
    pub cached_at: Option<Timestamp>,
}

impl Context {
    /// Lists every zone that the command may be about. What the cache holds of it and was listed completely less than `max_age` ago
    /// is taken instead, and its age said on standard error.
    pub async fn held(&self, max_age: Option<Duration>) -> Result<Asked<Held>> {
        let cached = |target: &Target| self.cached(target, None, max_age?);
        let held = self.each_unless(cached, async |at| self.list(&at).await).await?;
        for zone in &held.answers {
            self.say_age(zone, held.answers.len() > 1);
        }
        Ok(held)
    }

    /// Returns what the cache holds of the zone of a name, if all of it was listed less than `max_age` ago; its age is said on
    /// standard error.
    pub fn held_at(&self, name: &Name, max_age: Duration) -> Option<Held> {
        // What is wrong with the configuration is said when the provider is asked.
        let target = self.settings.select(self.provider.as_deref(), self.zone.as_ref(), Some(name)).ok()?;
        let held = self.cached(&target, Some(name), max_age)?.pop()?;
        self.say_age(&held, false);
        Some(held)
    }

    async fn list(&self, at: &Connected) -> Result<Held> {
        let listing = self.observe(at, &Scope::Zone).await?;
        Ok(Held { provider: at.id().clone(), listing, cached_at: None })
    }

    /// Returns the zones of a target, of which one that holds `name` if there is one, as the cache has them; nothing if one of
    /// them is too old.
    fn cached(&self, target: &Target, name: Option<&Name>, max_age: Duration) -> Option<Vec<Held>> {
        let max_age = SignedDuration::try_from(max_age).unwrap_or(SignedDuration::MAX);
        let now = self.clock.moment().now;
        let held = self.database().ask(|repository| {
            let mut held = Vec::new();
            let mut zones = zones(repository, target)?;
            if let Some(name) = name {
                zones = holding(&zones, name).cloned().into_iter().collect();
            }
            for provider in zones {
                let Some(cached) = repository.get_provider_records(&provider, now, max_age)? else { return Ok(None) };
                held.push(Held { provider, listing: cached.listing, cached_at: cached.refreshed_at });
            }
            Ok(Some(held).filter(|held| !held.is_empty()))
        });
        held.flatten()
    }

    fn say_age(&self, held: &Held, is_one_of_several: bool) {
        let Some(cached_at) = held.cached_at else { return };
        let place = if is_one_of_several { format!("{}: ", held.provider) } else { String::new() };
        eprintln!("{place}from the cache, {} old", age(self.clock.moment().now, cached_at));
    }
}

/// Returns the zones of a target. Where only the provider knows them, they are those of its name that the cache knows.
pub fn zones(repository: &DnsRepositoryManager, target: &Target) -> Result<Vec<ProviderId>, RepositoryError> {
    if let Some(zone) = target.zone() {
        return Ok(vec![ProviderId { name: target.provider().into(), zone: zone.clone() }]);
    }
    let known = repository.provider_cache().zones()?.into_iter().map(|zone| zone.provider);
    Ok(known.filter(|known| known.name == target.provider()).collect())
}

/// Returns the zone that holds a name: the deepest of those of a provider.
pub fn holding<'a>(zones: &'a [ProviderId], name: &Name) -> Option<&'a ProviderId> {
    let depth = |zone: &Name| zone.labels().count();
    let named = zones.iter().filter(|known| known.zone_name().is_some_and(|zone| name.is_within(zone)));
    // A zone that is known by its id alone holds whatever it is asked for.
    let only = || zones.first().filter(|known| zones.len() == 1 && known.zone_name().is_none());
    named.max_by_key(|known| depth(&known.zone)).or_else(only)
}
