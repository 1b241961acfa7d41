//! `dns-cli provider trust`

use anyhow::{Error, Result};
use dnsmgmt_core::provider::ProviderId;
use dnsmgmt_core::repository::{DnsRepositoryManager, Endpoint};
use dnsmgmt_providers::config::Target;
use serde::Serialize;

use crate::args::Trust;
use dnsmgmt_program::args::ReportFormat;
use dnsmgmt_program::context::Context;
use dnsmgmt_program::exit::Exit;
use dnsmgmt_program::failure::failed;
use dnsmgmt_program::output::{print_json, print_lines};

#[derive(Serialize)]
struct Trusts {
    zones: Vec<Trusted>,
}

/// Where a zone is held, and was where that is another place.
#[derive(Serialize)]
struct Trusted {
    provider: String,
    zone: String,
    endpoint: String,
    moved_from: Option<String>,
    claims: usize,
    #[serde(skip)]
    id: ProviderId,
}

/// Believes that a provider holds at its new place what it held at the old one.
pub(crate) async fn run(context: &Context, args: Trust) -> Result<Exit> {
    let mut repository = context.repository()?;
    let (mut zones, mut failures) = (Vec::new(), Vec::new());
    for (_, target) in context.settings.every_target(Some(&args.name))? {
        match held_at(context, target?).await {
            Ok(held) => {
                for (id, endpoint) in held {
                    zones.push(trust(context, &mut repository, id, endpoint)?);
                }
            }
            Err(error) => failures.push(error),
        }
    }
    match args.output {
        ReportFormat::Json => print_json(&Trusts { zones })?,
        ReportFormat::Table => print_lines(zones.iter().map(sentence))?,
    }
    for failure in &failures {
        failed(failure);
    }
    Ok(if failures.is_empty() { Exit::Done } else { Exit::CouldNotRun })
}

/// Returns the zones that a target leads to, each with where it is held. Only a service whose zones are not configured is asked.
async fn held_at(context: &Context, target: Target) -> Result<Vec<(ProviderId, String)>, Error> {
    if let Some(zone) = target.zone() {
        let id = ProviderId { name: target.provider().into(), zone: zone.clone() };
        return Ok(vec![(id, target.endpoint(&context.folder))]);
    }
    let mut held = Vec::new();
    for target in context.locate(&target).await? {
        let at = context.connect(target).await?;
        held.push((at.id().clone(), at.target.endpoint(&context.folder)));
    }
    Ok(held)
}

fn trust(
    context: &Context,
    repository: &mut DnsRepositoryManager,
    id: ProviderId,
    endpoint: String,
) -> Result<Trusted> {
    let now = context.clock.moment().now;
    let moved = match repository.check_endpoint(&id, &endpoint, now)? {
        Endpoint::Same | Endpoint::Followed => None,
        Endpoint::Moved { from, claims } => {
            repository.trust_endpoint(&id, &endpoint, now)?;
            Some((from, claims))
        }
    };
    let (moved_from, claims) = moved.map_or((None, 0), |(from, claims)| (Some(from), claims));
    Ok(Trusted { provider: id.name.clone(), zone: id.zone.to_string(), endpoint, moved_from, claims, id })
}

fn sentence(trusted: &Trusted) -> String {
    let Trusted { id, endpoint, moved_from, claims, .. } = trusted;
    match moved_from {
        Some(from) => format!("{id}: moved from {from} to {endpoint}, with {claims} of its records owned by sources"),
        None => format!("{id}: nothing to trust, it is {endpoint}"),
    }
}
