//! The one function that changes anything.

use std::time::Duration;

use crate::condition::{after, holds};
use crate::heartbeat::exclude;
use crate::observe::pause_after;
use crate::patience::Patience;
use crate::plan::{ApprovedPlan, Claim, Plan, Step, StepGroup};
use crate::progress::Progress;
use crate::provider::{Answer, Attempt, Change, Condition, DnsProvider, Group, ProviderError, Reaction, RunId};
use crate::record::Record;
use crate::record_set::Listing;
use crate::report::{Fate, Outcome, Report};
use crate::settle::{Touched, ask_anew, not_made, tombstone, with_heartbeats};

/// Makes the changes of an approved plan and verifies each: asks, lists, compares, and tries what is left again in another
/// way. Only a listing taken after the change says that it was made; a listing that failed, or lacks records outside the
/// change, says nothing.
///
/// A plan of `n` batches whose scope has `p` pages costs `n + p` calls where all goes well.
pub async fn apply(
    provider: &dyn DnsProvider,
    plan: ApprovedPlan,
    patience: &Patience,
    run: RunId,
    progress: &(dyn Fn(Progress<'_>) + Sync),
) -> Report {
    let plan = plan.into_plan();
    let mut work = Work::new(&plan, run);
    let mut pauses = patience.pauses(run.0);
    let mut attempt = Attempt { number: 1, run };
    while work.has_left() {
        work.ask(provider, attempt, progress).await;
        if work.was_asked() {
            work.look(provider, progress).await;
        }
        while work.can_go_on() {
            let Some(pause) = pauses.next(work.asked_pause()) else { return work.report(&plan) };
            work.pause(pause, progress).await;
            // What a slow provider shows late is not asked for twice: first comes a look. What was never taken shows nothing,
            // and the look might use up the one call that the provider grants.
            if work.was_left_asked() || work.rests_on_a_look(provider) {
                work.look(provider, progress).await;
            }
            if work.saw_something() {
                break;
            }
        }
        if !work.can_go_on() {
            break;
        }
        attempt.number += u32::from(work.was_taken_in_vain());
    }
    work.report(&plan)
}

/// What is known of the plan's changes while they are made.
struct Work<'a> {
    plan: &'a Plan,
    run: RunId,
    touched: Touched,
    groups: Vec<WorkGroup<'a>>,
    /// The latest listing that can be believed.
    seen: Listing,
    /// Whether that was taken after the first change was asked for.
    is_verified: bool,
    /// Why the last look showed nothing.
    blind: Option<ProviderError>,
    /// What ended the work early.
    stopped: bool,
}

struct WorkGroup<'a> {
    steps: Vec<WorkStep<'a>>,
}

struct WorkStep<'a> {
    step: &'a Step,
    asked: u32,
    first: Option<Answer>,
    last: Option<Answer>,
    state: State,
    /// Whether the last believable listing speaks against the condition that failed, so that asking again would be in vain.
    is_refuted: bool,
    /// Whether an answer left it open that something of it was made.
    may_be_half_made: bool,
    /// What the last believable listing shows beside it that a person should know.
    seen_beside: Option<String>,
}

/// What the last believable listing said.
#[derive(Clone, Copy, PartialEq)]
enum State {
    /// It was not asked for yet, or nothing could be seen since.
    Unknown,
    Made,
    NotMade(Fate),
}

impl<'a> Work<'a> {
    fn new(plan: &'a Plan, run: RunId) -> Self {
        let group = |group: &'a StepGroup| WorkGroup { steps: group.steps.iter().map(WorkStep::new).collect() };
        Self {
            plan,
            run,
            touched: Touched::by(plan.steps().map(|step| &step.change)),
            groups: plan.groups().iter().map(group).collect(),
            seen: plan.before().clone(),
            is_verified: false,
            blind: None,
            stopped: false,
        }
    }

