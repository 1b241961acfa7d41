//! A second witness: what a DNS server answers, beside what the provider's listing shows.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::name::Name;
use crate::observe::pause_after;
use crate::patience::Patience;
use crate::progress::Progress;
use crate::provider::{ProviderError, RunId};
use crate::record::{RecordData, RecordKey, RecordType};
use crate::report::{Action, Fate, Outcome};

/// A name below a wildcard, or beside a name: nobody has it.
const NOBODY: &str = "dnsmgmt-nobody-has-this-name";

/// What a DNS server answers to a question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answered {
    /// These values: none for an empty answer and for a name that does not exist alike (RFC 2308 section 2).
    Values(Vec<RecordData>),
    /// That others know: the name is below this one, which is delegated to them.
    Elsewhere(Name),
}

/// Asks a DNS server about every change that a listing shows to be made, again and again for as long as `patience` lasts where it
/// does not answer as it should: caches live for a while, and secondaries are late.
///
/// What it still contradicts then becomes [unconfirmed](Fate::Unconfirmed), with what it said; where its answer cannot tell, that is
/// noted; where all that it was asked agrees, it is the outcome's [witness](Outcome::witness). `ask` returns what is answered for a type
/// at a name. `is_proxied` tells the records for which others' addresses are answered, so that only presence can be proved.
pub async fn testify(
    outcomes: &mut [Outcome],
    server: &str,
    is_proxied: &dyn Fn(&RecordKey) -> bool,
    ask: impl AsyncFn(&Name, &RecordType) -> Result<Answered, ProviderError>,
    patience: &Patience,
    run: RunId,
    progress: &(dyn Fn(Progress<'_>) + Sync),
) {
    let mut questions = questions(outcomes, is_proxied);
    let mut pauses = patience.pauses(run.0);
    loop {
        let asked_pause = hear(&mut questions, &ask).await;
        let left = questions.iter().filter(|question| question.is_open()).count();
        let Some(pause) = asked_pause.filter(|_| left > 0).and_then(|asked_for| pauses.next(asked_for)) else { break };
        let why = format!("{server} does not answer as it should to {left} of {} questions yet", questions.len());
        progress(Progress::Waiting { pause, why: &why });
        tokio::time::sleep(pause).await;
    }
    let doubted: BTreeSet<usize> = questions
        .iter()
        .filter(|question| question.verdict != Verdict::Agrees)
        .map(|question| question.outcome)
        .collect();
    for question in questions.iter().filter(|question| !doubted.contains(&question.outcome)) {
        outcomes[question.outcome].witness = Some(server.to_owned());
    }
    let contradicted: BTreeSet<usize> =
        questions.iter().filter(|question| question.is_open()).map(|question| question.outcome).collect();
    for question in questions {
        let outcome = &mut outcomes[question.outcome];
        match question.verdict {
            Verdict::Agrees => {}
            Verdict::CannotTell(why) => outcome.notes.push(format!("{server} cannot tell: {why}")),
            Verdict::Disagrees(what) => {
                outcome.notes.push(format!("the provider's listing shows it {}, but {server} {what}", outcome.fate));
            }
        }
    }
    contradicted.iter().for_each(|index| outcomes[*index].fate = Fate::Unconfirmed);
}

/// Asks what is open once. Returns for how long the server wants to be left alone, or nothing where asking again cannot help.
async fn hear(
    questions: &mut [Question],
    ask: &impl AsyncFn(&Name, &RecordType) -> Result<Answered, ProviderError>,
) -> Option<Option<Duration>> {
    let mut heard: BTreeMap<(Name, RecordType), Answered> = BTreeMap::new();
    let mut broken: Option<ProviderError> = None;
    for question in questions.iter_mut().filter(|question| question.is_open()) {
        let mut answered = Vec::new();
        for name in [question.name(), question.beside()] {
            // Who did not answer once is not asked a thousand times more.
            if broken.is_some() {
                break;
            }
            let key = (name, question.asked_type());
            let answer = match heard.get(&key) {
                Some(answer) => answer.clone(),
                None => match ask(&key.0, &key.1).await {
                    Ok(answer) => heard.entry(key).or_insert(answer).clone(),
                    Err(error) => {
                        broken = Some(error);
                        break;
                    }
                },
            };
            answered.push(answer);
            if !matches!(&answered[0], Answered::Values(values) if question.needs_beside(values)) {
                break;
            }
        }
        question.verdict = match &broken {
            Some(error) => Verdict::Disagrees(format!("could not be asked: {error}")),
            None => question.judge_answers(&answered),
        };
    }
    broken.as_ref().map_or(Some(None), pause_after)
}

/// Returns what is to be asked about the outcomes that are as they should be.
fn questions(outcomes: &[Outcome], is_proxied: &dyn Fn(&RecordKey) -> bool) -> Vec<Question> {
    let mut questions = Vec::new();
    for (index, outcome) in outcomes.iter().enumerate().filter(|(_, outcome)| outcome.fate.is_settled()) {
        let mut push = |data: &RecordData, is_there| {
            let key = RecordKey { name: outcome.name.clone(), data: data.clone() };
            let is_proxied = is_proxied(&key);
            let verdict = Verdict::Disagrees("was not asked".into());
            questions.push(Question { outcome: index, key, is_there, is_proxied, verdict });
        };
        if let Some(data) = &outcome.data {
            push(data, outcome.action != Action::Delete);
        }
        // Behind a proxy the values cannot be told apart.
        if let Some(old) = &outcome.old
            && !is_proxied(&RecordKey { name: outcome.name.clone(), data: old.clone() })
        {
            push(old, false);
        }
    }
    let made: BTreeSet<RecordKey> =
        questions.iter().filter(|question| question.is_there).map(|question| question.key.clone()).collect();
    questions.retain(|question| question.is_there || !made.contains(&question.key));
    questions
}

/// What a DNS server is asked about one value.
struct Question {
    /// Which outcome it is about.
    outcome: usize,
    key: RecordKey,
    /// Whether the value is to be answered.
    is_there: bool,
    is_proxied: bool,
    verdict: Verdict,
}

/// What follows from an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Verdict {
    Agrees,
    /// What the server does, to be read behind its name.
    Disagrees(String),
    CannotTell(String),
}

impl Question {
    fn is_open(&self) -> bool {
        matches!(self.verdict, Verdict::Disagrees(_))
    }

    /// Returns the name to ask for. For a wildcard that is one below it, since servers answer for the wildcard's own name otherwise than
    /// with what it stands for.
    fn name(&self) -> Name {
        match self.key.name.parent().filter(|_| self.key.name.is_wildcard()) {
            Some(parent) => parent.child(NOBODY).unwrap_or(parent),
            None => self.key.name.clone(),
        }
    }

    /// Returns a name that nobody has beside the question's: only another wildcard answers for it.
    fn beside(&self) -> Name {
        let parent = self.key.name.parent().filter(|_| self.key.name.is_wildcard());
        let parent = parent.unwrap_or_else(|| self.key.name.clone()).parent().unwrap_or_else(Name::root);
        parent.child(&format!("{NOBODY}-either")).unwrap_or(parent)
    }

    /// Returns the type to ask for: a proxy answers with addresses for an alias too.
    fn asked_type(&self) -> RecordType {
        match self.key.rtype() {
            RecordType::Cname if self.is_proxied => RecordType::A,
            rtype => rtype,
        }
    }

    /// Returns whether the answer could be a wildcard's.
    fn needs_beside(&self, answered: &[RecordData]) -> bool {
        !self.is_there && !self.is_proxied && answered.contains(&self.key.data)
    }

    /// Judges what was answered for the name itself and, if that was asked, for the one beside it.
    fn judge_answers(&self, answered: &[Answered]) -> Verdict {
        match answered {
            [Answered::Elsewhere(cut), ..] => {
                Verdict::CannotTell(format!("{cut} is delegated, and what is below it is answered by others"))
            }
            [Answered::Values(values), Answered::Values(beside)] => self.judge(values, beside),
            [Answered::Values(values), ..] => self.judge(values, &[]),
            [] => Verdict::Disagrees("was not asked".into()),
        }
    }

    fn judge(&self, answered: &[RecordData], beside: &[RecordData]) -> Verdict {
        let answers = match answered {
            [] => "answers with no value of that type".to_owned(),
            values => {
                let values: Vec<String> = values.iter().map(ToString::to_string).collect();
                format!("answers with {}", values.join(", "))
            }
        };
        match (self.is_there, self.is_proxied) {
            (true, true) if !answered.is_empty() => Verdict::CannotTell(
                "it answers for the name, and behind the proxy with which value cannot be seen".into(),
            ),
            (true, false) if answered.contains(&self.key.data) => Verdict::Agrees,
            (true, _) => Verdict::Disagrees(answers),
            (false, true) if answered.is_empty() => Verdict::Agrees,
            (false, true) => {
                Verdict::CannotTell("the name is answered for, and behind the proxy values look alike".into())
            }
            (false, false) if !answered.contains(&self.key.data) => Verdict::Agrees,
            (false, false) if beside.contains(&self.key.data) => {
                Verdict::CannotTell(format!("a wildcard answers with {} too", self.key.data))
            }
            (false, false) => Verdict::Disagrees(format!("still {answers}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn question(name: &str, is_there: bool, is_proxied: bool) -> Question {
        let key = RecordKey { name: name.parse().unwrap(), data: address(1) };
        Question { outcome: 0, key, is_there, is_proxied, verdict: Verdict::Disagrees(String::new()) }
    }

    fn address(last: u8) -> RecordData {
        RecordData::A([10, 0, 0, last].into())
    }

    #[test]
    fn a_value_is_to_be_answered_among_others() {
        let coming = question("web.example", true, false);
        assert_eq!(coming.judge(&[address(2), address(1)], &[]), Verdict::Agrees);
        assert_eq!(coming.judge(&[], &[]), Verdict::Disagrees("answers with no value of that type".into()));
        assert_eq!(coming.judge(&[address(2)], &[]), Verdict::Disagrees("answers with 10.0.0.2".into()));
    }

    #[test]
    fn what_went_is_answered_no_more_whatever_else_is() {
        let gone = question("web.example", false, false);
        assert_eq!(gone.judge(&[], &[]), Verdict::Agrees);
        assert_eq!(gone.judge(&[address(2)], &[]), Verdict::Agrees);
        assert_eq!(gone.judge(&[address(1)], &[address(2)]), Verdict::Disagrees("still answers with 10.0.0.1".into()));
    }

    #[test]
    fn a_wildcard_that_answers_the_same_says_nothing() {
        let gone = question("web.example", false, false);
        assert!(gone.needs_beside(&[address(1)]) && !gone.needs_beside(&[address(2)]));
        assert!(matches!(gone.judge(&[address(1)], &[address(1)]), Verdict::CannotTell(_)));
        assert_eq!(gone.beside().parent(), gone.name().parent());
    }

    #[test]
    fn a_wildcard_is_asked_for_below_it() {
        let wildcard = question("*.apps.example", false, false);
        assert!(!wildcard.name().is_wildcard() && wildcard.name().is_within(&"apps.example".parse().unwrap()));
        assert_eq!(wildcard.beside().parent(), Some("example".parse().unwrap()), "it would answer for itself");
        assert!(matches!(wildcard.judge(&[address(1)], &[]), Verdict::Disagrees(_)));
    }

    #[test]
    fn behind_a_proxy_only_presence_is_seen() {
        let coming = question("web.example", true, true);
        assert!(matches!(coming.judge(&[address(9)], &[]), Verdict::CannotTell(_)));
        assert!(matches!(coming.judge(&[], &[]), Verdict::Disagrees(_)));
        let gone = question("web.example", false, true);
        assert_eq!(gone.judge(&[], &[]), Verdict::Agrees);
        assert!(matches!(gone.judge(&[address(9)], &[]), Verdict::CannotTell(_)));
    }
}
