//! What a host registers: the decision, carried out at a provider in memory.

use std::net::IpAddr;
use std::time::Duration;

use dnsmgmt_core::apply::apply;
use dnsmgmt_core::heartbeat::{Beat, Carrier, InstanceId, Member};
use dnsmgmt_core::name::Name;
use dnsmgmt_core::patience::Patience;
use dnsmgmt_core::plan::{Claim, Reason};
use dnsmgmt_core::progress::silent;
use dnsmgmt_core::provider::{Capabilities, DnsProvider, RunId, TtlSupport, Types};
use dnsmgmt_core::record::{Record, RecordData, RecordKey, RecordType, Ttl};
use dnsmgmt_core::register::{Refresh, RegisterDecision, Registration, register};
use dnsmgmt_core::report::{Fate, Report};
use fixtures::memory::MemoryProvider;
use jiff::Timestamp;

const LEASE: Duration = Duration::from_secs(900);

/// A provider and the hosts that register at it.
struct Lab(MemoryProvider);

/// What a host has, and has no more.
#[derive(Default)]
struct Has<'a> {
    addresses: &'a [&'a str],
    gone: &'a [&'a str],
    aliases: &'a [(&'a str, &'a str)],
    proxied: Option<bool>,
    adopt: bool,
    claims: &'a [&'a str],
    interval: Option<u64>,
    if_late: bool,
    keeps: bool,
}

impl Lab {
    fn new() -> Self {
        Self(MemoryProvider::new("example", 200))
    }

    fn with(change: impl FnOnce(&mut Capabilities)) -> Self {
        Self(MemoryProvider::new("example", 200).with(change))
    }

    /// Lets a host register at `all.example`, and returns its report and what it keeps.
    async fn host(&self, instance: &str, now: i64, has: Has<'_>) -> (Report, usize) {
        let instance = InstanceId::parse(instance).unwrap();
        let wanted = has.addresses.iter().map(|address| (member(address), has.proxied)).collect();
        let withdrawn = has.gone.iter().map(|address| member(address)).collect();
        let name = |text: &str| Name::parse(text).unwrap();
        let aliases = has.aliases.iter().map(|(alias, target)| (name(alias), name(target))).collect();
        let claim_of = |key: &RecordKey| has.claims.contains(&key.data.to_string().as_str()).then_some(Claim::Created);
        let interval = has.interval.map(Duration::from_secs);
        let registration = Registration {
            instance: &instance,
            wanted: &wanted,
            withdrawn: &withdrawn,
            keeps: has.keeps.then_some(&|_: &Member| true),
            aliases: &aliases,
            ttl: Ttl::Seconds(120),
            claim_of: &claim_of,
            adopt: has.adopt,
            now: Timestamp::from_second(now).unwrap(),
            refresh: if has.if_late { Refresh::IfLate { lease: LEASE, interval } } else { Refresh::All },
        };
        let scope = registration.scope();
        let before = self.0.list(&scope).await.unwrap();
        let RegisterDecision { plan, leased } = register(&self.0, scope, before, registration);
        let plan = plan.approve_by_hand();
        (apply(&self.0, plan, &Patience::default(), RunId(1), &silent).await, leased.len())
    }

    /// Returns what is held, as people read it.
    fn holds(&self) -> Vec<String> {
        self.0.held().iter().map(ToString::to_string).collect()
    }
}

fn member(address: &str) -> Member {
    Member { domain: Name::parse("all.example").unwrap(), address: address.parse::<IpAddr>().unwrap() }
}

