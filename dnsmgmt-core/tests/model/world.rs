//! The real thing, the model beside it, and what must be the same in both.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use dnsmgmt_core::brake::Brake;
use dnsmgmt_core::by_hand::{ByHand, Selector};
use dnsmgmt_core::moment::Moment;
use dnsmgmt_core::name::Name;
use dnsmgmt_core::origin::Origin;
use dnsmgmt_core::patience::Patience;
use dnsmgmt_core::plan::{Claim as Why, Plan, Reason, Step};
use dnsmgmt_core::preserved::Preserved;
use dnsmgmt_core::progress::silent;
use dnsmgmt_core::provider::{Attempt, Change, DnsProvider, Group, RunId};
use dnsmgmt_core::reconcile::{
    End, ReconcileError, Reconciled, Run, Wish, carry_out, look, preview_sync, settle_left_open, sync_zone,
};
use dnsmgmt_core::record::{Record, RecordData, RecordKey, RecordType, Ttl};
use dnsmgmt_core::record_set::{RecordSet, Scope};
use dnsmgmt_core::report::{Action, Fate, Report};
use dnsmgmt_core::repository::{DnsRepositoryManager, JournalEntry, Tracking};
use dnsmgmt_core::source::{Place, Wanted};
use dnsmgmt_core::sync::Decision;
use dnsmgmt_core::tracked::OrphanReason;
use dnsmgmt_core::undo::undo;
use fixtures::faults::Fault;
use fixtures::memory::MemoryProvider;
use jiff::Timestamp;
use tempfile::TempDir;

use super::claims::{Claim, Claims, Reading};
use super::history::Event;

const PATIENCE: Patience =
    Patience { first: Duration::from_secs(1), longest: Duration::from_secs(30), total: Duration::from_secs(600) };
const MAX_DELETE: u8 = 30;

/// The real thing and the model.
pub(crate) struct World {
    provider: MemoryProvider,
    repository: DnsRepositoryManager,
    /// Where the database is, if it is on disk.
    folder: Option<TempDir>,
    preserved: Preserved,
    runs: u64,
    boots: u64,
    running: Duration,
    /// The faults that were switched on for the next run.
    faults: Vec<Fault>,
    /// What the origins want now.
    wants: BTreeMap<Origin, BTreeMap<RecordKey, Record>>,
    claims: Claims,
    /// What each origin wanted when it was last read, and is ours since.
    relied_on: BTreeMap<Origin, BTreeSet<RecordKey>>,
    looks: Looks,
}

/// For how long the zone has been observed.
#[derive(Default)]
struct Looks {
    observed: Duration,
    last: Option<(u64, Duration)>,
    gap: Option<Duration>,
}

/// What somebody else does between our look and our change.
enum Meanwhile {
    Put(Record),
    Lose(Record),
}

/// What is read and asked for in a synchronisation.
struct Job {
    read: BTreeSet<Origin>,
    wanted: Vec<Wanted>,
    delete: bool,
    grace: Duration,
    brake: Brake,
}

impl World {
    pub(crate) fn in_memory() -> Self {
        Self::with(DnsRepositoryManager::in_memory().unwrap(), None)
    }

    pub(crate) fn on_disk() -> Self {
        let folder = TempDir::new().unwrap();
        let repository = DnsRepositoryManager::open(&folder.path().join("dnsmgmt.db")).unwrap();
        Self::with(repository, Some(folder))
    }

    fn with(repository: DnsRepositoryManager, folder: Option<TempDir>) -> Self {
        Self {
            provider: MemoryProvider::new("example", 3),
            repository,
            folder,
            preserved: Preserved::parse(["n5.example"]).unwrap(),
            runs: 0,
            boots: 0,
            running: Duration::ZERO,
            faults: Vec::new(),
            wants: origins().into_iter().map(|origin| (origin, BTreeMap::new())).collect(),
            claims: Claims::default(),
            relied_on: BTreeMap::new(),
            looks: Looks::default(),
        }
    }

