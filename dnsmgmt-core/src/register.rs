//! What a host registers: its addresses, each kept by a heartbeat of its own. Decided on a listing, without asking anybody.
//!
//! At a name that many hosts share each touches only what its own heartbeats name. A heartbeat is written before its address, so that
//! nobody ever sees an address that looks forgotten; an address is withdrawn only by the last of those that keep it.

mod due;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::draft::Draft;
use crate::heartbeat::{Beat, Carrier, Heartbeat, InstanceId, Member};
use crate::mark::Marks;
use crate::name::Name;
use crate::origin::Origin;
use crate::plan::{Claim, Plan, Reason, Step};
use crate::provider::{Change, Condition, DnsProvider, TtlSupport};
use crate::record::{Record, RecordData, RecordKey, RecordType, Ttl};
use crate::record_set::{Listing, Scope};
use crate::report::{Fate, Outcome};

use due::is_late;
pub use due::{Due, Last, are_so_near, contradicts, due};

/// What is told apart in a heartbeat.
const SECOND: SignedDuration = SignedDuration::from_secs(1);

/// What a host wants, and what it goes by, beside the listing.
#[derive(Clone, Copy)]
pub struct Registration<'a> {
    /// Who it is.
    pub instance: &'a InstanceId,
    /// The addresses that it has at this provider's names, each with whether it is to be proxied, where that is said.
    pub wanted: &'a BTreeMap<Member, Option<bool>>,
    /// What it registered before and has no more.
    pub withdrawn: &'a BTreeSet<Member>,
    /// Whether an address that this host kept alive before is kept alive although nobody knows that the host still has it: for a host without
    /// a memory, which has to look for such ones.
    pub keeps: Option<&'a (dyn Fn(&Member) -> bool + Sync)>,
    /// Names that are to be aliases of others.
    pub aliases: &'a BTreeMap<Name, Name>,
    /// The TTL of what it writes, where the provider has no other.
    pub ttl: Ttl,
    /// Why a record is ours, as far as we remember.
    pub claim_of: &'a dyn Fn(&RecordKey) -> Option<Claim>,
    /// Whether addresses that are there and that nobody keeps become this host's.
    pub adopt: bool,
    /// The time that is written.
    pub now: Timestamp,
    /// Which heartbeats are written anew.
    pub refresh: Refresh,
}

/// Which heartbeats are written anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refresh {
    /// All.
    All,
    /// All, if one of them would be [late](Last) at the next run, told from what is listed.
    IfLate {
        /// How long a lease lasts after a heartbeat.
        lease: Duration,
        /// How far apart runs are, where that is known.
        interval: Option<Duration>,
    },
}

/// What was decided for a host.
#[derive(Debug)]
pub struct RegisterDecision {
    /// The changes.
    pub plan: Plan,
    /// What this host keeps alive once the plan is carried out.
    pub leased: BTreeSet<Member>,
}

impl Registration<'_> {
    /// Returns what has to be listed for the decision.
    pub fn scope(&self) -> Scope {
        if self.keeps.is_some() {
            return Scope::Zone;
        }
        let members = || self.wanted.keys().chain(self.withdrawn);
        let heartbeats = members().filter_map(|member| member.heartbeat_name().ok());
        members().map(|member| member.domain.clone()).chain(heartbeats).chain(self.aliases.keys().cloned()).collect()
    }
}

/// Decides what a host writes. `before` is a listing of `scope`, which covers that of the registration.
pub fn register(
    provider: &dyn DnsProvider,
    scope: Scope,
    before: Listing,
    registration: Registration<'_>,
) -> RegisterDecision {
    let marks = Marks::of(&before);
    let origins = BTreeSet::from([origin(registration.instance)]);
    let draft = Draft::on(provider, scope, before);
    let carrier = Carrier::among(&provider.capabilities().types);
    let mut host = Host { registration, carrier, marks, origins, draft, leased: BTreeSet::new(), refresh: true };
    let found = host.found();
    host.refresh = host.is_to_refresh(&found);
    for (member, proxied) in registration.wanted {
        host.keep(member, *proxied);
    }
    for member in &found {
        host.keep(member, None);
    }
    for (alias, target) in registration.aliases {
        host.alias(alias, target);
    }
    for member in registration.withdrawn.iter().filter(|member| !registration.wanted.contains_key(member)) {
        host.withdraw(member);
    }
    RegisterDecision { plan: host.draft.plan().beside_leases(), leased: host.leased }
}

