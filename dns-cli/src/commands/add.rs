//! `dns-cli add`

use std::collections::BTreeSet;

use anyhow::{Result, bail};
use dnsmgmt_core::by_hand::ByHand;
use dnsmgmt_core::name::Name;
use dnsmgmt_core::provider::Capabilities;
use dnsmgmt_core::record::Record;

use crate::args::{Add, Attributes};
use crate::commands::change::{self, same_place, standard_input};
use crate::input::{Entry, parse_value};
use dnsmgmt_program::context::Context;
use dnsmgmt_program::exit::{Exit, UsageError};

pub(crate) async fn run(context: &Context, args: Add) -> Result<Exit> {
    let entries = if args.domain.as_given() == "-" { standard_input()? } else { Vec::new() };
    let wanted =
        if args.domain.as_given() == "-" { from_input(&args.attributes, &entries)? } else { from_arguments(&args)? };
    let names: BTreeSet<Name> = wanted.iter().map(|record| record.name().clone()).collect();
    let names: Vec<Name> = names.into_iter().collect();
    let decide = |by_hand: &mut ByHand<'_>, can: &Capabilities, names: &[Name]| {
        let here: BTreeSet<&Name> = names.iter().collect();
        for entry in entries.iter().filter(|entry| here.contains(&entry.name)) {
            same_place(context, entry, by_hand.provider())?;
        }
        for record in wanted.iter().filter(|record| here.contains(record.name())) {
            by_hand.add(switched_on(record, can));
        }
        Ok(())
    };
    change::run(context, &names, &args.change, decide).await
}

/// A record that is added is meant to answer, so where it stands switched off it is switched on.
pub(crate) fn switched_on(record: &Record, can: &Capabilities) -> Record {
    let enabled = if can.enabled { record.enabled.or(Some(true)) } else { record.enabled };
    Record { enabled, ..record.clone() }
}

fn from_arguments(args: &Add) -> Result<Vec<Record>> {
    let name = Name::parse(args.domain.as_given())?;
    let (rtype, texts) = args.domain.values(args.rtype.as_ref(), &args.values, &args.answer);
    if texts.is_empty() {
        bail!(UsageError(format!("what should {name} answer? Give a value: `dns-cli add {name} 10.1.2.3`")));
    }
    let record = |text: &String| {
        let mut record = Record::new(name.clone(), parse_value(rtype.as_ref(), text)?);
        args.attributes.put_on(&mut record);
        Ok(record)
    };
    texts.iter().map(record).collect()
}

/// Returns the records that entries say, with the attributes that are given for all of them.
pub(crate) fn from_input(attributes: &Attributes, entries: &[Entry]) -> Result<Vec<Record>> {
    let record = |entry: &Entry| {
        let Some(data) = entry.data.clone() else {
            bail!(UsageError(format!("what should {} answer? Each line needs a value", entry.name)))
        };
        let mut record = Record::new(entry.name.clone(), data);
        (record.ttl, record.proxied, record.enabled, record.comment) =
            (entry.ttl, entry.proxied, entry.enabled, entry.comment.clone());
        attributes.put_on(&mut record);
        Ok(record)
    };
    entries.iter().map(record).collect()
}

impl Attributes {
    /// Sets what was given.
    pub(crate) fn put_on(&self, record: &mut Record) {
        record.ttl = self.ttl.or(record.ttl);
        record.proxied = self.proxied.or(record.proxied);
        record.enabled = self.enabled.or(record.enabled);
        record.comment = self.comment.clone().or_else(|| record.comment.take());
    }

    /// Returns whether something was given.
    pub(crate) fn is_given(&self) -> bool {
        self.ttl.is_some() || self.proxied.is_some() || self.enabled.is_some() || self.comment.is_some()
    }
}
