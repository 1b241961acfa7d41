//! `dns-cli db rebuild`

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, bail};
use dnsmgmt_core::adopt::{Adoption, Owner, adopt};
use dnsmgmt_core::own_mark::is_owner_id;
use dnsmgmt_core::provider::ProviderId;
use dnsmgmt_core::record::Record;
use serde::Serialize;

use crate::args::DbRebuild;
use crate::confirm::agree;
use dnsmgmt_program::args::ReportFormat;
use dnsmgmt_program::context::Context;
use dnsmgmt_program::exit::{Exit, UsageError};
use dnsmgmt_program::output::{print_json, print_lines};

pub(crate) async fn run(context: &Context, args: DbRebuild) -> Result<Exit> {
    let agreement = &args.agreement;
    let mut repository = context.repository()?;
    let owner_id = match args.owner {
        Some(id) if !is_owner_id(&id) => {
            bail!(UsageError(format!(
                "`{id}` is not an owner id, which is 1 to 63 of the characters A-Z a-z 0-9 - _ ."
            )))
        }
        Some(id) => id,
        None => repository.owner_id()?,
    };
    let keeps_none = |target: &dnsmgmt_providers::config::Target| target.comment_template().is_none().then(Vec::new);
    let zones = context.each_unless(keeps_none, async |at| Ok(at)).await?;
    let mut zones = context.look_at_all(&mut repository, zones).await?;
    let failed = zones.end();
    let mut found = Vec::new();
    for (at, listing) in std::mem::take(&mut zones.answers) {
        let owner = Owner { template: at.target.comment_template(), id: &owner_id };
        let tracked = repository.get_managed_records(at.id(), repository.observed(at.id())?)?;
        let is_marked = |record: &Record| owner.marked(record).as_ref() == Some(&owner_id);
        let adoption = adopt(&*at.provider, &listing, &tracked, owner, is_marked);
        let mut others = BTreeMap::new();
        for id in listing.records.iter().filter_map(|record| owner.marked(record)).filter(|id| *id != owner_id) {
            *others.entry(id).or_default() += 1;
        }
        found.push(Found { provider: at.id().clone(), adoption, others });
    }
    if agreement.dry_run {
        return Ok(print(&found, &owner_id, true, agreement.output)?.or(failed));
    }
    let preview: String = lines(&found, &owner_id, true).into_iter().map(|line| line + "\n").collect();
    let is_another = owner_id != repository.owner_id()?;
    if is_another || found.iter().any(|zone| !zone.adoption.adopted.is_empty()) {
        agree(agreement.yes, &preview, "nothing was rebuilt")?;
    }
    if is_another {
        repository.set_owner_id(&owner_id)?;
    }
    for zone in &found {
        repository.adopt(&zone.provider, &zone.adoption.adopted, context.clock.moment().now)?;
    }
    let exit = print(&found, &owner_id, false, agreement.output);
    Ok(exit.context("the report was not shown, but what it says was done")?.or(failed))
}

/// What carries our mark in one zone.
struct Found {
    provider: ProviderId,
    adoption: Adoption,
    /// How many records carry the mark of each other owner id.
    others: BTreeMap<String, usize>,
}

#[derive(Serialize)]
struct Rebuilt<'a> {
    dry_run: bool,
    owner_id: &'a str,
    zones: Vec<JsonZone<'a>>,
}

#[derive(Serialize)]
struct JsonZone<'a> {
    provider: &'a str,
    zone: &'a str,
    claimed: usize,
    already_ours: usize,
    refused: usize,
    others: &'a BTreeMap<String, usize>,
}

fn print(found: &[Found], owner_id: &str, dry_run: bool, format: ReportFormat) -> Result<Exit> {
    match format {
        ReportFormat::Json => {
            let zones = found.iter().map(json).collect();
            print_json(&Rebuilt { dry_run, owner_id, zones })?;
        }
        ReportFormat::Table => print_lines(lines(found, owner_id, dry_run))?,
    }
    let is_refused = found.iter().any(|zone| !zone.adoption.refused.is_empty());
    Ok(if is_refused { Exit::Unsettled } else { Exit::Done })
}

fn json(found: &Found) -> JsonZone<'_> {
    JsonZone {
        provider: &found.provider.name,
        zone: found.provider.zone.as_str(),
        claimed: found.adoption.adopted.len(),
        already_ours: found.adoption.ours.len(),
        refused: found.adoption.refused.len(),
        others: &found.others,
    }
}

fn lines(found: &[Found], owner_id: &str, dry_run: bool) -> Vec<String> {
    let mut lines = Vec::new();
    if found.is_empty() {
        lines.push("no provider that keeps comments was listed, so there is nothing to rebuild from".into());
    }
    let verb = if dry_run { "would claim" } else { "claimed" };
    for zone in found {
        let Adoption { adopted, ours, refused } = &zone.adoption;
        let already = if ours.is_empty() { String::new() } else { format!("; {} are ours already", ours.len()) };
        lines.push(format!(
            "{}: {verb} {} with the mark of owner {owner_id}{already}",
            zone.provider,
            records(adopted.len())
        ));
        lines.extend(refused.iter().map(|(record, why)| format!("  not {record}: {why}")));
        let others = zone.others.iter();
        lines
            .extend(others.map(|(id, count)| format!("  left alone: {} with the mark of owner {id}", records(*count))));
    }
    lines
}

fn records(count: usize) -> String {
    if count == 1 { "1 record".into() } else { format!("{count} records") }
}
