//! Changes: the operations that they need, in batches or one by one, and what the API's answers mean for each change.

use dnsmgmt_core::name::Name;
use dnsmgmt_core::provider::{Answer, Attempt, Change, Group, ProviderError, Reaction};
use dnsmgmt_core::record::{Handle, Record};
use dnsmgmt_core::record_set::RecordSet;
use reqwest::{Method, RequestBuilder};
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};

use super::Cloudflare;
use super::envelope::{self, Envelope, Failure};
use super::record::{Fields, is_id};

impl Cloudflare {
    /// Asks for the work: in batches the first time, one by one from the second time on.
    ///
    /// A batch that is refused was not made at all, and the API says which item it did not like only to a reader of its words.
    /// So the batch's changes are then asked for one by one, and a bad or vanished one fails alone. A group of several changes
    /// stays one request either way. Any other failure ends the call, and what was not asked for answers with it: without
    /// the token, the budget or the connection, the next request would fare the same.
    pub(super) async fn make(&self, work: &[Group], before: &RecordSet, attempt: Attempt) -> Vec<Answer> {
        let mut asked: Vec<Asked<'_>> = work.iter().map(|group| Asked::new(group, before)).collect();
        let mut rest = asked.as_mut_slice();
        let mut halted = Ok(());
        while !rest.is_empty() {
            let length = if attempt.number > 1 { 1 } else { fitting(rest, self.capabilities.batch) };
            let (request, behind) = rest.split_at_mut(length);
            rest = behind;
            halted = match halted {
                Err(error) => fail_all(request, error),
                Ok(()) if attempt.number > 1 => self.ask_alone(&mut request[0], None).await,
                Ok(()) => self.ask_together(request).await,
            };
        }
        asked.into_iter().flat_map(Asked::answers).collect()
    }

