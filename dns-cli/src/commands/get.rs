//! `dns-cli get`

use anyhow::{Result, bail};
use dnsmgmt_core::by_hand::{Selector, as_listed};
use dnsmgmt_core::mark::Marks;
use dnsmgmt_core::name::Name;
use dnsmgmt_core::record::RecordKey;
use dnsmgmt_core::record_set::Scope;

use crate::args::Get;
use crate::input::parse_value;
use crate::output::{Listed, print_listed};
use dnsmgmt_program::context::Context;
use dnsmgmt_program::exit::{Exit, UsageError};
use dnsmgmt_program::held::Held;
use dnsmgmt_program::output::printable;

pub(crate) async fn run(context: &Context, args: Get) -> Result<Exit> {
    let name = Name::parse(args.domain.as_given())?;
    let (rtype, values) = args.domain.values(args.rtype.as_ref(), &args.value, &args.answer);
    if values.len() > 1 {
        bail!(UsageError("one value at a time".into()));
    }
    let data = values.first().map(|text| parse_value(rtype.as_ref(), text)).transpose()?;
    let mut selector = Selector { name: name.clone(), rtype, data };
    let held = match args.max_age.and_then(|max_age| context.held_at(&name, max_age)) {
        Some(held) => held,
        None => ask(context, &mut selector).await?,
    };
    let Held { provider, listing, cached_at } = held;
    let marks = Marks::of(&listing);
    let records: Vec<_> = selector.select(&listing).cloned().collect();
    let opaque: Vec<_> = selector.opaque(&listing).cloned().collect();
    let nothing = records.is_empty() && opaque.is_empty();
    if nothing {
        eprintln!("{} is not there, says {provider}", printable(&selector.to_string()));
    }
    print_listed(&[Listed { provider, records, opaque, cached_at, marks }], args.output)?;
    Ok(if nothing { Exit::No } else { Exit::Done })
}

/// Lists the name, and spells the value as the provider does.
async fn ask(context: &Context, selector: &mut Selector) -> Result<Held> {
    let at = context.provider_of(&selector.name).await?;
    let listing = context.observe(&at, &Scope::from_iter([selector.name.clone()])).await?;
    if let Some(data) = selector.data.take() {
        let key = RecordKey { name: selector.name.clone(), data };
        selector.data = Some(as_listed(&*at.provider, &listing, &key));
    }
    Ok(Held { provider: at.id().clone(), listing, cached_at: None })
}
