//! `dns-cli list`

use anyhow::{Context as _, Result};
use dnsmgmt_core::record::Record;
use dnsmgmt_core::record_set::Scope;
use dnsmgmt_providers::connect::connect;
use glob::{MatchOptions, Pattern};

use crate::args::List;
use crate::context::Context;
use crate::exit::{Exit, UsageError};
use crate::output::{Listed, print_listed};

pub(crate) async fn run(context: &Context, args: List) -> Result<Exit> {
    let filter = Filter::new(&args)?;
    let mut found = Vec::new();
    for target in context.targets().await? {
        let provider = connect(target).await?;
        let listing = context.observe(&*provider, &Scope::Zone).await?;
        let opaque = if filter.is_open() { listing.opaque } else { Vec::new() };
        let records = listing.records.into_iter().filter(|record| filter.accepts(record)).collect();
        found.push(Listed { provider: provider.id().clone(), records, opaque });
    }
    print_listed(&found, args.output)?;
    Ok(Exit::Done)
}

struct Filter<'a> {
    args: &'a List,
    name: Option<Pattern>,
    value: Option<Pattern>,
}

impl<'a> Filter<'a> {
    fn new(args: &'a List) -> Result<Self> {
        let pattern = |text: &String| {
            Pattern::new(text.trim_end_matches('.')).with_context(|| UsageError(format!("`{text}` is not a pattern")))
        };
        let name = args.pattern.as_ref().or(args.name.as_ref()).map(pattern).transpose()?;
        Ok(Self { args, name, value: args.value.as_ref().map(pattern).transpose()? })
    }

    fn is_open(&self) -> bool {
        self.name.is_none() && self.value.is_none() && self.args.rtype.is_none()
    }

    fn accepts(&self, record: &Record) -> bool {
        let options = MatchOptions { case_sensitive: false, ..MatchOptions::new() };
        let matches = |pattern: &Option<Pattern>, text: &str| {
            pattern.as_ref().is_none_or(|pattern| pattern.matches_with(text, options))
        };
        // People type a name as they read it, internationalised ones too.
        let name = matches(&self.name, record.name().as_str())
            || (record.name().as_str().contains("xn--") && matches(&self.name, &record.name().to_unicode()));
        let value = record.key.data.to_string();
        name && (matches(&self.value, &value) || matches(&self.value, value.trim_matches('"')))
            && self.args.rtype.as_ref().is_none_or(|rtype| *rtype == record.rtype())
    }
}
