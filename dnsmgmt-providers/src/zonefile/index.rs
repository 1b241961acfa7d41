//! Where the lines of a draft are: by name and type, and by value.

use std::collections::{BTreeSet, HashMap};

use dnsmgmt_core::name::Name;
use dnsmgmt_core::record::{RecordKey, RecordType};

use super::edit::Line;
use super::values::{self, Identity};

/// Where the lines of a draft are, by their numbers. It is told of every line that comes, goes or becomes another, so that
/// thousands of changes at one name need not look through all its lines each.
#[derive(Debug, Default)]
pub(super) struct Index {
    rrsets: HashMap<Name, Vec<Rrset>>,
    /// Only of the names that were asked for: most names of a large zone are not.
    values: HashMap<Name, HashMap<Identity, BTreeSet<usize>>>,
}

/// The lines of one type at one name.
#[derive(Debug)]
pub(super) struct Rrset {
    pub(super) rtype: RecordType,
    /// Those that are there.
    pub(super) here: BTreeSet<usize>,
    gone: BTreeSet<usize>,
}

impl Index {
    /// Returns the types at a name, those of which nothing is left included.
    pub(super) fn rrsets(&self, name: &Name) -> &[Rrset] {
        self.rrsets.get(name).map_or(&[], Vec::as_slice)
    }

    /// Returns the names that have lines, or had some.
    pub(super) fn names(&self) -> impl Iterator<Item = &Name> {
        self.rrsets.keys()
    }

    /// Returns the lines that hold this record, however it is spelled.
    pub(super) fn copies(&mut self, key: &RecordKey, lines: &[Line<'_>]) -> Vec<usize> {
        if !self.values.contains_key(&key.name) {
            self.values.insert(key.name.clone(), self.read_values(&key.name, lines));
        }
        let copies = self.values.get(&key.name).and_then(|values| values.get(&values::identity(&key.data)));
        copies.into_iter().flatten().copied().collect()
    }

    fn read_values(&self, name: &Name, lines: &[Line<'_>]) -> HashMap<Identity, BTreeSet<usize>> {
        let mut values: HashMap<Identity, BTreeSet<usize>> = HashMap::new();
        for &number in self.rrsets(name).iter().flat_map(|rrset| &rrset.here) {
            if let Some(data) = &lines[number].data {
                values.entry(values::identity(data)).or_default().insert(number);
            }
        }
        values
    }

    pub(super) fn insert(&mut self, number: usize, line: &Line<'_>) {
        self.rrset(line).lines(line).insert(number);
        if let (Some(values), Some(data), false) = (self.values.get_mut(&line.name), &line.data, line.gone) {
            values.entry(values::identity(data)).or_default().insert(number);
        }
    }

    pub(super) fn remove(&mut self, number: usize, line: &Line<'_>) {
        self.rrset(line).lines(line).remove(&number);
        if let (Some(values), Some(data), false) = (self.values.get_mut(&line.name), &line.data, line.gone) {
            values.entry(values::identity(data)).or_default().remove(&number);
        }
    }

    fn rrset(&mut self, line: &Line<'_>) -> &mut Rrset {
        let here = self.rrsets.entry(line.name.clone()).or_default();
        let at = here.iter().position(|rrset| rrset.rtype == line.rtype).unwrap_or_else(|| {
            here.push(Rrset { rtype: line.rtype.clone(), here: BTreeSet::new(), gone: BTreeSet::new() });
            here.len() - 1
        });
        &mut here[at]
    }
}

impl Rrset {
    /// Returns the line that stands last, or stood.
    pub(super) fn last(&self) -> Option<usize> {
        self.here.last().max(self.gone.last()).copied()
    }

    fn lines(&mut self, line: &Line<'_>) -> &mut BTreeSet<usize> {
        if line.gone { &mut self.gone } else { &mut self.here }
    }
}
