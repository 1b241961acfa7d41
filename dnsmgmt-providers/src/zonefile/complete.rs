//! Reading a zone file as a whole: every entry of it, or an error.

use std::collections::HashSet;
use std::io::ErrorKind;
use std::path::Path;

use dnsmgmt_core::name::Name;
use dnsmgmt_core::record::{Record, Ttl};

use super::entries::{self, ZoneText};
use super::replace;
use super::trouble::Trouble;

/// Reads the zone that a file says it is, and all its records in their order but those of the zone's own machinery. An entry that
/// could not be in a listing is an error.
pub(crate) fn read(path: &Path) -> Result<(Name, Vec<Record>), Unreadable> {
    let trouble = |trouble: Trouble| {
        let hint = match trouble {
            Trouble::Missing => "check the path, and that what it lies on is mounted",
            Trouble::System(ref error) if error.kind() == ErrorKind::PermissionDenied => {
                "this program's user must be able to read it"
            }
            ref trouble => trouble.reaction().1,
        };
        Unreadable { problem: trouble.to_string(), hint: hint.into() }
    };
    let path = replace::resolve(path).map_err(trouble)?;
    let (text, _) = replace::read(&path).map_err(trouble)?.ok_or_else(|| trouble(Trouble::Missing))?;
    let zone = entries::read(text, None).map_err(|(text, error)| match error.at {
        Some(at) => unreadable_at(&text, at, &error.problem, error.hint),
        None => Unreadable {
            problem: "nothing says which zone this is: no SOA stands in the file and no $ORIGIN before its first entry"
                .into(),
            hint: "begin the file with a line like `$ORIGIN example.com.`".into(),
        },
    })?;
    records(&zone).map(|records| (zone.origin.clone(), records))
}

fn records(zone: &ZoneText) -> Result<Vec<Record>, Unreadable> {
    let (mut records, mut seen) = (Vec::new(), HashSet::new());
    for (_, entry) in zone.entries().filter(|(_, entry)| !entry.rtype.is_zone_machinery()) {
        let unreadable = |problem: &str, hint| unreadable_at(&zone.text, entry.rtype_at.span.start, problem, hint);
        let data = entry
            .data
            .as_ref()
            .ok_or_else(|| unreadable("no value of this kind can be kept", "leave the entry out"))?;
        if !entry.name.is_within(&zone.origin) {
            let problem = format!("{} lies outside the zone {}", entry.name, zone.origin);
            return Err(unreadable(&problem, "move it to a file of its own zone"));
        }
        let mut record = Record::new(entry.name.clone(), data.clone());
        record.ttl = entry.ttl_is_said.then_some(Ttl::Seconds(entry.ttl));
        records.push(record);
    }
    super::one_spelling_each(&mut records);
    records.retain(|record| seen.insert(record.key.clone()));
    Ok(records)
}

fn unreadable_at(text: &[u8], at: usize, problem: &str, hint: &str) -> Unreadable {
    let (line, column) = entries::position(text, at);
    Unreadable { problem: format!("line {line}, column {column}: {problem}"), hint: hint.into() }
}

/// What keeps a zone file from being read as a whole, and what a person can do.
pub(crate) struct Unreadable {
    pub(crate) problem: String,
    pub(crate) hint: String,
}
