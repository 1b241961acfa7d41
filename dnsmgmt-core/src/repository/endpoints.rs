//! Which server or file holds each zone.

use jiff::Timestamp;
use rusqlite::{OptionalExtension as _, params};

use super::error::{Failure, RepositoryError};
use super::{DnsRepositoryManager, row};
use crate::provider::ProviderId;

/// Whether a zone is still held where it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Endpoint {
    /// It is.
    Same,
    /// It is held here now: nothing was known of it, or no source has a claim there.
    Followed,
    /// It is not, and sources have claims there: what they own stands elsewhere, so that nothing may be concluded or changed
    /// until a person says that it moved along.
    Moved {
        /// Where it was held.
        from: String,
        /// How many records there are ours for the sake of a source.
        claims: usize,
    },
}

impl DnsRepositoryManager {
    /// Compares where a zone is held now with where it was. A zone without claims of a source just follows: what the cache held of
    /// the old place is forgotten, and that is all that is written.
    pub fn check_endpoint(
        &mut self,
        provider: &ProviderId,
        endpoint: &str,
        now: Timestamp,
    ) -> Result<Endpoint, RepositoryError> {
        let known = self.endpoint(provider).map_err(|error| error.at(&self.path, "read where a zone is held"))?;
        if known.as_deref() == Some(endpoint) {
            return Ok(Endpoint::Same);
        }
        self.write("compare where a zone is held", |on| {
            if let Some(from) = on.endpoint(provider)? {
                let claims = on.claims_of_sources(provider)?;
                if claims > 0 {
                    return Ok(Endpoint::Moved { from, claims });
                }
                on.provider_cache().forget(provider)?;
            }
            on.set_endpoint(provider, endpoint, now)?;
            Ok(Endpoint::Followed)
        })
    }

    /// Lets a zone be held elsewhere, because a person says that it holds there what it did.
    pub fn trust_endpoint(
        &mut self,
        provider: &ProviderId,
        endpoint: &str,
        now: Timestamp,
    ) -> Result<(), RepositoryError> {
        self.write("write down where a zone is held", |on| {
            on.provider_cache().forget(provider)?;
            on.set_endpoint(provider, endpoint, now)
        })
    }

    fn endpoint(&self, provider: &ProviderId) -> Result<Option<String>, Failure> {
        let sql = "SELECT endpoint FROM dns_endpoints WHERE provider = ?1 AND zone = ?2";
        let mut statement = self.connection.prepare_cached(sql)?;
        Ok(statement.query_row([&provider.name, provider.zone.as_str()], |row| row.get(0)).optional()?)
    }

    fn set_endpoint(&self, provider: &ProviderId, endpoint: &str, now: Timestamp) -> Result<(), Failure> {
        let sql = "INSERT INTO dns_endpoints (provider, zone, endpoint, trusted_at) VALUES (?1, ?2, ?3, ?4)
                   ON CONFLICT DO UPDATE SET endpoint = excluded.endpoint, trusted_at = excluded.trusted_at";
        let params = params![provider.name, provider.zone.as_str(), endpoint, row::time(now)];
        self.connection.prepare_cached(sql)?.execute(params)?;
        Ok(())
    }

    /// An origin with a colon is a source's (see [`Origin`](crate::origin::Origin)).
    fn claims_of_sources(&self, provider: &ProviderId) -> Result<usize, Failure> {
        let sql = "SELECT count(*) FROM dns_tracked_records AS t WHERE provider = ?1 AND zone = ?2 AND app_managed = 1
                       AND EXISTS (SELECT 1 FROM dns_origins WHERE tracked_id = t.id AND instr(origin, ':') > 0)";
        let mut statement = self.connection.prepare_cached(sql)?;
        let count: i64 = statement.query_row([&provider.name, provider.zone.as_str()], |row| row.get(0))?;
        Ok(usize::try_from(count).expect("a count"))
    }
}
