//! Addresses that are gone although their lease is not over: somebody else deletes them.

use std::collections::BTreeSet;
use std::time::Duration;

use dnsmgmt_core::heartbeat::Member;
use dnsmgmt_core::moment::Moment;
use dnsmgmt_core::register::Last;
use dnsmgmt_core::report::{Action, Outcome};

/// Returns the addresses that a listing showed within the lease, and that are made anew now.
pub(crate) fn vanished<'a>(
    before: &'a BTreeSet<Member>,
    last: Option<&Last>,
    moment: &Moment,
    lease: Duration,
    outcomes: &[Outcome],
) -> Vec<&'a Member> {
    let is_within_the_lease = |last: &&Last| {
        let age = Duration::try_from(moment.now.duration_since(last.now));
        last.is_verified && age.is_ok_and(|age| age < lease)
    };
    if last.filter(is_within_the_lease).is_none() {
        return Vec::new();
    }
    let is_made_anew = |member: &Member| {
        outcomes.iter().any(|outcome| {
            let address = outcome.data.as_ref().and_then(|data| data.address());
            outcome.action == Action::Create && outcome.name == member.domain && address == Some(member.address)
        })
    };
    before.iter().filter(|member| is_made_anew(member)).collect()
}
