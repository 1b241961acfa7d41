//! Changes of records as changes of whole RRsets, all in one request.
//!
//! What the service behind the webhook makes of an RRset is asked for first, because that is what it expects to be sent. Where
//! that is not what was wanted, or would cost a sibling its place, the RRset is left as it is.

use std::collections::BTreeMap;

use dnsmgmt_core::name::Name;
use dnsmgmt_core::provider::{Answer, Change, Group, ProviderError, Reaction};
use dnsmgmt_core::record::{Record, RecordData, RecordType};
use dnsmgmt_core::record_set::RecordSet;

use super::api::{Api, Changes};
use super::endpoint::{Endpoint, target};

type Key = (Name, RecordType);

/// Makes the work and returns an answer for each change.
pub(super) async fn make(api: &Api, work: &[Group], before: &RecordSet) -> Vec<Answer> {
    let mut refused = BTreeMap::new();
    loop {
        let draft = Draft::of(work, before, &refused);
        let wanted = draft.wanted();
        let adjusted = match adjust(api, &wanted).await {
            Ok(adjusted) => adjusted,
            Err(error) => return draft.answers(Err(error)),
        };
        let found = draft.refusals(&adjusted);
        if found.is_empty() {
            let changes = draft.changes(&adjusted);
            let asked = if changes == Changes::default() { Ok(()) } else { api.apply(&changes).await };
            return draft.answers(asked);
        }
        // A change that is refused takes its group along, so what is left may be another RRset altogether.
        refused.extend(found);
    }
}

async fn adjust(api: &Api, wanted: &[Endpoint]) -> Result<Vec<Endpoint>, ProviderError> {
    if wanted.is_empty() { Ok(Vec::new()) } else { api.adjust(wanted).await }
}

/// What the RRsets become.
struct Draft {
    sets: BTreeMap<Key, Rrset>,
    /// What is to be answered to each change.
    said: Vec<Said>,
}

#[derive(Debug, Clone, Default)]
struct Rrset {
    /// As it was listed.
    listed: Option<Endpoint>,
    /// As it becomes; without targets it goes.
    wanted: Option<Endpoint>,
}

enum Said {
    /// What the webhook says to the request.
    AsAsked,
    Already,
    ConditionFailed,
    Refused(ProviderError),
}

impl Draft {
    /// Works the changes in, in order. One that cannot be asked for ends its group, of which nothing is asked for then.
    fn of(work: &[Group], before: &RecordSet, refused: &BTreeMap<Key, ProviderError>) -> Self {
        let mut draft = Self { sets: BTreeMap::new(), said: Vec::new() };
        for group in work {
            let (kept, begins) = (draft.sets.clone(), draft.said.len());
            for change in &group.changes {
                let said = draft.work_in(change, before, refused).unwrap_or_else(Said::Refused);
                let ends = matches!(said, Said::ConditionFailed | Said::Refused(_));
                draft.said.push(said);
                if ends {
                    draft.sets = kept;
                    draft.drop_rest(begins, &group.changes);
                    break;
                }
            }
        }
        draft
    }

    /// Answers the whole group for the change that ended it.
    fn drop_rest(&mut self, begins: usize, changes: &[Change]) {
        let (asked, rest) = changes.split_at(self.said.len() - begins);
        for (said, change) in self.said[begins..].iter_mut().zip(asked) {
            if matches!(said, Said::AsAsked) {
                *said = Said::Refused(with_its_group(change));
            }
        }
        self.said.extend(rest.iter().map(|change| Said::Refused(with_its_group(change))));
    }

    fn work_in(
        &mut self,
        change: &Change,
        before: &RecordSet,
        refused: &BTreeMap<Key, ProviderError>,
    ) -> Result<Said, ProviderError> {
        let mut record = |record: &Record| {
            let key = (record.name().clone(), record.rtype());
            match refused.get(&key) {
                Some(error) => Err(error.clone()),
                None => self.load(key, before, change),
            }
        };
        match change {
            Change::Create(wanted) => {
                let key = record(wanted)?;
                Ok(self.set(&key).add(wanted))
            }
            Change::Delete(going) => {
                let key = record(going)?;
                Ok(if self.set(&key).remove(&going.key.data) { Said::AsAsked } else { Said::Already })
            }
            Change::Replace { old, new } => {
                let (from, to) = (record(old)?, record(new)?);
                Ok(self.replace(&from, &to, old, new))
            }
        }
    }

