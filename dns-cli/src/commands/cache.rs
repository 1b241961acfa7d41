//! `dns-cli cache`

use anyhow::Result;
use dnsmgmt_core::provider::ProviderId;
use dnsmgmt_core::record_set::Scope;
use dnsmgmt_core::repository::DnsRepositoryManager;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use crate::args::Cache;
use dnsmgmt_program::args::ReportFormat;
use dnsmgmt_program::context::Context;
use dnsmgmt_program::exit::Exit;
use dnsmgmt_program::output::{age, print_json, print_table};

pub(crate) async fn run(context: &Context, command: Cache) -> Result<Exit> {
    match command {
        Cache::Status(args) => status(context, args.output),
        Cache::Refresh(args) => refresh(context, args.output).await,
    }
}

#[derive(Serialize)]
struct Zones {
    zones: Vec<Zone>,
}

#[derive(Serialize)]
struct Zone {
    provider: String,
    zone: String,
    records: u64,
    refreshed_at: Option<String>,
    age: Option<i64>,
    fresh: bool,
    #[serde(skip)]
    words: [String; 2],
}

/// Tells what the cache holds, of the provider and zone that are named or of all, configured or not.
fn status(context: &Context, format: ReportFormat) -> Result<Exit> {
    let repository = context.repository()?;
    let is_meant = |id: &ProviderId| {
        context.provider.as_ref().is_none_or(|name| *name == id.name)
            && context.zone.as_ref().is_none_or(|zone| *zone == id.zone)
    };
    print(zones(context, &repository, is_meant)?, format)
}

fn zones(
    context: &Context,
    repository: &DnsRepositoryManager,
    is_meant: impl Fn(&ProviderId) -> bool,
) -> Result<Vec<Zone>> {
    let now = context.clock.moment().now;
    let ttl = SignedDuration::try_from(context.settings.policy().cache_ttl).unwrap_or(SignedDuration::MAX);
    let mut zones = Vec::new();
    for cached in repository.provider_cache().zones()?.into_iter().filter(|cached| is_meant(&cached.provider)) {
        let fresh = repository.is_fresh(&cached.provider, now, ttl)?;
        zones.push(zone(&cached.provider, cached.records, cached.refreshed_at, now, fresh));
    }
    Ok(zones)
}

/// Lists every zone that is meant, and puts that into the cache, however fresh it is.
async fn refresh(context: &Context, format: ReportFormat) -> Result<Exit> {
    let repository = context.repository()?;
    let listed = context.each(async |at| {
        context.observe(&at, &Scope::Zone).await?;
        Ok(at.id().clone())
    });
    let listed = listed.await?;
    let zones = zones(context, &repository, |provider| listed.answers.contains(provider))?;
    print(zones, format)?;
    Ok(listed.end())
}

fn zone(id: &ProviderId, records: u64, refreshed_at: Option<Timestamp>, now: Timestamp, fresh: bool) -> Zone {
    let state = match refreshed_at {
        Some(_) if fresh => "fresh",
        Some(_) => "stale",
        None => "never listed as a whole",
    };
    Zone {
        provider: id.name.clone(),
        zone: id.zone.to_string(),
        records,
        refreshed_at: refreshed_at.map(|refreshed_at| refreshed_at.to_string()),
        age: refreshed_at.map(|refreshed_at| now.duration_since(refreshed_at).as_secs()),
        fresh,
        words: [refreshed_at.map(|refreshed_at| age(now, refreshed_at)).unwrap_or_default(), state.to_owned()],
    }
}

fn print(zones: Vec<Zone>, format: ReportFormat) -> Result<Exit> {
    match format {
        ReportFormat::Json => print_json(&Zones { zones })?,
        ReportFormat::Table => {
            let row = |zone: Zone| {
                let [age, state] = zone.words;
                [zone.provider, zone.zone, zone.records.to_string(), age, state]
            };
            print_table(["PROVIDER", "ZONE", "RECORDS", "AGE", "STATE"], zones.into_iter().map(row))?;
        }
    }
    Ok(Exit::Done)
}