/// Returns who wants what a host registers.
pub fn origin(instance: &InstanceId) -> Origin {
    Origin::of_source("heartbeat", &instance.as_str().to_ascii_lowercase())
}

struct Host<'a> {
    registration: Registration<'a>,
    /// Nothing where the provider cannot hold heartbeats.
    carrier: Option<Carrier>,
    marks: Marks,
    origins: BTreeSet<Origin>,
    draft: Draft<'a>,
    leased: BTreeSet<Member>,
    refresh: bool,
}

/// The heartbeats of one address.
#[derive(Default)]
struct Heartbeats {
    /// This instance's, the latest first.
    own: Vec<(Record, Heartbeat)>,
    others: Vec<Record>,
}

impl Host<'_> {
    /// Returns what this host kept alive before, is not known to want, and keeps.
    fn found(&self) -> BTreeSet<Member> {
        let Some(keeps) = self.registration.keeps else { return BTreeSet::new() };
        let heartbeats = self.draft.before().records.iter().filter_map(Heartbeat::of);
        let own = heartbeats.filter(|heartbeat| heartbeat.is_of(self.registration.instance));
        let members = own.map(|heartbeat| heartbeat.member);
        members.filter(|member| !self.registration.wanted.contains_key(member) && keeps(member)).collect()
    }

    fn is_to_refresh(&self, found: &BTreeSet<Member>) -> bool {
        let Refresh::IfLate { lease, interval } = self.registration.refresh else { return true };
        let is_late = |member: &Member| {
            let Ok(name) = member.heartbeat_name() else { return false };
            let own = self.heartbeats(&name).own;
            let time = own.first().and_then(|(_, heartbeat)| heartbeat.time);
            time.is_none_or(|time| is_late(self.registration.now.duration_since(time), interval, lease))
        };
        self.registration.wanted.keys().chain(found).any(is_late)
    }

    fn heartbeats(&self, name: &Name) -> Heartbeats {
        let mut heartbeats = Heartbeats::default();
        for record in self.draft.before().records.at(name) {
            match Heartbeat::of(record) {
                Some(heartbeat) if heartbeat.is_of(self.registration.instance) => {
                    heartbeats.own.push((record.clone(), heartbeat));
                }
                Some(_) => heartbeats.others.push(record.clone()),
                None => {}
            }
        }
        heartbeats.own.sort_by_key(|(_, heartbeat)| std::cmp::Reverse(heartbeat.time));
        heartbeats
    }

    /// Keeps an address alive: its heartbeat first, then the address itself.
    fn keep(&mut self, member: &Member, proxied: Option<bool>) {
        let key = member.key();
        let (carrier, name) = match (self.carrier, member.heartbeat_name()) {
            (Some(carrier), Ok(name)) => (carrier, name),
            (None, _) => {
                let why = "the provider holds neither TXT nor CNAME, so nothing could say that its host lives".into();
                return self.refuse(key, why);
            }
            (_, Err(error)) => return self.refuse(key, format!("it cannot have a heartbeat: {error}")),
        };
        let heartbeats = self.heartbeats(&name);
        let listed = self.draft.before().records.get(&key).cloned();
        let is_ours = !heartbeats.own.is_empty() || (self.registration.claim_of)(&key).is_some();
        let is_nobodys = !is_ours && heartbeats.others.is_empty() && !self.registration.adopt;
        if let Some(listed) = listed.as_ref().filter(|_| is_nobodys) {
            return self.leave_alone(listed);
        }
        let mut steps: Vec<Step> = self.beat(&name, carrier, &heartbeats).into_iter().collect();
        match listed {
            None => steps.push(self.creation(self.address(key, proxied, &[]))),
            // What others keep too may be wanted otherwise by them.
            Some(listed) if is_ours && heartbeats.others.is_empty() => {
                let wanted = self.address(key, proxied, std::slice::from_ref(&listed));
                if !wanted.agrees_with(&listed) {
                    let claim = self.claim(&listed);
                    steps.push(self.step(Change::Replace { old: listed, new: wanted }, claim, Reason::Drifted));
                }
            }
            Some(_) => {}
        }
        self.leased.insert(member.clone());
        if !steps.is_empty() {
            self.draft.ask_together(Vec::new(), steps, &self.marks);
        }
        for (superfluous, _) in heartbeats.own.iter().skip(1) {
            let step = self.removal(superfluous);
            self.draft.ask_together(Vec::new(), vec![step], &self.marks);
        }
    }

    /// Writes this instance's heartbeat, if that is due: always another value, because that is what shows that a host lives. A machine that
    /// starts in 1970 each time may come to the same second again.
    fn beat(&self, name: &Name, carrier: Carrier, heartbeats: &Heartbeats) -> Option<Step> {
        let at = |time, last| {
            let beat = Beat { time, instance: self.registration.instance.clone() };
            self.heartbeat(name, beat.carried_by(carrier), last)
        };
        let now = self.registration.now;
        let Some((last, _)) = heartbeats.own.first() else { return Some(self.creation(at(now, None))) };
        let new = Some(at(now, Some(last))).filter(|new| new.key != last.key);
        let new = new.unwrap_or_else(|| at(now.checked_add(SECOND).unwrap_or(now), Some(last)));
        self.refresh.then(|| self.step(Change::Replace { old: last.clone(), new }, self.claim(last), Reason::Refreshed))
    }

    /// Returns the record of a heartbeat, switched off where it would be answered with otherwise and can be.
    fn heartbeat(&self, name: &Name, data: RecordData, last: Option<&Record>) -> Record {
        let rtype = data.rtype();
        let ttl = self.ttl(name, &rtype, last.map(std::slice::from_ref).unwrap_or_default());
        let record = Record { ttl, ..Record::new(name.clone(), data) };
        let provider = self.draft.provider();
        let off = Record { enabled: Some(false), ..record.clone() };
        let can_be_off = rtype == RecordType::Cname
            && provider.capabilities().enabled
            && provider.objection(&Change::Create(off.clone())).is_none();
        if can_be_off { off } else { record }
    }

    fn address(&self, key: RecordKey, proxied: Option<bool>, own: &[Record]) -> Record {
        let proxied = proxied.filter(|_| self.draft.provider().capabilities().proxied);
        // What is proxied has the TTL that the provider chooses.
        let ttl = match proxied {
            Some(true) => None,
            _ => self.ttl(&key.name, &key.rtype(), own),
        };
        Record { ttl, proxied, ..Record::new(key.name, key.data) }
    }

    /// Returns the TTL of a value: that of the others of its RRset (RFC 2181 section 5.2), which may be other hosts', else the wanted one as far as
    /// the provider takes it.
    fn ttl(&self, name: &Name, rtype: &RecordType, own: &[Record]) -> Option<Ttl> {
        let TtlSupport::Seconds { least, most, .. } = self.draft.provider().capabilities().ttl else { return None };
        let is_other = |record: &&Record| own.iter().all(|own| own.key != record.key) && record.proxied != Some(true);
        let other = self.draft.before().records.rrset(name, rtype).find(is_other).and_then(|record| record.ttl);
        let wanted = || match self.registration.ttl {
            Ttl::Seconds(seconds) => Ttl::Seconds(seconds.clamp(least, most)),
            Ttl::Automatic => Ttl::Automatic,
        };
        other.or_else(|| self.draft.coming_ttl(name, rtype)).or_else(|| Some(wanted()))
    }

    /// Makes a name an alias; what we made of it before gives way.
    fn alias(&mut self, alias: &Name, target: &Name) {
        let key = RecordKey { name: alias.clone(), data: RecordData::Cname(target.clone()) };
        let there = self.draft.before().records.at(alias);
        if there.iter().any(|record| record.key == key) {
            return;
        }
        let is_ours = |record: &&Record| (self.registration.claim_of)(&record.key).is_some();
        let old = there.iter().filter(|record| record.rtype() == RecordType::Cname).find(is_ours).cloned();
        let ttl = self.ttl(alias, &RecordType::Cname, old.as_slice());
        let new = Record { ttl, ..Record::new(key.name, key.data) };
        let step = match old {
            None => self.creation(new),
            Some(old) => {
                let claim = self.claim(&old);
                self.step(Change::Replace { old, new }, claim, Reason::Superseded)
            }
        };
        self.draft.ask_together(Vec::new(), vec![step], &self.marks);
    }

    /// Takes this instance's heartbeat away, and with the last one the address.
    fn withdraw(&mut self, member: &Member) {
        let Ok(name) = member.heartbeat_name() else { return };
        let heartbeats = self.heartbeats(&name);
        let listed = self.draft.before().records.get(&member.key()).cloned();
        let is_ours = !heartbeats.own.is_empty() || (self.registration.claim_of)(&member.key()).is_some();
        let mut steps: Vec<Step> = heartbeats.own.iter().map(|(record, _)| self.removal(record)).collect();
        let is_last = heartbeats.others.is_empty();
        steps.extend(listed.iter().filter(|_| is_ours && is_last).map(|record| self.removal(record)));
        if steps.is_empty() {
            return;
        }
        // Also where others keep it: if they withdraw at the same moment, somebody has to be the last.
        let unchanged = self.carrier.map(|carrier| {
            let own = heartbeats.own.iter().map(|(record, _)| record);
            let values = own.chain(&heartbeats.others).filter(|record| record.rtype() == carrier.rtype());
            Condition { name, rtype: carrier.rtype(), values: values.map(|record| record.key.data.clone()).collect() }
        });
        self.draft.ask_together(unchanged.into_iter().collect(), steps, &self.marks);
    }

    fn claim(&self, record: &Record) -> Claim {
        (self.registration.claim_of)(&record.key).unwrap_or(Claim::Heartbeat)
    }

    fn creation(&self, record: Record) -> Step {
        let mut step = self.step(Change::Create(record), Claim::Created, Reason::Wanted);
        step.notes.extend(self.draft.beside(step.change.record()));
        step
    }

    fn removal(&self, record: &Record) -> Step {
        self.step(Change::Delete(record.clone()), self.claim(record), Reason::Withdrawn)
    }

    fn step(&self, change: Change, claim: Claim, reason: Reason) -> Step {
        let origins = match change {
            Change::Delete(_) => BTreeSet::new(),
            Change::Create(_) | Change::Replace { .. } => self.origins.clone(),
        };
        Step { change, claim, reason, origins, notes: Vec::new() }
    }

    fn refuse(&mut self, key: RecordKey, why: String) {
        let step = self.step(Change::Create(Record::new(key.name, key.data)), Claim::Created, Reason::Wanted);
        self.draft.refuse(step, why);
    }

    fn leave_alone(&mut self, listed: &Record) {
        let mut step = self.step(Change::Create(listed.clone()), Claim::Created, Reason::Wanted);
        step.notes.push(
            "it is there without anybody's heartbeat and not ours, so it stays as it is and is not kept alive; --adopt makes it \
             this host's"
                .into(),
        );
        self.draft.settle(Outcome::of(&step, Fate::AlreadyPresent));
    }
}
