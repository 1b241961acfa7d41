//! What becomes of orphans, from what is listed and remembered.

use std::time::Duration;

use dnsmgmt_core::brake::{Approved, Brake, Waiting};
use dnsmgmt_core::name::Name;
use dnsmgmt_core::origin::Origin;
use dnsmgmt_core::plan::{Claim, PlanId};
use dnsmgmt_core::preserved::Preserved;
use dnsmgmt_core::provider::DnsProvider;
use dnsmgmt_core::record::{Record, RecordData};
use dnsmgmt_core::record_set::Scope;
use dnsmgmt_core::report::Fate;
use dnsmgmt_core::stale::Decision;
use dnsmgmt_core::stale::orphans::{Evidence, is_due, orphans};
use dnsmgmt_core::tracked::{Bookkeeping, OrphanReason, Orphaned, TrackedRecord};
use fixtures::memory::MemoryProvider;

const GRACE: Duration = Duration::from_secs(900);

/// A zone and what is remembered of it.
struct Situation {
    provider: MemoryProvider,
    tracked: Vec<TrackedRecord>,
    preserved: Preserved,
}

fn source() -> Origin {
    Origin::of_source("hosts", "/etc/hosts.d")
}

fn record(name: &str) -> Record {
    Record::new(Name::parse(name).unwrap(), RecordData::infer("10.0.0.1").unwrap())
}

impl Situation {
    fn new() -> Self {
        let provider = MemoryProvider::new("lab.example", 100);
        Self { provider, tracked: Vec::new(), preserved: Preserved::default() }
    }

    /// A record of ours, an orphan for so long if it is one.
    fn ours(mut self, name: &str, origin: &Origin, orphaned: Option<(OrphanReason, u64)>) -> Self {
        let mark = |(reason, seconds)| {
            let age = Duration::from_secs(seconds);
            Orphaned { reason, since: jiff::Timestamp::UNIX_EPOCH, age, confirmed: age }
        };
        self.provider.hold(record(name));
        self.tracked.push(TrackedRecord {
            record: record(name),
            claim: Some(Claim::Created),
            orphaned: orphaned.map(mark),
            origins: [origin.clone()].into(),
            first_seen: None,
            tracked_at: None,
            updated_at: None,
        });
        self
    }

    fn unwanted(self, name: &str, seconds: u64) -> Self {
        self.ours(name, &source().piece("a"), Some((OrphanReason::Unwanted, seconds)))
    }

    fn wanted(self, names: impl IntoIterator<Item = String>, origin: &Origin) -> Self {
        names.into_iter().fold(self, |situation, name| situation.ours(&name, origin, None))
    }

    /// Forgets at the provider what is at these names.
    fn gone(self, names: &[&str]) -> Self {
        let provider = MemoryProvider::new("lab.example", 100);
        let is_there = |tracked: &&TrackedRecord| !names.contains(&tracked.record.name().as_str());
        self.tracked.iter().filter(is_there).for_each(|tracked| provider.hold(tracked.record.clone()));
        Self { provider, ..self }
    }

    fn evidence(&self) -> Evidence<'_> {
        Evidence { tracked: &self.tracked, preserved: &self.preserved, grace: GRACE }
    }

    async fn decide(&self) -> Decision {
        let listing = self.provider.list(&Scope::Zone).await.unwrap();
        orphans(&self.provider, listing, self.evidence())
    }
}

fn deleted(decision: &Decision) -> Vec<String> {
    decision.plan.deletions().map(|step| step.change.record().name().to_string()).collect()
}

fn brake() -> Brake {
    Brake { max_delete: 30, force: false, approved: None }
}

#[tokio::test]
async fn what_has_been_unwanted_for_the_whole_grace_goes_and_nothing_else() {
    let situation = Situation::new()
        .unwanted("over.lab.example", 900)
        .unwanted("young.lab.example", 899)
        .wanted(["kept.lab.example".into()], &source())
        .ours("back.lab.example", &source(), Some((OrphanReason::Gone, 9000)))
        .ours("person.lab.example", &Origin::by_hand(), Some((OrphanReason::Unwanted, 9000)));
    let decision = situation.decide().await;
    assert_eq!(deleted(&decision), ["over.lab.example"]);
    assert_eq!(decision.waiting, [(record("young.lab.example"), Duration::from_secs(1))]);
    assert!(decision.bookkeeping.is_empty() && decision.forgotten.is_empty());
    let step = decision.plan.steps().next().unwrap();
    assert_eq!((step.claim, step.reason.as_str()), (Claim::Created, "unwanted"));
}

#[tokio::test]
async fn what_no_look_at_the_sources_has_confirmed_for_the_whole_grace_waits_however_old_its_mark_is() {
    let mut situation = Situation::new().unwanted("restarted.lab.example", 9000);
    for confirmed in [0, 899] {
        let confirmed = Duration::from_secs(confirmed);
        situation.tracked[0].orphaned.as_mut().unwrap().confirmed = confirmed;
        assert!(!is_due(situation.evidence()), "nobody need be asked");
        let decision = situation.decide().await;
        assert!(decision.plan.is_empty());
        assert_eq!(decision.waiting, [(record("restarted.lab.example"), GRACE - confirmed)]);
    }
    situation.tracked[0].orphaned.as_mut().unwrap().confirmed = GRACE;
    assert!(is_due(situation.evidence()));
    assert_eq!(deleted(&situation.decide().await), ["restarted.lab.example"]);
}

