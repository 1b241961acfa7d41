//! For how long each job has observed each zone.

use std::time::Duration;

use rusqlite::{Connection, OptionalExtension as _, params};

use super::error::{Failure, RepositoryError};
use super::{DnsRepositoryManager, row};
use crate::moment::{Look, Moment};
use crate::name::Name;
use crate::origin::Origin;
use crate::provider::ProviderId;

/// The job that marks orphans: marks are measured with its looks alone.
pub const MARKING_JOB: &str = "sync";

/// The looks at sources that want nothing any more; their provider is the origin.
const EMPTY_JOB: &str = "empty";

/// The job that ends leases: what it saw of them is measured with its looks alone.
const LEASE_JOB: &str = "leases";

/// For how long that job had observed the zone `?2` of `?1` at its last look.
pub(crate) const OBSERVED: &str =
    "(SELECT observed_ms FROM dns_looks WHERE provider = ?1 AND zone = ?2 AND job = 'sync')";

impl DnsRepositoryManager {
    /// Returns for how long `job` has observed a zone by now, and writes the look down if it is to be `written`. `interval` is how far
    /// apart its looks are meant to be, where that is configured. See [`Look::after`].
    pub fn look(
        &mut self,
        provider: &ProviderId,
        job: &str,
        moment: &Moment,
        interval: Option<Duration>,
        written: bool,
    ) -> Result<Look, RepositoryError> {
        self.look_by(written, |on| {
            let look = after_last(&on.connection, provider, job, moment, interval)?;
            if written {
                put(&on.connection, provider, job, &look, moment)?;
                if job == MARKING_JOB {
                    date_marks(&on.connection, provider, look.observed)?;
                }
            }
            Ok(look)
        })
    }

    /// Returns for how long a zone has been observed by now by a `job` which acts on the marks of another and by that other one, and writes
    /// the look down if it is to be `written`: marks are measured on one line of time, so no time counts twice.
    ///
    /// Across a boot the job's `interval` counts only where it was the last one to look, because only then are two of its looks apart.
    pub fn look_beside(
        &mut self,
        provider: &ProviderId,
        job: &str,
        moment: &Moment,
        interval: Option<Duration>,
        written: bool,
    ) -> Result<Look, RepositoryError> {
        self.look_by(written, |on| {
            let look = beside(&on.connection, provider, job, moment, interval)?;
            if written {
                put(&on.connection, provider, MARKING_JOB, &look, moment)?;
                put(&on.connection, provider, job, &look, moment)?;
                date_marks(&on.connection, provider, look.observed)?;
            }
            Ok(look)
        })
    }

    /// Returns for how long the job that ends leases has observed a zone by now, and writes the look down if it is to be `written`. See
    /// [`Look::after_at_most_two`].
    pub fn look_at_leases(
        &mut self,
        provider: &ProviderId,
        moment: &Moment,
        interval: Option<Duration>,
        written: bool,
    ) -> Result<Look, RepositoryError> {
        self.look_by(written, |on| {
            let last = last(&on.connection, provider, LEASE_JOB)?;
            let look = Look::after_at_most_two(last.as_ref(), &as_stored(moment), interval);
            if written {
                put(&on.connection, provider, LEASE_JOB, &look, moment)?;
            }
            Ok(look)
        })
    }

    /// Returns for how long a source has been seen to want nothing, nothing at the first look, and writes the look down if it is to be
    /// `written`.
    pub fn look_at_emptied(
        &mut self,
        source: &Origin,
        moment: &Moment,
        interval: Option<Duration>,
        written: bool,
    ) -> Result<Option<Duration>, RepositoryError> {
        let id = id_of(source);
        self.look_by(written, |on| {
            let before = last(&on.connection, &id, EMPTY_JOB)?;
            let look = after_last(&on.connection, &id, EMPTY_JOB, moment, interval)?;
            if written {
                put(&on.connection, &id, EMPTY_JOB, &look, moment)?;
            }
            Ok(before.map(|_| look.observed))
        })
    }

    /// One that is not written takes nobody's turn to write.
    fn look_by<T>(
        &mut self,
        written: bool,
        look: impl FnOnce(&Self) -> Result<T, Failure>,
    ) -> Result<T, RepositoryError> {
        match written {
            true => self.write("write down a look", look),
            false => look(self).map_err(|error| error.at(&self.path, "read the last look")),
        }
    }

    /// Forgets that a source wanted nothing: it wants something.
    pub fn forget_emptied(&mut self, source: &Origin) -> Result<(), RepositoryError> {
        self.forget_looks(&id_of(source), EMPTY_JOB)
    }

