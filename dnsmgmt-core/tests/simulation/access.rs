//! The way of one machine to the provider: slow, interrupted, and with a provider at its end that errs and lies.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use dnsmgmt_core::provider::{
    Answer, Attempt, Capabilities, Change, DnsProvider, Group, ListingSupport, ProviderError, ProviderId, Reaction,
    TtlSupport, Types,
};
use dnsmgmt_core::record::RecordType;
use dnsmgmt_core::record_set::{Listing, RecordSet, Scope};
use fastrand::Rng;

use super::clock::right;
use super::laws::Listed;
use super::reading::read;
use super::world::{Who, World, name};
use super::zone::Kind;

/// The way of one machine to the provider.
pub(crate) struct Access {
    world: Arc<World>,
    who: Who,
    id: ProviderId,
    capabilities: Capabilities,
}

/// What goes wrong with a call that changes something.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Fault {
    /// 5xx; nothing is made.
    ErrorBefore,
    /// 5xx, or an answer that makes no sense or never comes; all is made.
    ErrorAfter(Reaction),
    /// The connection breaks in the middle: what comes after is not made.
    InTheMiddle,
    /// 429.
    Busy,
    /// One group is refused.
    Refused,
    /// Deletions are answered and not made.
    Lies,
}

impl Access {
    pub(crate) fn new(world: &Arc<World>, who: Who) -> Self {
        let capabilities = capabilities(world.scenario.kind);
        Self { world: world.clone(), who, id: ProviderId { name: "sim".into(), zone: name("example") }, capabilities }
    }

    /// Waits as long as the way takes, and fails where there is none.
    async fn travel(&self, longest: Duration) -> Result<(), ProviderError> {
        let (time, reaches) = {
            let mut state = self.world.state();
            let most = u64::try_from(longest.as_millis()).expect("less than an hour");
            let is_slow = state.rng.u8(..100) < 3;
            (state.rng.u64(5..if is_slow { most } else { 100 }), self.world.reaches(&state, self.who))
        };
        tokio::time::sleep(Duration::from_millis(if reaches { time } else { 20 * time })).await;
        if reaches && self.world.reaches(&self.world.state(), self.who) {
            return Ok(());
        }
        self.world.state().laws.struck(self.who);
        Err(failure(Reaction::Unreachable))
    }

    /// Returns whether something goes wrong with this call.
    fn is_struck(&self) -> bool {
        let mut state = self.world.state();
        let is_struck = state.rng.u8(..100) < state.faults && !self.world.is_calm();
        if is_struck {
            state.laws.struck(self.who);
        }
        is_struck
    }

    fn chance(&self) -> Rng {
        self.world.chance()
    }

    /// Looks at the zone, or at what it was some seconds ago, or at a part of it.
    fn look(&self, scope: &Scope, started: Duration) -> Result<(Listing, Listed), ProviderError> {
        let mut snapshot = self.world.now();
        let mut is_cut = false;
        if self.is_struck() {
            let mut chance = self.chance();
            match chance.u8(..5) {
                0 => return Err(failure(Reaction::Unreachable)),
                1 => return Err(failure(Reaction::Malformed)),
                2 => return Err(failure(Reaction::Busy { retry_after: Some(Duration::from_secs(chance.u64(1..20))) })),
                3 => snapshot = snapshot.saturating_sub(Duration::from_secs(chance.u64(1..60))),
                // A transfer ends with its SOA, and a list that is one document does not end in the middle.
                _ if self.world.scenario.kind != Kind::Ids => return Err(failure(Reaction::Malformed)),
                _ => is_cut = self.world.state().laws.may_cut(self.who),
            }
        }
        let mut state = self.world.state();
        let mut records = state.zone.snapshot(scope, snapshot);
        if is_cut {
            let mut chance = state.rng.fork();
            let share = chance.u8(1..100);
            // Who is not shown that a foreign address stands where he wants his own cannot know it.
            records.retain(|record| chance.u8(..100) >= share || state.laws.is_foreign(&record.key));
        }
        drop(state);
        let records: RecordSet = records.into_iter().collect();
        let provider_time = self.world.scenario.tells_time.then(|| right(self.world.now()));
        let listed = Listed { started, snapshot, records: Arc::new(records.clone()), scope: scope.clone(), is_cut };
        Ok((Listing { records, opaque: Vec::new(), provider_time }, listed))
    }

    /// Makes the groups until the connection breaks; `None` where it did.
    async fn make(&self, work: &[Group], fault: Option<Fault>) -> Vec<Option<Answer>> {
        let mut chance = self.chance();
        let in_the_middle = fault == Some(Fault::InTheMiddle);
        let refused = (fault == Some(Fault::Refused)).then(|| chance.usize(..work.len()));
        let breaks = in_the_middle.then(|| chance.usize(..changes(work).count()));
        let (mut answers, mut done) = (Vec::new(), 0);
        for (index, group) in work.iter().enumerate() {
            if refused == Some(index) {
                let refused = || Some(Answer::Failed(failure(Reaction::Refused)));
                answers.extend(group.changes.iter().map(|_| refused()));
                continue;
            }
            if self.world.scenario.kind == Kind::Entries {
                self.make_one_by_one(group, fault, breaks, &mut answers).await;
            } else if breaks.is_some_and(|breaks| done >= breaks) {
                answers.extend(group.changes.iter().map(|_| None));
            } else {
                let now = self.world.now();
                let mut state = self.world.state();
                let (made, effects) = state.zone.make(group, fault == Some(Fault::Lies), now);
                let (zone, laws) = state.both();
                laws.changed(self.who, &effects, zone, now);
                answers.extend(made.into_iter().map(Some));
            }
            done += group.changes.len();
        }
        answers
    }

