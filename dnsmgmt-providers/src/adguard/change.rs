//! Making changes, one call after the other.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};

use dnsmgmt_core::name::Name;
use dnsmgmt_core::provider::{Answer, Attempt, Change, Group, ProviderError, Reaction};
use dnsmgmt_core::record::Record;
use dnsmgmt_core::record_set::RecordSet;

use super::api::{Api, Updated};
use super::rewrite::{self, Spelling};

/// What is said of a record that is wanted switched off where that does not exist.
const CANNOT_DISABLE: &str = "this AdGuard Home cannot switch a rewrite off; v0.107.68 and later can";

/// Changes to make, what was listed before them, and the how-manieth time they are asked for.
pub(super) struct Work<'a> {
    api: &'a Api,
    before: &'a RecordSet,
    attempt: Attempt,
    /// Whether the server took a part of the present change.
    in_part: AtomicBool,
}

/// Returns why a change would be refused, where that is known without asking.
pub(super) fn objection(api: &Api, change: &Change) -> Option<&'static str> {
    match change {
        Change::Create(wanted) | Change::Replace { new: wanted, .. } => objection_to(api, wanted),
        Change::Delete(_) => None,
    }
}

fn objection_to(api: &Api, wanted: &Record) -> Option<&'static str> {
    let cannot_disable = || wanted.enabled == Some(false) && api.cannot_disable();
    rewrite::objection(wanted).or_else(|| cannot_disable().then_some(CANNOT_DISABLE))
}

impl<'a> Work<'a> {
    pub(super) fn new(api: &'a Api, before: &'a RecordSet, attempt: Attempt) -> Self {
        Self { api, before, attempt, in_part: AtomicBool::new(false) }
    }

    /// Makes the changes in order and returns an answer for each. What follows a failure in its group is not tried, and
    /// nothing is once the server does not know us any more.
    pub(super) async fn make(&self, groups: &[Group]) -> Vec<Answer> {
        let mut answers = Vec::new();
        let mut locked_out = None;
        for group in groups {
            let mut stopped = locked_out.clone();
            for change in &group.changes {
                let answer = match &stopped {
                    Some(reason) => after(reason, change),
                    None if is_conditional(change, group) => self.remove_if_there(change.record()).await,
                    None => self.change(change).await,
                };
                if stopped.is_none() && matches!(answer, Answer::ConditionFailed | Answer::Failed(_)) {
                    stopped = Some(answer.clone());
                }
                if matches!(&answer, Answer::Failed(error) if error.reaction == Reaction::Unauthorized) {
                    locked_out = Some(answer.clone());
                }
                answers.push(answer);
            }
        }
        answers
    }

    /// Deletes a record only if it is still there, in the one way that tells: it becomes a tombstone first. Of a group with conditions
    /// this is the step that asks whether they hold.
    async fn remove_if_there(&self, record: &Record) -> Answer {
        self.in_part.store(false, Ordering::Relaxed);
        let renamed = async {
            let copies = self.before.get(&record.key).map(Spelling::of_copies).unwrap_or_default();
            let going = self.rename(copies).await?;
            if going.is_empty() {
                return Ok(Answer::ConditionFailed);
            }
            self.delete_all(going).await?;
            Ok(Answer::Accepted)
        };
        let answer = renamed.await.unwrap_or_else(Answer::Failed);
        if self.in_part.load(Ordering::Relaxed) {
            made_in_part(answer, &Change::Delete(record.clone()))
        } else {
            answer
        }
    }

    async fn change(&self, change: &Change) -> Answer {
        self.in_part.store(false, Ordering::Relaxed);
        let answer = match change {
            Change::Create(wanted) => self.create(wanted).await,
            Change::Replace { old, new } => self.replace(old, new).await,
            Change::Delete(record) => self.delete(record).await,
        };
        let answer = answer.unwrap_or_else(Answer::Failed);
        if self.in_part.load(Ordering::Relaxed) { made_in_part(answer, change) } else { answer }
    }

    async fn create(&self, wanted: &Record) -> Result<Answer, ProviderError> {
        self.check(wanted)?;
        if let Some(listed) = self.before.get(&wanted.key) {
            return self.switch(listed, wanted).await;
        }
        let spelling = self.spell(wanted).await?;
        self.add(&spelling, wanted.enabled).await?;
        Ok(Answer::Accepted)
    }

    /// Deletes all copies of a record, and what this run has left of it as a tombstone.
    async fn delete(&self, record: &Record) -> Result<Answer, ProviderError> {
        let copies = self.before.get(&record.key).map(Spelling::of_copies).unwrap_or_default();
        let mut going: BTreeSet<Spelling> =
            self.left_as_tombstones(|left| left.key.data == record.key.data).into_iter().collect();
        // A tombstone has been renamed already.
        if self.attempt.number > 1 && !record.name().is_tombstone() {
            going.extend(self.rename(copies).await?);
        } else {
            going.extend(copies);
        }
        if going.is_empty() {
            return Ok(Answer::AlreadySo);
        }
        self.delete_all(going).await?;
        Ok(Answer::Accepted)
    }

