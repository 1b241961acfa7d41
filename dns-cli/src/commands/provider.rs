//! `dns-cli provider`

use anyhow::{Context as _, Result};
use dnsmgmt_core::provider::{Capabilities, DnsProvider, ListingSupport, TtlSupport, Types};
use dnsmgmt_core::record_set::Scope;
use serde::Serialize;

use crate::args::Provider;
use crate::commands::{switch, trust};
use dnsmgmt_program::args::ReportFormat;
use dnsmgmt_program::context::{Context, Zoned};
use dnsmgmt_program::exit::Exit;
use dnsmgmt_program::output::{print_json, print_lines, print_table};

pub(crate) async fn run(context: &Context, command: Provider) -> Result<Exit> {
    match command {
        Provider::List(args) => list(context, args.output),
        Provider::Test(args) => test(context, args.output).await,
        Provider::Zones(args) => print_zones(context, args.output).await,
        Provider::Capabilities(args) => capabilities(context, args.output).await,
        Provider::Trust(args) => trust::run(context, args).await,
        Provider::Switch(args) => switch::run(context, args).await,
    }
}

#[derive(Serialize)]
struct Configured {
    name: String,
    kind: String,
    zones: Vec<String>,
    origin: String,
}

fn list(context: &Context, format: ReportFormat) -> Result<Exit> {
    let providers = context.settings.providers().map(|provider| Configured {
        name: provider.name().to_owned(),
        kind: provider.kind().to_string(),
        zones: provider.zones().iter().map(ToString::to_string).collect(),
        origin: provider.origin().to_string(),
    });
    let providers: Vec<Configured> = providers.collect();
    match format {
        ReportFormat::Json => print_json(&Providers { providers })?,
        ReportFormat::Table => {
            let rows = providers.into_iter().map(|p| [p.name, p.kind, p.zones.join(", "), p.origin]);
            print_table(["NAME", "KIND", "ZONES", "CONFIGURED IN"], rows)?;
        }
    }
    Ok(Exit::Done)
}

#[derive(Serialize)]
struct Tested {
    provider: String,
    zone: String,
    records: usize,
    opaque: usize,
    findings: Vec<String>,
}

/// Lists the zone, or the name of one that cannot be listed whole, as every command does first, and tells what would surprise a person.
async fn test(context: &Context, format: ReportFormat) -> Result<Exit> {
    let tested = context.each(async |at| {
        let scope = match at.capabilities().listing {
            ListingSupport::Zone => Scope::Zone,
            ListingSupport::NamesOnly => Scope::from_iter([at.id().zone.clone()]),
        };
        let listing = context.observe(&at, &scope).await?;
        let findings = at.examine().await.with_context(|| at.id().to_string())?;
        Ok(Tested {
            provider: at.id().name.clone(),
            zone: at.id().zone.to_string(),
            records: listing.records.len(),
            opaque: listing.opaque.len(),
            findings,
        })
    });
    let tested = tested.await?;
    match format {
        ReportFormat::Json => print_json(&Providers { providers: &tested.answers })?,
        ReportFormat::Table => {
            for test in &tested.answers {
                let finding = |finding: &String| format!("  {finding}");
                let head = format!("{} {}: answers, {} records", test.provider, test.zone, test.records);
                print_lines([head].into_iter().chain(test.findings.iter().map(finding)))?;
            }
        }
    }
    Ok(tested.end())
}

#[derive(Serialize)]
struct Providers<T> {
    providers: T,
}

#[derive(Serialize)]
struct Row {
    provider: String,
    zone: String,
    id: Option<String>,
}

async fn print_zones(context: &Context, format: ReportFormat) -> Result<Exit> {
    let found = context.zones().await?;
    let row = |(provider, zone): &(String, Zoned)| match zone {
        Zoned::Listed(zone) => (provider.clone(), zone.name.to_string(), Some(zone.id.clone())),
        Zoned::Alone(name) => (provider.clone(), name.to_string(), None),
    };
    let zones = found.answers.iter().map(row).map(|(provider, zone, id)| Row { provider, zone, id });
    match format {
        ReportFormat::Json => print_json(&Zones { zones: zones.collect() })?,
        ReportFormat::Table => {
            let rows = zones.map(|zone| [zone.provider, zone.zone, zone.id.unwrap_or_default()]);
            print_table(["PROVIDER", "ZONE", "ID"], rows)?;
        }
    }
    Ok(found.end())
}

#[derive(Serialize)]
struct Zones {
    zones: Vec<Row>,
}

#[derive(Serialize)]
struct Able {
    provider: String,
    zone: String,
    types: String,
    ttl: String,
    proxied: bool,
    enabled: bool,
    comment: Option<usize>,
    conditions: bool,
    batch: Option<usize>,
    cname_excludes: String,
    lists: &'static str,
}

async fn capabilities(context: &Context, format: ReportFormat) -> Result<Exit> {
    let mut able = context.each(async |at| Ok(describe(&*at.provider))).await?;
    if format == ReportFormat::Json {
        print_json(&Providers { providers: &able.answers })?;
        return Ok(able.end());
    }
    for provider in std::mem::take(&mut able.answers) {
        let yes = |flag: bool| if flag { "yes" } else { "no" }.to_owned();
        let rows = [
            ["types".to_owned(), provider.types],
            ["TTL".into(), provider.ttl],
            ["proxied records".into(), yes(provider.proxied)],
            ["records that are switched off".into(), yes(provider.enabled)],
            [
                "comments".into(),
                provider.comment.map_or_else(|| "no".into(), |most| format!("up to {most} characters")),
            ],
            ["conditions in one step with the change".into(), yes(provider.conditions)],
            [
                "changes in one request".into(),
                provider.batch.map_or_else(|| "any number".into(), |batch| batch.to_string()),
            ],
            ["a CNAME excludes".into(), provider.cname_excludes],
            ["lists".into(), provider.lists.into()],
        ];
        print_table([&provider.provider, &provider.zone], rows)?;
    }
    Ok(able.end())
}

fn describe(provider: &dyn DnsProvider) -> Able {
    let Capabilities { types, ttl, proxied, enabled, comment, conditions, batch, cname_excludes, listing, .. } =
        provider.capabilities();
    Able {
        provider: provider.id().name.clone(),
        zone: provider.id().zone.to_string(),
        types: describe_types(types),
        ttl: match ttl {
            TtlSupport::Fixed => "one for all records".into(),
            TtlSupport::Seconds { least, most, automatic: false } => format!("{least} to {most} seconds"),
            TtlSupport::Seconds { least, most, automatic: true } => format!("{least} to {most} seconds, or auto"),
        },
        proxied: *proxied,
        enabled: *enabled,
        comment: *comment,
        conditions: *conditions,
        batch: (*batch != usize::MAX).then_some(*batch),
        cname_excludes: describe_types(cname_excludes),
        lists: match listing {
            ListingSupport::Zone => "the whole zone",
            ListingSupport::NamesOnly => "names that are asked for",
        },
    }
}

fn describe_types(types: &Types) -> String {
    let list = |types: &[dnsmgmt_core::record::RecordType]| {
        types.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
    };
    match types {
        Types::All => "all".into(),
        Types::AllBut(types) => format!("all but {}", list(types)),
        Types::Only(types) if types.is_empty() => "none".into(),
        Types::Only(types) => list(types),
    }
}