#[tokio::test]
async fn what_is_only_known_is_never_touched() {
    let mut situation = Situation::new().unwanted("known.lab.example", 9000);
    situation.tracked[0].claim = None;
    assert!(!is_due(situation.evidence()));
    let decision = situation.decide().await;
    assert!(decision.plan.is_empty() && decision.bookkeeping.is_empty());
}

#[tokio::test]
async fn what_is_gone_is_forgotten_after_the_grace() {
    let situation = Situation::new()
        .ours("old.lab.example", &source(), Some((OrphanReason::Gone, 900)))
        .ours("new.lab.example", &source(), Some((OrphanReason::Gone, 899)))
        .unwanted("both.lab.example", 900)
        .gone(&["old.lab.example", "new.lab.example", "both.lab.example"]);
    let decision = situation.decide().await;
    assert!(decision.plan.is_empty());
    assert_eq!(decision.forgotten, [record("old.lab.example"), record("both.lab.example")]);
    let untracked = |name| Bookkeeping::Untrack(record(name).key);
    assert_eq!(decision.bookkeeping, [untracked("old.lab.example"), untracked("both.lab.example")]);
}

#[tokio::test]
async fn preserved_names_stay_and_lose_their_mark() {
    let mut situation = Situation::new().unwanted("vpn.lab.example", 9000);
    situation.preserved = Preserved::parse(["vpn.lab.example"]).unwrap();
    assert!(!is_due(situation.evidence()), "nobody need be asked");
    let decision = situation.decide().await;
    assert!(decision.plan.is_empty());
    assert_eq!(decision.bookkeeping, [Bookkeeping::Unmark(record("vpn.lab.example").key)]);
    assert_eq!(decision.claims, 0);
}

#[tokio::test]
async fn what_carries_another_tools_mark_is_refused() {
    let situation = Situation::new().unwanted("kube.lab.example", 9000);
    let text = "\"heritage=external-dns,external-dns/owner=default\"";
    let rtype = dnsmgmt_core::record::RecordType::Txt;
    let mark = RecordData::parse(&rtype, text).unwrap();
    situation.provider.hold(Record::new(Name::parse("a-kube.lab.example").unwrap(), mark));
    let decision = situation.decide().await;
    assert!(decision.plan.is_empty());
    assert_eq!(decision.plan.settled()[0].fate, Fate::Refused);
}

#[tokio::test]
async fn the_brake_is_measured_on_what_the_same_sources_want() {
    let other = Origin::of_source("file", "/etc/big.toml");
    let stale = |situation: Situation, count| {
        (0..count).fold(situation, |situation, n| situation.unwanted(&format!("s{n}.lab.example"), 900))
    };
    let of_others = (0..1000).map(|n| format!("o{n}.lab.example"));
    let decision = stale(Situation::new().wanted(of_others, &other), 5).decide().await;
    assert_eq!(decision.claims, 5, "what others want does not hide that a source lost all of its records");
    assert!(brake().approve_beside(decision.plan, decision.claims, &[]).is_err());
    let of_same = (0..12).map(|n| format!("k{n}.lab.example"));
    let decision = stale(Situation::new().wanted(of_same, &source().piece("b")), 5).decide().await;
    assert_eq!(decision.claims, 17);
    assert!(brake().approve_beside(decision.plan, decision.claims, &[]).is_ok());
}

#[tokio::test]
async fn what_another_job_holds_is_held_here_too_until_it_is_approved() {
    let decision = Situation::new().unwanted("a.lab.example", 900).decide().await;
    let (plan, key) = (decision.plan, record("a.lab.example").key);
    let waiting = |id, keys: &[&str]| Waiting {
        id: PlanId(id),
        deletions: keys.iter().map(|key| record(key).key).collect(),
        reasons: ["unwanted".to_owned()].into(),
    };
    let others = waiting(6, &["b.lab.example"]);
    let all = [others.clone(), waiting(7, &["a.lab.example", "b.lab.example"])];
    let held = brake().approve_beside(plan.clone(), 100, &all).unwrap_err();
    assert_eq!(held.id, PlanId(7), "it is approved by the id that is known already");
    let approved = Approved { id: PlanId(7), deletions: [(plan.provider().clone(), key)].into() };
    let approving = Brake { approved: Some(approved), ..brake() };
    assert!(approving.approve_beside(plan.clone(), 100, &all).is_ok());
    assert!(Brake { force: true, ..brake() }.approve_beside(plan.clone(), 100, &all).is_ok());
    assert!(brake().approve_beside(plan, 100, &[others]).is_ok(), "another one's");
}