    /// Lets something happen, and compares what is remembered with the model.
    pub(crate) async fn live(&mut self, event: &Event) {
        match *event {
            Event::Want { origin, record, ttl } => {
                let wanted = record_of(record, ttl);
                self.wants_of(origin).insert(wanted.key.clone(), wanted);
            }
            Event::Unwant { origin, nth } => {
                let wants = self.wants_of(origin);
                let key = wants.keys().nth(usize::from(nth) % wants.len().max(1)).cloned();
                key.map(|key| wants.remove(&key));
            }
            Event::WantNothing { origin } => self.wants_of(origin).clear(),
            Event::Sync { read, delete, grace, force } => self.sync(&self.job(read, delete, grace, force)).await,
            Event::Preview { read, grace } => self.preview(&self.job(read, true, grace, false)).await,
            Event::Crash { read, grace, made } => self.crash(&self.job(read, true, grace, true), made).await,
            Event::Pass { seconds } => self.running += Duration::from_secs(seconds),
            Event::Restart => self.restart(),
            Event::Add { record, ttl, is_late } => {
                let wanted = record_of(record, ttl);
                let theirs = is_late.then(|| Meanwhile::Put(wanted.clone()));
                self.by_hand(wanted.name().clone(), |by_hand| by_hand.add(wanted), theirs).await;
            }
            Event::Delete { record, is_late } => {
                let theirs = is_late.then(|| Meanwhile::Lose(record_of(record, 0)));
                let RecordKey { name, data } = record_of(record, 0).key;
                let selector = Selector { name: name.clone(), rtype: None, data: Some(data) };
                self.by_hand(name, |by_hand| by_hand.delete(&selector), theirs).await;
            }
            Event::Update { old, new } => self.update(old, new).await,
            Event::Adopt { record } => self.adopt(&record_of(record, 0).key),
            Event::Release { record } => self.release(&record_of(record, 0).key),
            Event::Undo => self.undo().await,
            Event::Put { record, ttl } => {
                let theirs = record_of(record, ttl);
                if !self.provider.held().contains(&theirs.key) {
                    self.provider.hold(theirs);
                }
            }
            Event::Lose { record } => self.provider.lose(&record_of(record, 0)),
            Event::Drift { record, ttl } => {
                let drifted = record_of(record, ttl);
                if self.provider.held().contains(&drifted.key) {
                    self.provider.lose(&drifted);
                    self.provider.hold(drifted);
                }
            }
            Event::LoseMost { left } => {
                self.provider.held().iter().skip(left).for_each(|record| self.provider.lose(record));
            }
            Event::Fault { on, fault, skip, times } => {
                self.provider.faults.after(skip, times, on, fault);
                self.faults.push(fault);
            }
        }
        if talks(event) {
            self.provider.faults.clear();
            self.faults.clear();
        }
        self.compare();
    }

    /// What is remembered is what the model says, marks and their ages included.
    fn compare(&self) {
        let tracked = self.repository.get_managed_records(self.provider.id(), self.looks.observed).unwrap();
        let mut remembered: BTreeMap<_, _> = tracked
            .into_iter()
            .map(|tracked| {
                let mark = tracked.orphaned.map(|mark| (mark.reason, mark.age));
                (tracked.record.key, (tracked.origins, mark))
            })
            .collect();
        let expected = |claim: &Claim| {
            let age = |(reason, since): (OrphanReason, Duration)| (reason, self.looks.observed.saturating_sub(since));
            (claim.origins.clone(), claim.mark.map(age))
        };
        let mut expected: BTreeMap<_, _> =
            self.claims.ours.iter().map(|(key, claim)| (key.clone(), expected(claim))).collect();
        // Only what is not the same is shown.
        let same: Vec<RecordKey> = expected
            .iter()
            .filter(|(key, value)| remembered.get(*key) == Some(*value))
            .map(|(key, _)| key.clone())
            .collect();
        for key in same {
            remembered.remove(&key);
            expected.remove(&key);
        }
        assert_eq!(remembered, expected, "what is remembered (left) is not what the model says");
        let open: Vec<String> = self.open().iter().map(|entry| entry.change().to_string()).collect();
        let expected: Vec<String> = self.claims.open.iter().map(|open| open.change.to_string()).collect();
        assert_eq!(open, expected, "what is open (left) is not what the model says");
    }

