//! What a host remembers: in the real repository, or where that would take too long in a model of it.

use std::collections::BTreeSet;
use std::time::Duration;

use dnsmgmt_core::apply::apply;
use dnsmgmt_core::heartbeat::{InstanceId, Member};
use dnsmgmt_core::moment::{Look, Moment};
use dnsmgmt_core::observe::observe;
use dnsmgmt_core::plan::Claim;
use dnsmgmt_core::provider::{DnsProvider, ProviderError};
use dnsmgmt_core::reconcile::{ReconcileError, Registering, Run, register_zone};
use dnsmgmt_core::record::RecordKey;
use dnsmgmt_core::record_set::Listing;
use dnsmgmt_core::register::{Last, RegisterDecision, Registration, register};
use dnsmgmt_core::report::{Action, Fate, Outcome};
use dnsmgmt_core::repository::DnsRepositoryManager;
use jiff::SignedDuration;

use super::reading::{Reading, address_of, read};

/// What a host remembers.
pub(crate) enum Memory {
    /// The real repository.
    Real(Box<DnsRepositoryManager>),
    /// The same, as far as it matters here.
    Light(Light),
}

/// What a host registered, made and wrote last.
#[derive(Debug, Default)]
pub(crate) struct Light {
    registered: BTreeSet<Member>,
    made: BTreeSet<RecordKey>,
    look: Option<Look>,
    last: Option<Last>,
}

/// What a registration came to.
pub(crate) struct Kept {
    pub(crate) leased: BTreeSet<Member>,
    pub(crate) is_verified: bool,
}

impl Memory {
    pub(crate) fn real() -> Self {
        Self::Real(Box::new(DnsRepositoryManager::in_memory().expect("a database in memory")))
    }

    pub(crate) fn light() -> Self {
        Self::Light(Light::default())
    }

    /// Writes down a run, and returns how far apart runs are where that is known.
    pub(crate) fn look(&mut self, instance: &InstanceId, moment: &Moment) -> Option<Duration> {
        match self {
            Self::Real(repository) => repository.look_at_instance(instance, moment).expect("a database"),
            Self::Light(light) => {
                let look = Look::after(light.look.as_ref(), moment, None);
                light.look.insert(look).gap
            }
        }
    }

    pub(crate) fn registered(&self, instance: &InstanceId) -> BTreeSet<Member> {
        match self {
            Self::Real(repository) => {
                repository.registrations(instance).expect("a database").into_values().flatten().collect()
            }
            Self::Light(light) => light.registered.clone(),
        }
    }

    pub(crate) fn last(&self, instance: &InstanceId) -> Option<Last> {
        match self {
            Self::Real(repository) => repository.last_refresh(instance).expect("a database"),
            Self::Light(light) => light.last.clone(),
        }
    }

    pub(crate) fn set_last(&mut self, instance: &InstanceId, last: Option<Last>) {
        match (self, last) {
            (Self::Real(repository), Some(last)) => repository.set_refresh(instance, &last).expect("a database"),
            (Self::Real(repository), None) => repository.forget_refresh(instance).expect("a database"),
            (Self::Light(light), last) => light.last = last,
        }
    }

    /// Registers: in the real repository by the real `register_zone`, else by the real decision and the real `apply`.
    pub(crate) async fn register(
        &mut self,
        provider: &dyn DnsProvider,
        registering: Registering<'_>,
        run: Run<'_>,
    ) -> Option<Kept> {
        match self {
            Self::Real(repository) => {
                let registered = match register_zone(repository, provider, registering, run).await {
                    Ok(registered) => registered,
                    Err(ReconcileError::Listing { .. }) => return None,
                    Err(error) => panic!("{error}"),
                };
                registered.written.expect("a database");
                Some(Kept { leased: registered.leased, is_verified: registered.is_verified })
            }
            Self::Light(light) => {
                let first = light.register(provider, registering, run).await.ok()?;
                if first.is_verified { Some(first) } else { light.register(provider, registering, run).await.ok() }
            }
        }
    }
}