    /// Returns whether a look of `job` is written down.
    pub(super) fn has_looks(&self, id: &ProviderId, job: &str) -> Result<bool, RepositoryError> {
        let last = last(&self.connection, id, job).map_err(|error| error.at(&self.path, "read the last look"))?;
        Ok(last.is_some())
    }

    /// Forgets the looks of `job`. Where there are none, nothing is written.
    pub(super) fn forget_looks(&mut self, id: &ProviderId, job: &str) -> Result<(), RepositoryError> {
        if !self.has_looks(id, job)? {
            return Ok(());
        }
        self.write("forget looks", |on| {
            let sql = "DELETE FROM dns_looks WHERE provider = ?1 AND zone = ?2 AND job = ?3";
            on.connection.prepare_cached(sql)?.execute(params![id.name, id.zone.as_str(), job])?;
            Ok(())
        })
    }

    /// Returns for how long the job that marks orphans had observed a zone at its last look: what those give who do not look
    /// themselves.
    pub fn observed(&self, provider: &ProviderId) -> Result<Duration, RepositoryError> {
        observed(&self.connection, provider).map_err(|error| error.at(&self.path, "read the last look"))
    }
}

fn id_of(source: &Origin) -> ProviderId {
    ProviderId { name: source.as_str().to_owned(), zone: Name::root() }
}

pub(crate) fn observed(connection: &Connection, provider: &ProviderId) -> Result<Duration, Failure> {
    Ok(last(connection, provider, MARKING_JOB)?.map_or(Duration::ZERO, |look| look.observed))
}

fn beside(
    connection: &Connection,
    provider: &ProviderId,
    job: &str,
    moment: &Moment,
    interval: Option<Duration>,
) -> Result<Look, Failure> {
    let of_job = last(connection, provider, job)?;
    let of_all = last(connection, provider, MARKING_JOB)?;
    let was_the_last = of_job.is_some() && of_job == of_all;
    after_last(connection, provider, MARKING_JOB, moment, interval.filter(|_| was_the_last))
}

fn after_last(
    connection: &Connection,
    provider: &ProviderId,
    job: &str,
    moment: &Moment,
    interval: Option<Duration>,
) -> Result<Look, Failure> {
    Ok(Look::after(last(connection, provider, job)?.as_ref(), &as_stored(moment), interval))
}

/// Counted as it is stored, so that no look gains or loses a part of a millisecond.
fn as_stored(moment: &Moment) -> Moment {
    Moment { running: row::duration(row::milliseconds(moment.running)), ..moment.clone() }
}

fn last(connection: &Connection, provider: &ProviderId, job: &str) -> Result<Option<Look>, Failure> {
    let sql =
        "SELECT boot_id, running_ms, observed_ms, gap_ms FROM dns_looks WHERE provider = ?1 AND zone = ?2 AND job = ?3";
    let mut statement = connection.prepare_cached(sql)?;
    let look = statement.query_row(params![provider.name, provider.zone.as_str(), job], |row| {
        Ok(Look {
            boot: row.get::<_, String>(0)?.into(),
            running: row::duration(row.get(1)?),
            observed: row::duration(row.get(2)?),
            gap: row.get::<_, Option<i64>>(3)?.map(row::duration),
        })
    });
    Ok(look.optional()?)
}

fn put(connection: &Connection, provider: &ProviderId, job: &str, look: &Look, moment: &Moment) -> Result<(), Failure> {
    let sql = "INSERT INTO dns_looks (provider, zone, job, boot_id, running_ms, observed_ms, gap_ms, looked_at)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
               ON CONFLICT DO UPDATE SET boot_id = excluded.boot_id, running_ms = excluded.running_ms,
                   observed_ms = excluded.observed_ms, gap_ms = excluded.gap_ms, looked_at = excluded.looked_at";
    connection.prepare_cached(sql)?.execute(params![
        provider.name,
        provider.zone.as_str(),
        job,
        &*look.boot,
        row::milliseconds(look.running),
        row::milliseconds(look.observed),
        look.gap.map(row::milliseconds),
        row::time(moment.now),
    ])?;
    Ok(())
}

/// Lets marks without an observed time count from this look on, and those from looks that were forgotten.
fn date_marks(connection: &Connection, provider: &ProviderId, observed: Duration) -> Result<(), Failure> {
    let sql = "UPDATE dns_tracked_records SET orphaned_observed_ms = ?3, orphan_confirmed_ms = NULL
               WHERE provider = ?1 AND zone = ?2 AND is_orphaned = 1
                   AND coalesce(max(orphaned_observed_ms, coalesce(orphan_confirmed_ms, 0)) > ?3, 1)";
    let params = params![provider.name, provider.zone.as_str(), row::milliseconds(observed)];
    connection.prepare_cached(sql)?.execute(params)?;
    Ok(())
}