    fn steps(&self) -> impl Iterator<Item = &WorkStep<'a>> {
        self.groups.iter().flat_map(|group| &group.steps)
    }

    fn has_left(&self) -> bool {
        self.left().next().is_some()
    }

    /// Returns what there is left to ask for.
    fn left(&self) -> impl Iterator<Item = &WorkStep<'a>> {
        self.groups.iter().flat_map(WorkGroup::left)
    }

    fn can_go_on(&self) -> bool {
        !self.stopped && self.has_left()
    }

    /// Returns whether anything was asked for that a listing could show.
    fn was_asked(&self) -> bool {
        self.steps().any(|step| step.asked > 0)
    }

    /// Returns whether a change that is left was answered otherwise than with "later": only then another way makes sense, which
    /// may cost a call for each change.
    fn was_taken_in_vain(&self) -> bool {
        let later = |answer: &Answer| {
            matches!(reaction(answer), Some(Reaction::Busy { .. } | Reaction::Unreachable))
                || matches!(answer, Answer::ConditionFailed)
        };
        self.left().any(|step| step.last.as_ref().is_some_and(|answer| !later(answer)))
    }

    /// Returns whether what is left was taken at least once, so that a listing may show it.
    fn was_left_asked(&self) -> bool {
        self.blind.is_some() || self.left().any(|step| step.asked > 0)
    }

    /// Returns whether something is left that was decided on what was seen, and that the provider itself cannot compare with what there is:
    /// after a pause it may be otherwise.
    fn rests_on_a_look(&self, provider: &dyn DnsProvider) -> bool {
        let is_deletion = |step: &WorkStep<'_>| matches!(step.step.change, Change::Delete(_));
        !provider.capabilities().conditions && self.left().any(is_deletion)
    }

    fn saw_something(&self) -> bool {
        self.blind.is_none()
    }

    /// Returns how long the provider wants to be left alone, where it said so.
    fn asked_pause(&self) -> Option<Duration> {
        let from_changes = self.left().filter_map(WorkStep::error);
        from_changes.chain(&self.blind).filter_map(|error| pause_after(error).flatten()).max()
    }

    /// Asks for what is left, in as few requests as the provider allows. A provider that does not answer, wants a pause, or does
    /// not let us in, is not asked for more now: a thousand time-outs would take hours.
    async fn ask(&mut self, provider: &dyn DnsProvider, attempt: Attempt, progress: &(dyn Fn(Progress<'_>) + Sync)) {
        let requests = self.requests(provider.capabilities().batch);
        let total = requests.iter().flatten().map(|(_, group)| group.changes.len()).sum();
        let mut done = 0;
        for request in requests {
            progress(Progress::Asking { done, total });
            let groups: Vec<Group> = request.iter().map(|(_, group)| group.clone()).collect();
            let answers = provider.apply(&groups, &self.seen.records, attempt).await;
            done += groups.iter().map(|group| group.changes.len()).sum::<usize>();
            let enough = answers.iter().any(ends_the_round);
            self.take(&request, answers);
            if enough {
                return;
            }
        }
        progress(Progress::Asking { done, total });
    }

    /// Cuts what is left into requests: as many groups as fit into a batch, a larger group alone.
    fn requests(&self, batch: usize) -> Vec<Vec<(usize, Group)>> {
        let mut requests: Vec<Vec<(usize, Group)>> = Vec::new();
        let mut room = 0;
        for (index, group) in self.groups.iter().enumerate() {
            let Some(ask) = group.ask(&self.plan.groups()[index].only_if, &self.seen, self.run) else { continue };
            match requests.last_mut() {
                Some(request) if ask.changes.len() <= room => {
                    room -= ask.changes.len();
                    request.push((index, ask));
                }
                _ => {
                    room = batch.saturating_sub(ask.changes.len());
                    requests.push(vec![(index, ask)]);
                }
            }
        }
        requests
    }

    fn take(&mut self, request: &[(usize, Group)], answers: Vec<Answer>) {
        let mut answers = answers.into_iter();
        for (index, _) in request {
            for step in self.groups[*index].left_mut() {
                let answer = answers.next().unwrap_or_else(no_answer);
                self.stopped |= reaction(&answer) == Some(Reaction::Unauthorized);
                step.take(answer);
            }
        }
    }

    async fn pause(&self, pause: Duration, progress: &(dyn Fn(Progress<'_>) + Sync)) {
        let error = self.blind.as_ref().or_else(|| self.left().find_map(WorkStep::error));
        let why =
            error.map_or_else(|| "the provider said yes, and its listing says otherwise".into(), ToString::to_string);
        progress(Progress::Waiting { pause, why: &why });
        tokio::time::sleep(pause).await;
    }

    /// Lists, and settles what the listing proves.
    async fn look(&mut self, provider: &dyn DnsProvider, progress: &(dyn Fn(Progress<'_>) + Sync)) {
        progress(Progress::Looking);
        let listing = match self.list(provider).await {
            Ok(listing) => listing,
            Err(error) => {
                self.stopped |= pause_after(&error).is_none();
                self.blind = Some(error);
                return;
            }
        };
        for step in self.groups.iter_mut().flat_map(|group| &mut group.steps) {
            step.state = not_made(&step.step.change, &listing, self.run).map_or(State::Made, State::NotMade);
            step.seen_beside = seen_beside(&step.step.change, &listing, self.run, provider);
        }
        for (group, planned) in self.groups.iter_mut().zip(self.plan.groups()) {
            group.look_at_conditions(&planned.only_if, &listing, provider);
        }
        self.blind = None;
        self.is_verified = true;
        self.seen = listing;
    }

    /// Returns a listing that lacks nothing outside the change; where leases come and go beside it, none but whole leases, which a second
    /// listing, with their heartbeats, lacks too.
    async fn list(&self, provider: &dyn DnsProvider) -> Result<Listing, ProviderError> {
        let (before, scope) = (&self.plan.before().records, self.plan.scope());
        let listing = provider.list(scope).await?;
        let Some(lacking) = self.touched.lacking(before, &listing.records, scope) else { return Ok(listing) };
        if !self.plan.is_beside_leases() {
            return Err(self.is_lacking(lacking));
        }
        if let Some(lacking) = self.touched.lacking_but_leases(before, &listing.records, scope) {
            return Err(self.is_lacking(lacking));
        }
        let again = provider.list(&with_heartbeats(scope, before, &listing.records)).await?;
        let lacking = self.touched.lacking_but_leases(before, &again.records, scope);
        if let Some(lacking) = lacking.or_else(|| self.touched.lacking(&listing.records, &again.records, scope)) {
            return Err(self.is_lacking(lacking));
        }
        let is_meant = |record: &Record| record.name().is_tombstone() || scope.covers(record.name());
        Ok(Listing { records: again.records.iter().filter(|record| is_meant(record)).cloned().collect(), ..again })
    }

    fn is_lacking(&self, lacking: &Record) -> ProviderError {
        let doing = format!("verify the change at {}", self.plan.provider());
        let answered = format!("the listing lacks a record that the change does not touch: {lacking}");
        let hint =
            "either the listing is incomplete or somebody else deleted it just now; look at it with `dns-cli list`";
        ProviderError::new(Reaction::Malformed, doing, answered).hint(hint)
    }

    fn report(&self, plan: &Plan) -> Report {
        let mut outcomes = plan.settled().to_vec();
        outcomes.extend(self.steps().map(|step| step.outcome(self.blind.as_ref())));
        Report { provider: plan.provider().clone(), outcomes, seen: self.is_verified.then(|| self.seen.clone()) }
    }
}

impl<'a> WorkGroup<'a> {
    /// Returns what has to be asked for now, under the group's conditions as far as it got: an RRset that a part of it has
    /// changed must be as that part left it.
    fn ask(&self, only_if: &[Condition], seen: &Listing, run: RunId) -> Option<Group> {
        let changes: Vec<Change> = self
            .left()
            .map(|step| match step.asked {
                0 => step.step.change.clone(),
                _ => ask_anew(&step.step.change, seen, run).unwrap_or_else(|| step.step.change.clone()),
            })
            .collect();
        (!changes.is_empty()).then(|| Group { only_if: self.conditions(only_if), changes })
    }

    /// Returns the conditions with what is made already taken into account.
    fn conditions(&self, only_if: &[Condition]) -> Vec<Condition> {
        let made = || self.steps.iter().filter(|step| step.state == State::Made).map(|step| &step.step.change);
        only_if.iter().map(|condition| made().fold(condition.clone(), after)).collect()
    }

    /// Finds out whether a condition that failed holds by now, as where a neighbour changed a value of their own in between: then
    /// there is sense in asking again. And for a provider that knows no conditions whether they still hold.
    fn look_at_conditions(&mut self, only_if: &[Condition], seen: &Listing, provider: &dyn DnsProvider) {
        let hold = self.conditions(only_if).iter().all(|condition| holds(condition, seen));
        if !hold && !provider.capabilities().conditions {
            for step in self.left_mut() {
                step.last = Some(Answer::ConditionFailed);
            }
        }
        if !self.steps.iter().any(|step| matches!(step.last, Some(Answer::ConditionFailed))) {
            return;
        }
        let has_room = self.has_room(seen, provider);
        for step in &mut self.steps {
            step.is_refuted = !hold || !has_room;
        }
    }

    /// Returns whether what is to be replaced is there, and nothing that excludes what comes.
    fn has_room(&self, seen: &Listing, provider: &dyn DnsProvider) -> bool {
        let left = || self.steps.iter().filter(|step| step.state != State::Made).map(|step| &step.step.change);
        let is_leaving = |other: &Record| {
            left().any(|change| match change {
                Change::Delete(old) | Change::Replace { old, .. } => old.key == other.key,
                Change::Create(_) => false,
            })
        };
        let is_free = |new: &Record| {
            let others = seen.records.at(new.name()).iter().filter(|other| other.key != new.key && !is_leaving(other));
            !others.into_iter().any(|other| exclude(provider, other, new))
        };
        left().all(|change| match change {
            Change::Delete(_) => true,
            Change::Create(new) => is_free(new),
            Change::Replace { old, new } => seen.records.contains(&old.key) && is_free(new),
        })
    }

    /// Returns what there is sense in asking for.
    fn left(&self) -> impl Iterator<Item = &WorkStep<'a>> {
        self.steps[..self.possible()].iter().filter(|step| step.is_left())
    }

    fn left_mut(&mut self) -> impl Iterator<Item = &mut WorkStep<'a>> {
        let possible = self.possible();
        self.steps[..possible].iter_mut().filter(|step| step.is_left())
    }

    /// Returns how many of the steps can be made: what follows a change that was refused may depend on it.
    fn possible(&self) -> usize {
        let is_possible = |step: &WorkStep<'_>| step.state == State::Made || !step.is_final();
        self.steps.iter().position(|step| !is_possible(step)).unwrap_or(self.steps.len())
    }
}

impl<'a> WorkStep<'a> {
    fn new(step: &'a Step) -> Self {
        Self {
            step,
            asked: 0,
            first: None,
            last: None,
            state: State::Unknown,
            is_refuted: true,
            may_be_half_made: false,
            seen_beside: None,
        }
    }

    /// Returns whether there is something left to ask for, and sense in it.
    fn is_left(&self) -> bool {
        self.state != State::Made && !self.is_final() && !self.is_anothers()
    }

    /// Returns whether somebody else made it meanwhile, with other attributes: what no person named is then not ours to change.
    fn is_anothers(&self) -> bool {
        self.step.claim != Claim::ByHand
            && matches!(self.step.change, Change::Create(_))
            && matches!(self.first, Some(Answer::AlreadySo))
            && self.state == State::NotMade(Fate::Differs)
    }

    /// Returns whether the provider's answer will not change.
    fn is_final(&self) -> bool {
        match &self.last {
            Some(Answer::ConditionFailed) => self.is_refuted,
            Some(Answer::Failed(error)) => matches!(error.reaction, Reaction::Refused | Reaction::Unauthorized),
            _ => false,
        }
    }

    /// Returns whether the last answer says that nothing was made, for a reason that lies in the change.
    fn is_refused(&self) -> bool {
        self.is_final() || matches!(self.last, Some(Answer::ConditionFailed))
    }

    fn error(&self) -> Option<&ProviderError> {
        match &self.last {
            Some(Answer::Failed(error)) => Some(error),
            _ => None,
        }
    }

    fn take(&mut self, answer: Answer) {
        self.may_be_half_made |=
            !matches!(reaction(&answer), Some(Reaction::Busy { .. } | Reaction::Unauthorized | Reaction::Refused))
                && !matches!(answer, Answer::ConditionFailed);
        if !was_not_taken(&answer) {
            self.asked += 1;
            self.first.get_or_insert_with(|| answer.clone());
        }
        self.state = State::Unknown;
        self.is_refuted = true;
        self.last = Some(answer);
    }

    fn outcome(&self, blind: Option<&ProviderError>) -> Outcome {
        let mut outcome = Outcome::of(self.step, self.fate());
        outcome.asked = self.asked;
        if !matches!(outcome.fate, Fate::Unconfirmed | Fate::NotTried) {
            outcome.notes.extend(self.seen_beside.clone());
        }
        if self.is_anothers() {
            outcome.notes.push("somebody else made it meanwhile, with other attributes, so it is theirs".into());
        }
        if outcome.fate.is_settled() {
            return outcome;
        }
        outcome.error = match outcome.fate {
            Fate::Unconfirmed => blind.or_else(|| self.error()).cloned(),
            _ => self.error().or(blind).cloned(),
        };
        if matches!(self.last, Some(Answer::ConditionFailed)) {
            outcome.notes.push("it is no longer as it was when it was looked at, so it was left alone".into());
        }
        outcome
    }

    fn fate(&self) -> Fate {
        // What was asked for once more was not so. What was never made when we asked, somebody else made.
        let already = matches!(self.first, Some(Answer::AlreadySo)) && self.asked == 1 || !self.may_be_half_made;
        match (self.state, &self.step.change) {
            _ if self.is_anothers() => Fate::AlreadyPresent,
            // What was made without our asking was made by somebody else.
            (State::Made, Change::Delete(_)) if already || self.asked == 0 => Fate::AlreadyGone,
            (State::Made, Change::Delete(_)) => Fate::Gone,
            (State::Made, _) if already || self.asked == 0 => Fate::AlreadyPresent,
            (State::Made, _) => Fate::Present,
            _ if self.is_refused() && !self.may_be_half_made => Fate::Refused,
            _ if self.asked == 0 => Fate::NotTried,
            (State::NotMade(fate), _) => fate,
            (State::Unknown, _) => Fate::Unconfirmed,
        }
    }
}

/// Returns what a person should know about what the listing shows beside a change.
fn seen_beside(change: &Change, listing: &Listing, run: RunId, provider: &dyn DnsProvider) -> Option<String> {
    let record = change.record();
    if let Change::Delete(_) = change {
        let renamed = tombstone(record, listing, run)?;
        return Some(format!(
            "on its way out it was renamed to {}, which is still listed; the next change here or `dns-cli sync` removes it",
            renamed.name()
        ));
    }
    let listed = listing.records.get(&record.key)?;
    if listed.handles.len() > 1 {
        return Some(format!("the provider holds {} copies of it", listed.handles.len()));
    }
    let mut others = listing.records.at(record.name()).iter().filter(|other| other.key != record.key);
    let other = others.find(|other| exclude(provider, other, record))?;
    Some(format!("{other} was added by somebody else meanwhile, and one of the two is not answered"))
}

/// Returns whether the provider did not even look at the change.
fn was_not_taken(answer: &Answer) -> bool {
    matches!(reaction(answer), Some(Reaction::Busy { .. } | Reaction::Unauthorized))
}

/// Returns whether the next change would be answered the same.
fn ends_the_round(answer: &Answer) -> bool {
    was_not_taken(answer) || reaction(answer) == Some(Reaction::Unreachable)
}

/// A provider that answers too little has not kept its contract, and nothing is known of the rest.
fn no_answer() -> Answer {
    Answer::Failed(ProviderError::new(Reaction::Malformed, "learn what became of a change", "the provider did not say"))
}

fn reaction(answer: &Answer) -> Option<Reaction> {
    match answer {
        Answer::Failed(error) => Some(error.reaction),
        Answer::Accepted | Answer::AlreadySo | Answer::ConditionFailed => None,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::name::Name;
    use crate::plan::{Claim, Reason};
    use crate::record::{RecordData, RecordType};

    const RUN: RunId = RunId(7);

    fn creation(answer: &str) -> Step {
        let name = Name::parse("a.example").unwrap();
        let change = Change::Create(Record::new(name, RecordData::infer(answer).unwrap()));
        Step { change, claim: Claim::Created, reason: Reason::Wanted, origins: BTreeSet::new(), notes: Vec::new() }
    }

    #[test]
    fn conditions_are_asked_for_as_far_as_the_group_got() {
        let steps = [creation("10.0.0.1"), creation("10.0.0.2")];
        let mut group = WorkGroup { steps: steps.iter().map(WorkStep::new).collect() };
        let name = steps[0].change.record().name().clone();
        let lease = RecordData::parse(&RecordType::Txt, "1,web-01").unwrap();
        let only_if = [
            Condition { name: name.clone(), rtype: RecordType::A, values: Vec::new() },
            Condition { name: name.child("_heartbeat").unwrap(), rtype: RecordType::Txt, values: vec![lease] },
        ];
        let nothing = Listing::default();
        let asked = group.ask(&only_if, &nothing, RUN).unwrap();
        assert_eq!((asked.only_if, asked.changes.len()), (only_if.to_vec(), 2));
        for step in &mut group.steps {
            step.take(Answer::Accepted);
            step.state = State::NotMade(Fate::StillMissing);
        }
        assert_eq!(group.ask(&only_if, &nothing, RUN).unwrap().only_if, only_if, "nothing of it is made");
        group.steps[0].state = State::Made;
        let asked = group.ask(&only_if, &nothing, RUN).unwrap();
        assert_eq!(
            (&asked.only_if[1], asked.changes.len()),
            (&only_if[1], 1),
            "what it does not touch holds as before"
        );
        let made = vec![steps[0].change.record().key.data.clone()];
        assert_eq!(
            asked.only_if[0],
            Condition { values: made, ..only_if[0].clone() },
            "what it made of it must still be so"
        );
    }
}
