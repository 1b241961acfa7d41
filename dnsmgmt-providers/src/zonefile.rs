//! Zone files: RFC 1035 master files, edited in place.
//!
//! What is not changed stays byte for byte, comments and layout included; the SOA's serial goes up by one with each
//! [`apply`](DnsProvider::apply) that changes something. The file is replaced in one step under a lock, so that a server, or a
//! program that is killed, never meets half of it; it keeps its mode, its owner, its access control list and its SELinux label, or
//! is not replaced; other extended attributes are not copied. Telling the server to read it again is left to the caller.
//!
//! Where an entry inherits its TTL, the listing shows what BIND serves: that of `$TTL`, else the last one stated (RFC 2308 section
//! 4, RFC 1035 section 5.1); Knot and NSD know only `$TTL`. A TTL is written as it is asked for, beside siblings with another
//! one too, which servers load; a record without a wish gets that of its RRset, and in a new RRset inherits it.
//!
//! `$INCLUDE`, `$GENERATE` and classes other than IN are refused, because a file that has them cannot be edited without changing
//! what it means.

mod attributes;
#[cfg(feature = "config")]
pub(crate) mod complete;
mod edit;
mod entries;
mod head;
mod index;
mod loadable;
mod lock;
mod obstacles;
mod render;
mod replace;
mod surprises;
mod tokens;
mod trouble;
mod values;

use std::collections::HashMap;
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
use trouble::Trouble;
use values::Identity;

/// Which file, under which name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ZonefileConfig {
    /// The configured name of the provider.
    pub name: String,
    /// The file; a symbolic link is followed and stays.
    pub path: PathBuf,
    /// The zone. Without it the owner of the file's SOA is taken, else a `$ORIGIN` before the first entry.
    pub origin: Option<Name>,
    /// Whether a file that does not exist counts as an empty zone, to be made by the first creation; its folder must exist and the
    /// origin be given. Otherwise it is an error, because a path that is mistyped, or not mounted, would make all records look gone.
    pub make_missing: bool,
}

/// A zone file.
#[derive(Debug)]
pub struct Zonefile {
    id: ProviderId,
    capabilities: Capabilities,
    path: PathBuf,
    make_missing: bool,
}

impl Zonefile {
    /// Opens a zone file; where the configuration has no origin, the file is read to find it.
    ///
    /// # Errors
    /// If there is no origin to be found, or the file that should have it cannot be read.
    pub fn open(config: ZonefileConfig) -> Result<Self, ProviderError> {
        let ZonefileConfig { name, path, origin, make_missing } = config;
        let zone = match origin {
            Some(origin) => origin,
            None => zone_of(&path)?,
        };
        Ok(Self { id: ProviderId { name, zone }, capabilities: capabilities(), path, make_missing })
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
        let zone = self.read().await?;
        Ok(zone.map_or_else(Listing::default, |zone| listing(&zone, scope)))
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
        let mut found = match self.read().await? {
            Some(zone) => surprises::find(&zone),
            None => vec![format!("{} does not exist yet; the first creation makes it", self.path.display())],
        };
        found.extend(self.blocking(|path, _| obstacles(path)).await?);
        Ok(found)
    }
}

impl Zonefile {
    /// Returns the zone; nothing if there is no file and it may be made.
    async fn read(&self) -> Result<Option<ZoneText>, ProviderError> {
        match self.blocking(read).await? {
            Some((zone, _)) => Ok(Some(zone)),
            None if self.make_missing => Ok(None),
            None => Err(Trouble::Missing.while_reading(&self.path)),
        }
    }

    /// Changes the file as it is now, under the lock.
    async fn change(&self, work: Vec<Group>) -> Result<Vec<Answer>, ProviderError> {
        let path = resolve(&self.path)?;
        let lock = lock::acquire(replace::folder(&path)).await?;
        let make_missing = self.make_missing;
        self.blocking(move |path, origin| {
            let answers = change(path, origin, make_missing, &work);
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

fn change(path: &Path, origin: &Name, make_missing: bool, work: &[Group]) -> Result<Vec<Answer>, ProviderError> {
    let path = &resolve(path)?;
    let (zone, version) = match read(path, origin)? {
        Some((zone, version)) => (zone, Some(version)),
        None if make_missing => (parse(path, Vec::new(), Some(origin))?, None),
        None => return Err(Trouble::Missing.while_reading(path)),
    };
    let headless = zone.entries().next().is_none();
    let zone = if headless { parse(path, head::put(&zone), Some(origin))? } else { zone };
    let (answers, text) = edit::apply(&zone, work)?;
    let mut asked = work.iter().flat_map(|group| &group.changes).zip(&answers);
    let is_in_head =
        |(change, answer): (&Change, &Answer)| matches!((change, answer), (Change::Create(_), Answer::AlreadySo));
    let head = (headless && asked.any(is_in_head)).then(|| zone.text.clone());
    let Some(text) = text.or(head) else { return Ok(answers) };
    let Err(trouble) = replace::replace(path, version.as_ref(), &text) else { return Ok(answers) };
    let error = trouble.while_doing(format!("write the zone file {}", path.display()));
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
        return Err(Trouble::Missing.while_reading(path));
    };
    parse(path, text, None).map(|zone| zone.origin)
}

fn resolve(path: &Path) -> Result<PathBuf, ProviderError> {
    replace::resolve(path).map_err(|trouble| trouble.while_doing(format!("find the zone file {}", path.display())))
}

fn read_text(path: &Path) -> Result<Option<(Vec<u8>, Version)>, ProviderError> {
    replace::read(path).map_err(|trouble| trouble.while_reading(path))
}

/// Returns what would keep the file from being changed, a sentence each.
fn obstacles(path: &Path) -> Result<Vec<String>, ProviderError> {
    let path = &resolve(path)?;
    let found = obstacles::find(path).map_err(|error| Trouble::from(error).while_reading(path))?;
    let sentence = |trouble: Trouble| {
        let (_, hint) = trouble.reaction();
        format!("{} cannot be changed: {trouble}; {hint}", path.display())
    };
    Ok(found.into_iter().map(sentence).collect())
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
                }
                .into(),
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
}
