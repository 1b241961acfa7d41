//! Records as a file spells them, `NAME TYPE VALUE`.

use std::fmt;

use dnsmgmt_core::name::Name;
use dnsmgmt_core::record::{RecordData, RecordKey, RecordType};
use jiff::Timestamp;
use serde::{Deserialize, Deserializer, de};

/// Records; a line with a range in braces, `n{1..3}.lab.example A 10.0.0.{1..3}`, is one for each number.
#[derive(Debug, Clone, Default)]
pub(crate) struct Records(pub(crate) Vec<RecordKey>);

impl<'de> Deserialize<'de> for Records {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let lines = Vec::<String>::deserialize(deserializer)?;
        let records = lines.iter().flat_map(|line| numbered(line)).map(|line| read(&line));
        Ok(Self(records.collect::<Result<_, _>>().map_err(de::Error::custom)?))
    }
}

/// Reads one record.
pub(crate) fn read(line: &str) -> Result<RecordKey, String> {
    let mut words = line.splitn(3, ' ');
    let (Some(name), Some(rtype), Some(value)) = (words.next(), words.next(), words.next()) else {
        return Err(format!("`{line}` is not NAME TYPE VALUE"));
    };
    let wrong = |error: &dyn fmt::Display| format!("`{line}`: {error}");
    let name = Name::parse(name).map_err(|error| wrong(&error))?;
    let rtype = RecordType::parse(rtype).map_err(|error| wrong(&error))?;
    Ok(RecordKey { name, data: RecordData::parse(&rtype, value).map_err(|error| wrong(&error))? })
}

/// Returns the record with the present time where it is a heartbeat whose time is `now`.
pub(crate) fn timed(record: &RecordKey) -> RecordKey {
    match time_of(record) {
        Some(("now", instance)) => with_time(record, &now().to_string(), instance),
        _ => record.clone(),
    }
}

/// Returns the record with `now` for its time where it is a heartbeat of the last hour: nobody can write down when a test runs. One that is
/// written twice in a second is a second ahead.
pub(crate) fn timeless(record: &RecordKey) -> RecordKey {
    match time_of(record) {
        Some((time, instance)) if time.parse().is_ok_and(|time: i64| (-60..3600).contains(&(now() - time))) => {
            with_time(record, "now", instance)
        }
        _ => record.clone(),
    }
}

/// Returns the time and the instance of a heartbeat.
fn time_of(record: &RecordKey) -> Option<(&str, &str)> {
    let RecordData::Txt(text) = &record.data else { return None };
    record.name.as_str().starts_with("_heartbeat-").then(|| std::str::from_utf8(text).ok()?.split_once(','))?
}

fn with_time(record: &RecordKey, time: &str, instance: &str) -> RecordKey {
    let data = RecordData::Txt(format!("{time},{instance}").into_bytes().into());
    RecordKey { name: record.name.clone(), data }
}

#[expect(clippy::disallowed_methods, reason = "the programs that are started go by this clock")]
fn now() -> i64 {
    Timestamp::now().as_second()
}

/// Returns a line for each number of the ranges in it, all of which count together.
pub(crate) fn numbered(line: &str) -> Vec<String> {
    let Some(((before, range), after)) = line.split_once('{').and_then(|(before, rest)| {
        let (range, after) = rest.split_once('}')?;
        Some(((before, range.split_once("..")?), after))
    }) else {
        return vec![line.to_owned()];
    };
    let bound = |text: &str| text.parse::<usize>().unwrap_or_else(|_| panic!("`{line}`: `{text}` is no number"));
    let numbers = bound(range.0)..=bound(range.1);
    let rest = numbered(after);
    let behind = |index: usize| &rest[index % rest.len()];
    numbers.enumerate().map(|(index, number)| format!("{before}{number}{}", behind(index))).collect()
}
