//! What a machine with many addresses and names costs: as much as one with a single address.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use dnsmgmt_core::brake::Brake;
use dnsmgmt_core::heartbeat::{InstanceId, Member};
use dnsmgmt_core::moment::Moment;
use dnsmgmt_core::name::Name;
use dnsmgmt_core::patience::Patience;
use dnsmgmt_core::progress::silent;
use dnsmgmt_core::provider::RunId;
use dnsmgmt_core::reconcile::{Registering, Run, register_zone};
use dnsmgmt_core::record::Ttl;
use dnsmgmt_core::register::Refresh;
use dnsmgmt_core::repository::DnsRepositoryManager;
use dnsmgmt_providers::cloudflare::{Budget, Cloudflare, CloudflareConfig, CloudflareZone, DEFAULT_BATCH};
use fixtures::cloudflare::FakeCloudflare;
use jiff::{SignedDuration, Timestamp};

/// Twenty addresses at each of two names.
fn wanted() -> BTreeMap<Member, Option<bool>> {
    let domains = ["internal.example.com", "all.example.com"].map(|domain| Name::parse(domain).unwrap());
    let members = domains.into_iter().flat_map(|domain| {
        (1..=20)
            .map(move |host| Member { domain: domain.clone(), address: IpAddr::from(Ipv4Addr::new(10, 0, 0, host)) })
    });
    members.map(|member| (member, None)).collect()
}

#[tokio::test]
async fn twenty_addresses_at_two_names_cost_a_listing_a_batch_and_a_listing() {
    let fake = FakeCloudflare::start().await;
    let zone = fake.add_zone("example.com");
    let provider = Cloudflare::connect(CloudflareConfig {
        name: "cloudflare".into(),
        url: fake.url(),
        token: fake.token.clone().into(),
        zone: CloudflareZone::IdAndName { id: zone.clone(), name: Name::parse("example.com").unwrap() },
        batch: DEFAULT_BATCH,
        budget: Budget::default(),
    });
    let provider = provider.await.unwrap();
    let mut repository = DnsRepositoryManager::in_memory().unwrap();
    let instance = InstanceId::parse("web-01").unwrap();
    let mut last = String::new();
    for run in 1..=3 {
        // The provider's time is written, which differs from ours.
        fake.server.set_clock_off(SignedDuration::from_mins(5 * i64::try_from(run).unwrap()));
        let moment = Moment {
            now: Timestamp::from_second(1_700_000_000).unwrap(),
            boot: "a".into(),
            running: Duration::from_secs(300 * run),
        };
        let clock = || moment.clone();
        let registering = Registering {
            instance: &instance,
            wanted: &wanted(),
            withdrawn: &BTreeSet::new(),
            keeps: None,
            aliases: &BTreeMap::new(),
            ttl: Ttl::Seconds(120),
            adopt: false,
            refresh: Refresh::All,
            brake: &Brake { max_delete: 15, force: false, approved: None },
        };
        let patience = Patience::default();
        let run = Run { id: RunId(run), patience: &patience, progress: &silent, clock: &clock, max_missing: 30 };
        fake.server.forget_calls();
        let registered = register_zone(&mut repository, &provider, registering, run).await.unwrap();
        assert!(registered.is_verified, "{registered:?}");
        let calls = fake.server.calls();
        assert_eq!(calls.len(), 3, "{calls:?}");
        let (records, written) = (fake.records(&zone).len(), beats(&fake, &zone));
        let [beat] = &written.into_iter().collect::<Vec<_>>()[..] else { panic!("all are written at once") };
        assert!(records == 80 && *beat > last, "{records} records, {beat} after {last}");
        last.clone_from(beat);
    }
}

/// Returns what the heartbeats say.
fn beats(fake: &FakeCloudflare, zone: &str) -> BTreeSet<String> {
    fake.records(zone).into_iter().filter(|record| record.rtype == "TXT").map(|record| record.content).collect()
}