    /// The other way of deleting: each copy becomes a tombstone first, by the call that says whether it was there. Returns what
    /// is to be deleted then: the tombstones, or the copies themselves where the server has no such call.
    ///
    /// The domain changes and the answer stays: a copy with another answer would still be in the way of its siblings.
    async fn rename(&self, copies: Vec<Spelling>) -> Result<Vec<Spelling>, ProviderError> {
        let mut going = Vec::new();
        for copy in copies {
            let tombstone = copy.renamed(&self.tombstone());
            match self.update(&copy, &tombstone, None).await? {
                Updated::Done => going.push(tombstone),
                Updated::TargetNotFound => {}
                Updated::Unsupported => going.push(copy),
            }
        }
        Ok(going)
    }

    async fn replace(&self, old: &Record, new: &Record) -> Result<Answer, ProviderError> {
        self.check(new)?;
        let Some(listed) = self.before.get(&old.key) else {
            let is_there = self.before.get(&new.key).is_some_and(|present| is_switched_so(new, present));
            return Ok(if is_there { Answer::AlreadySo } else { Answer::ConditionFailed });
        };
        let answer = match self.before.get(&new.key) {
            _ if old.key == new.key => self.switch(listed, new).await?,
            Some(present) => self.merge(listed, present, new).await?,
            None => {
                let copies = Spelling::of_copies(listed);
                // Of several copies one that is switched off may be the one that is found.
                let tells = copies.len() > 1 && copies.iter().any(|copy| copy.never_answered().is_none());
                let enabled = if tells { new.enabled.or(listed.enabled) } else { new.enabled };
                self.put(copies, &self.spell(new).await?, enabled).await?
            }
        };
        // What was replaced in an earlier attempt may be left as its tombstone alone, and nobody asks for that by its name.
        let left = self.left_as_tombstones(|_| true);
        if left.is_empty() || matches!(answer, Answer::ConditionFailed) {
            return Ok(answer);
        }
        self.delete_all(left).await?;
        Ok(Answer::Accepted)
    }

    /// Where the new value stands already only the old one has to go; but if that answered, so has the new one to.
    async fn merge(&self, old: &Record, present: &Record, new: &Record) -> Result<Answer, ProviderError> {
        let enabled = new.enabled.or_else(|| (old.enabled != Some(false)).then_some(true));
        match self.switch(present, &Record { enabled, ..new.clone() }).await? {
            Answer::ConditionFailed => Ok(Answer::ConditionFailed),
            _ => self.delete(old).await,
        }
    }

    /// Switches a listed record on or off, and leaves one copy of it if it changes anything.
    async fn switch(&self, listed: &Record, wanted: &Record) -> Result<Answer, ProviderError> {
        if is_switched_so(wanted, listed) {
            return Ok(Answer::AlreadySo);
        }
        let spelling = self.spell(wanted).await?;
        let copies = Spelling::of_copies(listed);
        if !copies.contains(&spelling) {
            return self.put(copies, &spelling, wanted.enabled).await;
        }
        // An update finds the first of equal copies only, and a deletion all of them: so all but one are renamed before.
        let (equal, mut superfluous): (Vec<_>, Vec<_>) = copies.into_iter().partition(|copy| *copy == spelling);
        for copy in equal.into_iter().skip(1) {
            let tombstone = copy.renamed(&self.tombstone());
            if self.update(&copy, &tombstone, None).await? == Updated::Done {
                superfluous.push(tombstone);
            }
        }
        match self.update(&spelling, &spelling, wanted.enabled).await? {
            Updated::Done => {
                self.delete_all(superfluous).await?;
                Ok(Answer::Accepted)
            }
            Updated::TargetNotFound => Ok(Answer::ConditionFailed),
            Updated::Unsupported => Err(refused(wanted, "this AdGuard Home cannot change a rewrite")),
        }
    }

    /// Puts a spelling in the place of copies that are all spelled otherwise, by the call that says whether one was there.
    async fn put(&self, copies: Vec<Spelling>, new: &Spelling, enabled: Option<bool>) -> Result<Answer, ProviderError> {
        for stored in distinct(&copies) {
            match self.update(stored, new, enabled).await? {
                Updated::Done => {
                    self.delete_all(without_one(copies.clone(), stored)).await?;
                    return Ok(Answer::Accepted);
                }
                Updated::TargetNotFound => {}
                Updated::Unsupported => {
                    self.exchange(copies, new, enabled).await?;
                    return Ok(Answer::Accepted);
                }
            }
        }
        Ok(Answer::ConditionFailed)
    }

