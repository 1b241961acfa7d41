//! The durable memory: what the providers held when last listed, what of it is ours, and what was changed.
//!
//! It is one SQLite file; `docs/database.md` describes its tables as people read them. All calls block: a program with other
//! things to do makes the long ones (replacing a large cache) on a thread for it. Several programs may use one file. Who is
//! about to change records takes a [`ProviderLock`] first.
//!
//! ```
//! use dnsmgmt_core::provider::ProviderId;
//! use dnsmgmt_core::record_set::{Listing, Scope};
//! use dnsmgmt_core::repository::{CACHE_TTL, DnsRepositoryManager};
//!
//! # let folder = tempfile::tempdir()?;
//! # let path = folder.path().join("dnsmgmt.db");
//! # let now: jiff::Timestamp = "2026-01-01T00:00:00Z".parse()?;
//! let mut repository = DnsRepositoryManager::open(&path)?;
//! let provider = ProviderId { name: "home".into(), zone: "example".parse()? };
//! assert!(!repository.is_fresh(&provider, now, CACHE_TTL)?, "what was never listed is not known");
//! repository.refresh(&provider, &Scope::Zone, &Listing::default(), now)?;
//! assert!(repository.is_fresh(&provider, now, CACHE_TTL)?, "an empty zone can be fresh");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod belief;
mod cache;
mod conclude;
mod daemons;
mod endpoints;
mod error;
mod examine;
mod held;
mod journal;
mod leases;
mod lock;
mod looks;
mod managed;
mod notices;
mod questions;
mod registrations;
mod row;
mod schema;
mod usage;

use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{fs, io};

use jiff::{SignedDuration, Timestamp};
use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension as _, TransactionBehavior};

pub use belief::Belief;
pub use cache::{Cached, CachedZone, ProviderCacheRepository};
pub use endpoints::Endpoint;
pub use error::RepositoryError;
use error::{Failure, PATIENCE};
pub use examine::{Examination, back_up, examine};
pub use journal::{ChangeId, Journal, JournalEntry};
pub use lock::{LockError, ProviderLock};
pub use looks::MARKING_JOB;
pub use managed::{ManagedRecordsRepository, Tracking};

pub use usage::ResourceUsage;

use schema::Schema;

use crate::moment::Look;
use crate::origin::Origin;
use crate::plan::Step;
use crate::provider::{ProviderId, RunId};
use crate::record::{Record, RecordKey};
use crate::record_set::{Listing, Scope};
use crate::tracked::{Bookkeeping, OrphanReason, TrackedRecord};

/// How long a listing counts as fresh where nothing else is said.
pub const CACHE_TTL: SignedDuration = SignedDuration::from_hours(1);

/// What stands for the file of a database in memory (SQLite, "In-Memory Databases").
const IN_MEMORY: &str = ":memory:";

/// How much memory SQLite may take for pages, in KiB as a negative number: with its default of 2 MB, the index of a large cache
/// is read again and again while it is replaced.
const PAGE_CACHE: i64 = -65_536;

/// The one way to the database. Every call that writes is one transaction.
#[derive(Debug)]
pub struct DnsRepositoryManager {
    connection: Connection,
    path: PathBuf,
}

/// What a synchronisation found.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Synchronized {
    /// How many records became known.
    pub known: usize,
    /// How many tracked records were marked as gone.
    pub gone: usize,
    /// How many tracked records were gone and are back.
    pub back: usize,
}

impl DnsRepositoryManager {
    /// Opens the database, and makes it and its folder where there is none, for their owner alone.
    ///
    /// An older schema is brought up to date, and missing parts are added. Nothing is written to a file that is damaged, that a
    /// newer program made, or that belongs to another program: those are errors.
    pub fn open(path: &Path) -> Result<Self, RepositoryError> {
        let connection = open_or_make(path)?;
        let mut repository = Self { connection, path: path.to_owned() };
        repository.prepare()?;
        Ok(repository)
    }

