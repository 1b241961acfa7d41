//! A verified delete: list, decide, apply, and believe only the listing that was taken afterwards.

use dnsmgmt_core::{apply, by_hand, patience, progress, provider, record_set};
use dnsmgmt_providers::zonefile::{Zonefile, ZonefileConfig};
use provider::DnsProvider;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("lab.zone");
    std::fs::write(&path, "$TTL 1h\n@ SOA ns host 1 1h 15m 1w 5m\n@ NS ns\nns A 10.0.0.1\nold A 10.0.0.2\n")?;
    let config = ZonefileConfig { name: "lab".into(), path, origin: Some("lab.example".parse()?), make_missing: false };
    let zone = Zonefile::open(config)?;

    let selector = by_hand::Selector { name: "old.lab.example".parse()?, rtype: None, data: None };
    let scope = record_set::Scope::from_iter([selector.name.clone()]);
    let before = zone.list(&scope).await?;
    let mut by_hand = by_hand::ByHand::on(&zone, scope, before);
    by_hand.delete(&selector);
    let plan = by_hand.plan().approve_by_hand();
    let report = apply::apply(&zone, plan, &patience::Patience::default(), provider::RunId(1), &progress::silent).await;

    for outcome in &report.outcomes {
        eprintln!("{}: {}", outcome.name, outcome.fate);
    }
    if report.is_settled() { Ok(()) } else { Err("not everything is as it was asked to be".into()) }
}
