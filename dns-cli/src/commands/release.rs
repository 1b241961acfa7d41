//! `dns-cli release`

use anyhow::{Context as _, Result};
use dnsmgmt_core::record::Record;
use dnsmgmt_core::record_set::{Listing, Scope};
use dnsmgmt_core::repository::DnsRepositoryManager;
use dnsmgmt_core::tracked::{OrphanReason, TrackedRecord};

use crate::args::Release;
use crate::commands::comments::set_comments;
use crate::confirm::agree;
use crate::filter::Filter;
use crate::output::{Became, Claims, Row, preview_claims, print_claims};
use dnsmgmt_program::context::{Connected, Context};
use dnsmgmt_program::exit::Exit;

const NOTHING: &str = "nothing of ours is named like that";

pub(crate) async fn run(context: &Context, args: Release) -> Result<Exit> {
    let (filter, agreement) = (Filter::of(&args.named)?, &args.agreement);
    let mut repository = context.repository()?;
    let mut zones = context.each(async |at| Ok(at)).await?;
    let failed = zones.end();
    let mut releases = Vec::new();
    for at in std::mem::take(&mut zones.answers) {
        let mut ours = repository.get_managed_records(at.id(), repository.observed(at.id())?)?;
        ours.retain(|tracked| filter.accepts(&tracked.record));
        if !ours.is_empty() {
            releases.push(Zone::look(context, &mut repository, at, ours).await?);
        }
    }
    let mut claims: Vec<Claims> = releases.iter().map(Zone::preview).collect();
    if agreement.dry_run {
        return Ok(print_claims(&claims, true, agreement.output, NOTHING)?.or(failed));
    }
    if !releases.is_empty() {
        agree(agreement.yes, &preview_claims(&claims)?, "nothing was released")?;
    }
    for (zone, claims) in releases.iter().zip(&mut claims) {
        zone.release(context, &mut repository, claims).await?;
    }
    let exit = print_claims(&claims, false, agreement.output, NOTHING);
    Ok(exit.context("the report was not shown, but what it says was done")?.or(failed))
}

/// What is released in one zone.
struct Zone {
    at: Connected,
    ours: Vec<TrackedRecord>,
    /// What stands at those names, where the provider keeps comments.
    listing: Listing,
    /// Our mark in comments.
    mark: Option<String>,
}

impl Zone {
    /// Looks at the comments, where the provider keeps any.
    async fn look(
        context: &Context,
        repository: &mut DnsRepositoryManager,
        at: Connected,
        ours: Vec<TrackedRecord>,
    ) -> Result<Self> {
        let (mark, mut listing) = (context.comment(repository, &at)?, Listing::default());
        if mark.is_some() {
            let scope = Scope::from_iter(ours.iter().map(|tracked| tracked.record.name().clone()));
            listing = context.observe_to_change(repository, &at, &scope).await?;
        }
        Ok(Self { at, ours, listing, mark })
    }

    fn preview(&self) -> Claims {
        let rows = self.ours.iter().map(|tracked| {
            let mut row = Row::of(&tracked.record, Became::Released);
            if self.marked(&tracked.record).is_some() {
                row = row.note("our mark goes out of its comment");
            }
            let is_gone = tracked.orphaned.is_some_and(|orphaned| orphaned.reason == OrphanReason::Gone);
            let sources = tracked.origins.iter().filter(|origin| !origin.is_a_person());
            row.notes.extend(sources.filter(|_| is_gone).map(|source| {
                format!("it is gone, and if {source} still wants it the next synchronisation creates it again, as ours")
            }));
            row
        });
        Claims { provider: self.at.id().clone(), rows: rows.collect() }
    }

    /// Returns the record as it is listed, if our mark is all that its comment says.
    fn marked(&self, record: &Record) -> Option<&Record> {
        let listed = self.listing.records.get(&record.key)?;
        (listed.comment.is_some() && listed.comment == self.mark).then_some(listed)
    }

    /// Takes our marks away first: what keeps one stays ours, so that it can be tried again.
    async fn release(
        &self,
        context: &Context,
        repository: &mut DnsRepositoryManager,
        claims: &mut Claims,
    ) -> Result<()> {
        let marked: Vec<&Record> = self.ours.iter().filter_map(|tracked| self.marked(&tracked.record)).collect();
        let unmarked = set_comments(context, repository, &self.at, &self.listing, &marked, "").await;
        for (row, tracked) in claims.rows.iter_mut().zip(&self.ours) {
            if self.marked(&tracked.record).is_some() {
                let (fate, why) = unmarked.of(&tracked.record.key);
                row.comment = Some(fate);
                if !fate.is_settled() {
                    row.became = Became::StillOurs;
                    row.notes = vec![format!("it is not proved that our mark went out of its comment: {why}")];
                    continue;
                }
            }
            repository.release(self.at.id(), &tracked.record.key)?;
        }
        Ok(())
    }
}