    /// Makes a database in memory, which ends with the program: for those that have no place for one.
    pub fn in_memory() -> Result<Self, RepositoryError> {
        let path = PathBuf::from(IN_MEMORY);
        let connection = Connection::open_in_memory().map_err(|error| not_opened(&path, error))?;
        let mut repository = Self { connection, path };
        repository.prepare()?;
        Ok(repository)
    }

    /// Returns whether it is in memory, so that no other program can see it.
    pub fn is_in_memory(&self) -> bool {
        self.path == Path::new(IN_MEMORY)
    }

    /// Returns the file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the provider cache.
    pub fn provider_cache(&self) -> ProviderCacheRepository<'_> {
        ProviderCacheRepository { connection: &self.connection, path: &self.path }
    }

    /// Returns the managed records.
    pub fn managed_records(&self) -> ManagedRecordsRepository<'_> {
        ManagedRecordsRepository { connection: &self.connection, path: &self.path }
    }

    /// Returns the journal.
    pub fn journal(&self) -> Journal<'_> {
        Journal { connection: &self.connection, path: &self.path }
    }

    /// Puts a listing of `scope` in the place of what the cache held there. Only one of the whole zone makes it fresh.
    ///
    /// A forced refresh is this call without asking [`is_fresh`](Self::is_fresh) before. The listing must be one to believe:
    /// complete for its scope and plausible.
    pub fn refresh(
        &mut self,
        provider: &ProviderId,
        scope: &Scope,
        listing: &Listing,
        now: Timestamp,
    ) -> Result<(), RepositoryError> {
        self.write("replace the provider cache", |on| on.provider_cache().replace(provider, scope, listing, now))
    }

    /// Returns whether the cache answers for the zone: listed completely less than `ttl` before `now`.
    pub fn is_fresh(
        &self,
        provider: &ProviderId,
        now: Timestamp,
        ttl: SignedDuration,
    ) -> Result<bool, RepositoryError> {
        self.provider_cache().is_fresh(provider, now, ttl)
    }

    /// Returns what the provider held when it was last listed; nothing if that is not fresh, so that it has to be asked.
    pub fn get_provider_records(
        &self,
        provider: &ProviderId,
        now: Timestamp,
        ttl: SignedDuration,
    ) -> Result<Option<Cached>, RepositoryError> {
        if self.is_fresh(provider, now, ttl)? { self.provider_cache().get_records(provider) } else { Ok(None) }
    }

    /// Returns the records of a zone that are ours, whatever the cache says. `observed` is that of this run's
    /// [look](Self::look); where there is none, of [the last one](Self::observed).
    pub fn get_managed_records(
        &self,
        provider: &ProviderId,
        observed: Duration,
    ) -> Result<Vec<TrackedRecord>, RepositoryError> {
        self.managed_records().get_managed_records(provider, observed)
    }

    /// Synchronises both tables at the start of a program: replaces the cache with a listing of the whole zone, remembers every
    /// record that was there before us as known and not ours, and does what [`detect_orphans`](Self::detect_orphans) does. Marks
    /// of unwanted records stay as they are, with their times.
    pub fn synchronize(
        &mut self,
        provider: &ProviderId,
        listing: &Listing,
        now: Timestamp,
    ) -> Result<Synchronized, RepositoryError> {
        self.write("synchronise", |on| {
            on.provider_cache().replace(provider, &Scope::Zone, listing, now)?;
            let known = on.managed_records().know_cached(provider, now)?;
            let (gone, back) = on.managed_records().compare_with_cache(provider, now)?;
            Ok(Synchronized { known, gone, back })
        })
    }

    /// Marks every tracked record that the cache lacks as [gone](OrphanReason::Gone), and unmarks what was gone and is back. An
    /// error if the zone was never listed completely: unknown is not empty.
    pub fn detect_orphans(&mut self, provider: &ProviderId, now: Timestamp) -> Result<Synchronized, RepositoryError> {
        self.write("look for orphans", |on| {
            if on.provider_cache().freshness(provider)?.flatten().is_none() {
                return Err(Failure::Absent(format!("a complete listing of {provider}")));
            }
            let (gone, back) = on.managed_records().compare_with_cache(provider, now)?;
            Ok(Synchronized { known: 0, gone, back })
        })
    }

    /// Tracks a record, or writes anew what is known of a tracked one. [Origins](Tracking::origins) join those that want it
    /// already, and take away its mark as an orphan.
    pub fn track_record(
        &mut self,
        provider: &ProviderId,
        record: &Record,
        tracking: &Tracking,
        now: Timestamp,
    ) -> Result<(), RepositoryError> {
        self.write("track a record", |on| on.managed_records().track(provider, record, tracking, now))
    }

    /// Makes records ours because a person says so, and returns how many were not ours before. A source that wants one of them takes
    /// its place at its next synchronisation; until then it never becomes an orphan.
    pub fn adopt<'r>(
        &mut self,
        provider: &ProviderId,
        records: impl IntoIterator<Item = &'r Record>,
        now: Timestamp,
    ) -> Result<usize, RepositoryError> {
        self.write("adopt records", |on| {
            let mut adopted = 0;
            for record in records {
                adopted += usize::from(on.managed_records().adopt(provider, record, now)?);
            }
            Ok(adopted)
        })
    }

    /// Lets a person alone want an orphan of ours, so that it stays whatever its sources say: its mark as
    /// [unwanted](OrphanReason::Unwanted) goes. Returns whether it had that mark.
    pub fn keep_unwanted(&mut self, provider: &ProviderId, key: &RecordKey) -> Result<bool, RepositoryError> {
        self.write("keep a record", |on| on.managed_records().keep_unwanted(provider, key))
    }

    /// Forgets a record, and returns whether it was tracked.
    pub fn untrack_record(&mut self, provider: &ProviderId, key: &RecordKey) -> Result<bool, RepositoryError> {
        self.write("untrack a record", |on| on.managed_records().untrack(provider, key))
    }

    /// Gives a record up: it stays as one that is only known, and is never changed again. Returns whether it was ours.
    pub fn release(&mut self, provider: &ProviderId, key: &RecordKey) -> Result<bool, RepositoryError> {
        self.write("release a record", |on| on.managed_records().release(provider, key))
    }

    /// Marks a tracked record as an orphan, and returns whether it was not marked for this reason already: a mark keeps its time
    /// however often it is made.
    pub fn mark_record_orphaned(
        &mut self,
        provider: &ProviderId,
        key: &RecordKey,
        reason: OrphanReason,
        now: Timestamp,
    ) -> Result<bool, RepositoryError> {
        self.write("mark a record as orphaned", |on| on.managed_records().mark(provider, key, reason, now, None))
    }

    /// Takes away a tracked record's mark if it was made for this reason, and returns whether it was.
    pub fn unmark_record_orphaned(
        &mut self,
        provider: &ProviderId,
        key: &RecordKey,
        reason: OrphanReason,
    ) -> Result<bool, RepositoryError> {
        self.write("unmark a record", |on| on.managed_records().unmark(provider, key, reason))
    }

    /// Takes an origin away from a tracked record, and returns how many still want it.
    pub fn remove_origin(
        &mut self,
        provider: &ProviderId,
        key: &RecordKey,
        origin: &Origin,
    ) -> Result<usize, RepositoryError> {
        self.write("take an origin from a record", |on| on.managed_records().remove_origin(provider, key, origin))
    }

    /// Changes the memory as a decision asks for beside its plan. What another program released or untracked meanwhile is passed
    /// over.
    pub fn bookkeep(
        &mut self,
        provider: &ProviderId,
        entries: &[Bookkeeping],
        now: Timestamp,
        look: &Look,
    ) -> Result<(), RepositoryError> {
        self.write("keep the books", |on| {
            entries.iter().try_for_each(|entry| on.managed_records().bookkeep(provider, entry, now, look.observed))
        })
    }

    /// Writes down changes that are about to be asked for, and returns their ids in order.
    pub fn intend<'s>(
        &mut self,
        run: RunId,
        provider: &ProviderId,
        steps: impl IntoIterator<Item = &'s Step>,
        now: Timestamp,
    ) -> Result<Vec<ChangeId>, RepositoryError> {
        self.write("write the journal", |on| on.journal().intend(run, provider, steps, now))
    }

    /// Forgets what was settled longer than `keep` ago, and what was never ours and has been gone from its provider for as long.
    /// Returns how many rows that were.
    pub fn prune(&mut self, now: Timestamp, keep: SignedDuration) -> Result<usize, RepositoryError> {
        let Ok(before) = now.checked_sub(keep) else { return Ok(0) };
        self.write("forget what is old", |on| {
            Ok(on.journal().remove_settled(before)? + on.managed_records().remove_known_and_gone(before)?)
        })
    }

    /// Returns the owner id: the mark that we leave at providers, random when the database is made.
    pub fn owner_id(&self) -> Result<String, RepositoryError> {
        let id = owner_id(&self.connection).and_then(|id| id.ok_or_else(|| Failure::Absent("an owner id".into())));
        id.map_err(|error| error.at(&self.path, "read the owner id"))
    }

    /// Sets the owner id, as when a lost database is made anew. It is 1 to 63 of the characters A-Z a-z 0-9 - _ .
    pub fn set_owner_id(&mut self, id: &str) -> Result<(), RepositoryError> {
        let plain = |octet: u8| octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'_' | b'.');
        if !(1..=63).contains(&id.len()) || !id.bytes().all(plain) {
            let expected = "1 to 63 of the characters A-Z a-z 0-9 - _ .";
            return Err(RepositoryError::Unfit { what: "an owner id", value: id.into(), expected });
        }
        let sql = "INSERT INTO dns_settings VALUES ('owner_id', ?1) ON CONFLICT DO UPDATE SET value = excluded.value";
        self.write("set the owner id", |on| Ok(on.connection.execute(sql, [id]).map(drop)?))
    }

    /// Does what every start does to a database that is open.
    fn prepare(&mut self) -> Result<(), RepositoryError> {
        // In this order: nothing may be written before it is known whose file it is.
        schema::refuse_future(&self.connection, &self.path, schema::newest())?;
        match schema::is_newest(&self.connection).map_err(|error| error.at(&self.path, "read the schema"))? {
            true => self.set_up()?,
            false => {
                let schema = Schema::newest().map_err(|error| error.at(&self.path, "build the schema"))?;
                schema.refuse_foreign(&self.connection, &self.path)?;
                self.set_up()?;
                schema.bring(&mut self.connection, &self.path)?;
            }
        }
        let owner_id = owner_id(&self.connection).map_err(|error| error.at(&self.path, "read the owner id"))?;
        if owner_id.is_none() {
            let sql = "INSERT INTO dns_settings VALUES ('owner_id', lower(hex(randomblob(8)))) ON CONFLICT DO NOTHING";
            self.write("make an owner id", |on| Ok(on.connection.execute(sql, []).map(drop)?))?;
        }
        Ok(())
    }

    fn set_up(&self) -> Result<(), RepositoryError> {
        set_up(&self.connection).map_err(|error| error.at(&self.path, "set up the connection"))
    }

    /// Runs work in a transaction: all of it is done, or nothing.
    fn write<T>(
        &mut self,
        doing: &'static str,
        work: impl FnOnce(&Self) -> Result<T, Failure>,
    ) -> Result<T, RepositoryError> {
        let failed = |error: Failure| error.at(&self.path, doing);
        // Rolled back when it is dropped.
        let transaction = rusqlite::Transaction::new_unchecked(&self.connection, TransactionBehavior::Immediate);
        let transaction = transaction.map_err(|error| failed(error.into()))?;
        let done = work(self).map_err(failed)?;
        transaction.commit().map_err(|error| failed(error.into()))?;
        Ok(done)
    }
}

