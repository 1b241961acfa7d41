//! The registration of a host.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;

use super::end::is_off;
use super::{CarriedOut, Doubt, ReconcileError, Run, believe, carry_out};
use crate::brake::{Brake, Held};
use crate::heartbeat::{Heartbeat, InstanceId, Member};
use crate::name::Name;
use crate::observe::observe;
use crate::plan::Claim;
use crate::provider::{DnsProvider, ListingSupport, ProviderError, ProviderId, Reaction};
use crate::record::{RecordKey, Ttl};
use crate::record_set::{Listing, Scope};
use crate::register::{Refresh, RegisterDecision, Registration, register};
use crate::report::{Action, Fate, Outcome};
use crate::repository::{DnsRepositoryManager, RepositoryError};

/// How often a registration is decided anew where somebody changed something between look and change.
const ROUNDS: usize = 2;
/// The same where others withdraw or refresh the same address at the same time: each of them may be overtaken by each other.
const RACES: usize = 6;

/// What a host registers in one zone, and how.
#[derive(Clone, Copy)]
pub struct Registering<'a> {
    /// Who it is.
    pub instance: &'a InstanceId,
    /// The addresses that it has at this zone's names, each with whether it is to be proxied, where that is said.
    pub wanted: &'a BTreeMap<Member, Option<bool>>,
    /// What it registered before and has no more.
    pub withdrawn: &'a BTreeSet<Member>,
    /// Whether an address that this host kept alive before is kept alive although nobody knows that the host still has it: for a host without
    /// a memory. The whole zone is listed then.
    pub keeps: Option<&'a (dyn Fn(&Member) -> bool + Sync)>,
    /// Names that are to be aliases of others.
    pub aliases: &'a BTreeMap<Name, Name>,
    /// The TTL of what it writes.
    pub ttl: Ttl,
    /// Whether addresses that are there and that nobody keeps become this host's.
    pub adopt: bool,
    /// Which heartbeats are written anew.
    pub refresh: Refresh,
    /// What holds withdrawals back that are too many.
    pub brake: &'a Brake,
}

/// What a registration came to in one zone.
#[derive(Debug)]
pub struct Registered {
    /// What became of each change; of a preview, what is to be done.
    pub outcomes: Vec<Outcome>,
    /// What this host keeps alive there.
    pub leased: BTreeSet<Member>,
    /// Whether a listing shows all of it.
    pub is_verified: bool,
    /// Withdrawals that the brake holds; the rest was done all the same.
    pub held: Option<Box<Held>>,
    /// Why nothing was withdrawn, where the listing lacks too much.
    pub doubt: Option<Doubt>,
    /// The provider's time, where ours differs from it by more than a minute: it was written instead.
    pub clock: Option<Timestamp>,
    /// Whether what became of it was written down. If not, the next run settles it by looking.
    pub written: Result<(), RepositoryError>,
}

/// Decides what a host would write in a zone. Nothing but the cache is written.
pub async fn preview_registration(
    repository: &mut DnsRepositoryManager,
    provider: &dyn DnsProvider,
    registering: Registering<'_>,
    run: Run<'_>,
) -> Result<Registered, ReconcileError> {
    let registering = registering.as_far_as_listed(provider);
    let look = look(repository, provider, registering, run).await?;
    let claims = claims(repository, provider.id(), &look.scope)?;
    let RegisterDecision { plan, leased } = look.decide(provider, registering, &claims);
    let held = registering.brake.approve(plan.clone(), registering.claims()).err();
    Ok(Registered {
        outcomes: plan.preview(),
        leased,
        is_verified: plan.is_empty(),
        held,
        doubt: look.doubt,
        clock: look.clock,
        written: Ok(()),
    })
}

/// Lets a host register its addresses in a zone and withdraw those that it has no more. The caller holds the provider's lock.
pub async fn register_zone(
    repository: &mut DnsRepositoryManager,
    provider: &dyn DnsProvider,
    registering: Registering<'_>,
    run: Run<'_>,
) -> Result<Registered, ReconcileError> {
    let registering = registering.as_far_as_listed(provider);
    let mut bereft = Bereft::new();
    let mut registered = register_once(repository, provider, registering, &mut bereft, run).await?;
    for round in 1..RACES {
        let may_go = !registered.is_verified && registered.outcomes.iter().any(may_go_another_way);
        let is_overtaken = !bereft.is_empty() || registered.outcomes.iter().any(was_overtaken);
        let goes_on = is_overtaken || may_go && round < ROUNDS;
        if !goes_on {
            break;
        }
        let mut done = std::mem::take(&mut registered.outcomes);
        done.retain(|outcome| outcome.fate.is_settled());
        registered = register_once(repository, provider, registering, &mut bereft, run).await?;
        registered.outcomes.splice(0..0, done);
    }
    Ok(registered)
}

/// Addresses that a host withdrew and left to others that kept them, and that nobody keeps after all, because the others withdrew them at the
/// same moment: they were this host's too.
type Bereft = BTreeSet<Member>;

