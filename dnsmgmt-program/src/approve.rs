//! A plan that a person approves.

use anyhow::Result;
use dnsmgmt_core::brake::Approved;
use dnsmgmt_core::plan::PlanId;
use dnsmgmt_core::repository::DnsRepositoryManager;

use crate::failure::complain;

/// Returns what is approved with a plan's id. That no such plan is held is said: it may be that of a dry run, else it approves nothing.
///
/// # Errors
/// If the database cannot be read.
pub fn approved(repository: &DnsRepositoryManager, id: PlanId) -> Result<Approved> {
    let held = repository.held(id)?;
    if held.is_none() {
        complain(&format!("no plan {id} is held; it approves what is to be deleted now only if that has this id"));
    }
    Ok(Approved { id, deletions: held.unwrap_or_default() })
}