    fn load(&mut self, key: Key, before: &RecordSet, change: &Change) -> Result<Key, ProviderError> {
        if !self.sets.contains_key(&key) {
            let listed = Endpoint::of(before.rrset(&key.0, &key.1));
            let listed = listed.map_err(|why| ProviderError::new(Reaction::Refused, change.to_string(), why))?;
            self.sets.insert(key.clone(), Rrset { wanted: listed.clone(), listed });
        }
        Ok(key)
    }

    fn set(&mut self, key: &Key) -> &mut Rrset {
        let set = self.sets.entry(key.clone()).or_default();
        set.wanted.get_or_insert_with(|| Endpoint::new(&key.0, &key.1));
        set
    }

    fn replace(&mut self, from: &Key, to: &Key, old: &Record, new: &Record) -> Said {
        let listed = self.set(from);
        if !listed.has(&old.key.data) {
            return Said::ConditionFailed;
        }
        if old.key == new.key {
            return listed.add(new);
        }
        if from == to {
            return listed.put(&old.key.data, new);
        }
        // A TTL that nobody asks about stays, as far as there is a set that has none of its own.
        let ttl = listed.wanted.as_ref().and_then(Endpoint::ttl);
        listed.remove(&old.key.data);
        let other = self.set(to);
        let begins = other.is_empty();
        other.add(&Record { ttl: new.ttl.or(if begins { ttl } else { None }), ..new.clone() });
        Said::AsAsked
    }

    /// Returns the RRsets that change and stay.
    fn wanted(&self) -> Vec<Endpoint> {
        let changed = self.sets.values().filter(|set| set.wanted != set.listed && !set.is_empty());
        changed.filter_map(|set| set.wanted.clone()).collect()
    }

    /// Returns the RRsets that the service would make something else of.
    fn refusals(&self, adjusted: &[Endpoint]) -> BTreeMap<Key, ProviderError> {
        let changed = self.sets.iter().filter(|(_, set)| set.wanted != set.listed && !set.is_empty());
        let refusal = |(key, set): (&Key, &Rrset)| {
            let why = set.wanted.as_ref().and_then(|wanted| objection(wanted, set.listed.as_ref(), key, adjusted))?;
            let doing = format!("change {} {}", key.0, key.1);
            let hint = "the webhook decides this by its service and its own settings";
            Some((key.clone(), ProviderError::new(Reaction::Refused, doing, why).hint(hint)))
        };
        changed.filter_map(refusal).collect()
    }

    fn changes(&self, adjusted: &[Endpoint]) -> Changes {
        let mut changes = Changes::default();
        for (key, set) in self.sets.iter().filter(|(_, set)| set.wanted != set.listed) {
            let sent = || adjusted_of(key, adjusted).cloned().into_iter();
            match &set.listed {
                None => changes.create.extend(sent().filter(|_| !set.is_empty())),
                Some(listed) if set.is_empty() => changes.delete.push(listed.clone()),
                Some(listed) => {
                    changes.update_old.push(listed.clone());
                    changes.update_new.extend(sent().map(|new| Endpoint { labels: listed.labels.clone(), ..new }));
                }
            }
        }
        changes
    }

    fn answers(self, asked: Result<(), ProviderError>) -> Vec<Answer> {
        let answer = |said| match said {
            Said::AsAsked => asked.clone().map_or_else(Answer::Failed, |()| Answer::Accepted),
            Said::Already => Answer::AlreadySo,
            Said::ConditionFailed => Answer::ConditionFailed,
            Said::Refused(error) => Answer::Failed(error),
        };
        self.said.into_iter().map(answer).collect()
    }
}

impl Rrset {
    fn is_empty(&self) -> bool {
        self.wanted.as_ref().is_none_or(|wanted| wanted.targets.is_empty())
    }