    fn open(&self) -> Vec<JournalEntry> {
        self.repository.journal().unsettled(self.provider.id()).unwrap()
    }

    /// Synchronises; where that went well, a second time, in which nothing may be left to do.
    async fn sync(&mut self, job: &Job) {
        let is_clean = self.faults.is_empty();
        let Ok(first) = self.sync_once(job).await else { return };
        let End::CarriedOut(done) = first.end else { return };
        if !is_clean || !done.report.is_settled() {
            return;
        }
        let (listings, requests) = self.provider.calls();
        let second = self.sync_once(job).await.expect("nothing is wrong");
        assert!(second.decision.plan.is_empty(), "left to do: {:?}", second.decision.plan.preview());
        assert!(second.decision.bookkeeping.is_empty(), "left to note: {:?}", second.decision.bookkeeping);
        assert_eq!(self.provider.calls(), (listings + 1, requests), "a listing says that all is in sync");
    }

    async fn sync_once(&mut self, job: &Job) -> Result<Reconciled, ReconcileError> {
        let before = self.provider.held();
        let moment = self.moment();
        let clock = move || moment.clone();
        let run = self.run(&clock);
        let judges = |origin: &Origin| job.read.contains(origin);
        let wish = wish(job, &judges, &self.preserved);
        let done = sync_zone(&mut self.repository, &self.provider, wish, run).await;
        let Ok(done) = done else {
            assert_same(&before, &self.provider.held(), "a run that concluded nothing");
            return done;
        };
        self.settled(&done.settled, &done.decision.plan.before().records);
        self.looks.look(self.boots, self.running);
        self.claims.compare(&done.decision.plan.before().records, self.looks.observed);
        self.decided(job, &done.decision);
        match &done.end {
            End::Previewed(_) => panic!("it was to be carried out"),
            End::Held(held) => {
                assert!(!job.brake.force && is_too_much(held.deletions, held.claims), "held for nothing: {held:?}");
                assert_same(&before, &self.provider.held(), "a held plan");
            }
            End::CarriedOut(done_) => {
                let plan = &done.decision.plan;
                assert!(job.brake.force || !is_too_much(plan.deletions().count(), done.decision.claims), "not held");
                done_.written.as_ref().unwrap();
                self.carried_out(plan, &done_.report, &before);
            }
        }
        for origin in &job.read {
            let wants = self.wants[origin].keys().filter(|key| self.claims.ours.contains_key(*key));
            self.relied_on.insert(origin.clone(), wants.cloned().collect());
        }
        self.forget_what_is_not_ours();
        Ok(done)
    }

    async fn preview(&mut self, job: &Job) {
        let (before, requests) = (self.provider.held(), self.provider.calls().1);
        let moment = self.moment();
        let clock = move || moment.clone();
        let run = self.run(&clock);
        let judges = |origin: &Origin| job.read.contains(origin);
        let wish = wish(job, &judges, &self.preserved);
        drop(preview_sync(&mut self.repository, &self.provider, wish, run).await);
        assert_same(&before, &self.provider.held(), "a preview");
        assert_eq!(self.provider.calls().1, requests, "a preview asks for nothing");
    }

    /// Begins a synchronisation that is killed after so many of its groups were made.
    async fn crash(&mut self, job: &Job, made: usize) {
        let moment = self.moment();
        let clock = move || moment.clone();
        let run = self.run(&clock);
        let Ok(settled) = settle_left_open(&mut self.repository, &self.provider, run).await else { return };
        self.settled(&settled, &self.provider.held());
        let judges = |origin: &Origin| job.read.contains(origin);
        let wish = wish(job, &judges, &self.preserved);
        let Ok(previewed) = preview_sync(&mut self.repository, &self.provider, wish, run).await else { return };
        let plan = previewed.decision.plan;
        self.repository.intend(run.id, self.provider.id(), plan.steps(), run.now()).unwrap();
        let open: Vec<_> = plan.steps().map(|step| self.claims.intended(step)).collect();
        self.claims.open.extend(open);
        for group in plan.groups().iter().take(made) {
            let changes = group.steps.iter().map(|step| step.change.clone()).collect();
            let group = Group { only_if: Vec::new(), changes };
            let attempt = Attempt { number: 1, run: run.id };
            self.provider.apply(&[group], &plan.before().records, attempt).await;
        }
        self.restart();
    }