fn owner_id(connection: &Connection) -> Result<Option<String>, Failure> {
    let table = "SELECT 1 FROM sqlite_schema WHERE name = 'dns_settings'";
    if connection.query_row(table, [], |_| Ok(())).optional()?.is_none() {
        return Ok(None);
    }
    let sql = "SELECT value FROM dns_settings WHERE key = 'owner_id'";
    Ok(connection.query_row(sql, [], |row| row.get(0)).optional()?)
}

fn open_or_make(path: &Path) -> Result<Connection, RepositoryError> {
    let failed = |doing, path: &Path| {
        let path = path.to_owned();
        move |answer| RepositoryError::File { doing, path, answer }
    };
    let is_new = match fs::metadata(path) {
        Ok(_) => false,
        Err(error) if error.kind() == io::ErrorKind::NotFound => true,
        Err(error) => return Err(failed("open the database", path)(error)),
    };
    if let Some(folder) = path.parent().filter(|folder| is_new && !folder.as_os_str().is_empty()) {
        make_folder(folder).map_err(failed("make the folder", folder))?;
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(|error| not_opened(path, error))?;
    if is_new {
        // Still empty. What SQLite makes beside it gets the same mode.
        for_the_owner(path).map_err(failed("set the mode of", path))?;
    }
    // SQLite opens for reading what it may not write.
    if connection.is_readonly("main").unwrap_or(false) {
        drop(connection);
        let answer = fs::OpenOptions::new().write(true).open(path).err();
        let answer = answer.unwrap_or_else(|| io::ErrorKind::PermissionDenied.into());
        return Err(failed("write to the database", path)(answer));
    }
    Ok(connection)
}

fn set_up(connection: &Connection) -> Result<(), Failure> {
    use_wal(connection)?;
    connection.busy_timeout(Duration::from_secs(PATIENCE))?;
    connection.set_prepared_statement_cache_capacity(64);
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "cache_size", PAGE_CACHE)?;
    // An intent must outlive a power cut, not only the program.
    connection.pragma_update(None, "synchronous", "FULL")?;
    Ok(())
}

