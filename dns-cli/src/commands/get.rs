//! `dns-cli get`

use anyhow::{Result, bail};
use dnsmgmt_core::by_hand::{Selector, as_listed};
use dnsmgmt_core::name::Name;
use dnsmgmt_core::record::RecordKey;
use dnsmgmt_core::record_set::Scope;

use crate::args::Get;
use crate::context::Context;
use crate::exit::{Exit, UsageError};
use crate::input::parse_value;
use crate::output::{Listed, print_listed, printable};

pub(crate) async fn run(context: &Context, args: Get) -> Result<Exit> {
    let name = Name::parse(args.domain.as_given())?;
    let (rtype, values) = args.domain.values(args.rtype.as_ref(), &args.value, &args.answer);
    if values.len() > 1 {
        bail!(UsageError("one value at a time".into()));
    }
    let data = values.first().map(|text| parse_value(rtype.as_ref(), text)).transpose()?;
    let mut selector = Selector { name: name.clone(), rtype, data };
    let provider = context.provider_of(&name).await?;
    let listing = context.observe(&*provider, &Scope::from_iter([name.clone()])).await?;
    if let Some(data) = selector.data.take() {
        let key = RecordKey { name: name.clone(), data };
        selector.data = Some(as_listed(&*provider, &listing, &key));
    }
    let records: Vec<_> = selector.select(&listing).cloned().collect();
    let opaque: Vec<_> = selector.opaque(&listing).cloned().collect();
    let nothing = records.is_empty() && opaque.is_empty();
    if nothing {
        eprintln!("{} is not there, says {}", printable(&selector.to_string()), provider.id());
    }
    print_listed(&[Listed { provider: provider.id().clone(), records, opaque }], args.output)?;
    Ok(if nothing { Exit::No } else { Exit::Done })
}