    fn has(&self, data: &RecordData) -> bool {
        self.wanted.as_ref().is_some_and(|wanted| places(wanted, data).next().is_some())
    }

    /// Adds the value where it is missing, and gives the RRset the TTL that is asked for.
    fn add(&mut self, record: &Record) -> Said {
        let Some(wanted) = &mut self.wanted else { return Said::Already };
        let before = wanted.clone();
        if places(wanted, &record.key.data).next().is_none() {
            wanted.targets.push(target(&record.key.data));
        }
        set_ttl(wanted, record);
        // What another change of the same request makes so was not so already.
        let was_so =
            |listed: &Endpoint| places(listed, &record.key.data).next().is_some() && listed.ttl() == wanted.ttl();
        if *wanted == before && self.listed.as_ref().is_some_and(was_so) { Said::Already } else { Said::AsAsked }
    }

    /// Puts the new value where the old one is, in all its copies.
    fn put(&mut self, old: &RecordData, new: &Record) -> Said {
        let is_there = self.has(&new.key.data);
        let Some(wanted) = &mut self.wanted else { return Said::ConditionFailed };
        if let (false, Some(place)) = (is_there, places(wanted, old).next()) {
            wanted.targets[place] = target(&new.key.data);
        }
        set_ttl(wanted, new);
        self.remove(old);
        Said::AsAsked
    }

    /// Removes the value in all its spellings, and returns whether it was there.
    fn remove(&mut self, data: &RecordData) -> bool {
        let Some(wanted) = &mut self.wanted else { return false };
        let going: Vec<usize> = places(wanted, data).collect();
        for place in going.iter().rev() {
            wanted.targets.remove(*place);
        }
        !going.is_empty()
    }
}

fn set_ttl(wanted: &mut Endpoint, record: &Record) {
    if let Some(ttl) = record.ttl.filter(|ttl| wanted.ttl() != Some(*ttl)) {
        wanted.set_ttl(ttl);
    }
}

fn places<'a>(endpoint: &Endpoint, data: &'a RecordData) -> impl Iterator<Item = usize> + use<'a> {
    let values = endpoint.values().into_iter().enumerate();
    values.filter(move |(_, value)| value.as_ref() == Some(data)).map(|(place, _)| place)
}

fn adjusted_of<'a>((name, rtype): &Key, adjusted: &'a [Endpoint]) -> Option<&'a Endpoint> {
    let mut found = adjusted.iter().filter(|endpoint| endpoint.is_of(name, rtype));
    found.next().filter(|_| found.next().is_none())
}

/// Returns why what the service makes of an RRset cannot be sent: it has other values, or is what is there already.
fn objection(wanted: &Endpoint, listed: Option<&Endpoint>, key: &Key, adjusted: &[Endpoint]) -> Option<String> {
    let Some(made) = adjusted_of(key, adjusted) else {
        let at_name =
            adjusted.iter().filter(|endpoint| Name::parse(&endpoint.dns_name).is_ok_and(|name| name == key.0));
        let instead: Vec<String> = at_name.map(Endpoint::shown).collect();
        return Some(match instead[..] {
            [] => "the webhook takes it out of what it would make".into(),
            _ => format!("the webhook makes something else of it: {}", instead.join("; ")),
        });
    };
    if made.is_alias() {
        return Some(format!("the webhook makes an alias of its service's own of it: {}", made.shown()));
    }
    let values = |endpoint: &Endpoint| {
        let mut values = endpoint.values();
        values.sort();
        values.dedup();
        values
    };
    if values(made) != values(wanted) {
        return Some(format!("the webhook makes other values of it: {}", made.shown()));
    }
    let listed = listed.filter(|listed| {
        values(listed) == values(made)
            && listed.ttl() == made.ttl()
            && listed.provider_specific == made.provider_specific
            && listed.targets.len() == wanted.targets.len()
    })?;
    let ttl = listed.ttl()?;
    Some(format!("the webhook makes the TTL {ttl} of it, which it has already"))
}

fn with_its_group(change: &Change) -> ProviderError {
    ProviderError::new(Reaction::Refused, change.to_string(), "it goes with a change that cannot be made")
}
