//! Writes: the zone read, all groups in one request, one by one where that is refused, and then their marks.
//!
//! Marks follow in a request of their own. A request without comments leaves those that are there, so the mark of a sibling that
//! somebody added between our read and our write outlives the loss of its value, tells of it, and the value is put back.

use std::collections::{BTreeMap, BTreeSet};

use dnsmgmt_core::provider::{Answer, Group, ProviderError, Reaction};
use dnsmgmt_core::record::RecordData;
use serde::Serialize;

use super::PowerDns;
use super::change::{Edit, Held, Key, Values};
use super::mark;
use super::rrset::{Comment, Stored};

/// How often marks are tried that others keep coming in the way of.
const ROUNDS: usize = 5;

impl PowerDns {
    /// Asks for the work. One atomic request carries it all; if that is refused, each group is asked for alone, so that one that
    /// cannot be made does not void the others. Any other failure ends the call.
    pub(super) async fn make(&self, work: &[Group]) -> Vec<Answer> {
        let read = match self.read("read the zone before changing").await {
            Ok(read) => read,
            Err(error) => {
                return work.iter().flat_map(|group| settled(group, &Answer::Failed(error.clone()))).collect();
            }
        };
        let mut held = read.clone();
        let mut rrsets = BTreeMap::new();
        let mut edits = Vec::new();
        for group in work {
            let edit = held.edit(group);
            held.take(edit.rrsets.clone());
            rrsets.extend(edit.rrsets.clone());
            edits.push(edit);
        }
        let mut answers: Vec<Vec<Answer>> = match self.write(&read, &rrsets, &self.doing(work)).await {
            Ok(()) => edits.into_iter().map(|edit| edit.answered(&Answer::Accepted)).collect(),
            Err(error) if error.reaction == Reaction::Refused && work.len() > 1 => {
                (held, rrsets) = (read.clone(), BTreeMap::new());
                self.one_by_one(work, &mut held, &mut rrsets).await
            }
            Err(error) => {
                rrsets.clear();
                edits.into_iter().map(|edit| edit.answered(&Answer::Failed(error.clone()))).collect()
            }
        };
        if let Err(error) = self.mark(&read, &rrsets).await {
            let error = half_made(error);
            for (group, answers) in work.iter().zip(&mut answers) {
                for (change, answer) in group.changes.iter().zip(answers) {
                    let key = (change.record().name().clone(), change.record().rtype());
                    if matches!(answer, Answer::Accepted) && rrsets.contains_key(&key) {
                        *answer = Answer::Failed(error.clone());
                    }
                }
            }
        }
        answers.into_iter().flatten().collect()
    }

    /// Asks for the groups one after another; what was refused leaves no trace in `held`.
    async fn one_by_one(
        &self,
        work: &[Group],
        held: &mut Held,
        rrsets: &mut BTreeMap<Key, Values>,
    ) -> Vec<Vec<Answer>> {
        let mut answers = Vec::new();
        let mut halted: Option<ProviderError> = None;
        for group in work {
            let edit = held.edit(group);
            let asked = match &halted {
                Some(error) => Err(error.clone()),
                None => self.write(held, &edit.rrsets, &self.doing(std::slice::from_ref(group))).await,
            };
            answers.push(match asked {
                Ok(()) => {
                    held.take(edit.rrsets.clone());
                    rrsets.extend(edit.rrsets.clone());
                    edit.answered(&Answer::Accepted)
                }
                Err(error) => {
                    if error.reaction != Reaction::Refused {
                        halted = Some(error.clone());
                    }
                    edit.answered(&Answer::Failed(error))
                }
            });
        }
        answers
    }

    async fn read(&self, doing: &str) -> Result<Held, ProviderError> {
        let (zone, _) = self.api.zone(&format!("{doing} {}", self.id)).await?;
        if zone.is_secondary() {
            let (doing, kind) = (format!("change {} {}", self.id, self.api.place()), zone.kind.clone());
            let answered = format!("the zone's kind is {kind}: its records come from its primary");
            return Err(ProviderError::new(Reaction::Refused, doing, answered).hint(
                "change the zone at its primary; the server takes changes here and loses them at the next transfer",
            ));
        }
        Ok(Held::of(zone))
    }

    /// Writes the values of RRsets, and leaves their comments. Those that go stand first, because a CNAME may come in their place.
    async fn write(&self, held: &Held, rrsets: &BTreeMap<Key, Values>, doing: &str) -> Result<(), ProviderError> {
        let is_changed = |(key, values): &(&Key, &Values)| {
            let there = held.at(key);
            there.records != values.records || there.ttl() != values.ttl()
        };
        let (gone, there): (Vec<_>, Vec<_>) =
            rrsets.iter().filter(is_changed).partition(|(_, values)| values.records.is_empty());
        let gone = gone.into_iter().map(|(key, _)| Asked::new(key, Changetype::Delete));
        let there = there.into_iter().map(|(key, values)| Asked::new(key, Changetype::Replace).records(values));
        self.patch(gone.chain(there).collect(), doing).await
    }

