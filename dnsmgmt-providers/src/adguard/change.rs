//! Making changes, one call after the other.

use std::collections::BTreeSet;

use dnsmgmt_core::name::Name;
use dnsmgmt_core::provider::{Answer, Attempt, Change, Group, ProviderError, Reaction};
use dnsmgmt_core::record::Record;
use dnsmgmt_core::record_set::RecordSet;

use super::api::{Api, Updated};
use super::rewrite::{Spelling, unsupported};

/// Changes to make, what was listed before them, and the how-manieth time they are asked for.
pub(super) struct Work<'a> {
    pub(super) api: &'a Api,
    pub(super) before: &'a RecordSet,
    pub(super) attempt: Attempt,
}

impl Work<'_> {
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
                    None => self.change(change).await.unwrap_or_else(Answer::Failed),
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

    async fn change(&self, change: &Change) -> Result<Answer, ProviderError> {
        match change {
            Change::Create(wanted) => self.create(wanted).await,
            Change::Replace { old, new } => self.replace(old, new).await,
            Change::Delete(record) => self.delete(record).await,
        }
    }

    async fn create(&self, wanted: &Record) -> Result<Answer, ProviderError> {
        possible(wanted)?;
        if let Some(listed) = self.before.get(&wanted.key) {
            return self.switch(listed, wanted).await;
        }
        let spelling = self.spell(wanted).await?;
        self.api.add(&spelling, wanted.enabled).await?;
        Ok(Answer::Accepted)
    }

    async fn delete(&self, record: &Record) -> Result<Answer, ProviderError> {
        let Some(listed) = self.before.get(&record.key) else {
            return Ok(Answer::AlreadySo);
        };
        let copies = Spelling::of_copies(listed);
        // A tombstone has been renamed already.
        if self.attempt.number > 1
            && !listed.name().is_tombstone()
            && let Some(answer) = self.rename_and_delete(&copies).await?
        {
            return Ok(answer);
        }
        self.delete_all(copies).await?;
        Ok(Answer::Accepted)
    }

    /// The other way of deleting: each copy becomes a tombstone, by the call that says whether it was there, and the
    /// tombstone is deleted. Nothing where the server has no such call.
    ///
    /// The domain changes and the answer stays: a copy with another answer would still be in the way of its siblings.
    async fn rename_and_delete(&self, copies: &[Spelling]) -> Result<Option<Answer>, ProviderError> {
        let mut tombstones = BTreeSet::new();
        for copy in copies {
            let tombstone = copy.renamed(&self.tombstone());
            match self.api.update(copy, &tombstone, None).await? {
                Updated::Done => drop(tombstones.insert(tombstone)),
                Updated::TargetNotFound => {}
                Updated::Unsupported => return Ok(None),
            }
        }
        let answer = if tombstones.is_empty() { Answer::AlreadySo } else { Answer::Accepted };
        self.delete_all(tombstones).await?;
        Ok(Some(answer))
    }

    async fn replace(&self, old: &Record, new: &Record) -> Result<Answer, ProviderError> {
        possible(new)?;
        let Some(listed) = self.before.get(&old.key) else {
            let is_there = self.before.get(&new.key).is_some_and(|present| is_switched_so(new, present));
            return Ok(if is_there { Answer::AlreadySo } else { Answer::ConditionFailed });
        };
        if old.key == new.key {
            return self.switch(listed, new).await;
        }
        if let Some(present) = self.before.get(&new.key) {
            return match self.switch(present, new).await? {
                Answer::ConditionFailed => Ok(Answer::ConditionFailed),
                _ => self.delete(old).await,
            };
        }
        let spelling = self.spell(new).await?;
        let copies = Spelling::of_copies(listed);
        // Of several copies one that is switched off may be the one that is found.
        let enabled = new.enabled.or(if copies.len() > 1 { listed.enabled } else { None });
        for stored in distinct(&copies) {
            match self.api.update(stored, &spelling, enabled).await? {
                Updated::Done => {
                    self.delete_all(without_one(copies.clone(), stored)).await?;
                    return Ok(Answer::Accepted);
                }
                Updated::TargetNotFound => {}
                Updated::Unsupported => {
                    self.api.add(&spelling, enabled).await?;
                    self.delete_all(copies).await?;
                    return Ok(Answer::Accepted);
                }
            }
        }
        Ok(Answer::ConditionFailed)
    }

    /// Switches a listed record on or off, and leaves one copy of it if it changes anything.
    async fn switch(&self, listed: &Record, wanted: &Record) -> Result<Answer, ProviderError> {
        if is_switched_so(wanted, listed) {
            return Ok(Answer::AlreadySo);
        }
        let spelling = self.spell(wanted).await?;
        let copies = Spelling::of_copies(listed);
        let kept =
            copies.iter().find(|copy| **copy == spelling).or_else(|| copies.first()).expect("of_copies gives one");
        // An update finds the first of equal copies only, and a deletion all of them: so all but one are renamed before.
        let mut superfluous: BTreeSet<Spelling> = copies.iter().filter(|copy| *copy != kept).cloned().collect();
        for _ in 1..copies.iter().filter(|copy| *copy == kept).count() {
            let tombstone = kept.renamed(&self.tombstone());
            if self.api.update(kept, &tombstone, None).await? == Updated::Done {
                superfluous.insert(tombstone);
            }
        }
        match self.api.update(kept, &spelling, wanted.enabled).await? {
            Updated::Done => {
                self.delete_all(superfluous).await?;
                Ok(Answer::Accepted)
            }
            Updated::TargetNotFound => Ok(Answer::ConditionFailed),
            Updated::Unsupported => Err(refused(wanted, "this AdGuard Home cannot change a rewrite")),
        }
    }

    /// Returns how a wanted record is written, or the refusal of one that this server must not be given.
    async fn spell(&self, wanted: &Record) -> Result<Spelling, ProviderError> {
        let spelling = Spelling::of(&wanted.key).map_err(|why| refused(wanted, why))?;
        if wanted.enabled == Some(false) && !self.api.can_disable().await? {
            return Err(refused(wanted, "this AdGuard Home cannot switch a rewrite off; v0.107.68 and later can"));
        }
        Ok(spelling)
    }

    async fn delete_all(&self, spellings: impl IntoIterator<Item = Spelling>) -> Result<(), ProviderError> {
        for spelling in spellings.into_iter().collect::<BTreeSet<_>>() {
            self.api.delete(&spelling).await?;
        }
        Ok(())
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

/// Refuses a record with an attribute that no rewrite can have.
fn possible(wanted: &Record) -> Result<(), ProviderError> {
    unsupported(wanted).map_or(Ok(()), |why| Err(refused(wanted, why)))
}

fn refused(wanted: &Record, why: &str) -> ProviderError {
    ProviderError::new(Reaction::Refused, format!("write {wanted} as a rewrite"), why)
}
