//! `dns-cli list`

use anyhow::{Context as _, Result};
use dnsmgmt_core::name::Name;
use dnsmgmt_core::record::Record;
use dnsmgmt_core::record_set::{Opaque, Scope};
use glob::{MatchOptions, Pattern};

use crate::args::List;
use crate::context::Context;
use crate::exit::{Exit, UsageError};
use crate::output::{Listed, print_listed};

pub(crate) async fn run(context: &Context, args: List) -> Result<Exit> {
    let filter = Filter::new(&args)?;
    let found = context.each(async |provider| {
        let listing = context.observe(&*provider, &Scope::Zone).await?;
        let opaque = listing.opaque.into_iter().filter(|entry| filter.accepts_opaque(entry)).collect();
        let records = listing.records.into_iter().filter(|record| filter.accepts(record)).collect();
        Ok(Listed { provider: provider.id().clone(), records, opaque })
    });
    let found = found.await?;
    print_listed(&found.answers, args.output)?;
    Ok(found.end())
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

    /// What is no record has no value to filter by; its type may be unknown.
    fn accepts_opaque(&self, entry: &Opaque) -> bool {
        let rtype = self.args.rtype.as_ref();
        self.value.is_none()
            && entry.name.as_ref().map_or_else(|| self.name.is_none(), |name| self.accepts_name(name))
            && rtype.is_none_or(|wanted| entry.rtype.as_ref().is_none_or(|own| own == wanted))
    }

    /// People type a name as they read it, internationalised ones too.
    fn accepts_name(&self, name: &Name) -> bool {
        matches(&self.name, name.as_str()) || name.as_str().contains("xn--") && matches(&self.name, &name.to_unicode())
    }

    fn accepts(&self, record: &Record) -> bool {
        let value = record.key.data.to_string();
        self.accepts_name(record.name())
            && (matches(&self.value, &value) || matches(&self.value, value.trim_matches('"')))
            && self.args.rtype.as_ref().is_none_or(|rtype| *rtype == record.rtype())
    }
}

fn matches(pattern: &Option<Pattern>, text: &str) -> bool {
    let options = MatchOptions { case_sensitive: false, ..MatchOptions::new() };
    pattern.as_ref().is_none_or(|pattern| pattern.matches_with(text, options))
}