    async fn make_one_by_one(
        &self,
        group: &Group,
        fault: Option<Fault>,
        breaks: Option<usize>,
        answers: &mut Vec<Option<Answer>>,
    ) {
        let mut stopped: Option<Option<Answer>> = None;
        for (index, change) in group.changes.iter().enumerate() {
            if index > 0 {
                let pause = self.world.state().rng.u64(1..200);
                tokio::time::sleep(Duration::from_millis(pause)).await;
            }
            if breaks.is_some_and(|breaks| index >= breaks) {
                stopped = Some(None);
            }
            if let Some(stopped) = &stopped {
                answers.push(stopped.clone());
                continue;
            }
            let now = self.world.now();
            let mut state = self.world.state();
            let (answer, effect) = state.zone.make_one(change, group, fault == Some(Fault::Lies), now);
            let (zone, laws) = state.both();
            laws.changed(self.who, effect.as_slice(), zone, now);
            if let Answer::ConditionFailed = answer {
                stopped = Some(Some(Answer::ConditionFailed));
            }
            answers.push(Some(answer));
        }
    }

    /// Lets now and then one of those be back, between look and call, whose leases a cleaner is about to end.
    async fn call_back(&self, work: &[Group]) {
        let mut chance = self.chance();
        if !matches!(self.who, Who::Cleaner(_)) || chance.u8(..100) >= 15 || self.world.is_calm() {
            return;
        }
        let instances = changes(work).filter_map(|change| read(change.record())?.instance);
        let hosts: Vec<usize> = instances
            .filter_map(|instance| instance.strip_prefix("host-")?.strip_suffix(".lab")?.parse().ok())
            .collect();
        if let Some(host) = chance.choice(&hosts) {
            self.world.call(*host);
            tokio::time::sleep(Duration::from_millis(chance.u64(20..1500))).await;
        }
    }

    fn fault(&self) -> Option<Fault> {
        if !self.is_struck() {
            return None;
        }
        Some(match self.chance().u8(..8) {
            0 | 1 => Fault::ErrorBefore,
            2 => Fault::ErrorAfter(Reaction::Unreachable),
            3 => Fault::ErrorAfter(Reaction::Malformed),
            4 => Fault::InTheMiddle,
            5 => Fault::Busy,
            6 => Fault::Refused,
            _ => Fault::Lies,
        })
    }
}

#[async_trait]
impl DnsProvider for Access {
    fn id(&self) -> &ProviderId {
        &self.id
    }

    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    async fn list(&self, scope: &Scope) -> Result<Listing, ProviderError> {
        let started = self.world.now();
        let is_whole = *scope == Scope::Zone;
        if is_whole && self.capabilities.listing == ListingSupport::NamesOnly {
            return Err(failure(Reaction::Refused));
        }
        let longest = Duration::from_secs(if is_whole { 40 } else { 15 });
        self.travel(longest).await?;
        let (listing, listed) = self.look(scope, started)?;
        self.travel(longest).await?;
        self.world.state().laws.listed(self.who, listed, self.world.now());
        Ok(listing)
    }

    async fn apply(&self, work: &[Group], _before: &RecordSet, _attempt: Attempt) -> Vec<Answer> {
        let all = |reaction| changes(work).map(|_| Answer::Failed(failure(reaction))).collect();
        self.world.state().laws.asks(self.who, work, self.world.now());
        self.call_back(work).await;
        let fault = self.fault();
        let longest = Duration::from_secs(8);
        if self.travel(longest).await.is_err() || fault == Some(Fault::ErrorBefore) {
            self.world.state().laws.answered(self.who, self.world.now());
            return all(Reaction::Unreachable);
        }
        let made = match fault {
            Some(Fault::Busy) => Vec::new(),
            _ => self.make(work, fault).await,
        };
        let way_back = self.travel(longest).await;
        self.world.state().laws.answered(self.who, self.world.now());
        match fault {
            Some(Fault::Busy) => {
                all(Reaction::Busy { retry_after: Some(Duration::from_secs(self.chance().u64(1..25))) })
            }
            Some(Fault::ErrorAfter(reaction)) => all(reaction),
            _ if way_back.is_err() => all(Reaction::Unreachable),
            _ => {
                let broken = || Answer::Failed(failure(Reaction::Unreachable));
                made.into_iter().map(|answer| answer.unwrap_or_else(broken)).collect()
            }
        }
    }

    async fn examine(&self) -> Result<Vec<String>, ProviderError> {
        Ok(Vec::new())
    }
}

fn changes(work: &[Group]) -> impl Iterator<Item = &Change> {
    work.iter().flat_map(|group| &group.changes)
}

fn failure(reaction: Reaction) -> ProviderError {
    ProviderError::new(reaction, "ask the provider", "what a provider says on a bad day")
}

fn capabilities(kind: Kind) -> Capabilities {
    let entries = Types::Only(vec![RecordType::A, RecordType::Aaaa, RecordType::Cname]);
    let addresses = Types::Only(vec![RecordType::A, RecordType::Aaaa]);
    Capabilities {
        types: if kind.has_txt() { Types::All } else { entries },
        ttl: match kind {
            Kind::Entries => TtlSupport::Fixed,
            _ => TtlSupport::Seconds { least: 0, most: 86_400, automatic: false },
        },
        proxied: false,
        enabled: kind == Kind::Entries,
        comment: None,
        conditions: kind.has_conditions(),
        batch: if kind == Kind::Entries { 1 } else { 200 },
        cname_excludes: if kind.has_txt() { Types::All } else { addresses },
        ns_excludes: Types::none(),
        listing: match kind {
            Kind::UpdateByName => ListingSupport::NamesOnly,
            _ => ListingSupport::Zone,
        },
    }
}
