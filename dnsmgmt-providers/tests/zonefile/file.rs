//! A zone file in a folder of its own, and short words for what is asked of it.

use std::fs;
use std::path::{Path, PathBuf};

use dnsmgmt_core::name::Name;
use dnsmgmt_core::provider::{Answer, Attempt, Change, Condition, DnsProvider, Group, ProviderError, RunId};
use dnsmgmt_core::record::{Record, RecordData, RecordType, Ttl};
use dnsmgmt_core::record_set::{Listing, RecordSet, Scope};
use dnsmgmt_providers::zonefile::{Zonefile, ZonefileConfig};
use tempfile::TempDir;

/// A zone that servers load.
pub(crate) const HEAD: &str = "$TTL 1h\n@ SOA localhost. hostmaster 41 1h 15m 1w 5m\n@ NS localhost.\n";

pub(crate) struct ZoneFile {
    pub(crate) folder: TempDir,
    pub(crate) path: PathBuf,
    pub(crate) provider: Zonefile,
}

impl ZoneFile {
    /// Makes a file for `example.com`.
    pub(crate) fn with(text: impl AsRef<[u8]>) -> Self {
        let file = Self::missing();
        fs::write(&file.path, text).unwrap();
        file
    }

    /// Names a file for `example.com` and does not make it.
    pub(crate) fn missing() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("example.com.zone");
        Self { provider: open(&path), path, folder }
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        fs::read(&self.path).unwrap()
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.bytes()).unwrap()
    }

    pub(crate) async fn list(&self) -> Listing {
        self.provider.list(&Scope::Zone).await.unwrap()
    }

    /// Returns the records as `name ttl type value`.
    pub(crate) async fn records(&self) -> Vec<String> {
        self.list().await.records.iter().map(shown).collect()
    }

    pub(crate) async fn apply(&self, work: &[Group]) -> Vec<Answer> {
        apply(&self.provider, work).await
    }

    /// Makes one change and expects it to be taken.
    pub(crate) async fn make(&self, change: Change) {
        let answers = self.apply(&[alone(change)]).await;
        assert!(matches!(answers[..], [Answer::Accepted]), "{answers:?}");
    }

    /// Makes one change and returns why it was not made.
    pub(crate) async fn refusal(&self, change: Change) -> ProviderError {
        match &self.apply(&[alone(change)]).await[..] {
            [Answer::Failed(error)] => error.clone(),
            answers => panic!("{answers:?}"),
        }
    }
}

/// Opens a file that may be made.
pub(crate) fn open(path: &Path) -> Zonefile {
    open_as(path, true)
}

/// Opens a file that must exist.
pub(crate) fn open_existing(path: &Path) -> Zonefile {
    open_as(path, false)
}

fn open_as(path: &Path, make_missing: bool) -> Zonefile {
    let origin = Some(name("example.com"));
    Zonefile::open(ZonefileConfig { name: "zonefile".into(), path: path.into(), origin, make_missing }).unwrap()
}

pub(crate) async fn apply(provider: &Zonefile, work: &[Group]) -> Vec<Answer> {
    let attempt = Attempt { number: 1, run: RunId(1) };
    provider.apply(work, &RecordSet::default(), attempt).await
}

pub(crate) fn name(text: &str) -> Name {
    Name::parse(text).unwrap()
}

pub(crate) fn data(rtype: &str, text: &str) -> RecordData {
    RecordData::parse(&rtype.parse().unwrap(), text).unwrap()
}

/// Reads `name [ttl] type value`, the name within `example.com`.
pub(crate) fn record(text: &str) -> Record {
    let (owner, rest) = text.split_once(' ').unwrap();
    let (ttl, rest) = match rest.split_once(' ').unwrap() {
        (ttl, rest) if ttl.bytes().all(|octet| octet.is_ascii_digit()) => (Some(ttl.parse().unwrap()), rest),
        _ => (None, rest),
    };
    let (rtype, value) = rest.split_once(' ').unwrap();
    let owner = if owner == "@" { name("example.com") } else { name(&format!("{owner}.example.com")) };
    let mut record = Record::new(owner, data(rtype, value));
    record.ttl = ttl.map(Ttl::Seconds);
    record
}

pub(crate) fn shown(record: &Record) -> String {
    let owner = record.name().relative_to(&name("example.com")).unwrap_or_else(|| record.name().as_str());
    let ttl = record.ttl.map_or_else(|| "-".into(), |ttl| ttl.to_string());
    format!("{owner} {ttl} {} {}", record.rtype(), record.key.data)
}

pub(crate) fn create(text: &str) -> Change {
    Change::Create(record(text))
}

pub(crate) fn delete(text: &str) -> Change {
    Change::Delete(record(text))
}

pub(crate) fn change(old: &str, new: &str) -> Change {
    Change::Replace { old: record(old), new: record(new) }
}

pub(crate) fn alone(change: Change) -> Group {
    Group { only_if: Vec::new(), changes: vec![change] }
}

pub(crate) fn condition(owner: &str, rtype: &str, values: &[&str]) -> Condition {
    Condition {
        name: name(&format!("{owner}.example.com")),
        rtype: RecordType::parse(rtype).unwrap(),
        values: values.iter().map(|value| data(rtype, value)).collect(),
    }
}
