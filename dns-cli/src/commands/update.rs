//! `dns-cli update`

use anyhow::{Result, bail};
use dnsmgmt_core::by_hand::{ByHand, Selector};
use dnsmgmt_core::name::Name;
use dnsmgmt_core::provider::Capabilities;
use dnsmgmt_core::record::{Record, RecordData, RecordType};
use dnsmgmt_core::report::Action;

use crate::args::Update;
use crate::commands::change;
use crate::input::parse_value;
use dnsmgmt_program::context::Context;
use dnsmgmt_program::exit::{Exit, UsageError};

pub(crate) async fn run(context: &Context, args: Update) -> Result<Exit> {
    let name = Name::parse(args.domain.as_given())?;
    let wish = Wish::new(&args, name.clone())?;
    let decide = |by_hand: &mut ByHand<'_>, _: &Capabilities, _: &[Name]| wish.decide(by_hand);
    change::run(context, &[name], &args.change, decide).await
}

/// What is to become what.
struct Wish<'a> {
    args: &'a Update,
    name: Name,
    rtype: Option<RecordType>,
    new: Option<RecordData>,
    old: Option<RecordData>,
}

impl<'a> Wish<'a> {
    fn new(args: &'a Update, name: Name) -> Result<Self> {
        let (rtype, texts) = args.domain.values(args.rtype.as_ref(), &args.value, &args.answer);
        if texts.len() > 1 {
            bail!(UsageError(format!("{name} can become one value at a time; to add values use `add`")));
        }
        let value = |text: &str| parse_value(rtype.as_ref(), text);
        let new = texts.first().map(|text| value(text)).transpose()?;
        if new.is_none() && !args.attributes.is_given() {
            bail!(UsageError(format!("what should change? Give a value: `dns-cli update {name} 10.1.2.3`")));
        }
        let old_value = |text: &str| match (&rtype, &new) {
            // An old value without a type is of the new one's type, if it can be: `--old text` of a TXT.
            (None, Some(new)) => RecordData::parse(&new.rtype(), text).map_or_else(|_| value(text), Ok),
            _ => value(text),
        };
        let old = args.old.as_deref().map(old_value).transpose()?;
        Ok(Self { args, name, rtype, new, old })
    }

    fn decide(&self, by_hand: &mut ByHand<'_>) -> Result<()> {
        let meant = self.meant(by_hand);
        let selector = Selector { name: self.name.clone(), rtype: self.rtype(), data: self.old.clone() };
        let is_new = |record: &Record| Some(&record.key.data) == self.new.as_ref();
        match &meant[..] {
            [] if self.new.as_ref().is_some_and(|new| self.has(by_hand, new)) => {
                let there: Vec<Record> =
                    by_hand.before().records.at(&self.name).iter().filter(|r| is_new(r)).cloned().collect();
                by_hand.replace(there.into_iter().map(|old| self.pair(old)).collect());
            }
            [] => {
                let why = "it is not there, so it cannot be changed; use `add`";
                by_hand.refuse(Action::Replace, &selector, why.into());
            }
            [_, _, ..] if self.new.is_some() => {
                let values: Vec<String> = meant.iter().map(|record| record.key.data.to_string()).collect();
                bail!(UsageError(format!(
                    "{selector} has several values: {}; say which with --old",
                    values.join(", ")
                )));
            }
            [first, others @ ..] if others.iter().any(|other| other.rtype() != first.rtype()) => {
                bail!(UsageError(format!("{} has records of several types; say which with --type", self.name)));
            }
            _ => by_hand.replace(meant.into_iter().map(|old| self.pair(old)).collect()),
        }
        Ok(())
    }

    /// Returns the records that are to change: the old value where it is named; else those of the new value's type; else, where
    /// there are none, what excludes that type.
    fn meant(&self, by_hand: &ByHand<'_>) -> Vec<Record> {
        let selector = Selector { name: self.name.clone(), rtype: None, data: self.old.clone() };
        let there: Vec<Record> = selector.select(by_hand.before()).cloned().collect();
        let Some(rtype) = self.rtype().filter(|_| self.old.is_none()) else { return there };
        let of_type: Vec<Record> = there.iter().filter(|record| record.rtype() == rtype).cloned().collect();
        if of_type.is_empty() && self.new.is_some() {
            return there.into_iter().filter(|record| by_hand.excludes(record, &rtype)).collect();
        }
        of_type
    }

    fn rtype(&self) -> Option<RecordType> {
        self.new.as_ref().map(RecordData::rtype).or_else(|| self.rtype.clone())
    }

    fn has(&self, by_hand: &ByHand<'_>, data: &RecordData) -> bool {
        by_hand.before().records.at(&self.name).iter().any(|record| record.key.data == *data)
    }

    fn pair(&self, old: Record) -> (Record, Record) {
        let mut new = Record::new(self.name.clone(), self.new.clone().unwrap_or_else(|| old.key.data.clone()));
        self.args.attributes.put_on(&mut new);
        (old, new)
    }
}
