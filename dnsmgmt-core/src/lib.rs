//! Verified changes to DNS records.
pub mod apply;
pub mod by_hand;
pub mod name;
pub mod observe;
pub mod patience;
pub mod plan;
pub mod progress;
pub mod provider;
pub mod record;
pub mod record_set;
pub mod report;
mod settle;