/// Returns the addresses at those names that this host keeps alive by what a listing shows: for a host that ends and does not remember what it
/// registered.
pub async fn find_registered(
    provider: &dyn DnsProvider,
    instance: &InstanceId,
    domains: &BTreeSet<Name>,
    run: Run<'_>,
) -> Result<BTreeSet<Member>, ReconcileError> {
    let mut scope = match provider.capabilities().listing {
        ListingSupport::Zone => Scope::Zone,
        ListingSupport::NamesOnly => Scope::Names(domains.clone()),
    };
    loop {
        let listing = observe(provider, &scope, run.patience, run.id, run.progress).await;
        let failed = |source| ReconcileError::Listing { provider: provider.id().clone(), scope: scope.clone(), source };
        let listing = listing.map_err(failed)?;
        let there = listing.records.iter().filter_map(Member::of).filter(|member| domains.contains(&member.domain));
        let heartbeats = there.filter_map(|member| member.heartbeat_name().ok());
        let unseen: Vec<Name> = heartbeats.filter(|name| !scope.covers(name)).collect();
        match &mut scope {
            Scope::Names(names) if !unseen.is_empty() => names.extend(unseen),
            _ => {
                let own = listing.records.iter().filter_map(Heartbeat::of).filter(|it| it.is_of(instance));
                return Ok(own.map(|it| it.member).filter(|member| domains.contains(&member.domain)).collect());
            }
        }
    }
}

async fn register_once(
    repository: &mut DnsRepositoryManager,
    provider: &dyn DnsProvider,
    registering: Registering<'_>,
    bereft: &mut Bereft,
    run: Run<'_>,
) -> Result<Registered, ReconcileError> {
    let (id, instance) = (provider.id(), registering.instance);
    let look = look(repository, provider, registering, run).await?;
    if look.doubt.is_none() {
        repository.settle_by_looking(id, &look.scope, &look.listing, run.now())?;
    }
    let mut claims = claims(repository, id, &look.scope)?;
    claims.extend(bereft.iter().map(|member| (member.key(), Claim::Heartbeat)));
    let RegisterDecision { plan, leased } = look.decide(provider, registering, &claims);
    // Before it is asked for, so that it is withdrawn one day whatever happens now.
    repository.add_registrations(instance, id, &leased, run.now())?;
    let (approved, held) = registering.brake.approve_in_part(plan, registering.claims());
    if let Some(held) = &held {
        let deletions = held.plan.deletions().map(|step| (&step.change.record().key, step.reason));
        repository.hold(held.id, id, deletions, run.now())?;
    }
    let is_idle = approved.plan().is_empty();
    let CarriedOut { report, written } = carry_out(repository, provider, approved, run).await?;
    let seen = report.seen.as_ref().or_else(|| is_idle.then_some(&look.listing));
    let is_verified = seen.is_some_and(|seen| shows(seen, &leased, instance)) && are_written(&report.outcomes, &leased);
    *bereft = match &report.seen {
        Some(seen) if held.is_none() && look.doubt.is_none() => {
            registering.bereft(&look.listing, seen, &report.outcomes)
        }
        _ => Bereft::new(),
    };
    claims.extend(bereft.iter().map(|member| (member.key(), Claim::Heartbeat)));
    let is_left = |member: &Member| seen.is_none_or(|seen| is_left(seen, member, instance, &claims));
    let gone = registering.withdrawn.iter().filter(|member| look.doubt.is_none() && !is_left(member));
    let not_leased = registering.wanted.keys().filter(|member| !leased.contains(*member));
    repository.remove_registrations(instance, id, gone.chain(not_leased))?;
    Ok(Registered {
        is_verified,
        leased,
        outcomes: report.outcomes,
        held,
        doubt: look.doubt,
        clock: look.clock,
        written,
    })
}

impl Registering<'_> {
    /// Returns the addresses that were withdrawn, not asked for because others kept them `before`, and are there without anybody `after`.
    fn bereft(&self, before: &Listing, after: &Listing, outcomes: &[Outcome]) -> Bereft {
        let was_asked_for = |member: &Member| {
            let address = |outcome: &Outcome| outcome.data.as_ref().and_then(|data| data.address());
            outcomes.iter().any(|it| it.name == member.domain && address(it) == Some(member.address))
        };
        let is_bereft = |member: &&Member| {
            has_heartbeat(before, member, self.instance)
                && !was_asked_for(member)
                && after.records.contains(&member.key())
                && heartbeats(after, member).next().is_none()
        };
        self.withdrawn.iter().filter(is_bereft).cloned().collect()
    }

    /// Returns how many leases the host could withdraw.
    fn claims(&self) -> usize {
        self.wanted.len() + self.withdrawn.len()
    }
}

/// What a host sees before it decides.
struct Look {
    scope: Scope,
    listing: Listing,
    doubt: Option<Doubt>,
    clock: Option<Timestamp>,
    now: Timestamp,
}