fn here<'a>(addresses: &'a [&'a str]) -> Has<'a> {
    Has { addresses, ..Has::default() }
}

#[tokio::test]
async fn a_host_writes_its_heartbeat_first_and_then_its_address() {
    let lab = Lab::new();
    let (report, leased) = lab.host("web-01", 1000, here(&["10.0.0.1", "fd00::1"])).await;
    assert!(report.is_settled() && leased == 2, "{report:?}");
    let held = [
        "_heartbeat-10-0-0-1.all.example TXT \"1000,web-01\"",
        "_heartbeat-fd00--1.all.example TXT \"1000,web-01\"",
        "all.example A 10.0.0.1",
        "all.example AAAA fd00::1",
    ];
    assert_eq!(lab.holds(), held);
    assert!(lab.0.held().iter().all(|record| record.ttl == Some(Ttl::Seconds(120))));
    let group = &lab.0.asked()[0][0];
    assert_eq!(group.changes[0].record().rtype(), RecordType::Txt, "{group:?}");
    assert_eq!(group.changes[1].record().rtype(), RecordType::A);
    assert_eq!(lab.0.calls(), (2, 1), "one listing before, one batch, one listing after");
}

#[tokio::test]
async fn a_refresh_replaces_its_own_heartbeat_and_nothing_else() {
    let lab = Lab::new();
    lab.host("web-01", 1000, here(&["10.0.0.1"])).await;
    lab.host("web-02", 1000, here(&["10.0.0.2"])).await;
    lab.0.put("all.example", "10.0.0.9");
    let (report, _) = lab.host("WEB-01", 1600, here(&["10.0.0.1"])).await;
    let [refresh] = &report.outcomes[..] else { panic!("{report:?}") };
    assert_eq!((refresh.reason, refresh.fate), (Reason::Refreshed, Fate::Present));
    let held = [
        "_heartbeat-10-0-0-1.all.example TXT \"1600,WEB-01\"",
        "_heartbeat-10-0-0-2.all.example TXT \"1000,web-02\"",
        "all.example A 10.0.0.1",
        "all.example A 10.0.0.2",
        "all.example A 10.0.0.9",
    ];
    assert_eq!(lab.holds(), held);
    let (again, _) = lab.host("web-01", 1600, here(&["10.0.0.1"])).await;
    assert!(again.outcomes.iter().all(|outcome| outcome.fate == Fate::Present), "{again:?}");
}

#[tokio::test]
async fn a_heartbeat_that_is_written_anew_is_always_another_one() {
    let lab = Lab::new();
    for expected in ["7,web-01", "8,web-01", "7,web-01"] {
        // Each time after a boot in 1970.
        lab.host("web-01", 7, here(&["10.0.0.1"])).await;
        assert!(lab.holds()[0].contains(expected), "{:?}", lab.holds());
    }
}

#[tokio::test]
async fn hosts_that_share_an_address_keep_it_together_until_the_last_one_goes() {
    let lab = Lab::new();
    lab.host("a", 1000, here(&["203.0.113.7"])).await;
    lab.host("b", 1001, here(&["203.0.113.7"])).await;
    assert_eq!(lab.holds().len(), 3, "{:?}", lab.holds());
    lab.host("a", 1100, Has { gone: &["203.0.113.7"], ..Has::default() }).await;
    let left = ["_heartbeat-203-0-113-7.all.example TXT \"1001,b\"", "all.example A 203.0.113.7"];
    assert_eq!(lab.holds(), left);
    lab.host("b", 1200, Has { gone: &["203.0.113.7"], ..Has::default() }).await;
    assert_eq!(lab.holds(), [""; 0]);
}

#[tokio::test]
async fn a_new_address_comes_before_the_old_one_goes() {
    let lab = Lab::new();
    lab.host("web-01", 1000, here(&["10.0.0.1"])).await;
    let moved = Has { addresses: &["10.0.0.2"], gone: &["10.0.0.1"], ..Has::default() };
    let (report, _) = lab.host("web-01", 1300, moved).await;
    assert!(report.is_settled());
    assert_eq!(lab.holds(), ["_heartbeat-10-0-0-2.all.example TXT \"1300,web-01\"", "all.example A 10.0.0.2"]);
    let actions: Vec<_> = report.outcomes.iter().map(|outcome| outcome.action.as_str()).collect();
    assert_eq!(actions, ["create", "create", "delete", "delete"]);
    let withdrawal = &lab.0.asked()[1][1];
    assert_eq!(withdrawal.only_if.len(), 1, "only while nobody else keeps it: {withdrawal:?}");
}

#[tokio::test]
async fn an_address_that_nobody_keeps_and_that_is_not_ours_is_left_alone() {
    let lab = Lab::new();
    lab.0.put("all.example", "10.0.0.1");
    let (report, leased) = lab.host("web-01", 1000, here(&["10.0.0.1"])).await;
    assert_eq!((leased, lab.holds()), (0, vec!["all.example A 10.0.0.1".to_owned()]));
    let [left] = &report.outcomes[..] else { panic!("{report:?}") };
    assert!(left.fate == Fate::AlreadyPresent && left.notes[0].contains("--adopt"), "{left:?}");

    let (_, leased) = lab.host("web-01", 1000, Has { claims: &["10.0.0.1"], ..here(&["10.0.0.1"]) }).await;
    assert_eq!((leased, lab.holds().len()), (1, 2), "what we created ourselves is ours without a heartbeat too");

    let lab = Lab::new();
    lab.0.put("all.example", "10.0.0.1");
    let (_, leased) = lab.host("web-01", 1000, Has { adopt: true, ..here(&["10.0.0.1"]) }).await;
    assert_eq!((leased, lab.holds().len()), (1, 2));
}

#[tokio::test]
async fn only_what_is_withdrawn_goes_and_only_if_it_is_ours() {
    let lab = Lab::new();
    lab.0.put("all.example", "10.0.0.5");
    lab.host("other", 1000, here(&["10.0.0.6"])).await;
    let before = lab.holds();
    let (report, _) = lab.host("web-01", 1000, Has { gone: &["10.0.0.5", "10.0.0.6"], ..Has::default() }).await;
    assert!(report.outcomes.is_empty(), "{report:?}");
    assert_eq!(lab.holds(), before);
}

#[tokio::test]
async fn several_heartbeats_of_one_instance_become_one() {
    let lab = Lab::new();
    lab.host("web-01", 1000, here(&["10.0.0.1"])).await;
    let double = Beat { time: Timestamp::from_second(900).unwrap(), instance: InstanceId::parse("web-01").unwrap() };
    lab.0.hold(Record::new(member("10.0.0.1").heartbeat_name().unwrap(), double.carried_by(Carrier::Txt)));
    lab.host("web-01", 1600, here(&["10.0.0.1"])).await;
    assert_eq!(lab.holds(), ["_heartbeat-10-0-0-1.all.example TXT \"1600,web-01\"", "all.example A 10.0.0.1"]);
}

#[tokio::test]
async fn all_values_of_a_shared_name_have_the_ttl_that_is_there() {
    let lab = Lab::new();
    let mut neighbour = lab.0.put("all.example", "10.0.0.9");
    lab.0.lose(&neighbour);
    neighbour.ttl = Some(Ttl::Seconds(600));
    lab.0.hold(neighbour);
    lab.host("web-01", 1000, here(&["10.0.0.1"])).await;
    let ttls: Vec<_> = lab.0.held().iter().map(|record| record.ttl).collect();
    assert_eq!(ttls, [Some(Ttl::Seconds(120)), Some(Ttl::Seconds(600)), Some(Ttl::Seconds(600))]);
    let (report, _) = lab.host("web-01", 1000, here(&["10.0.0.1"])).await;
    let reasons: Vec<_> = report.outcomes.iter().map(|outcome| outcome.reason).collect();
    assert_eq!(reasons, [Reason::Refreshed], "and that is no drift: {report:?}");
}

#[tokio::test]
async fn without_txt_a_cname_that_is_switched_off_carries_heartbeats_of_several() {
    let lab = Lab::with(|can| {
        can.types = Types::Only(vec![RecordType::A, RecordType::Aaaa, RecordType::Cname]);
        can.ttl = TtlSupport::Fixed;
        can.enabled = true;
        can.cname_excludes = Types::Only(vec![RecordType::A, RecordType::Aaaa]);
    });
    lab.host("Web.01", 1000, here(&["10.0.0.1"])).await;
    let (report, _) = lab.host("b", 1000, here(&["10.0.0.1"])).await;
    assert!(report.is_settled(), "{report:?}");
    let held = lab.0.held();
    let values: Vec<_> = held.iter().map(|record| (record.key.data.to_string(), record.enabled, record.ttl)).collect();
    let expected = [
        ("1000.b.heartbeat.invalid", Some(false), None),
        ("1000.web.01.heartbeat.invalid", Some(false), None),
        ("10.0.0.1", None, None),
    ];
    assert_eq!(values, expected.map(|(value, enabled, ttl)| (value.to_owned(), enabled, ttl)));
    let (report, _) = lab.host("web.01", 1600, here(&["10.0.0.1"])).await;
    assert_eq!(report.outcomes.len(), 1, "its own is found again: {report:?}");
}

#[tokio::test]
async fn a_server_that_cannot_switch_off_gets_heartbeats_that_are_on() {
    let provider = MemoryProvider::new("example", 200)
        .with(|can| {
            can.types = Types::Only(vec![RecordType::A, RecordType::Cname]);
            can.enabled = true;
        })
        .objecting(|change| (change.record().enabled == Some(false)).then(|| "too old".into()));
    let lab = Lab(provider);
    let (report, _) = lab.host("a", 1000, here(&["10.0.0.1"])).await;
    assert!(report.is_settled() && lab.0.held().iter().all(|record| record.enabled.is_none()), "{report:?}");
}

#[tokio::test]
async fn a_provider_that_can_carry_no_heartbeat_gets_no_address() {
    let lab = Lab::with(|can| can.types = Types::Only(vec![RecordType::A]));
    let (report, leased) = lab.host("a", 1000, here(&["10.0.0.1"])).await;
    assert_eq!((report.count(Fate::Refused), leased, lab.holds().len()), (1, 0, 0));
}

#[tokio::test]
async fn an_alias_at_the_name_keeps_both_heartbeat_and_address_away() {
    let lab = Lab::new();
    lab.0.put("all.example", "elsewhere.example");
    let (report, _) = lab.host("a", 1000, here(&["10.0.0.1"])).await;
    assert_eq!((report.count(Fate::Refused), lab.holds().len()), (2, 1), "{report:?}");
}

#[tokio::test]
async fn an_alias_is_made_once_and_follows_its_target_only_if_it_is_ours() {
    let lab = Lab::new();
    let to = |target| [("top.example", target)];
    lab.host("a", 1000, Has { aliases: &to("all.example"), ..Has::default() }).await;
    let (report, _) = lab.host("b", 1000, Has { aliases: &to("all.example"), ..Has::default() }).await;
    assert!(report.outcomes.is_empty() && lab.holds() == ["top.example CNAME all.example"], "{report:?}");
    let (report, _) = lab.host("b", 1000, Has { aliases: &to("new.example"), ..Has::default() }).await;
    assert_eq!((report.count(Fate::Refused), lab.holds()), (1, vec!["top.example CNAME all.example".to_owned()]));
    let ours = Has { aliases: &to("new.example"), claims: &["all.example"], ..Has::default() };
    lab.host("a", 1000, ours).await;
    assert_eq!(lab.holds(), ["top.example CNAME new.example"]);
}

#[tokio::test]
async fn without_a_memory_heartbeats_are_written_anew_when_one_would_be_late() {
    let lab = Lab::new();
    let has = |interval| Has { if_late: true, interval, ..here(&["10.0.0.1", "10.0.0.2"]) };
    lab.host("a", 1000, here(&["10.0.0.1"])).await;
    let (report, _) = lab.host("a", 1300, has(Some(300))).await;
    assert_eq!(report.count(Fate::Present), 3, "one is missing, so all are written: {report:?}");
    let (report, _) = lab.host("a", 1600, has(Some(300))).await;
    assert!(report.outcomes.is_empty(), "{report:?}");
    lab.0.lose(&Record::new(member("10.0.0.2").domain, RecordData::infer("10.0.0.2").unwrap()));
    let (report, _) = lab.host("a", 1650, has(Some(300))).await;
    assert_eq!(report.outcomes.len(), 1, "the address alone comes back: {report:?}");
    let (report, _) = lab.host("a", 1900, has(Some(300))).await;
    assert_eq!(report.outcomes.len(), 2, "{report:?}");
}

#[tokio::test]
async fn what_is_proxied_is_so_only_where_that_can_be_and_keeps_the_ttl_of_its_provider() {
    let lab = Lab::with(|can| can.proxied = true);
    lab.host("a", 1000, Has { proxied: Some(true), ..here(&["203.0.113.1"]) }).await;
    let held = lab.0.held();
    let address = held.get(&member("203.0.113.1").key()).unwrap();
    assert_eq!((address.proxied, address.ttl), (Some(true), None));
    let (report, _) = lab.host("a", 1000, Has { proxied: Some(false), ..here(&["203.0.113.1"]) }).await;
    assert!(report.outcomes.iter().any(|outcome| outcome.reason == Reason::Drifted), "{report:?}");
    let lab = Lab::new();
    let (report, _) = lab.host("a", 1000, Has { proxied: Some(true), ..here(&["203.0.113.1"]) }).await;
    assert!(report.is_settled(), "{report:?}");
}

#[tokio::test]
async fn a_host_without_a_memory_finds_what_it_kept_and_cannot_tell_about() {
    let lab = Lab::new();
    lab.host("a", 1000, here(&["10.0.0.1", "203.0.113.7"])).await;
    lab.host("b", 1000, here(&["203.0.113.8"])).await;
    let (_, leased) = lab.host("a", 1600, Has { keeps: true, ..here(&["10.0.0.1"]) }).await;
    assert_eq!(leased, 2);
    let beats: Vec<_> = lab.holds().into_iter().filter(|line| line.contains("TXT")).collect();
    let expected = [("10-0-0-1", "1600,a"), ("203-0-113-7", "1600,a"), ("203-0-113-8", "1000,b")];
    assert_eq!(beats, expected.map(|(address, beat)| format!("_heartbeat-{address}.all.example TXT \"{beat}\"")));
}
