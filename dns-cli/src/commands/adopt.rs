//! `dns-cli adopt`

use anyhow::{Context as _, Result};
use dnsmgmt_core::adopt::{Adoption, Owner, adopt};
use dnsmgmt_core::record::Record;
use dnsmgmt_core::record_set::Listing;
use dnsmgmt_core::repository::DnsRepositoryManager;

use crate::args::Adopt;
use crate::commands::comments::set_comments;
use crate::confirm::agree;
use crate::filter::Filter;
use crate::output::{Became, Claims, Row, preview_claims, print_claims};
use dnsmgmt_program::context::{Connected, Context};
use dnsmgmt_program::exit::Exit;

const NOTHING: &str = "nothing there is named like that";

pub(crate) async fn run(context: &Context, args: Adopt) -> Result<Exit> {
    let (filter, agreement) = (Filter::of(&args.named)?, &args.agreement);
    let mut repository = context.repository()?;
    let owner_id = repository.owner_id()?;
    let zones = context.each(async |at| Ok(at)).await?;
    let mut zones = context.look_at_all(&mut repository, zones).await?;
    let failed = zones.end();
    let mut adoptions = Vec::new();
    for (at, listing) in std::mem::take(&mut zones.answers) {
        let owner = Owner { template: at.target.comment_template(), id: &owner_id };
        let tracked = repository.get_managed_records(at.id(), repository.observed(at.id())?)?;
        let adoption = adopt(&*at.provider, &listing, &tracked, owner, |record| filter.accepts(record));
        let mark = context.comment(&repository, &at)?;
        adoptions.push(Zone { at, listing, adoption, mark });
    }
    let mut claims: Vec<Claims> = adoptions.iter().map(|zone| zone.preview(&filter)).collect();
    if agreement.dry_run {
        return Ok(print_claims(&claims, true, agreement.output, NOTHING)?.or(failed));
    }
    if adoptions.iter().any(|zone| !zone.adoption.adopted.is_empty()) {
        agree(agreement.yes, &preview_claims(&claims)?, "nothing was adopted")?;
    }
    for (zone, claims) in adoptions.iter().zip(&mut claims) {
        zone.adopt(context, &mut repository, claims).await?;
    }
    let exit = print_claims(&claims, false, agreement.output, NOTHING);
    Ok(exit.context("the report was not shown, but what it says was done")?.or(failed))
}

/// What is adopted in one zone.
struct Zone {
    at: Connected,
    listing: Listing,
    adoption: Adoption,
    /// What is written into comments, where the provider keeps any.
    mark: Option<String>,
}

impl Zone {
    fn preview(&self, filter: &Filter) -> Claims {
        let Adoption { adopted, ours, refused } = &self.adoption;
        let opaque = self.listing.opaque.iter().filter(|entry| filter.accepts_opaque(entry));
        let rows = adopted.iter().map(|record| Row::of(record, Became::Adopted));
        let rows = rows.chain(ours.iter().map(|record| Row::of(record, Became::AlreadyOurs)));
        let rows = rows.chain(refused.iter().map(|(record, why)| Row::of(record, Became::Refused).note(why)));
        Claims { provider: self.at.id().clone(), rows: rows.chain(opaque.map(Row::of_opaque)).collect() }
    }

    /// Returns whether our mark is to stand in the record's comment: never in the place of what a person wrote.
    fn marks(&self, record: &Record) -> bool {
        self.mark.is_some() && record.comment.as_deref().unwrap_or_default().is_empty()
    }

    /// Makes the records ours, and then says so in their comments.
    async fn adopt(&self, context: &Context, repository: &mut DnsRepositoryManager, claims: &mut Claims) -> Result<()> {
        let adopted = &self.adoption.adopted;
        repository.adopt(self.at.id(), adopted, context.clock.moment().now)?;
        let unmarked: Vec<&Record> = adopted.iter().filter(|record| self.marks(record)).collect();
        let mark = self.mark.as_deref().unwrap_or_default();
        let marked = set_comments(context, repository, &self.at, &self.listing, &unmarked, mark).await;
        // What is adopted stands first.
        for (row, record) in claims.rows.iter_mut().zip(adopted).filter(|(_, record)| self.marks(record)) {
            let (fate, why) = marked.of(&record.key);
            row.comment = Some(fate);
            if !fate.is_settled() {
                row.notes.push(format!("it is ours, but our mark in its comment is not proved: {why}"));
            }
        }
        Ok(())
    }
}
