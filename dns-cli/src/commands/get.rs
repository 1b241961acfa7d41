//! `dns-cli get`

use anyhow::Result;
use dnsmgmt_core::by_hand::Selector;
use dnsmgmt_core::name::Name;
use dnsmgmt_core::record_set::Scope;

use crate::args::Get;
use crate::context::Context;
use crate::exit::Exit;
use crate::input::parse_value;
use crate::output::{Listed, print_listed};

pub(crate) async fn run(context: &Context, args: Get) -> Result<Exit> {
    let (domain, in_its_place) = args.domain.parts();
    let name = Name::parse(domain)?;
    let answer = args.answer.as_deref().or(in_its_place);
    let data = answer.map(|text| parse_value(args.rtype.as_ref(), text)).transpose()?;
    let selector = Selector { name: name.clone(), rtype: args.rtype, data };
    let provider = context.provider_of(&name).await?;
    let listing = context.observe(&*provider, &Scope::from_iter([name.clone()])).await?;
    let records: Vec<_> = selector.select(&listing).cloned().collect();
    let opaque = listing.opaque.into_iter().filter(|entry| entry.name.as_ref() == Some(&name));
    let opaque: Vec<_> = if selector.data.is_none() { opaque.collect() } else { Vec::new() };
    let nothing = records.is_empty() && opaque.is_empty();
    if nothing {
        eprintln!("{selector} is not there, says {}", provider.id());
    }
    print_listed(&[Listed { provider: provider.id().clone(), records, opaque }], args.output)?;
    Ok(if nothing { Exit::No } else { Exit::Done })
}
