//! `dns-cli delete`

use std::collections::BTreeSet;

use anyhow::{Result, bail};
use dnsmgmt_core::by_hand::{ByHand, Selector};
use dnsmgmt_core::name::Name;
use dnsmgmt_core::provider::Capabilities;
use dnsmgmt_core::record::RecordData;

use crate::args::Delete;
use crate::commands::change::{self, same_place, standard_input};
use crate::confirm;
use crate::input::{Entry, parse_value};
use dnsmgmt_program::context::Context;
use dnsmgmt_program::exit::{Exit, UsageError};
use dnsmgmt_program::output::printable_lines;

pub(crate) async fn run(context: &Context, args: Delete) -> Result<Exit> {
    let listed = args.domain.as_given() == "-";
    let entries = if listed { standard_input()? } else { Vec::new() };
    let selectors = if listed { from_input(&args, &entries) } else { from_arguments(&args)? };
    let names: BTreeSet<Name> = selectors.iter().map(|selector| selector.name.clone()).collect();
    let names: Vec<Name> = names.into_iter().collect();
    let decide = |by_hand: &mut ByHand<'_>, _: &Capabilities, names: &[Name]| {
        let here: BTreeSet<&Name> = names.iter().collect();
        for entry in entries.iter().filter(|entry| here.contains(&entry.name)) {
            same_place(context, entry, by_hand.provider())?;
        }
        let selectors: Vec<&Selector> = selectors.iter().filter(|selector| here.contains(&selector.name)).collect();
        if !args.all && !args.change.dry_run {
            several_values_are_meant(&selectors, by_hand, listed)?;
        }
        selectors.into_iter().for_each(|selector| by_hand.delete(selector));
        Ok(())
    };
    change::run(context, &names, &args.change, decide).await
}

fn from_arguments(args: &Delete) -> Result<Vec<Selector>> {
    let name = Name::parse(args.domain.as_given())?;
    let (rtype, texts) = args.domain.values(args.rtype.as_ref(), &args.values, &args.answer);
    let select = |data| Selector { name: name.clone(), rtype: rtype.clone(), data };
    let selectors: Vec<Selector> =
        texts.iter().map(|text| Ok(select(Some(parse_value(rtype.as_ref(), text)?)))).collect::<Result<_>>()?;
    Ok(if selectors.is_empty() { vec![select(None)] } else { selectors })
}

fn from_input(args: &Delete, entries: &[Entry]) -> Vec<Selector> {
    let selectors = entries.iter().map(|entry| Selector {
        name: entry.name.clone(),
        rtype: entry
            .data
            .as_ref()
            .map(RecordData::rtype)
            .or_else(|| entry.rtype.clone())
            .or_else(|| args.rtype.clone()),
        data: entry.data.clone(),
    });
    // The same line twice is meant once.
    selectors.collect::<BTreeSet<_>>().into_iter().collect()
}

/// A name alone may mean more than the person thinks.
fn several_values_are_meant(selectors: &[&Selector], by_hand: &ByHand<'_>, listed: bool) -> Result<()> {
    let mut several = Vec::new();
    for selector in selectors.iter().filter(|selector| selector.data.is_none()) {
        let records: Vec<String> = selector.select(by_hand.before()).map(|record| format!("  {record}")).collect();
        if records.len() > 1 {
            several.extend(records);
        }
    }
    if several.is_empty() {
        return Ok(());
    }
    let values = printable_lines(&several.join("\n"));
    if !listed && confirm::can_ask() {
        if confirm::confirm(&format!("{values}\nDelete all {} of them?", several.len()))? {
            return Ok(());
        }
        bail!(UsageError("nothing was deleted".into()));
    }
    bail!(UsageError(format!(
        "nothing was deleted, because there are several values:\n{values}\nsay which with --answer, or --all for all of them"
    )))
}