    fn restart(&mut self) {
        self.boots += 1;
        self.running = Duration::from_secs(10);
        if let Some(folder) = &self.folder {
            let path = folder.path().join("dnsmgmt.db");
            self.repository = DnsRepositoryManager::in_memory().unwrap();
            self.repository = DnsRepositoryManager::open(&path).unwrap();
        }
    }

    async fn update(&mut self, old: u8, new: u8) {
        let (old, new) = (record_of(old, 0).key, record_of(new, 0));
        let new = Record { key: RecordKey { name: old.name.clone(), ..new.key }, ..new };
        let change = |by_hand: &mut ByHand<'_>| {
            let there = by_hand.before().records.get(&old).cloned();
            if let Some(there) = there.filter(|_| !by_hand.before().records.contains(&new.key)) {
                by_hand.replace(vec![(there, new)]);
            }
        };
        self.by_hand(old.name.clone(), change, None).await;
    }

    async fn by_hand(&mut self, name: Name, decide: impl FnOnce(&mut ByHand<'_>), meanwhile: Option<Meanwhile>) {
        let scope = Scope::from_iter([name]);
        let moment = self.moment();
        let clock = move || moment.clone();
        let run = self.run(&clock);
        let Ok(before) = look(&mut self.repository, &self.provider, &scope, run).await else { return };
        let mut by_hand = ByHand::on(&self.provider, scope, before);
        decide(&mut by_hand);
        let plan = by_hand.plan();
        match meanwhile {
            Some(Meanwhile::Put(record)) if !self.provider.held().contains(&record.key) => self.provider.hold(record),
            Some(Meanwhile::Lose(record)) => self.provider.lose(&record),
            _ => {}
        }
        self.carry_out(plan, run.id).await;
    }

    async fn undo(&mut self) {
        let last = self.repository.journal().recent(1).unwrap();
        let Some(last) = last.first() else { return };
        let entries = self.repository.journal().of_run(last.run).unwrap();
        let was_made = |entry: &JournalEntry| matches!(entry.fate, Some(Fate::Present | Fate::Gone));
        let made: Vec<Change> = entries.into_iter().filter(was_made).map(|entry| entry.change().clone()).collect();
        let scope = Scope::from_iter(made.iter().map(|change| change.record().name().clone()));
        let moment = self.moment();
        let clock = move || moment.clone();
        let run = self.run(&clock);
        let Ok(before) = look(&mut self.repository, &self.provider, &scope, run).await else { return };
        let plan = undo(&self.provider, scope, before, &made, &|key| self.claims.ours.contains_key(key));
        self.carry_out(plan, run.id).await;
    }

    /// Carries out what a person asked for.
    async fn carry_out(&mut self, plan: Plan, run: RunId) {
        if plan.is_empty() {
            return;
        }
        let moment = self.moment();
        let clock = move || moment.clone();
        let run = Run { id: run, ..run_with(&clock) };
        let Ok(settled) = settle_left_open(&mut self.repository, &self.provider, run).await else { return };
        self.settled(&settled, &self.provider.held());
        let before = self.provider.held();
        let approved = plan.clone().approve_by_hand();
        let done = carry_out(&mut self.repository, &self.provider, approved, run).await.unwrap();
        done.written.unwrap();
        self.carried_out(&plan, &done.report, &before);
        self.forget_what_is_not_ours();
    }

    fn adopt(&mut self, key: &RecordKey) {
        let held = self.provider.held();
        let Some(record) = held.get(key).filter(|_| !self.is_open(key)) else { return };
        let tracking =
            Tracking { claim: Some(Why::Adopted), origins: [Origin::adopted()].into(), ..Tracking::default() };
        let now = self.moment().now;
        self.repository.track_record(self.provider.id(), record, &tracking, now).unwrap();
        let claim = self.claims.ours.entry(key.clone()).or_default();
        claim.origins.insert(Origin::adopted());
        claim.mark = None;
    }

    fn release(&mut self, key: &RecordKey) {
        if self.is_open(key) {
            return;
        }
        let was_ours = self.repository.release(self.provider.id(), key).unwrap();
        assert_eq!(was_ours, self.claims.ours.remove(key).is_some());
        self.forget_what_is_not_ours();
    }

    fn is_open(&self, key: &RecordKey) -> bool {
        self.claims.open.iter().any(|open| open.change.record().key == *key)
    }

    /// What a look settled is what was open, and is as the listing shows.
    fn settled(&mut self, settled: &[(JournalEntry, Fate)], listed: &RecordSet) {
        let changes: Vec<String> = settled.iter().map(|(entry, _)| entry.change().to_string()).collect();
        let open: Vec<String> = self.claims.open.iter().map(|open| open.change.to_string()).collect();
        assert_eq!(changes, open, "everything that was open is settled");
        for (entry, fate) in settled {
            assert!(self.may_lie() || shows(listed, entry.change(), *fate), "{} is not {fate}", entry.change());
        }
        self.claims.settle(&settled.iter().map(|(_, fate)| *fate).collect::<Vec<_>>(), listed);
    }

    /// A decision asks for what the model asks for, and touches nothing that is not ours or that an origin which was not read relies on.
    fn decided(&mut self, job: &Job, decision: &Decision) {
        let plan = &decision.plan;
        let listed = &plan.before().records;
        let superseded = plan.steps().filter(|step| step.reason == Reason::Superseded);
        let superseded: BTreeSet<RecordKey> = superseded.filter_map(|step| leaving(&step.change)).cloned().collect();
        let mut wanted: BTreeMap<RecordKey, BTreeSet<Origin>> = BTreeMap::new();
        for want in &job.wanted {
            wanted.entry(want.record.key.clone()).or_default().insert(want.origin.clone());
        }
        let reading = Reading {
            read: &job.read,
            wanted: &wanted,
            listed,
            observed: self.looks.observed,
            grace: job.grace,
            is_preserved: &|key| self.preserved.covers(&key.name),
            superseded: &superseded,
        };
        let unwanted = self.claims.unwanted(&reading);
        // A preserved name stays, and may get another value from who wants it.
        let replaceable = self.claims.unwanted(&Reading { is_preserved: &|_| false, ..reading });
        assert!(superseded.is_subset(&replaceable), "{superseded:?} is wanted, or not ours");
        let overdue = if job.delete { self.claims.overdue(&reading) } else { BTreeSet::new() };
        let deleted = plan.steps().filter(|step| step.reason == Reason::Unwanted);
        let deleted: BTreeSet<RecordKey> = deleted.filter_map(|step| leaving(&step.change)).cloned().collect();
        assert_eq!(deleted, overdue, "what is deleted (left) is not what is overdue");
        for (origin, keys) in self.relied_on.iter().filter(|(origin, _)| !job.read.contains(*origin)) {
            assert!(unwanted.is_disjoint(keys), "{origin} was not read, and wants one of {unwanted:?}");
        }
        for step in plan.steps() {
            let key = &step.change.record().key;
            match (&step.change, step.reason) {
                (Change::Create(_), Reason::Wanted | Reason::Superseded) => {
                    assert!(wanted.contains_key(key) && !listed.contains(key), "{}", step.change);
                }
                (Change::Replace { old, .. }, Reason::Drifted) => {
                    assert!(old.key == *key && wanted.contains_key(key), "{}", step.change);
                    assert!(self.claims.ours.contains_key(key), "{} is not ours", step.change);
                }
                (Change::Replace { .. }, Reason::Superseded) => {
                    assert!(wanted.contains_key(key) && !listed.contains(key), "{}", step.change);
                }
                (Change::Delete(_), Reason::Unwanted | Reason::Superseded) => {}
                _ => panic!("{} has no reason: {}", step.change, step.reason),
            }
        }
        let preview = plan.preview();
        for key in wanted.keys().filter(|key| !listed.contains(key)) {
            let is_it = preview.iter().any(|outcome| {
                outcome.action != Action::Delete && outcome.name == key.name && outcome.data.as_ref() == Some(&key.data)
            });
            assert!(is_it, "{key} is wanted and missing, and nothing is said of it");
        }
        self.claims.learn(&reading);
    }

    /// What the report says is what is held, and nothing outside the plan changed.
    fn carried_out(&mut self, plan: &Plan, report: &Report, before: &RecordSet) {
        let after = self.provider.held();
        let fates = report.outcomes[plan.settled().len()..].iter().map(|outcome| outcome.fate);
        let steps: Vec<(&Step, Fate)> = plan.steps().zip(fates).collect();
        assert_eq!(steps.len(), plan.steps().count(), "every step has its fate");
        for (step, fate) in &steps {
            assert!(self.may_lie() || shows(&after, &step.change, *fate), "{} is not {fate}", step.change);
        }
        let leaving: BTreeSet<&RecordKey> = plan.steps().filter_map(|step| leaving(&step.change)).collect();
        let coming: BTreeSet<&RecordKey> = plan.steps().map(|step| &step.change.record().key).collect();
        for record in before {
            match after.get(&record.key) {
                None => assert!(leaving.contains(&record.key), "{record} was nobody's wish to go"),
                Some(there) if there.ttl != record.ttl => {
                    let is_by_hand = plan.steps().any(|step| step.claim == Why::ByHand);
                    let is_ours = leaving.contains(&record.key) || self.claims.ours.contains_key(&record.key);
                    assert!(is_ours || is_by_hand && coming.contains(&record.key), "{record} was not ours to change");
                }
                Some(_) => {}
            }
        }
        for record in after.iter().filter(|record| !before.contains(&record.key)) {
            assert!(coming.contains(&record.key), "{record} was nobody's wish");
        }
        self.claims.follow_steps(steps.into_iter());
    }

    /// What is not ours any more, nobody can rely on.
    fn forget_what_is_not_ours(&mut self) {
        self.relied_on.values_mut().for_each(|keys| keys.retain(|key| self.claims.ours.contains_key(key)));
    }

    /// A listing that leaves out just what a change was about, or shows what was before it, cannot be told from the truth.
    fn may_lie(&self) -> bool {
        self.faults.iter().any(|fault| matches!(fault, Fault::HalfListing | Fault::LaggingListing))
    }

    fn job(&self, read: u8, delete: bool, grace: u64, force: bool) -> Job {
        let read: BTreeSet<Origin> =
            origins().into_iter().enumerate().filter(|(bit, _)| read & (1 << bit) != 0).map(|(_, read)| read).collect();
        let wants = self.wants.iter().filter(|(origin, _)| read.contains(*origin));
        let wanted = wants.flat_map(|(origin, records)| {
            let wanted =
                |record: &Record| Wanted { origin: origin.clone(), place: Place::default(), record: record.clone() };
            records.values().map(wanted).collect::<Vec<_>>()
        });
        let brake = Brake { max_delete: MAX_DELETE, force, approved: None };
        Job { wanted: wanted.collect(), read, delete, grace: Duration::from_secs(grace), brake }
    }

    fn wants_of(&mut self, origin: u8) -> &mut BTreeMap<RecordKey, Record> {
        let origin = &origins()[usize::from(origin)];
        self.wants.get_mut(origin).expect("every origin has its wants")
    }

    fn run<'a>(&mut self, clock: &'a (dyn Fn() -> Moment + Sync)) -> Run<'a> {
        self.runs += 1;
        Run { id: RunId(self.runs), ..run_with(clock) }
    }

    fn moment(&self) -> Moment {
        // The wall clock stands still, and nothing hangs on it.
        let now = Timestamp::UNIX_EPOCH;
        Moment { now, boot: self.boots.to_string().into(), running: self.running }
    }
}

