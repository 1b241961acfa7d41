//! Records seen or wanted at one moment.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;
use std::ops::Range;

use crate::name::Name;
use crate::record::{Record, RecordKey, RecordType};

/// Records seen or wanted at one moment, one for each key, in the order of their keys.
///
/// Copies that a provider holds of one record are one record here, with a handle for each.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RecordSet(Vec<Record>);

impl RecordSet {
    /// Returns how many keys there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the records in the order of their keys.
    pub fn iter(&self) -> std::slice::Iter<'_, Record> {
        self.0.iter()
    }

    /// Returns the record of that key.
    pub fn get(&self, key: &RecordKey) -> Option<&Record> {
        self.0.binary_search_by(|record| record.key.cmp(key)).ok().map(|index| &self.0[index])
    }

    /// Returns whether there is a record of that key.
    pub fn contains(&self, key: &RecordKey) -> bool {
        self.get(key).is_some()
    }

    /// Returns the records at a name.
    pub fn at(&self, name: &Name) -> &[Record] {
        let start = self.0.partition_point(|record| record.key.name < *name);
        let length = self.0[start..].partition_point(|record| record.key.name == *name);
        &self.0[start..start + length]
    }

    /// Returns the records in the order of their keys.
    pub fn as_slice(&self) -> &[Record] {
        &self.0
    }

    /// Returns where the records at a name stand, for those who ask in the order of the names: the search begins at the cursor, which
    /// goes along.
    pub(crate) fn at_from(&self, cursor: &mut usize, name: &Name) -> Range<usize> {
        let ahead = |from: usize, is_before: &dyn Fn(&Record) -> bool| {
            from + self.0[from..].iter().take_while(|record| is_before(record)).count()
        };
        let start = ahead(*cursor, &|record| record.key.name < *name);
        *cursor = ahead(start, &|record| record.key.name == *name);
        start..*cursor
    }

    /// Returns the records of one RRset: a name and a type.
    pub fn rrset<'a>(&'a self, name: &Name, rtype: &RecordType) -> impl Iterator<Item = &'a Record> + use<'a> {
        let rtype = rtype.clone();
        self.at(name).iter().filter(move |record| record.rtype() == rtype)
    }
}

/// Copies of one key become one record with the handles of all. The attributes of the first stand, but a copy that answers
/// counts over one that is switched off.
impl FromIterator<Record> for RecordSet {
    fn from_iter<I: IntoIterator<Item = Record>>(records: I) -> Self {
        let mut records: Vec<Record> = records.into_iter().collect();
        records.sort_by(|left, right| left.key.cmp(&right.key));
        records.dedup_by(|copy, first| {
            let same = copy.key == first.key;
            if same {
                first.handles.append(&mut copy.handles);
                if copy.enabled == Some(true) {
                    first.enabled = copy.enabled;
                }
            }
            same
        });
        Self(records)
    }
}

impl IntoIterator for RecordSet {
    type Item = Record;
    type IntoIter = std::vec::IntoIter<Record>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<'a> IntoIterator for &'a RecordSet {
    type Item = &'a Record;
    type IntoIter = std::slice::Iter<'a, Record>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// Which names a listing is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// The whole zone; where the API has no zones, everything it holds.
    Zone,
    /// A name and all below it.
    Under(Name),
    /// These names alone.
    Names(BTreeSet<Name>),
}

impl Scope {
    /// Returns whether a listing of this scope says something about `name`.
    pub fn covers(&self, name: &Name) -> bool {
        match self {
            Self::Zone => true,
            Self::Under(ancestor) => name.is_within(ancestor),
            Self::Names(names) => names.contains(name),
        }
    }
}

impl FromIterator<Name> for Scope {
    fn from_iter<I: IntoIterator<Item = Name>>(names: I) -> Self {
        Self::Names(names.into_iter().collect())
    }
}

impl Scope {
    /// Returns the verb of a sentence about it: several names are many.
    pub fn was(&self) -> &'static str {
        match self {
            Self::Names(names) if names.len() != 1 => "were",
            Self::Zone | Self::Under(_) | Self::Names(_) => "was",
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Zone => f.write_str("the whole zone"),
            Self::Under(name) => write!(f, "{name} and below"),
            Self::Names(names) => match names.first() {
                Some(name) if names.len() == 1 => name.fmt(f),
                _ => write!(f, "{} names", names.len()),
            },
        }
    }
}

/// An entry that we cannot model: it occupies its name and type, is never ours, and blocks a creation there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opaque {
    /// The name it occupies; nothing where the text at the provider is not a domain name, so that it is in nobody's way.
    pub name: Option<Name>,
    /// The type it occupies; nothing where it occupies them all.
    pub rtype: Option<RecordType>,
    /// The entry as the provider shows it.
    pub text: String,
    /// Why it is not a record.
    pub why: Cow<'static, str>,
}

impl Opaque {
    /// Returns whether the entry is in the way of a record of that name and type.
    pub fn occupies(&self, name: &Name, rtype: &RecordType) -> bool {
        self.name.as_ref() == Some(name) && self.rtype.as_ref().is_none_or(|own| own == rtype)
    }
}

/// What a provider holds in a scope at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Listing {
    /// The records.
    pub records: RecordSet,
    /// What is there and cannot be modelled.
    pub opaque: Vec<Opaque>,
    /// The provider's own clock when it answered, where it says so.
    pub provider_time: Option<jiff::Timestamp>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{Handle, RecordData};

    fn record(name: &str, address: &str, handle: &str) -> Record {
        let mut record = Record::new(Name::parse(name).unwrap(), RecordData::infer(address).unwrap());
        record.handles.push(Handle(handle.into()));
        record
    }

    #[test]
    fn copies_are_one_record_with_the_handles_of_all() {
        let set: RecordSet = [
            record("b.example", "fd00::1", "1"),
            record("a.example", "10.0.0.1", "2"),
            record("B.example", "FD00:0::1", "3"),
        ]
        .into_iter()
        .collect();
        assert_eq!(set.len(), 2);
        let twins = &set.at(&Name::parse("b.example").unwrap())[0];
        assert_eq!(twins.handles.len(), 2);
        assert!(set.at(&Name::parse("c.example").unwrap()).is_empty());
    }

    #[test]
    fn a_copy_that_answers_counts() {
        let (mut off, mut on) = (record("a.example", "10.0.0.1", "1"), record("a.example", "10.0.0.1", "2"));
        (off.enabled, on.enabled) = (Some(false), Some(true));
        let set: RecordSet = [off, on].into_iter().collect();
        assert_eq!(set.iter().next().unwrap().enabled, Some(true));
    }

    #[test]
    fn scopes_cover_what_they_name() {
        let name = |text: &str| Name::parse(text).unwrap();
        assert!(Scope::Under(name("b.c")).covers(&name("a.b.c")));
        assert!(!Scope::Under(name("b.c")).covers(&name("c")));
        assert!(!Scope::from_iter([name("a")]).covers(&name("b")));
    }
}