/// SQLite does not wait where two connections change the mode at once, for that could be forever: one of them has to let go.
fn use_wal(connection: &Connection) -> Result<(), Failure> {
    const PAUSE: Duration = Duration::from_millis(10);
    connection.busy_timeout(Duration::ZERO)?;
    for _ in 0..PATIENCE * 100 {
        let set = connection.query_row("PRAGMA journal_mode", [], |row| row.get(0)).and_then(|mode: String| {
            if mode == "wal" { Ok(()) } else { connection.query_row("PRAGMA journal_mode = WAL", [], |_| Ok(())) }
        });
        match set {
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) => std::thread::sleep(PAUSE),
            set => return Ok(set?),
        }
    }
    Ok(connection.query_row("PRAGMA journal_mode = WAL", [], |_| Ok(()))?)
}

/// SQLite says only that it could not open a file; the operating system says why.
fn not_opened(path: &Path, error: rusqlite::Error) -> RepositoryError {
    match fs::File::open(path) {
        Err(answer) => RepositoryError::File { doing: "open the database", path: path.to_owned(), answer },
        Ok(_) => Failure::from(error).at(path, "open a connection"),
    }
}

#[cfg(unix)]
fn make_folder(folder: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

#[cfg(not(unix))]
fn make_folder(folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)
}

#[cfg(unix)]
fn for_the_owner(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(path, fs::Permissions::from_mode(0o600))
}

#[cfg(not(unix))]
fn for_the_owner(_: &Path) -> io::Result<()> {
    Ok(())
}