impl Looks {
    /// Two looks in one boot are apart what its clock says, others the usual gap, at most five minutes.
    fn look(&mut self, boot: u64, running: Duration) {
        if let Some((last_boot, last_running)) = self.last {
            let most = Duration::from_secs(300);
            if last_boot == boot {
                self.gap = Some(running - last_running);
                self.observed += running - last_running;
            } else {
                self.observed += self.gap.map_or(most, |gap| gap.min(most));
            }
        }
        self.last = Some((boot, running));
    }
}

fn run_with<'a>(clock: &'a (dyn Fn() -> Moment + Sync)) -> Run<'a> {
    Run { id: RunId(0), patience: &PATIENCE, progress: &silent, clock, max_missing: MAX_DELETE }
}

fn wish<'a>(job: &'a Job, judges: &'a dyn Fn(&Origin) -> bool, preserved: &'a Preserved) -> Wish<'a> {
    Wish {
        wanted: &job.wanted,
        judges,
        preserved,
        wildcard_dns: true,
        grace: job.grace,
        interval: None,
        delete: job.delete,
        comment: None,
        brake: &job.brake,
        journal_keep: Duration::from_secs(90 * 24 * 3600),
    }
}

/// A file, and the two pieces of another one.
fn origins() -> [Origin; 3] {
    let other = Origin::of_source("file", "b");
    [Origin::of_source("file", "a"), other.piece("one"), other.piece("two")]
}

