//! Verified changes to DNS records.
pub mod name;
pub mod provider;
pub mod record;
pub mod record_set;
