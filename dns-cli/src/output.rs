//! What a person or a program reads on standard output.

mod claims;
mod containers;
mod leases;
mod orphans;
mod records;
mod synced;
mod usages;

pub(crate) use claims::{Became, Claims, Row, preview_claims, print_claims};
pub(crate) use containers::{Host, InDns, Runs, Wanting, print_containers};
pub(crate) use leases::{LeasesOf, print_leases};
pub(crate) use orphans::{Orphan, print_orphans};
pub(crate) use records::{Listed, listed_as_json, print_listed};
pub(crate) use synced::{SyncReport, Synced, print_plan, print_synced, print_synced_again};
pub(crate) use usages::print_usages;
