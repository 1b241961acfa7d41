//! What containers used, when somebody looked.

use jiff::Timestamp;
use rusqlite::params;

use super::error::RepositoryError;
use super::{DnsRepositoryManager, row};

/// What one container used.
#[derive(Debug, Clone, PartialEq)]
pub struct ResourceUsage {
    /// The container's id.
    pub container_id: String,
    /// Its name.
    pub container_name: String,
    /// The part of one processor, in percent: 200 is two of them. Nothing if it is not known, as for what follows.
    pub cpu_usage: Option<f64>,
    /// The memory that it used, in octets.
    pub memory_usage: Option<u64>,
    /// The memory that it may use, in octets.
    pub memory_limit: Option<u64>,
}

impl DnsRepositoryManager {
    /// Writes down what containers used at `now`: all of them or, with an error, none.
    pub fn record_usages(&mut self, usages: &[ResourceUsage], now: Timestamp) -> Result<(), RepositoryError> {
        let column = |octets: Option<u64>| octets.map(|octets| i64::try_from(octets).unwrap_or(i64::MAX));
        self.write("write down what containers use", |on| {
            let sql = "INSERT INTO resource_usages
                           (container_id, container_name, sampled_at, cpu_usage, memory_usage, memory_limit)
                       VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
            let mut statement = on.connection.prepare_cached(sql)?;
            for usage in usages {
                statement.execute(params![
                    usage.container_id,
                    usage.container_name,
                    row::time(now),
                    usage.cpu_usage,
                    column(usage.memory_usage),
                    column(usage.memory_limit),
                ])?;
            }
            Ok(())
        })
    }
}
