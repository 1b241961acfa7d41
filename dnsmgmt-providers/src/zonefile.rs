//! Zone files: RFC 1035 master files, edited in place.
//!
//! What is not changed stays byte for byte, comments and layout included; the SOA's serial goes up by one with each
//! [`apply`](DnsProvider::apply) that changes something. The file is replaced in one step under a lock, so that a server, or a
//! program that is killed, never meets half of it; it keeps its mode and its owner, extended attributes are not copied. Telling
//! the server to read it again is left to the caller.
//!
//! Where an entry inherits its TTL, the listing shows what BIND serves: that of `$TTL`, else the last one stated (RFC 2308 section
//! 4, RFC 1035 section 5.1); Knot and NSD know only `$TTL`. A TTL is written as it is asked for, beside siblings with another
//! one too, which servers load; a record without a wish gets that of its RRset, and in a new RRset inherits it.
//!
//! `$INCLUDE`, `$GENERATE` and classes other than IN are refused, because a file that has them cannot be edited without changing
//! what it means.

mod edit;
mod entries;
mod index;
mod loadable;
mod lock;
mod render;
mod replace;
mod surprises;
mod tokens;
mod values;

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use dnsmgmt_core::name::Name;
use dnsmgmt_core::provider::{
    Answer, Attempt, Capabilities, Change, DnsProvider, Group, ListingSupport, ProviderError, ProviderId, Reaction,
    TtlSupport, Types,
};
use dnsmgmt_core::record::{Record, RecordData, RecordType, Ttl};
use dnsmgmt_core::record_set::{Listing, Opaque, RecordSet, Scope};

use entries::ZoneText;
use replace::Version;
use values::Identity;

/// Which file, under which name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ZonefileConfig {
    /// The configured name of the provider.
    pub name: String,
    /// The file; a symbolic link is followed and stays.
    pub path: PathBuf,
    /// The zone. Without it the owner of the file's SOA is taken, else a `$ORIGIN` before the first entry. With it the file need
    /// not exist: it counts as an empty zone and is made by the first creation.
    pub origin: Option<Name>,
}

/// A zone file.
#[derive(Debug)]
pub struct Zonefile {
    id: ProviderId,
    capabilities: Capabilities,
    path: PathBuf,
}

impl Zonefile {
    /// Opens a zone file; where the configuration has no origin, the file is read to find it.
    ///
    /// # Errors
    /// If there is no origin to be found, or the file that should have it cannot be read.
    pub fn open(config: ZonefileConfig) -> Result<Self, ProviderError> {
        let ZonefileConfig { name, path, origin } = config;
        let zone = match origin {
            Some(origin) => origin,
            None => zone_of(&path)?,
        };
        Ok(Self { id: ProviderId { name, zone }, capabilities: capabilities(), path })
    }
}

#[async_trait]
impl DnsProvider for Zonefile {
    fn id(&self) -> &ProviderId {
        &self.id
    }

    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    async fn list(&self, scope: &Scope) -> Result<Listing, ProviderError> {
        let present = self.blocking(read).await?;
        Ok(present.map_or_else(Listing::default, |(zone, _)| listing(&zone, scope)))
    }

    async fn apply(&self, work: &[Group], _before: &RecordSet, _attempt: Attempt) -> Vec<Answer> {
        self.change(work.to_vec()).await.unwrap_or_else(|error| {
            let changes = work.iter().map(|group| group.changes.len()).sum();
            vec![Answer::Failed(error); changes]
        })
    }

    fn objection(&self, change: &Change) -> Option<String> {
        edit::objection(change, &self.id.zone)
    }

    fn is_same(&self, left: &RecordData, right: &RecordData) -> bool {
        values::is_same(left, right)
    }

    async fn examine(&self) -> Result<Vec<String>, ProviderError> {
        let present = self.blocking(read).await?;
        Ok(match present {
            Some((zone, _)) => surprises::find(&zone),
            None => vec![format!("{} does not exist yet; the first creation makes it", self.path.display())],
        })
    }
}

impl Zonefile {
    /// Changes the file as it is now, under the lock.
    async fn change(&self, work: Vec<Group>) -> Result<Vec<Answer>, ProviderError> {
        let path = resolve(&self.path)?;
        let lock = lock::acquire(replace::folder(&path)).await?;
        self.blocking(move |path, origin| {
            let answers = change(path, origin, &work);
            // Not before: if the caller goes away meanwhile, the change is made to its end all the same.
            drop(lock);
            answers
        })
        .await
    }