    /// Asks for several groups in one request. An error ends the call; the groups have their answers in any case.
    async fn ask_together(&self, request: &mut [Asked<'_>]) -> Result<(), ProviderError> {
        let failure = match self.batch(request).await {
            Ok(strays) => {
                self.take_back(request, strays).await;
                request.iter_mut().for_each(Asked::accept);
                return Ok(());
            }
            Err(failure) if !failure.is_refusal() => return fail_all(request, failure.error),
            Err(failure) => failure,
        };
        let open = || request.iter().filter(|asked| !asked.operations.is_empty()).count();
        // Alone in its batch, a group need not be refused twice.
        let mut refused = (open() == 1).then_some(failure);
        let mut halted = Ok(());
        for asked in request.iter_mut().filter(|asked| !asked.operations.is_empty()) {
            halted = match halted {
                Err(error) => fail_all(std::slice::from_mut(asked), error),
                Ok(()) => self.ask_alone(asked, refused.take()).await,
            };
        }
        halted
    }

    /// Asks for one group; `refused` is what the API said to it already.
    async fn ask_alone(&self, asked: &mut Asked<'_>, refused: Option<Failure>) -> Result<(), ProviderError> {
        if asked.is_one_step() {
            return self.ask_in_one_step(asked, refused).await;
        }
        let mut refused = refused.filter(|_| asked.operations.len() == 1);
        for (index, operation) in std::mem::take(&mut asked.operations) {
            let answered = match refused.take() {
                Some(failure) => Err(failure),
                None => self.single(&operation, &asked.changes[index]).await,
            };
            let halted =
                answered.as_ref().err().filter(|failure| !failure.is_refusal()).map(|failure| failure.error.clone());
            let answer = match answered {
                Ok(Some(stray)) => Answer::Failed(self.take_one_back(&asked.changes[index], stray).await),
                answered => operation.answer(answered.map(drop)),
            };
            asked.note(index, answer);
            if let Some(error) = halted {
                return Err(error);
            }
        }
        Ok(())
    }

    /// Asks for a group whose operations belong into one transaction. Deletions of what is gone already are left out, because
    /// one of them fails the whole.
    async fn ask_in_one_step(&self, asked: &mut Asked<'_>, refused: Option<Failure>) -> Result<(), ProviderError> {
        let mut answered = match refused {
            Some(failure) => Err(failure),
            None => self.batch(std::slice::from_ref(asked)).await,
        };
        if answered.as_ref().is_err_and(Failure::is_gone) {
            let held = asked.operations.len();
            if let Err(error) = self.drop_what_is_gone(asked).await {
                return fail_all(std::slice::from_mut(asked), error);
            }
            if asked.operations.len() < held {
                answered = self.batch(std::slice::from_ref(asked)).await;
            }
        }
        match answered {
            Ok(strays) => {
                self.take_back(std::slice::from_mut(asked), strays).await;
                asked.accept();
            }
            Err(failure) if failure.is_gone() => asked.settle(&Answer::ConditionFailed),
            Err(failure) => {
                let halted = !failure.is_refusal();
                asked.settle(&Answer::Failed(failure.error.clone()));
                if halted {
                    return Err(failure.error);
                }
            }
        }
        Ok(())
    }

    /// Drops the deletions of records that are gone, which the API does not name when it refuses a batch for them.
    async fn drop_what_is_gone(&self, asked: &mut Asked<'_>) -> Result<(), ProviderError> {
        let mut gone = Vec::new();
        for (position, (index, operation)) in asked.operations.iter().enumerate() {
            let Operation::Delete(handle) = operation else { continue };
            let doing = self.doing_one(&asked.changes[*index]);
            match self.ask(self.api.request(Method::GET, &self.record_path(handle)), &doing, &[]).await {
                Err(failure) if failure.is_gone() => gone.push(position),
                Err(failure) if !failure.is_refusal() => return Err(failure.error),
                _ => {}
            }
        }
        for position in gone.into_iter().rev() {
            let (index, _) = asked.operations.remove(position);
            asked.note(index, Answer::AlreadySo);
        }
        Ok(())
    }

    /// Asks for all operations of these groups in one request; no call where there are none. Returns what was made under
    /// another name than was asked for.
    async fn batch(&self, groups: &[Asked<'_>]) -> Result<Vec<Stray>, Failure> {
        let mut body = Batch::default();
        let mut changes = Vec::new();
        let mut names = Vec::new();
        for asked in groups {
            for (index, operation) in &asked.operations {
                changes.push(&asked.changes[*index]);
                match operation {
                    Operation::Delete(handle) => body.deletes.push(Id { id: &handle.0 }),
                    Operation::Patch(handle, fields) => body.patches.push(Patch { id: &handle.0, fields }),
                    Operation::Post(fields) => {
                        body.posts.push(fields);
                        names.push(asked.changes[*index].record().name());
                    }
                }
            }
        }
        let doing = match changes.as_slice() {
            [] => return Ok(Vec::new()),
            [change] => self.doing_one(change),
            several => format!("make {} changes in {} {}", several.len(), self.id, self.api.place()),
        };
        let path = format!("{}/batch", self.records_path());
        self.ask(self.api.request(Method::POST, &path).json(&body), &doing, &names).await
    }

    async fn single(&self, operation: &Operation<'_>, change: &Change) -> Result<Option<Stray>, Failure> {
        let made = match operation {
            Operation::Post(_) => &[change.record().name()][..],
            Operation::Delete(_) | Operation::Patch(..) => &[],
        };
        let request = match operation {
            Operation::Delete(handle) => self.api.request(Method::DELETE, &self.record_path(handle)),
            Operation::Patch(handle, fields) => self.api.request(Method::PATCH, &self.record_path(handle)).json(fields),
            Operation::Post(fields) => self.api.request(Method::POST, &self.records_path()).json(fields),
        };
        Ok(self.ask(request, &self.doing_one(change), made).await?.pop())
    }

    /// Sends a request that makes records of these names, and returns those that were made under another one.
    async fn ask(&self, request: RequestBuilder, doing: &str, made: &[&Name]) -> Result<Vec<Stray>, Failure> {
        let answered = self.api.send(request, doing).await?;
        envelope::open::<IgnoredAny>(&answered, doing)?;
        Ok(if made.is_empty() { Vec::new() } else { strays(&answered.body, made) })
    }

    /// Deletes what was made under other names, and answers the changes that asked for it.
    async fn take_back(&self, groups: &mut [Asked<'_>], strays: Vec<Stray>) {
        if strays.is_empty() {
            return;
        }
        let undone = self.delete_at_once(&strays).await;
        for asked in groups {
            for index in 0..asked.changes.len() {
                let change = &asked.changes[index];
                if let Some(stray) = strays.iter().find(|stray| stray.asked == *change.record().name()) {
                    asked.note(index, Answer::Failed(self.outside(change, stray, &undone)));
                }
            }
        }
    }

    async fn take_one_back(&self, change: &Change, stray: Stray) -> ProviderError {
        let strays = [stray];
        let undone = self.delete_at_once(&strays).await;
        self.outside(change, &strays[0], &undone)
    }

    async fn delete_at_once(&self, strays: &[Stray]) -> Result<(), ProviderError> {
        let deletes = strays.iter().map(|stray| Id { id: &stray.id }).collect();
        let doing = format!("delete the {} records that were made outside the zone", strays.len());
        let path = format!("{}/batch", self.records_path());
        let request = self.api.request(Method::POST, &path).json(&Batch { deletes, ..Batch::default() });
        Ok(self.ask(request, &doing, &[]).await.map(drop)?)
    }

    fn outside(&self, change: &Change, stray: &Stray, undone: &Result<(), ProviderError>) -> ProviderError {
        let Stray { asked, made, id } = stray;
        let made_of_it = format!("{asked} is not in the zone, so Cloudflare made {made} of it");
        let (answered, hint) = match undone {
            Ok(()) => (
                format!("{made_of_it}; that record was deleted again"),
                "name the zone that holds it, or give the zone's name beside its id".to_owned(),
            ),
            Err(error) => (
                format!("{made_of_it}; that record stays: {error}"),
                format!("delete {made} yourself (its id is {id})"),
            ),
        };
        ProviderError::new(Reaction::Refused, self.doing_one(change), answered).hint(hint)
    }

    fn doing_one(&self, change: &Change) -> String {
        format!("{change} {}", self.api.place())
    }

    fn record_path(&self, handle: &Handle) -> String {
        format!("{}/{}", self.records_path(), handle.0)
    }
}

/// Returns how many of the groups, from the first on, fit into one request; at least one, which is never cut.
fn fitting(groups: &[Asked<'_>], batch: usize) -> usize {
    let mut operations = 0;
    let fits = |asked: &&Asked<'_>| {
        operations += asked.operations.len();
        operations <= batch
    };
    groups.iter().take_while(fits).count().max(1)
}

fn fail_all(groups: &mut [Asked<'_>], error: ProviderError) -> Result<(), ProviderError> {
    groups.iter_mut().for_each(|asked| asked.settle(&Answer::Failed(error.clone())));
    Err(error)
}

/// A record that was made under another name than was asked for: Cloudflare puts the zone's name behind a name that is not in
/// the zone.
struct Stray {
    asked: Name,
    made: Name,
    id: String,
}

/// Returns the records of an answer that have one of these names with something behind it. An answer that does not name what
/// was made tells nothing; the next listing does.
fn strays(body: &str, asked: &[&Name]) -> Vec<Stray> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Made {
        Several { posts: Vec<Listed> },
        One(Listed),
    }
    #[derive(Deserialize)]
    struct Listed {
        id: String,
        name: String,
    }
    let made = match serde_json::from_str::<Envelope<Made>>(body).ok().and_then(|envelope| envelope.result) {
        Some(Made::Several { posts }) => posts,
        Some(Made::One(one)) => vec![one],
        None => Vec::new(),
    };
    let stray = |listed: Listed| {
        let made = Name::parse(&listed.name).ok().filter(|made| !asked.contains(&made) && is_id(&listed.id))?;
        let behind =
            |name: &&&Name| made.as_str().strip_prefix(name.as_str()).is_some_and(|rest| rest.starts_with('.'));
        // The longest: `a` may have been asked for beside `a.b`.
        let name = asked.iter().filter(behind).max_by_key(|name| name.as_str().len())?;
        Some(Stray { asked: (*name).clone(), made: made.clone(), id: listed.id })
    };
    made.into_iter().filter_map(stray).collect()
}

/// A group, what it takes, and what was answered so far.
struct Asked<'a> {
    changes: &'a [Change],
    /// What is still to be asked for, each for the change of that index.
    operations: Vec<(usize, Operation<'a>)>,
    answers: Vec<Option<Answer>>,
}

impl<'a> Asked<'a> {
    /// Works out what a group takes. A change that cannot be asked for keeps the others of its group from being made.
    fn new(group: &'a Group, before: &'a RecordSet) -> Self {
        let mut asked = Self { changes: &group.changes, operations: Vec::new(), answers: Vec::new() };
        for (index, change) in group.changes.iter().enumerate() {
            let answer = match operations(change, before) {
                Ok(operations) if operations.is_empty() => Some(Answer::AlreadySo),
                Ok(operations) => {
                    asked.operations.extend(operations.into_iter().map(|operation| (index, operation)));
                    None
                }
                Err(answer) => Some(answer),
            };
            asked.answers.push(answer);
        }
        let impossible = |answer: &Option<Answer>| matches!(answer, Some(Answer::ConditionFailed | Answer::Failed(_)));
        if asked.answers.iter().any(impossible) {
            asked.operations.clear();
            for answer in asked.answers.iter_mut().filter(|answer| !impossible(answer)) {
                *answer = Some(Answer::ConditionFailed);
            }
        }
        asked
    }

    /// Returns whether the operations belong into one transaction: those of several changes, and a deletion with what is made
    /// in its place. A record patched and its copies deleted can follow each other.
    fn is_one_step(&self) -> bool {
        let has = |wanted: fn(&Operation<'_>) -> bool| self.operations.iter().any(|(_, operation)| wanted(operation));
        let replaced = has(|operation| matches!(operation, Operation::Post(_)))
            && has(|operation| matches!(operation, Operation::Delete(_)));
        self.operations.len() > 1 && (self.changes.len() > 1 || replaced)
    }

    fn accept(&mut self) {
        for (index, _) in std::mem::take(&mut self.operations) {
            self.note(index, Answer::Accepted);
        }
    }

    /// Answers what is still open.
    fn settle(&mut self, answer: &Answer) {
        for (index, _) in std::mem::take(&mut self.operations) {
            self.note(index, answer.clone());
        }
    }

    /// Puts the answers to a change's operations together: the worst counts, and one that did something over one that had
    /// nothing to do.
    fn note(&mut self, index: usize, answer: Answer) {
        let weight = |answer: &Answer| match answer {
            Answer::AlreadySo => 0,
            Answer::Accepted => 1,
            Answer::ConditionFailed => 2,
            Answer::Failed(_) => 3,
        };
        let noted = &mut self.answers[index];
        if noted.as_ref().is_none_or(|noted| weight(&answer) > weight(noted)) {
            *noted = Some(answer);
        }
    }

    /// Returns an answer for each change.
    fn answers(self) -> impl Iterator<Item = Answer> {
        self.answers.into_iter().map(|answer| answer.expect("an operation leaves its change with an answer"))
    }
}

/// One thing that the API is asked to do.
enum Operation<'a> {
    Delete(&'a Handle),
    Patch(&'a Handle, Fields<'a>),
    Post(Fields<'a>),
}

impl Operation<'_> {
    /// Returns what the API's answer to this operation alone means.
    fn answer(&self, answered: Result<(), Failure>) -> Answer {
        match (self, answered) {
            (_, Ok(())) => Answer::Accepted,
            (Operation::Delete(_), Err(failure)) if failure.is_gone() => Answer::AlreadySo,
            (Operation::Patch(..), Err(failure)) if failure.is_gone() => Answer::ConditionFailed,
            (Operation::Post(_), Err(failure)) if failure.is_there() => Answer::AlreadySo,
            (_, Err(failure)) => Answer::Failed(failure.error),
        }
    }
}

/// Returns the operations of a change, or its answer where none is to be asked for.
fn operations<'a>(change: &'a Change, before: &'a RecordSet) -> Result<Vec<Operation<'a>>, Answer> {
    let spelled = match change {
        Change::Create(record) if before.contains(&record.key) => return Err(Answer::AlreadySo),
        Change::Create(record) => Fields::all(record).map(|fields| vec![Operation::Post(fields)]),
        Change::Delete(record) => Ok(deletions(before.get(&record.key).ok_or(Answer::AlreadySo)?)),
        Change::Replace { old, new } => {
            let listed = before.get(&old.key).ok_or(Answer::ConditionFailed)?;
            replacement(listed, before.get(&new.key), new)
        }
    };
    spelled.map_err(|why| {
        let error = ProviderError::new(Reaction::Refused, format!("{change} at Cloudflare"), why);
        Answer::Failed(error.hint("make this record in the dashboard; it can be listed and deleted here"))
    })
}

/// Returns the operations that put `new` in the place of `old`, both as they are listed; `there` is what stands already under
/// the key of `new`.
fn replacement<'a>(old: &'a Record, there: Option<&'a Record>, new: &'a Record) -> Result<Vec<Operation<'a>>, String> {
    if let Some(there) = there {
        let fields = Fields::changed(there, new)?;
        let mended = there.handles.iter().filter(|_| !fields.is_empty());
        let mut operations: Vec<_> = mended.map(|handle| Operation::Patch(handle, fields.clone())).collect();
        if old.key != new.key {
            operations.extend(deletions(old));
        }
        return Ok(operations);
    }
    let mut operations = deletions(old);
    if new.rtype() != old.rtype() {
        operations.push(Operation::Post(Fields::instead(old, new)?));
    } else if let (Some(first), Some(handle)) = (operations.first_mut(), old.handles.first()) {
        // One copy becomes the new record and keeps its id, tags and comment; the others go.
        *first = Operation::Patch(handle, Fields::changed(old, new)?);
    }
    Ok(operations)
}

fn deletions(listed: &Record) -> Vec<Operation<'_>> {
    listed.handles.iter().map(Operation::Delete).collect()
}

/// The body of a batch: the API makes deletes first, then patches, then posts, whatever their order here.
#[derive(Default, Serialize)]
struct Batch<'a> {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    deletes: Vec<Id<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    patches: Vec<Patch<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    posts: Vec<&'a Fields<'a>>,
}

#[derive(Serialize)]
struct Id<'a> {
    id: &'a str,
}

#[derive(Serialize)]
struct Patch<'a> {
    id: &'a str,
    #[serde(flatten)]
    fields: &'a Fields<'a>,
}