    /// Replaces in two calls, so that there is always one of both; but beside an address a CNAME answers alone, so of these two
    /// the old one goes first, and comes back if the new one is not taken.
    async fn exchange(&self, old: Vec<Spelling>, new: &Spelling, enabled: Option<bool>) -> Result<(), ProviderError> {
        if old.iter().all(|copy| copy.is_cname() == new.is_cname()) {
            self.add(new, enabled).await?;
            return self.delete_all(old).await;
        }
        self.delete_all(old.iter().cloned()).await?;
        let Err(error) = self.add(new, enabled).await else { return Ok(()) };
        match self.put_back(&old, new).await {
            Ok(()) => {
                self.in_part.store(false, Ordering::Relaxed);
                Err(error)
            }
            Err(second) => {
                let answered = format!("{}; and what was there before is not back: {second}", error.answered);
                Err(ProviderError { reaction: Reaction::Unreachable, answered, ..error })
            }
        }
    }

    /// Whether the new one was taken is not certain where its answer did not arrive.
    async fn put_back(&self, old: &[Spelling], new: &Spelling) -> Result<(), ProviderError> {
        self.api.delete(new).await?;
        for copy in old {
            self.api.add(copy, None).await?;
        }
        Ok(())
    }

    /// Returns how a wanted record is written, or the refusal of one that this server must not be given.
    async fn spell(&self, wanted: &Record) -> Result<Spelling, ProviderError> {
        let spelling = Spelling::of(&wanted.key).map_err(|why| refused(wanted, why))?;
        if wanted.enabled == Some(false) && !self.api.can_disable().await? {
            return Err(refused(wanted, CANNOT_DISABLE));
        }
        Ok(spelling)
    }

    fn check(&self, wanted: &Record) -> Result<(), ProviderError> {
        objection_to(self.api, wanted).map_or(Ok(()), |why| Err(refused(wanted, why)))
    }

    async fn add(&self, new: &Spelling, enabled: Option<bool>) -> Result<(), ProviderError> {
        self.api.add(new, enabled).await?;
        self.in_part.store(true, Ordering::Relaxed);
        Ok(())
    }

    async fn update(&self, stored: &Spelling, new: &Spelling, enabled: Option<bool>) -> Result<Updated, ProviderError> {
        let updated = self.api.update(stored, new, enabled).await?;
        self.in_part.fetch_or(updated == Updated::Done, Ordering::Relaxed);
        Ok(updated)
    }

    async fn delete_all(&self, spellings: impl IntoIterator<Item = Spelling>) -> Result<(), ProviderError> {
        for spelling in spellings.into_iter().collect::<BTreeSet<_>>() {
            self.api.delete(&spelling).await?;
            self.in_part.store(true, Ordering::Relaxed);
        }
        Ok(())
    }

    /// Returns the tombstones of this very run that were listed. Those of others are changes of their own.
    fn left_as_tombstones(&self, of: impl Fn(&Record) -> bool) -> Vec<Spelling> {
        let own = self.before.at(&self.tombstone()).iter();
        own.filter(|left| of(left)).flat_map(Spelling::of_copies).collect()
    }

    fn tombstone(&self) -> Name {
        Name::tombstone(self.attempt.run)
    }
}

/// Returns the different ones.
fn distinct(copies: &[Spelling]) -> Vec<&Spelling> {
    copies.iter().collect::<BTreeSet<_>>().into_iter().collect()
}

/// Returns the copies that are left when one of those spelled like `gone` is not there any more.
fn without_one(mut copies: Vec<Spelling>, gone: &Spelling) -> Vec<Spelling> {
    if let Some(index) = copies.iter().position(|copy| copy == gone) {
        copies.swap_remove(index);
    }
    copies
}

/// Returns whether a condition of the group is about what the change deletes.
fn is_conditional(change: &Change, group: &Group) -> bool {
    let Change::Delete(record) = change else { return false };
    group.only_if.iter().any(|condition| condition.name == *record.name() && condition.rtype == record.rtype())
}

/// Returns the answer to a change that was not tried because of one before it.
fn after(reason: &Answer, change: &Change) -> Answer {
    match reason {
        Answer::Failed(error) if error.reaction == Reaction::Unauthorized => Answer::Failed(error.clone()),
        Answer::Failed(error) => {
            let answered = format!("not tried, because the change before it failed: {}", error.answered);
            Answer::Failed(ProviderError { doing: change.to_string(), answered, ..error.clone() })
        }
        other => other.clone(),
    }
}

/// Returns whether the listed record answers, or does not, as it is wanted.
fn is_switched_so(wanted: &Record, listed: &Record) -> bool {
    wanted.enabled.is_none_or(|enabled| enabled == listed.enabled.unwrap_or(true))
}

/// Of a change that was made in part only a look tells what is left, so the answer says no more than that.
fn made_in_part(answer: Answer, change: &Change) -> Answer {
    match answer {
        Answer::Failed(error) if error.reaction != Reaction::Malformed => {
            Answer::Failed(ProviderError { reaction: Reaction::Unreachable, ..error })
        }
        Answer::ConditionFailed => {
            let answered = "a part of it was made, and the rest was gone meanwhile";
            Answer::Failed(ProviderError::new(Reaction::Unreachable, change.to_string(), answered))
        }
        other => other,
    }
}

fn refused(wanted: &Record, why: &str) -> ProviderError {
    ProviderError::new(Reaction::Refused, format!("write {wanted} as a rewrite"), why)
}