    /// Runs `work` where it may block.
    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Path, &Name) -> Result<T, ProviderError> + Send + 'static,
    ) -> Result<T, ProviderError> {
        let (path, origin) = (self.path.clone(), self.id.zone.clone());
        match tokio::task::spawn_blocking(move || work(&path, &origin)).await {
            Ok(done) => done,
            Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
            Err(_) => {
                Err(ProviderError::new(Reaction::Unreachable, "use the zone file", "the runtime is shutting down"))
            }
        }
    }
}

fn change(path: &Path, origin: &Name, work: &[Group]) -> Result<Vec<Answer>, ProviderError> {
    let path = &resolve(path)?;
    let (zone, version) = match read(path, origin)? {
        Some((zone, version)) => (zone, Some(version)),
        None => (new_zone(path, origin)?, None),
    };
    let (answers, text) = edit::apply(&zone, work)?;
    let Some(text) = text else { return Ok(answers) };
    let written = replace::replace(path, version.as_ref(), &text);
    let error = match written.map_err(|error| failure(format!("write the zone file {}", path.display()), &error)) {
        Ok(()) => return Ok(answers),
        Err(error) => error,
    };
    let not_written = |answer| match answer {
        Answer::Accepted => Answer::Failed(error.clone()),
        answer => answer,
    };
    Ok(answers.into_iter().map(not_written).collect())
}

/// Reads the zone; nothing if there is no file in an existing folder.
fn read(path: &Path, origin: &Name) -> Result<Option<(ZoneText, Version)>, ProviderError> {
    let path = &resolve(path)?;
    let Some((text, version)) = read_text(path)? else { return Ok(None) };
    parse(path, text, Some(origin)).map(|zone| Some((zone, version)))
}

fn zone_of(path: &Path) -> Result<Name, ProviderError> {
    let path = &resolve(path)?;
    let Some((text, _)) = read_text(path)? else {
        return Err(ProviderError::new(Reaction::Refused, reading(path), "it does not exist")
            .hint("check the path, or give the zone's origin as well: then the first creation makes the file"));
    };
    parse(path, text, None).map(|zone| zone.origin)
}

fn resolve(path: &Path) -> Result<PathBuf, ProviderError> {
    replace::resolve(path).map_err(|error| failure(format!("find the zone file {}", path.display()), &error))
}

fn read_text(path: &Path) -> Result<Option<(Vec<u8>, Version)>, ProviderError> {
    replace::read(path).map_err(|error| failure(reading(path), &error))
}

fn parse(path: &Path, text: Vec<u8>, origin: Option<&Name>) -> Result<ZoneText, ProviderError> {
    entries::read(text, origin).map_err(|(text, error)| {
        let place = error.at.map_or_else(String::new, |at| {
            let (line, column) = entries::position(&text, at);
            format!(":{line}:{column}")
        });
        let answered = format!("{}{place}: {}", path.display(), error.problem);
        ProviderError::new(error.reaction, "read the zone file", answered).hint(error.hint)
    })
}

fn reading(path: &Path) -> String {
    format!("read the zone file {}", path.display())
}

/// Returns a zone that servers load and that has nothing in it, for a file that is to be made. Its name server is a placeholder;
/// the times are those of RIPE-203, with a short negative TTL because records come and go here.
fn new_zone(path: &Path, origin: &Name) -> Result<ZoneText, ProviderError> {
    let hostmaster = origin.child("hostmaster").unwrap_or_else(|_| Name::root());
    let text = format!(
        "$ORIGIN {}\n$TTL 1h\n@\tSOA\tlocalhost. {} 0 1d 2h 1000h 5m\n@\tNS\tlocalhost.\n",
        origin.with_dot(),
        hostmaster.with_dot()
    );
    parse(path, text.into_bytes(), Some(origin))
}