/// Returns one of 36 records at six names, with one of three TTLs.
fn record_of(number: u8, ttl: u8) -> Record {
    let data = match number / 6 {
        last @ 0..4 => RecordData::A([10, 0, 0, last].into()),
        4 => RecordData::parse(&RecordType::Cname, "www.example").unwrap(),
        _ => RecordData::parse(&RecordType::Txt, "text").unwrap(),
    };
    let mut record = Record::new(Name::parse(&format!("n{}.example", number % 6)).unwrap(), data);
    record.ttl = [None, Some(Ttl::Seconds(300)), Some(Ttl::Seconds(600))][usize::from(ttl)];
    record
}

/// Returns whether the provider is asked in it, so that faults strike.
fn talks(event: &Event) -> bool {
    matches!(
        event,
        Event::Sync { .. }
            | Event::Preview { .. }
            | Event::Crash { .. }
            | Event::Add { .. }
            | Event::Delete { .. }
            | Event::Update { .. }
            | Event::Undo
    )
}

fn leaving(change: &Change) -> Option<&RecordKey> {
    match change {
        Change::Create(_) => None,
        Change::Delete(old) | Change::Replace { old, .. } => Some(&old.key),
    }
}

/// Returns whether the records show that fate of a change.
fn shows(records: &RecordSet, change: &Change, fate: Fate) -> bool {
    let is_there = |record: &Record| records.contains(&record.key);
    let is_as_wanted = |new: &Record| records.get(&new.key).is_some_and(|there| new.agrees_with(there));
    match (change, fate) {
        (_, Fate::Refused | Fate::NotTried | Fate::Unconfirmed) => true,
        (Change::Delete(old), Fate::Gone | Fate::AlreadyGone) => !is_there(old),
        (Change::Delete(old), _) => fate == Fate::StillThere && is_there(old),
        (Change::Create(new) | Change::Replace { new, .. }, Fate::StillMissing) => !is_there(new),
        (Change::Create(new) | Change::Replace { new, .. }, Fate::Differs) => is_there(new) && !is_as_wanted(new),
        (Change::Create(new), _) => is_as_wanted(new),
        (Change::Replace { old, new }, Fate::StillThere) => is_as_wanted(new) && is_there(old),
        (Change::Replace { old, new }, _) => is_as_wanted(new) && (old.key == new.key || !is_there(old)),
    }
}

fn is_too_much(deletions: usize, claims: usize) -> bool {
    deletions >= 5 && deletions * 100 > claims * usize::from(MAX_DELETE)
}

fn assert_same(before: &RecordSet, after: &RecordSet, what: &str) {
    let all = |records: &RecordSet| records.iter().cloned().collect::<Vec<Record>>();
    assert_eq!(all(before), all(after), "{what} changed something");
}