impl Light {
    async fn register(
        &mut self,
        provider: &dyn DnsProvider,
        registering: Registering<'_>,
        run: Run<'_>,
    ) -> Result<Kept, ProviderError> {
        let Registering { instance, wanted, withdrawn, keeps, aliases, ttl, adopt, refresh, brake } = registering;
        let made = self.made.clone();
        let claim_of = |key: &RecordKey| made.contains(key).then_some(Claim::Created);
        let mut registration = Registration {
            instance,
            wanted,
            withdrawn,
            keeps,
            aliases,
            ttl,
            adopt,
            refresh,
            claim_of: &claim_of,
            now: run.now(),
        };
        let scope = registration.scope();
        let before = observe(provider, &scope, run.patience, run.id, run.progress).await?;
        let now = run.now();
        let theirs =
            before.provider_time.filter(|theirs| now.duration_since(*theirs).abs() > SignedDuration::from_secs(60));
        registration.now = theirs.unwrap_or(now);
        let listing = before.clone();
        let RegisterDecision { plan, leased } = register(provider, scope, before, registration);
        self.registered.extend(leased.iter().cloned());
        let (approved, _) = brake.approve_in_part(plan, wanted.len() + withdrawn.len());
        let is_idle = approved.plan().is_empty();
        let report = apply(provider, approved, run.patience, run.id, run.progress).await;
        self.learn(&report.outcomes);
        let seen = report.seen.or_else(|| is_idle.then_some(listing));
        let is_gone = |member: &Member| seen.as_ref().is_some_and(|seen| !self.is_left(seen, member, instance));
        let gone: Vec<Member> = withdrawn.iter().filter(|member| is_gone(member)).cloned().collect();
        self.registered
            .retain(|member| !gone.contains(member) && (leased.contains(member) || !wanted.contains_key(member)));
        let shows = |seen: &Listing| leased.iter().all(|member| is_kept(seen, member, instance));
        let is_lost = |outcome: &Outcome| {
            let is_heartbeat = outcome.name.as_str().starts_with("_heartbeat-");
            is_heartbeat && outcome.action != Action::Delete && !outcome.fate.is_settled()
        };
        let is_verified = seen.as_ref().is_some_and(shows) && !report.outcomes.iter().any(is_lost);
        Ok(Kept { is_verified, leased })
    }

    fn learn(&mut self, outcomes: &[Outcome]) {
        for outcome in outcomes {
            let Some(data) = outcome.data.clone() else { continue };
            let key = RecordKey { name: outcome.name.clone(), data };
            match (outcome.action, outcome.fate) {
                (Action::Create | Action::Replace, Fate::Present) => drop(self.made.insert(key)),
                (Action::Delete, Fate::Gone | Fate::AlreadyGone) => drop(self.made.remove(&key)),
                _ => {}
            }
        }
    }

    fn is_left(&self, seen: &Listing, member: &Member, instance: &InstanceId) -> bool {
        let key = address_of(member);
        let is_alone = heartbeats(seen, member).next().is_none();
        is_beaten(seen, member, instance) || is_alone && self.made.contains(&key) && seen.records.contains(&key)
    }
}

fn is_kept(seen: &Listing, member: &Member, instance: &InstanceId) -> bool {
    seen.records.contains(&address_of(member)) && is_beaten(seen, member, instance)
}

fn is_beaten(seen: &Listing, member: &Member, instance: &InstanceId) -> bool {
    let own = instance.as_str().to_lowercase();
    heartbeats(seen, member).any(|reading| reading.instance.as_ref() == Some(&own))
}

fn heartbeats(seen: &Listing, member: &Member) -> impl Iterator<Item = Reading> {
    seen.records.iter().filter_map(read).filter(|reading| reading.member == *member)
}