fn listing(zone: &ZoneText, scope: &Scope) -> Listing {
    let (mut records, mut opaque) = (Vec::new(), Vec::new());
    let covered = zone.entries().filter(|(_, entry)| scope.covers(&entry.name) && entry.soa.is_none());
    for (piece, entry) in covered {
        let in_zone = entry.name.is_within(&zone.origin);
        match &entry.data {
            Some(data) if in_zone => {
                let mut record = Record::new(entry.name.clone(), data.clone());
                record.ttl = Some(Ttl::Seconds(entry.ttl));
                records.push(record);
            }
            _ => opaque.push(Opaque {
                name: Some(entry.name.clone()),
                rtype: Some(entry.rtype.clone()),
                text: values::escaped(zone.text[piece.span.clone()].trim_ascii()).into_owned(),
                why: if in_zone {
                    "its value cannot be shown"
                } else {
                    "it lies outside the zone, so servers do not serve it"
                },
            }),
        }
    }
    one_spelling_each(&mut records);
    Listing { records: records.into_iter().collect(), opaque, provider_time: None }
}

/// Values of types that are not modelled are told apart by their text; those that are one value for a server get the text of the
/// first.
fn one_spelling_each(records: &mut [Record]) {
    let mut seen: HashMap<(Name, Identity), RecordData> = HashMap::new();
    for record in records.iter_mut().filter(|record| matches!(record.key.data, RecordData::Other { .. })) {
        let data = &mut record.key.data;
        let first = seen.entry((record.key.name.clone(), values::identity(data))).or_insert_with(|| data.clone());
        data.clone_from(first);
    }
}

fn capabilities() -> Capabilities {
    let types = |mnemonics: &[&str]| mnemonics.iter().filter_map(|mnemonic| RecordType::parse(mnemonic).ok()).collect();
    Capabilities {
        types: Types::AllBut(RecordType::zone_machinery().collect()),
        ttl: TtlSupport::Seconds { least: 0, most: values::MAX_TTL, automatic: false },
        proxied: false,
        enabled: false,
        comment: None,
        conditions: true,
        batch: usize::MAX,
        cname_excludes: Types::AllBut(types(&loadable::BESIDE_CNAME)),
        ns_excludes: Types::none(),
        listing: ListingSupport::Zone,
    }
}

/// What went wrong with a file or folder, and what a person can do.
fn failure(doing: String, error: &io::Error) -> ProviderError {
    use io::ErrorKind as Kind;
    let (reaction, hint) = match error.kind() {
        Kind::PermissionDenied | Kind::ReadOnlyFilesystem => {
            (Reaction::Refused, "this program's user must be able to read and write the file and its folder")
        }
        Kind::NotFound | Kind::NotADirectory | Kind::IsADirectory | Kind::InvalidInput | Kind::InvalidFilename => {
            (Reaction::Refused, "check the path of the zone file; its folder must exist")
        }
        Kind::ResourceBusy => (Reaction::Busy { retry_after: None }, "try again; nothing was changed"),
        Kind::StorageFull | Kind::QuotaExceeded | Kind::FileTooLarge => {
            (Reaction::Unreachable, "make room on the file system; the file is as it was")
        }
        _ => (Reaction::Unreachable, "check the file system on which the zone file is"),
    };
    ProviderError::new(reaction, doing, error.to_string()).hint(hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_zones_machinery_is_left_out() {
        let capabilities = capabilities();
        let rtype = |mnemonic: &str| RecordType::parse(mnemonic).unwrap();
        assert!(!capabilities.types.contains(&rtype("SOA")) && !capabilities.types.contains(&rtype("RRSIG")));
        assert!(capabilities.types.contains(&rtype("TLSA")));
        let (name, zone) = (Name::parse("a.example").unwrap(), Name::parse("example").unwrap());
        let excludes = |other: &str| capabilities.conflict(&name, Some(&zone), &RecordType::Cname, &rtype(other));
        assert!(excludes("A") && excludes("CNAME") && excludes("TLSA") && !excludes("RRSIG") && !excludes("NSEC"));
    }

    #[test]
    fn a_failure_says_what_a_person_can_do() {
        for (kind, reaction, hint) in [
            (io::ErrorKind::PermissionDenied, Reaction::Refused, "user"),
            (io::ErrorKind::NotFound, Reaction::Refused, "path"),
            (io::ErrorKind::StorageFull, Reaction::Unreachable, "room"),
            (io::ErrorKind::ResourceBusy, Reaction::Busy { retry_after: None }, "again"),
            (io::ErrorKind::Other, Reaction::Unreachable, "file system"),
        ] {
            let error = failure("write the zone file x".into(), &kind.into());
            assert_eq!(error.reaction, reaction);
            assert!(error.hint.unwrap().contains(hint), "{kind}");
        }
    }
}
