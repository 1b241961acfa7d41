//! What a synchronisation decides, from what is wanted, listed and remembered.

use std::collections::BTreeSet;
use std::time::Duration;

use dnsmgmt_core::apply::apply;
use dnsmgmt_core::brake::{Approved, Brake};
use dnsmgmt_core::name::Name;
use dnsmgmt_core::origin::Origin;
use dnsmgmt_core::patience::Patience;
use dnsmgmt_core::plan::{Claim, Reason};
use dnsmgmt_core::preserved::Preserved;
use dnsmgmt_core::progress::silent;
use dnsmgmt_core::provider::{Capabilities, DnsProvider, ProviderId, RunId, TtlSupport};
use dnsmgmt_core::record::{Record, RecordData, RecordType, Ttl};
use dnsmgmt_core::record_set::{Listing, Scope};
use dnsmgmt_core::report::Fate;
use dnsmgmt_core::source::{Place, Wanted};
use dnsmgmt_core::sync::{Decision, Evidence, Idle, idle, sync, wildcard_for};
use dnsmgmt_core::tracked::{Bookkeeping, OrphanReason, Orphaned, TrackedRecord};
use fixtures::memory::MemoryProvider;

const GRACE: Duration = Duration::from_secs(900);

/// A situation: a provider, what is remembered, what was read.
struct Situation {
    provider: MemoryProvider,
    tracked: Vec<TrackedRecord>,
    wanted: Vec<Wanted>,
    read: Vec<Origin>,
    preserved: Preserved,
    wildcard_dns: bool,
    delete: bool,
    comment: Option<String>,
}

fn file(name: &str) -> Origin {
    Origin::of_source("file", name)
}

fn record(name: &str, text: &str) -> Record {
    let data = match text.split_once(' ') {
        Some((rtype, value)) => RecordData::parse(&RecordType::parse(rtype).unwrap(), value),
        None => RecordData::infer(text),
    };
    Record::new(Name::parse(name).unwrap(), data.unwrap())
}

fn with_ttl(mut record: Record, seconds: u32) -> Record {
    record.ttl = Some(Ttl::Seconds(seconds));
    record
}

impl Situation {
    fn new() -> Self {
        Self {
            provider: MemoryProvider::new("lab.example", 100),
            tracked: Vec::new(),
            wanted: Vec::new(),
            read: vec![file("a")],
            preserved: Preserved::default(),
            wildcard_dns: true,
            delete: true,
            comment: None,
        }
    }

    fn at(provider: MemoryProvider) -> Self {
        Self { provider, ..Self::new() }
    }

    /// Somebody else's record.
    fn foreign(self, record: Record) -> Self {
        self.provider.hold(record);
        self
    }

    /// A record that is ours, wanted by these origins when it was last looked.
    fn ours(self, record: Record, origins: &[Origin]) -> Self {
        self.provider.hold(record.clone());
        self.remembered(record, origins)
    }

    fn remembered(mut self, record: Record, origins: &[Origin]) -> Self {
        self.tracked.push(TrackedRecord {
            record,
            claim: Some(Claim::Created),
            orphaned: None,
            origins: origins.iter().cloned().collect(),
            first_seen: None,
            tracked_at: None,
            updated_at: None,
        });
        self
    }

    /// The last one is an orphan of that age.
    fn orphan(mut self, reason: OrphanReason, seconds: u64) -> Self {
        let age = Duration::from_secs(seconds);
        self.tracked.last_mut().unwrap().orphaned =
            Some(Orphaned { reason, since: jiff::Timestamp::UNIX_EPOCH, age, confirmed: Duration::ZERO });
        self
    }

    fn wants(mut self, origin: &Origin, record: Record) -> Self {
        self.wanted.push(Wanted { origin: origin.clone(), place: Place::default(), record });
        self
    }

    fn read(mut self, origins: &[Origin]) -> Self {
        self.read = origins.to_vec();
        self
    }

    /// What is decided. Where a listing of before would have done, it is that nothing is to be done.
    fn decide(&self) -> Decision {
        let decision = self.with_evidence(|evidence| sync(&self.provider, self.listing(), evidence));
        if let Some(idle) = self.idle() {
            let steps = decision.plan.steps().count() + decision.plan.settled().len();
            assert_eq!((steps, &decision.bookkeeping[..], &decision.waiting[..]), (0, &[][..], &[][..]));
            assert_eq!((idle.already_synced, idle.shared.len()), (decision.already_synced, decision.shared.len()));
            assert_eq!(idle.covered, decision.covered);
        }
        decision
    }

    fn idle(&self) -> Option<Idle> {
        self.with_evidence(|evidence| idle(self.provider.id(), &self.listing(), &evidence))
    }

    fn listing(&self) -> Listing {
        let list = self.provider.list(&Scope::Zone);
        tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(list).unwrap()
    }

