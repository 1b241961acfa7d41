//! `dns-cli list`

use anyhow::Result;
use dnsmgmt_core::mark::Marks;

use crate::args::List;
use crate::filter::Filter;
use crate::output::{Listed, print_listed};
use dnsmgmt_program::context::Context;
use dnsmgmt_program::exit::Exit;
use dnsmgmt_program::held::Held;

pub(crate) async fn run(context: &Context, args: List) -> Result<Exit> {
    let name = args.pattern.as_deref().or(args.name.as_deref());
    let filter = Filter::new(name, args.rtype.as_ref(), args.value.as_deref())?;
    let mut held = context.held(args.max_age).await?;
    let held_now = std::mem::take(&mut held.answers);
    let found: Vec<Listed> = held_now.into_iter().map(|held| chosen(&filter, held)).collect();
    print_listed(&found, args.output)?;
    Ok(held.end())
}

/// Returns what is chosen, with the marks of all that is there.
fn chosen(filter: &Filter, held: Held) -> Listed {
    let Held { provider, listing, cached_at } = held;
    let marks = Marks::of(&listing);
    let opaque = listing.opaque.into_iter().filter(|entry| filter.accepts_opaque(entry)).collect();
    let records = listing.records.into_iter().filter(|record| filter.accepts(record)).collect();
    Listed { provider, records, opaque, cached_at, marks }
}