    /// Puts back what our own write dropped, and then writes the marks that are to change. What is put back goes without comments
    /// too: that write may drop another's value in its turn, whose mark has to stay until it is seen.
    async fn mark(&self, read: &Held, rrsets: &BTreeMap<Key, Values>) -> Result<(), ProviderError> {
        let marked =
            |(key, values): &(&Key, &Values)| !values.records.is_empty() && read.at(key).comments != values.comments;
        let wanted: Vec<(&Key, Values, &Values)> =
            rrsets.iter().filter(marked).map(|(key, values)| (key, read.at(key), values)).collect();
        if wanted.is_empty() {
            return Ok(());
        }
        let mut came_back: Vec<(&Key, RecordData)> = Vec::new();
        for _ in 0..ROUNDS {
            let now = self.read("read the zone before marking what was changed in").await?;
            let mut asked = Vec::new();
            for (key, read, wanted) in &wanted {
                let mut values = now.at(key);
                let lost = lost(key, read, wanted, &values);
                if !lost.is_empty() {
                    values.records.extend(lost.iter().map(|data| Stored::of(data, false)));
                    asked.push(Asked::new(key, Changetype::Replace).records(&values));
                    came_back.extend(lost.into_iter().map(|data| (*key, data)));
                }
            }
            if asked.is_empty() {
                let marks = wanted.iter().filter_map(|(key, read, wanted)| {
                    let anew = came_back.iter().filter(|(at, _)| at == key).map(|(_, data)| data);
                    marks(key, read, wanted, &now.at(key), anew)
                });
                let doing = format!("mark what was changed in {} {}", self.id, self.api.place());
                return self.patch(marks.collect(), &doing).await;
            }
            let doing = format!("put back what another program added meanwhile to {} {}", self.id, self.api.place());
            self.patch(asked, &doing).await?;
        }
        let doing = format!("mark what was changed in {} {}", self.id, self.api.place());
        Err(ProviderError::new(Reaction::Unreachable, doing, format!("others changed it, {ROUNDS} times in a row"))
            .hint("try again when fewer programs are changing the zone; the provider `rfc2136` does not have to wait"))
    }

    async fn patch(&self, rrsets: Vec<Asked>, doing: &str) -> Result<(), ProviderError> {
        if rrsets.is_empty() {
            return Ok(());
        }
        self.api.patch(&Body { rrsets }, doing).await
    }

    fn doing(&self, work: &[Group]) -> String {
        let place = self.api.place();
        let changes: Vec<_> = work.iter().flat_map(|group| &group.changes).collect();
        match changes[..] {
            [change] => format!("{change} {place}"),
            _ => format!("make {} changes in {} {place}", changes.len(), self.id),
        }
    }
}

/// Returns the values whose mark came, or came anew, since the first read, and that are not there: they went with our write.
fn lost(key: &Key, read: &Values, wanted: &Values, now: &Values) -> BTreeSet<RecordData> {
    let (were, are, marks) = (read.marks(&key.1), wanted.marks(&key.1), now.marks(&key.1));
    let mut lost = now.unmatched(&key.1);
    lost.retain(|data| were.get(data) != marks.get(data) && !are.contains_key(data));
    lost
}

/// Returns what to ask for so that an RRset has its marks, from what it had when it was read, what it is to have, and what it has now.
/// Those of values that came back are set anew, so that a third program that was in the middle of a write sees it too.
fn marks<'a>(
    key: &Key,
    read: &Values,
    wanted: &Values,
    now: &Values,
    anew: impl Iterator<Item = &'a RecordData>,
) -> Option<Asked> {
    let (were, are) = (read.marks(&key.1), wanted.marks(&key.1));
    let mut then = now.clone();
    for (data, comment) in are.iter().filter(|(data, comment)| were.get(data) != Some(comment)) {
        mark::set(&mut then.comments, data, mark::of(data, std::slice::from_ref(*comment)));
    }
    for gone in were.keys().filter(|data| !are.contains_key(data)) {
        mark::set(&mut then.comments, gone, None);
    }
    for data in anew {
        mark::set(&mut then.comments, data, mark::of(data, &now.comments));
    }
    (then.comments != now.comments).then(|| Asked::new(key, Changetype::Replace).comments(then))
}

impl Edit {
    fn answered(self, answer: &Answer) -> Vec<Answer> {
        self.answers.into_iter().map(|own| own.unwrap_or_else(|| answer.clone())).collect()
    }
}

fn settled(group: &Group, answer: &Answer) -> Vec<Answer> {
    vec![answer.clone(); group.changes.len()]
}

/// The values are made by now, so a refusal of the marks does not say that nothing was.
fn half_made(error: ProviderError) -> ProviderError {
    let reaction = match error.reaction {
        Reaction::Malformed => Reaction::Malformed,
        _ => Reaction::Unreachable,
    };
    ProviderError { reaction, ..error }
}

/// A request's body (PowerDNS, "PATCH /servers/{server_id}/zones/{zone_id}").
#[derive(Serialize)]
struct Body {
    rrsets: Vec<Asked>,
}

#[derive(Serialize)]
struct Asked {
    name: String,
    #[serde(rename = "type")]
    rtype: String,
    changetype: Changetype,
    #[serde(skip_serializing_if = "Option::is_none")]
    ttl: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    records: Option<Vec<Stored>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    comments: Option<Vec<Comment>>,
}

#[derive(Serialize)]
#[serde(rename_all = "UPPERCASE")]
enum Changetype {
    Replace,
    Delete,
}

impl Asked {
    fn new((name, rtype): &Key, changetype: Changetype) -> Self {
        let (name, rtype) = (name.with_dot(), rtype.as_str().to_owned());
        Self { name, rtype, changetype, ttl: None, records: None, comments: None }
    }

    fn records(mut self, values: &Values) -> Self {
        (self.ttl, self.records) = (Some(values.ttl()), Some(values.records.clone()));
        self
    }

    fn comments(mut self, values: Values) -> Self {
        self.comments = Some(values.comments);
        self
    }
}