    fn with_evidence<T>(&self, ask: impl FnOnce(Evidence<'_>) -> T) -> T {
        let judges = |origin: &Origin| self.read.iter().any(|read| origin.is_within(read));
        ask(Evidence {
            wanted: &self.wanted,
            judges: &judges,
            tracked: &self.tracked,
            preserved: &self.preserved,
            wildcard_dns: self.wildcard_dns,
            grace: GRACE,
            delete: self.delete,
            comment: self.comment.clone(),
        })
    }

    /// What is planned, a line for each step and an empty one between groups; what is refused behind a `!`.
    fn plan(&self) -> Vec<String> {
        lines(&self.decide())
    }
}

fn provider(change: impl FnOnce(&mut Capabilities)) -> MemoryProvider {
    MemoryProvider::new("lab.example", 100).with(change)
}

fn off(mut record: Record) -> Record {
    record.enabled = Some(false);
    record
}

/// The TTLs that are planned, step by step.
fn ttls(decision: &Decision) -> Vec<Option<Ttl>> {
    decision.plan.steps().map(|step| step.change.record().ttl).collect()
}

fn lines(decision: &Decision) -> Vec<String> {
    let mut lines = Vec::new();
    for group in decision.plan.groups() {
        let steps: Vec<String> = group.steps.iter().map(|step| step.change.to_string()).collect();
        lines.push(steps.join("; "));
    }
    let refused = decision.plan.settled().iter().filter(|outcome| outcome.fate == Fate::Refused);
    lines.extend(refused.map(|outcome| format!("! {} {}", outcome.name, outcome.data.as_ref().unwrap())));
    lines
}

#[test]
fn what_is_missing_is_created_and_what_is_there_is_left() {
    let situation = Situation::new()
        .foreign(record("there.lab.example", "10.0.0.1"))
        .wants(&file("a"), record("there.lab.example", "10.0.0.1"))
        .wants(&file("a"), record("new.lab.example", "10.0.0.2"));
    let decision = situation.decide();
    assert_eq!(lines(&decision), ["create new.lab.example A 10.0.0.2"]);
    assert_eq!((decision.already_synced, decision.bookkeeping.len()), (1, 0), "what was there stays unclaimed");
    let step = decision.plan.steps().next().unwrap();
    assert_eq!((step.claim, step.reason), (Claim::Created, Reason::Wanted));
    assert_eq!(step.origins, [file("a")].into());
}

#[test]
fn an_orphan_is_marked_then_waits_then_goes() {
    let web = || record("web.lab.example", "10.0.0.1");
    let fresh = Situation::new().ours(web(), &[file("a")]).decide();
    assert_eq!(fresh.bookkeeping, [Bookkeeping::Mark(web().key)]);
    assert_eq!((lines(&fresh).len(), fresh.waiting.len()), (0, 1));
    let young = Situation::new().ours(web(), &[file("a")]).orphan(OrphanReason::Unwanted, 899).decide();
    assert!(lines(&young).is_empty());
    assert_eq!(young.waiting[0].1, Duration::from_secs(1));
    assert_eq!(young.bookkeeping, [Bookkeeping::Mark(web().key)], "that it is still unwanted is for others to know");
    let old = Situation::new().ours(web(), &[file("a")]).orphan(OrphanReason::Unwanted, 900).decide();
    assert_eq!(lines(&old), ["delete web.lab.example A 10.0.0.1"]);
    let step = old.plan.steps().next().unwrap();
    assert_eq!((step.claim, step.reason), (Claim::Created, Reason::Unwanted));
}

#[test]
fn without_deletions_an_orphan_stays_marked() {
    let mut situation =
        Situation::new().ours(record("web.lab.example", "10.0.0.1"), &[file("a")]).orphan(OrphanReason::Unwanted, 9000);
    situation.delete = false;
    assert!(situation.plan().is_empty());
    assert_eq!(situation.decide().waiting.len(), 1);
}

#[test]
fn an_orphan_that_is_wanted_again_is_none() {
    let web = record("web.lab.example", "10.0.0.1");
    let situation = Situation::new()
        .ours(web.clone(), &[file("a")])
        .orphan(OrphanReason::Unwanted, 9000)
        .wants(&file("a"), web.clone());
    let decision = situation.decide();
    assert!(lines(&decision).is_empty());
    assert_eq!(decision.bookkeeping, [Bookkeeping::Unmark(web.key)]);
}

#[test]
fn what_another_source_wants_is_no_orphan() {
    let web = record("web.lab.example", "10.0.0.1");
    let other = Situation::new().ours(web.clone(), &[file("b")]).decide();
    assert!(other.bookkeeping.is_empty() && other.waiting.is_empty(), "its source was not read");
    let both =
        Situation::new().ours(web.clone(), &[file("a"), file("b")]).orphan(OrphanReason::Unwanted, 9000).decide();
    assert_eq!(both.bookkeeping, [Bookkeeping::Leave(web.key, file("a"))]);
    assert!(lines(&both).is_empty());
    let by_hand = record("web.lab.example", "10.0.0.1");
    let by_hand = Situation::new().ours(by_hand, &[Origin::by_hand()]).orphan(OrphanReason::Unwanted, 9000).decide();
    assert!(lines(&by_hand).is_empty() && by_hand.bookkeeping.is_empty());
}

#[test]
fn all_sources_of_a_record_must_be_read_to_delete_it() {
    let web = record("web.lab.example", "10.0.0.1");
    let both = [file("a"), file("b")];
    let situation = Situation::new().ours(web.clone(), &both).orphan(OrphanReason::Unwanted, 9000).read(&both);
    assert_eq!(situation.plan(), ["delete web.lab.example A 10.0.0.1"]);
    assert_eq!(situation.decide().claims, 1);
}

#[test]
fn a_second_source_joins_a_claim_and_a_lost_one_leaves() {
    let web = record("web.lab.example", "10.0.0.1");
    let situation =
        Situation::new().ours(web.clone(), &[file("b")]).wants(&file("a"), web.clone()).read(&[file("a"), file("b")]);
    let decision = situation.decide();
    let (join, leave) = (Bookkeeping::Join(web.key.clone(), file("a")), Bookkeeping::Leave(web.key, file("b")));
    assert_eq!(decision.bookkeeping, [join, leave]);
    assert_eq!((decision.already_synced, lines(&decision).len()), (1, 0));
}

#[test]
fn preserved_names_are_never_orphans() {
    let web = record("web.lab.example", "10.0.0.1");
    let mut situation = Situation::new().ours(web.clone(), &[file("a")]).orphan(OrphanReason::Unwanted, 9000);
    situation.preserved = Preserved::parse(["*.lab.example"]).unwrap();
    let decision = situation.decide();
    assert!(lines(&decision).is_empty() && decision.waiting.is_empty());
    assert_eq!(decision.bookkeeping, [Bookkeeping::Unmark(web.key)]);
}

#[test]
fn a_claim_whose_record_is_gone_is_made_again_or_forgotten() {
    let web = || record("web.lab.example", "10.0.0.1");
    let wanted =
        Situation::new().remembered(web(), &[file("a")]).orphan(OrphanReason::Gone, 5).wants(&file("a"), web());
    assert_eq!(wanted.plan(), ["create web.lab.example A 10.0.0.1"]);
    let young = Situation::new().remembered(web(), &[file("a")]).orphan(OrphanReason::Gone, 5).decide();
    assert!(young.bookkeeping.is_empty() && lines(&young).is_empty());
    let old = Situation::new().remembered(web(), &[file("a")]).orphan(OrphanReason::Gone, 900).decide();
    assert_eq!(old.bookkeeping, [Bookkeeping::Untrack(web().key)]);
}

#[test]
fn who_wants_a_claim_whose_record_is_gone_is_remembered_at_once() {
    let web = || record("web.lab.example", "10.0.0.1");
    let decision = Situation::new()
        .remembered(web(), &[file("b")])
        .orphan(OrphanReason::Gone, 5)
        .wants(&file("a"), web())
        .read(&[file("a"), file("b")])
        .decide();
    assert_eq!(lines(&decision), ["create web.lab.example A 10.0.0.1"]);
    let (join, leave) = (Bookkeeping::Join(web().key, file("a")), Bookkeeping::Leave(web().key, file("b")));
    assert_eq!(decision.bookkeeping, [join, leave], "whatever becomes of the creation");
}

#[test]
fn another_value_takes_the_place_of_the_old_one_at_once() {
    let situation = Situation::new()
        .ours(record("web.lab.example", "10.0.0.1"), &[file("a")])
        .wants(&file("a"), record("web.lab.example", "10.0.0.2"));
    assert_eq!(situation.plan(), ["replace web.lab.example A 10.0.0.1 with 10.0.0.2"]);
    assert_eq!(situation.decide().plan.steps().next().unwrap().reason, Reason::Superseded);
    assert_eq!(situation.decide().plan.deletions().count(), 0);
}

#[test]
fn a_value_of_another_source_is_not_replaced() {
    let situation = Situation::new()
        .ours(record("web.lab.example", "10.0.0.1"), &[file("b")])
        .wants(&file("a"), record("web.lab.example", "10.0.0.2"))
        .read(&[file("a"), file("b")]);
    assert_eq!(situation.plan(), ["create web.lab.example A 10.0.0.2"]);
    assert_eq!(situation.decide().waiting.len(), 1);
}

#[test]
fn several_values_change_to_several() {
    let situation = Situation::new()
        .ours(record("web.lab.example", "10.0.0.1"), &[file("a")])
        .ours(record("web.lab.example", "10.0.0.2"), &[file("a")])
        .ours(record("web.lab.example", "10.0.0.3"), &[file("a")])
        .wants(&file("a"), record("web.lab.example", "10.0.0.2"))
        .wants(&file("a"), record("web.lab.example", "10.0.0.9"));
    assert_eq!(situation.plan(), ["replace web.lab.example A 10.0.0.1 with 10.0.0.9"]);
    assert_eq!(situation.decide().bookkeeping, [Bookkeeping::Mark(record("web.lab.example", "10.0.0.3").key)]);
}

#[test]
fn a_cname_and_addresses_change_places_in_one_group() {
    let to_addresses = Situation::new()
        .ours(record("web.lab.example", "CNAME www.lab.example"), &[file("a")])
        .wants(&file("a"), record("web.lab.example", "10.0.0.1"))
        .wants(&file("a"), record("web.lab.example", "10.0.0.2"));
    assert_eq!(
        to_addresses.plan(),
        ["replace web.lab.example CNAME www.lab.example with 10.0.0.1; create web.lab.example A 10.0.0.2"]
    );
    let to_cname = Situation::new()
        .ours(record("web.lab.example", "10.0.0.1"), &[file("a")])
        .ours(record("web.lab.example", "10.0.0.2"), &[file("a")])
        .wants(&file("a"), record("web.lab.example", "CNAME www.lab.example"));
    assert_eq!(
        to_cname.plan(),
        ["delete web.lab.example A 10.0.0.1; replace web.lab.example A 10.0.0.2 with www.lab.example"]
    );
}

#[test]
fn what_a_foreign_record_excludes_is_skipped() {
    let situation = Situation::new()
        .foreign(record("web.lab.example", "CNAME www.lab.example"))
        .wants(&file("a"), record("web.lab.example", "10.0.0.1"));
    assert_eq!(situation.plan(), ["! web.lab.example 10.0.0.1"]);
    let both = Situation::new()
        .foreign(record("web.lab.example", "10.0.0.5"))
        .ours(record("web.lab.example", "10.0.0.1"), &[file("a")])
        .wants(&file("a"), record("web.lab.example", "CNAME www.lab.example"));
    assert_eq!(both.plan(), ["! web.lab.example www.lab.example"], "ours does not go for what cannot come");
}

#[test]
fn values_of_others_are_shared_with() {
    let situation = Situation::new()
        .foreign(with_ttl(record("web.lab.example", "10.0.0.5"), 77))
        .wants(&file("a"), with_ttl(record("web.lab.example", "10.0.0.1"), 300));
    let decision = situation.decide();
    assert_eq!(lines(&decision), ["create web.lab.example A 10.0.0.1"]);
    assert_eq!(decision.shared, [record("web.lab.example", "10.0.0.1").key]);
    let step = decision.plan.steps().next().unwrap();
    assert_eq!(step.change.record().ttl, Some(Ttl::Seconds(77)), "the values of one RRset have one TTL");
}

#[test]
fn what_is_ours_is_not_taken_for_somebody_elses_beside_a_new_value() {
    let reinstalled = Origin::of_source("docker", "before").piece("web");
    let situation = Situation::new().ours(record("web.lab.example", "10.22.0.2"), &[reinstalled]);
    let situation = situation.foreign(record("web.lab.example", "10.22.0.9"));
    let decision = situation.wants(&file("a"), record("web.lab.example", "10.22.0.3")).decide();
    let step = decision.plan.steps().next().unwrap();
    assert_eq!(step.notes, ["stands beside 10.22.0.2 (ours), 10.22.0.9"]);
}

#[test]
fn what_is_refused_stands_beside_nothing() {
    let alias = Situation::new()
        .foreign(record("www.lab.example", "CNAME spare.lab.example"))
        .wants(&file("a"), record("www.lab.example", "CNAME web.lab.example"));
    let marked = Situation::new()
        .foreign(record("kube.lab.example", "10.0.0.5"))
        .foreign(record("a-kube.lab.example", "TXT heritage=external-dns,external-dns/owner=default"))
        .wants(&file("a"), record("kube.lab.example", "10.0.0.1"));
    for (situation, why) in [(alias, "excludes other CNAME records"), (marked, "external-dns")] {
        let decision = situation.decide();
        let [refused] = decision.plan.settled() else { panic!("{decision:?}") };
        assert!(refused.notes.len() == 1 && refused.notes[0].contains(why), "{:?}", refused.notes);
        assert_eq!(decision.shared, []);
    }
}

#[test]
fn the_smallest_ttl_of_an_rrset_is_that_of_all() {
    let situation = Situation::new()
        .wants(&file("a"), with_ttl(record("web.lab.example", "10.0.0.1"), 300))
        .wants(&file("a"), with_ttl(record("web.lab.example", "10.0.0.2"), 60))
        .wants(&file("a"), record("web.lab.example", "10.0.0.3"));
    let decision = situation.decide();
    assert_eq!(ttls(&decision), [Some(Ttl::Seconds(60)); 3]);
}

#[test]
fn drift_of_ours_is_put_back_and_of_others_is_not() {
    let ours = Situation::new()
        .ours(with_ttl(record("web.lab.example", "10.0.0.1"), 60), &[file("a")])
        .wants(&file("a"), with_ttl(record("web.lab.example", "10.0.0.1"), 300));
    let decision = ours.decide();
    let step = decision.plan.steps().next().unwrap();
    assert_eq!((step.reason, step.change.record().ttl), (Reason::Drifted, Some(Ttl::Seconds(300))));
    let foreign = Situation::new()
        .foreign(with_ttl(record("web.lab.example", "10.0.0.1"), 60))
        .wants(&file("a"), with_ttl(record("web.lab.example", "10.0.0.1"), 300));
    assert!(foreign.plan().is_empty());
}

#[test]
fn a_name_that_a_wildcard_answers_for_is_left_to_it() {
    let mut situation = Situation::new()
        .foreign(record("*.lab.example", "10.0.0.1"))
        .wants(&file("a"), record("web.lab.example", "10.0.0.1"))
        .wants(&file("a"), record("api.lab.example", "10.0.0.2"));
    let decision = situation.decide();
    assert_eq!(lines(&decision), ["create api.lab.example A 10.0.0.2"]);
    assert_eq!(decision.covered.len(), 1);
    assert_eq!(decision.covered[0].1.as_str(), "*.lab.example");
    situation.wildcard_dns = false;
    assert_eq!(situation.plan(), ["create api.lab.example A 10.0.0.2", "create web.lab.example A 10.0.0.1"]);
}

#[test]
fn a_name_that_exists_is_not_covered() {
    let wildcard = || Situation::new().foreign(record("*.lab.example", "10.0.0.1"));
    let below = wildcard()
        .wants(&file("a"), record("web.lab.example", "10.0.0.1"))
        .wants(&file("a"), record("x.web.lab.example", "10.0.0.2"));
    assert_eq!(below.plan().len(), 2, "what is created below it makes it exist");
    let other_type = wildcard()
        .wants(&file("a"), record("web.lab.example", "10.0.0.1"))
        .wants(&file("a"), record("web.lab.example", "TXT hello"));
    assert_eq!(other_type.plan().len(), 2, "a name is covered as a whole or not at all");
    let more_values = wildcard()
        .foreign(record("*.lab.example", "10.0.0.2"))
        .wants(&file("a"), record("web.lab.example", "10.0.0.1"));
    assert_eq!(more_values.plan().len(), 1, "the wildcard answers with more than is wanted");
    let closer = wildcard()
        .foreign(record("sub.lab.example", "10.0.0.7"))
        .wants(&file("a"), record("web.sub.lab.example", "10.0.0.1"));
    assert_eq!(closer.plan().len(), 1, "a closer name exists, and has no wildcard");
}

#[test]
fn what_carries_another_tools_mark_is_left_alone() {
    let mark = "TXT heritage=external-dns,external-dns/owner=default,external-dns/resource=ingress/web";
    let beside = Situation::new()
        .foreign(record("web.lab.example", "10.0.0.5"))
        .foreign(record("a-web.lab.example", mark))
        .wants(&file("a"), record("web.lab.example", "10.0.0.1"));
    assert_eq!(beside.plan(), ["! web.lab.example 10.0.0.1"]);
    let ours = Situation::new()
        .foreign(record("a-web.lab.example", mark))
        .ours(record("web.lab.example", "10.0.0.1"), &[file("a")])
        .orphan(OrphanReason::Unwanted, 9000);
    assert_eq!(ours.plan(), ["! web.lab.example 10.0.0.1"]);
    let decision = ours.decide();
    let note = &decision.plan.settled()[0].notes[0];
    assert!(note.contains("external-dns (owner default)"), "{note}");
}

#[test]
fn missing_comes_first_and_superfluous_last() {
    let situation = Situation::new()
        .ours(record("a.lab.example", "10.0.0.1"), &[file("a")])
        .orphan(OrphanReason::Unwanted, 9000)
        .wants(&file("a"), record("z.lab.example", "10.0.0.2"));
    assert_eq!(situation.plan(), ["create z.lab.example A 10.0.0.2", "delete a.lab.example A 10.0.0.1"]);
}

#[test]
fn the_zones_own_records_are_never_planned() {
    let situation = Situation::new()
        .ours(record("lab.example", "NS ns1.lab.example"), &[file("a")])
        .orphan(OrphanReason::Unwanted, 9000)
        .wants(&file("a"), record("web.other.example", "10.0.0.1"));
    assert_eq!(situation.plan(), ["! lab.example ns1.lab.example", "! web.other.example 10.0.0.1"]);
}

fn orphans(count: usize, of: usize) -> Situation {
    (0..of).fold(Situation::new(), |situation, index| {
        let record = record(&format!("h{index}.lab.example"), "10.0.0.1");
        let situation = situation.ours(record.clone(), &[file("a")]);
        if index < count { situation.orphan(OrphanReason::Unwanted, 9000) } else { situation.wants(&file("a"), record) }
    })
}

#[test]
fn the_brake_holds_a_plan_that_deletes_too_much_of_ours() {
    let brake = Brake { max_delete: Brake::MAX_DELETE, force: false, approved: None };
    let approve = |situation: &Situation, brake: &Brake| {
        let decision = situation.decide();
        brake.approve(decision.plan, decision.claims)
    };
    assert!(approve(&orphans(4, 4), &brake).is_ok());
    assert!(approve(&orphans(6, 20), &brake).is_ok());
    let held = approve(&orphans(7, 20), &brake).unwrap_err();
    assert_eq!((held.deletions, held.claims), (7, 20));
    assert!(approve(&orphans(7, 20), &Brake { force: true, ..brake.clone() }).is_ok());
    let approved = Approved { id: held.id, deletions: [].into() };
    assert!(approve(&orphans(7, 20), &Brake { approved: Some(approved.clone()), ..brake.clone() }).is_ok());
    assert!(approve(&orphans(8, 20), &Brake { approved: Some(approved), ..brake.clone() }).is_err(), "another plan");
    let zone = held.plan.provider().clone();
    let known: BTreeSet<_> =
        held.plan.deletions().map(|step| (zone.clone(), step.change.record().key.clone())).collect();
    let elsewhere =
        known.iter().map(|(_, key)| (ProviderId { name: "other".into(), zone: zone.zone.clone() }, key.clone()));
    let other = Approved { id: held.id, deletions: elsewhere.collect() };
    assert!(
        approve(&orphans(8, 20), &Brake { approved: Some(other), ..brake.clone() }).is_err(),
        "another zone's plan"
    );
    let approved = Approved { id: held.id, deletions: known };
    let plan = approve(&orphans(8, 20), &Brake { approved: Some(approved), ..brake }).unwrap();
    assert_eq!(plan.plan().deletions().count(), 7, "what came since was not approved");
    let dropped: Vec<_> = plan.plan().settled().iter().filter(|outcome| outcome.fate == Fate::NotTried).collect();
    assert_eq!(dropped.len(), 1, "and is said");
}

#[test]
fn a_zone_that_was_listed_as_wanted_has_nothing_to_do() {
    let web = || with_ttl(record("web.lab.example", "10.0.0.1"), 300);
    let synced = |situation: Situation| {
        situation.decide();
        situation.idle().map(|idle| (idle.already_synced, idle.shared.len(), idle.covered.len()))
    };
    let ours = || Situation::new().ours(web(), &[file("a")]).wants(&file("a"), web());
    assert_eq!(synced(Situation::new()), Some((0, 0, 0)), "an empty zone in which nothing is wanted");
    assert_eq!(synced(ours()), Some((1, 0, 0)));
    assert_eq!(synced(Situation::new().foreign(web()).wants(&file("a"), web())), Some((1, 0, 0)), "not ours");
    let foreign = with_ttl(record("web.lab.example", "10.0.0.9"), 300);
    assert_eq!(synced(ours().foreign(foreign)), Some((1, 1, 0)), "beside a value of others");
    let two = ours().wants(&file("b"), web()).read(&[file("a"), file("b")]);
    assert_eq!(synced(two), None, "the second origin has to be remembered");
    let both = [file("a"), file("b")];
    let remembered =
        || Situation::new().ours(web(), &both).wants(&file("a"), web()).wants(&file("b"), web()).read(&both);
    assert_eq!(synced(remembered()), Some((1, 0, 0)));
    let left = Situation::new().ours(web(), &both).wants(&file("a"), web()).read(&both);
    assert_eq!(synced(left), None, "the second origin wants it no more");
    let other = Situation::new().ours(web(), &both).wants(&file("a"), web());
    assert_eq!(synced(other), Some((1, 0, 0)), "of the second origin nothing is known");
    let by_hand = Situation::new().ours(web(), &[Origin::by_hand()]);
    assert_eq!(synced(by_hand), Some((0, 0, 0)), "what a person wants is no source's business");
    let covered = Situation::new().foreign(record("*.lab.example", "10.0.0.1"));
    let covered = covered.wants(&file("a"), record("web.lab.example", "10.0.0.1"));
    assert_eq!(synced(covered), Some((0, 0, 1)));
}

#[test]
fn a_zone_that_was_listed_otherwise_has_to_be_asked() {
    let web = || with_ttl(record("web.lab.example", "10.0.0.1"), 300);
    let wants = |situation: Situation| situation.wants(&file("a"), web());
    let ours = || Situation::new().ours(web(), &[file("a")]);
    let mut preserved = ours();
    preserved.preserved = Preserved::parse(["web.lab.example"]).unwrap();
    assert!(preserved.idle().is_some(), "what is preserved stays");
    let off = Record { enabled: Some(false), ..web() };
    let situations = [
        ("missing", wants(Situation::new())),
        ("unwanted", ours()),
        ("marked", wants(ours().orphan(OrphanReason::Unwanted, 1))),
        ("was gone", wants(ours().orphan(OrphanReason::Gone, 1))),
        ("gone", wants(Situation::new().remembered(web(), &[file("a")]))),
        ("ours by hand, gone", Situation::new().remembered(web(), &[Origin::by_hand()])),
        ("drifted", wants(Situation::new().ours(with_ttl(web(), 60), &[file("a")]))),
        ("switched off", wants(Situation::new().ours(off, &[file("a")]))),
        ("on its way out", wants(ours().foreign(record("1.tombstone.invalid", "10.0.0.1")))),
    ];
    for (what, situation) in situations {
        situation.decide();
        assert_eq!(situation.idle(), None, "{what}");
    }
}

#[test]
fn an_origin_that_wants_it_no_more_leaves_though_all_is_in_sync() {
    let web = record("web.lab.example", "10.0.0.1");
    let both = [file("a"), file("b")];
    let situation = Situation::new().ours(web.clone(), &both).wants(&file("a"), web.clone()).read(&both);
    let decision = situation.decide();
    assert_eq!(decision.bookkeeping, [Bookkeeping::Leave(web.key.clone(), file("b"))]);
    assert_eq!((decision.already_synced, lines(&decision).len()), (1, 0));
    let unread = Situation::new().ours(web.clone(), &both).wants(&file("a"), web).decide();
    assert!(unread.bookkeeping.is_empty(), "what was not read may still want it");
}

#[test]
fn two_ttls_in_one_rrset_become_one_though_each_is_there_as_wanted() {
    let slow = || with_ttl(record("web.lab.example", "10.0.0.1"), 300);
    let fast = || with_ttl(record("web.lab.example", "10.0.0.2"), 60);
    let situation = Situation::new()
        .ours(slow(), &[file("a")])
        .ours(fast(), &[file("a")])
        .wants(&file("a"), slow())
        .wants(&file("a"), fast());
    let decision = situation.decide();
    assert_eq!(lines(&decision), ["change web.lab.example A 10.0.0.1"]);
    assert_eq!(ttls(&decision), [Some(Ttl::Seconds(60))]);
    let other_type = with_ttl(record("web.lab.example", "TXT hello"), 60);
    let situation = Situation::new()
        .ours(slow(), &[file("a")])
        .ours(other_type.clone(), &[file("a")])
        .wants(&file("a"), slow())
        .wants(&file("a"), other_type);
    assert!(situation.plan().is_empty(), "each type has its own");
}

#[test]
fn of_several_who_want_the_same_the_smallest_ttl_counts() {
    for (first, second) in [(300, 60), (60, 300)] {
        let web = |ttl| with_ttl(record("web.lab.example", "10.0.0.1"), ttl);
        let situation = Situation::new()
            .wants(&file("a"), web(first))
            .wants(&file("b"), web(second))
            .wants(&file("c"), record("web.lab.example", "10.0.0.1"));
        let decision = situation.decide();
        assert_eq!(ttls(&decision), [Some(Ttl::Seconds(60))]);
        assert_eq!(decision.plan.steps().next().unwrap().origins, [file("a"), file("b"), file("c")].into());
    }
}

#[test]
fn a_ttl_that_a_listing_lacks_is_not_compared() {
    let plain = record("web.lab.example", "10.0.0.1");
    let situation = Situation::new().ours(plain.clone(), &[file("a")]).wants(&file("a"), with_ttl(plain, 300));
    assert!(situation.idle().is_some());
}

#[test]
fn the_wildcard_of_a_name_is_that_of_the_closest_name_that_exists() {
    let situation = Situation::new()
        .foreign(record("*.lab.example", "10.0.0.1"))
        .foreign(record("a.b.lab.example", "10.0.0.2"))
        .foreign(record("*.c.lab.example", "10.0.0.3"));
    let (listing, zone) = (situation.listing(), situation.provider.id());
    let wildcard = |name: &str| wildcard_for(&Name::parse(name).unwrap(), &listing, zone).map(|name| name.to_string());
    assert_eq!(wildcard("web.lab.example").as_deref(), Some("*.lab.example"));
    assert_eq!(wildcard("x.y.c.lab.example").as_deref(), Some("*.c.lab.example"));
    assert_eq!(wildcard("a.b.lab.example"), None, "it exists");
    assert_eq!(wildcard("b.lab.example"), None, "something below it exists, so it does");
    assert_eq!(wildcard("x.b.lab.example"), None, "the closest name has no wildcard");
}

#[test]
fn what_is_wanted_and_switched_off_is_no_success_without_a_word() {
    let web = || record("web.lab.example", "10.0.0.1");
    let switching = || Situation::at(provider(|can| can.enabled = true));
    let settled = |situation: Situation| {
        let decision = situation.wants(&file("a"), web()).decide();
        assert_eq!((decision.already_synced, lines(&decision).len()), (0, 0));
        let [outcome] = decision.plan.settled() else { panic!("{decision:?}") };
        (outcome.fate, outcome.notes.join(" "))
    };
    let foreign = "it is there, switched off, and not ours to change; `dns-cli adopt` makes it ours";
    assert_eq!(settled(switching().foreign(off(web()))), (Fate::AlreadyPresent, foreign.into()));
    let ours = "somebody switched it off at the provider";
    assert_eq!(settled(switching().ours(off(web()), &[file("a")])), (Fate::AlreadyPresent, ours.into()));
    let wanted_on = Record { enabled: Some(true), ..web() };
    let drifted = switching().ours(off(web()), &[file("a")]).wants(&file("a"), wanted_on);
    assert_eq!(drifted.plan(), ["change web.lab.example A 10.0.0.1"], "that it is on was asked for");
}

#[test]
fn a_claim_that_nobody_stands_behind_is_not_judged() {
    let nobody = Situation::new()
        .ours(record("web.lab.example", "10.0.0.1"), &[])
        .orphan(OrphanReason::Unwanted, 9000)
        .ours(record("api.lab.example", "10.0.0.1"), &[]);
    let decision = nobody.decide();
    assert!(lines(&decision).is_empty() && decision.bookkeeping.is_empty() && decision.waiting.is_empty());
    assert_eq!(decision.claims, 0, "the brake does not count what could not be deleted");
}

#[test]
fn only_what_comes_or_is_ours_shares_with_others() {
    let web = |last: u8| record("web.lab.example", &format!("10.0.0.{last}"));
    let theirs = Situation::new().foreign(web(1)).foreign(web(5)).wants(&file("a"), web(1)).decide();
    assert_eq!((theirs.already_synced, theirs.shared.len()), (1, 0), "both are somebody else's");
    let ours = Situation::new().ours(web(1), &[file("a")]).foreign(web(5)).wants(&file("a"), web(1)).decide();
    assert_eq!((ours.already_synced, ours.shared), (1, vec![web(1).key]));
}

#[test]
fn a_comment_is_left_where_the_provider_keeps_one() {
    let created = |provider: MemoryProvider, wanted: Record| {
        let mut situation = Situation::at(provider).wants(&file("a"), wanted);
        situation.comment = Some("ours".into());
        let decision = situation.decide();
        let step = decision.plan.steps().next().unwrap_or_else(|| panic!("it is created: {decision:?}")).clone();
        step.change.record().comment.clone()
    };
    let web = || record("web.lab.example", "10.0.0.1");
    let commented = || Record { comment: Some("a person's note".into()), ..web() };
    let keeping = || provider(|can| can.comment = Some(100));
    assert_eq!(created(keeping(), web()).as_deref(), Some("ours"));
    assert_eq!(created(keeping(), commented()).as_deref(), Some("a person's note"));
    let keeping_none = || provider(|can| can.comment = None);
    assert_eq!((created(keeping_none(), web()), created(keeping_none(), commented())), (None, None));
}

#[test]
fn a_value_in_another_spelling_is_the_same() {
    let tlsa = |hex: &str| record("_443._tcp.web.lab.example", &format!("TLSA 3 1 1 {hex}"));
    let foreign = Situation::new().foreign(tlsa("ABCD")).wants(&file("a"), tlsa("abcd")).decide();
    assert_eq!((foreign.already_synced, lines(&foreign).len()), (1, 0));
    let ours = Situation::new().ours(tlsa("ABCD"), &[file("a")]).wants(&file("a"), tlsa("abcd")).decide();
    assert_eq!((ours.already_synced, lines(&ours).len(), ours.bookkeeping.len()), (1, 0, 0));
    let other = Situation::new().ours(tlsa("ABCD"), &[file("a")]).wants(&file("a"), tlsa("abce"));
    assert_eq!(other.plan(), ["replace _443._tcp.web.lab.example TLSA 3 1 1 ABCD with 3 1 1 abce"]);
}

#[test]
fn what_a_cname_of_ours_excluded_comes_with_its_going() {
    let situation = Situation::new()
        .ours(record("web.lab.example", "CNAME www.lab.example"), &[file("a")])
        .wants(&file("a"), record("web.lab.example", "10.0.0.1"))
        .wants(&file("a"), record("web.lab.example", "fd00::1"));
    assert_eq!(
        situation.plan(),
        ["replace web.lab.example CNAME www.lab.example with 10.0.0.1", "create web.lab.example AAAA fd00::1"]
    );
}

#[test]
fn a_wildcard_answers_only_where_nothing_exists_and_only_as_it_is() {
    let web = || record("web.lab.example", "10.0.0.1");
    let wildcard = || Situation::new().foreign(record("*.lab.example", "10.0.0.1"));
    assert!(wildcard().wants(&file("a"), web()).plan().is_empty());
    let beside = wildcard().wants(&file("a"), web());
    beside.provider.put_opaque("web.lab.example", RecordType::parse("HTTPS").ok(), "1 .");
    assert_eq!(beside.plan(), ["create web.lab.example A 10.0.0.1"], "what cannot be modelled exists too");
    let above = wildcard().wants(&file("a"), web());
    above.provider.put_opaque("x.web.lab.example", None, "something");
    assert_eq!(above.plan(), ["create web.lab.example A 10.0.0.1"], "and so do the names above it");
    let below = wildcard().wants(&file("a"), record("*.sub.lab.example", "10.0.0.1"));
    assert_eq!(below.plan(), ["create *.sub.lab.example A 10.0.0.1"], "a wildcard stands for others");
    let switched_off = Situation::at(provider(|can| can.enabled = true))
        .foreign(off(record("*.lab.example", "10.0.0.1")))
        .wants(&file("a"), web());
    assert_eq!(switched_off.plan(), ["create web.lab.example A 10.0.0.1"]);
}

#[test]
fn all_below_a_name_that_comes_to_exist_loses_its_wildcard() {
    let situation = ["a.q.sub", "q.sub", "b.a.q.sub"]
        .iter()
        .fold(Situation::new().foreign(record("*.lab.example", "10.0.0.1")), |situation, owner| {
            situation.wants(&file("a"), record(&format!("{owner}.lab.example"), "10.0.0.1"))
        });
    assert_eq!(situation.decide().covered.len(), 3);
    let situation = situation.wants(&file("a"), record("z.sub.lab.example", "10.0.0.2"));
    let decision = situation.decide();
    assert_eq!((decision.covered.len(), lines(&decision).len()), (0, 4));
}

#[test]
fn where_the_provider_has_one_ttl_none_is_asked_for() {
    let situation = Situation::at(provider(|can| can.ttl = TtlSupport::Fixed))
        .foreign(record("there.lab.example", "10.0.0.1"))
        .wants(&file("a"), with_ttl(record("there.lab.example", "10.0.0.1"), 300))
        .wants(&file("a"), with_ttl(record("web.lab.example", "10.0.0.1"), 300));
    let decision = situation.decide();
    assert_eq!((lines(&decision), ttls(&decision)), (vec!["create web.lab.example A 10.0.0.1".to_owned()], vec![None]));
    assert_eq!(decision.already_synced, 1);
}

#[test]
fn where_no_ttl_is_wanted_a_new_value_gets_that_of_its_siblings() {
    let there = record("web.lab.example", "10.0.0.1");
    let situation = Situation::new()
        .ours(with_ttl(there.clone(), 300), &[file("a")])
        .wants(&file("a"), there)
        .wants(&file("a"), record("web.lab.example", "10.0.0.2"));
    let decision = situation.decide();
    assert_eq!(lines(&decision), ["create web.lab.example A 10.0.0.2"]);
    assert_eq!(ttls(&decision), [Some(Ttl::Seconds(300))]);
}

#[test]
fn the_ttl_of_a_proxied_record_counts_for_no_other() {
    let proxied = |record: Record| Record { proxied: Some(true), ..record };
    let situation = Situation::at(provider(|can| can.proxied = true))
        .foreign(proxied(with_ttl(record("web.lab.example", "10.0.0.1"), 1)))
        .wants(&file("a"), with_ttl(record("web.lab.example", "10.0.0.2"), 300));
    assert_eq!(ttls(&situation.decide()), [Some(Ttl::Seconds(300))]);
    let situation = Situation::at(provider(|can| can.proxied = true))
        .wants(&file("a"), proxied(with_ttl(record("web.lab.example", "10.0.0.1"), 1)))
        .wants(&file("a"), with_ttl(record("web.lab.example", "10.0.0.2"), 300));
    assert_eq!(ttls(&situation.decide()), [1, 300].map(|ttl| Some(Ttl::Seconds(ttl))));
}

#[tokio::test]
async fn what_somebody_else_made_meanwhile_is_theirs_as_it_is() {
    let web = |ttl| with_ttl(record("web.lab.example", "10.0.0.1"), ttl);
    let provider = MemoryProvider::new("lab.example", 10);
    let wanted = [Wanted { origin: file("a"), place: Place::default(), record: web(300) }];
    let evidence = Evidence {
        wanted: &wanted,
        judges: &|_| true,
        tracked: &[],
        preserved: &Preserved::default(),
        wildcard_dns: true,
        grace: GRACE,
        delete: true,
        comment: None,
    };
    let decision = sync(&provider, provider.list(&Scope::Zone).await.unwrap(), evidence);
    provider.hold(web(60));
    let plan = Brake { max_delete: 30, force: false, approved: None }.approve(decision.plan, decision.claims).unwrap();
    let report = apply(&provider, plan, &Patience::default(), RunId(1), &silent).await;
    assert_eq!(report.outcomes[0].fate, Fate::AlreadyPresent, "{report:?}");
    assert!(report.outcomes[0].notes[0].starts_with("somebody else made it meanwhile"));
    assert_eq!(provider.held().iter().next().unwrap().ttl, Some(Ttl::Seconds(60)), "it is not ours to change");
}

#[test]
fn a_wildcard_on_its_way_out_covers_nothing() {
    let wildcard = || record("*.lab.example", "10.0.0.1");
    let web = || record("web.lab.example", "10.0.0.1");
    let leaving =
        Situation::new().ours(wildcard(), &[file("a")]).orphan(OrphanReason::Unwanted, 9000).wants(&file("a"), web());
    assert_eq!(leaving.plan(), ["create web.lab.example A 10.0.0.1", "delete *.lab.example A 10.0.0.1"]);
    let changing = Situation::new()
        .ours(wildcard(), &[file("a")])
        .wants(&file("a"), record("*.lab.example", "10.0.0.2"))
        .wants(&file("a"), web());
    assert!(changing.plan().contains(&"create web.lab.example A 10.0.0.1".to_owned()));
}

#[test]
fn a_preserved_name_takes_the_new_value_that_its_origin_wants() {
    let mut situation = Situation::new()
        .ours(record("vpn.lab.example", "10.0.0.1"), &[file("a")])
        .wants(&file("a"), record("vpn.lab.example", "10.0.0.2"));
    situation.preserved = Preserved::parse(["vpn.lab.example"]).unwrap();
    assert_eq!(situation.plan(), ["replace vpn.lab.example A 10.0.0.1 with 10.0.0.2"]);
}

#[test]
fn the_brake_counts_only_what_can_go() {
    let mut situation = orphans(6, 6);
    for index in 0..20 {
        let kept = record(&format!("k{index}.keep.lab.example"), "10.0.0.1");
        situation = situation.ours(kept, &[file("a")]);
        situation = situation.remembered(record(&format!("g{index}.lab.example"), "10.0.0.1"), &[file("a")]);
    }
    situation.preserved = Preserved::parse(["*.keep.lab.example"]).unwrap();
    let decision = situation.decide();
    assert_eq!((decision.plan.deletions().count(), decision.claims), (6, 6));
}