/// Lists what a registration is about. A listing that lacks too much keeps nobody from saying that he lives, only from withdrawing
/// anything.
async fn look(
    repository: &mut DnsRepositoryManager,
    provider: &dyn DnsProvider,
    registering: Registering<'_>,
    run: Run<'_>,
) -> Result<Look, ReconcileError> {
    let id = provider.id();
    let scope = registering.registration(&|_| None, run.now()).scope();
    let asked = run.now();
    let listing = observe(provider, &scope, run.patience, run.id, run.progress).await;
    let failed = |source| ReconcileError::Listing { provider: id.clone(), scope: scope.clone(), source };
    let listing = listing.map_err(failed)?;
    let doubt = believe(repository, id, &scope, &listing, run)?;
    let now = run.now();
    let clock = listing.provider_time.filter(|theirs| is_off(*theirs, asked, now));
    Ok(Look { scope, doubt, clock, now: clock.unwrap_or(now), listing })
}

impl Look {
    fn decide(&self, provider: &dyn DnsProvider, registering: Registering<'_>, claims: &Claims) -> RegisterDecision {
        let nothing = BTreeSet::new();
        let withdrawn = if self.doubt.is_some() { &nothing } else { registering.withdrawn };
        let claim_of = |key: &RecordKey| claims.get(key).copied();
        let registration = Registering { withdrawn, ..registering }.registration(&claim_of, self.now);
        register(provider, self.scope.clone(), self.listing.clone(), registration)
    }
}

impl<'a> Registering<'a> {
    /// Looks for nothing where only names can be listed.
    fn as_far_as_listed(self, provider: &dyn DnsProvider) -> Self {
        let keeps = self.keeps.filter(|_| provider.capabilities().listing == ListingSupport::Zone);
        Self { keeps, ..self }
    }

    fn registration(self, claim_of: &'a dyn Fn(&RecordKey) -> Option<Claim>, now: Timestamp) -> Registration<'a> {
        let Self { instance, wanted, withdrawn, keeps, aliases, ttl, adopt, refresh, .. } = self;
        Registration { instance, wanted, withdrawn, keeps, aliases, ttl, claim_of, adopt, now, refresh }
    }
}

/// Why records are ours.
type Claims = BTreeMap<RecordKey, Claim>;

fn claims(repository: &DnsRepositoryManager, id: &ProviderId, scope: &Scope) -> Result<Claims, RepositoryError> {
    let mut claims = Claims::new();
    let Scope::Names(names) = scope else { return Ok(claims) };
    for name in names {
        for tracked in repository.managed_records().get_tracked_records_at(id, name, Duration::ZERO)? {
            claims.extend(tracked.claim.map(|claim| (tracked.record.key, claim)));
        }
    }
    Ok(claims)
}

/// Returns whether a listing has every address and this instance's heartbeat for it.
fn shows(seen: &Listing, leased: &BTreeSet<Member>, instance: &InstanceId) -> bool {
    leased.iter().all(|member| seen.records.contains(&member.key()) && has_heartbeat(seen, member, instance))
}

/// Returns whether the heartbeats that were to be written are: what is listed otherwise may be the last ones.
fn are_written(outcomes: &[Outcome], leased: &BTreeSet<Member>) -> bool {
    let names: BTreeSet<Name> = leased.iter().filter_map(|member| member.heartbeat_name().ok()).collect();
    let mut written = outcomes.iter().filter(|outcome| outcome.action != Action::Delete);
    written.all(|outcome| outcome.fate.is_settled() || !names.contains(&outcome.name))
}

fn has_heartbeat(seen: &Listing, member: &Member, instance: &InstanceId) -> bool {
    heartbeats(seen, member).any(|heartbeat| heartbeat.is_of(instance))
}

fn heartbeats(seen: &Listing, member: &Member) -> impl Iterator<Item = Heartbeat> {
    let name = member.heartbeat_name().ok();
    name.into_iter().flat_map(|name| seen.records.at(&name)).filter_map(Heartbeat::of)
}

/// Returns whether something of a withdrawn member is there that is this instance's.
fn is_left(seen: &Listing, member: &Member, instance: &InstanceId, claims: &Claims) -> bool {
    let key = member.key();
    let is_alone = heartbeats(seen, member).next().is_none();
    has_heartbeat(seen, member, instance) || is_alone && claims.contains_key(&key) && seen.records.contains(&key)
}

/// Returns whether it is a withdrawal that was not made because somebody else changed the heartbeats of that address meanwhile.
fn was_overtaken(outcome: &Outcome) -> bool {
    outcome.action == Action::Delete && outcome.fate == Fate::Refused && outcome.asked > 0 && outcome.error.is_none()
}

/// Returns whether a decision on a new listing may come to something else: where somebody changed the same records meanwhile, or where the
/// provider said what it cannot do.
fn may_go_another_way(outcome: &Outcome) -> bool {
    let cannot_be_asked = |error: &ProviderError| {
        matches!(error.reaction, Reaction::Unreachable | Reaction::Unauthorized | Reaction::Busy { .. })
    };
    match outcome.fate {
        Fate::Refused | Fate::StillMissing | Fate::Differs => !outcome.error.as_ref().is_some_and(cannot_be_asked),
        Fate::Present | Fate::AlreadyPresent => true,
        Fate::Gone | Fate::AlreadyGone | Fate::StillThere | Fate::Unconfirmed | Fate::NotTried => false,
    }
}
