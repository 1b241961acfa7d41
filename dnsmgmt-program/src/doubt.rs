//! What sources want no more and may have lost, or say in another's name: it is doubted before anything is concluded from it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use dnsmgmt_core::moment::Moment;
use dnsmgmt_core::origin::Origin;
use dnsmgmt_core::repository::{DnsRepositoryManager, RepositoryError};
use dnsmgmt_core::source::Desired;
use dnsmgmt_providers::source::docker::shared_id;

use crate::output::duration;

/// Tells daemons apart that say to be the same, of all sources that were read: of those that answered with one id nothing counts, and what was
/// learned at one of the `configured` addresses that was not read is not judged by what answers elsewhere with its id.
pub fn doubt_twins(
    desired: &mut Desired,
    repository: &DnsRepositoryManager,
    configured: &BTreeSet<String>,
) -> Result<(), RepositoryError> {
    let mut addresses: BTreeMap<Origin, BTreeSet<String>> = BTreeMap::new();
    for (address, daemon) in desired.daemons.clone() {
        addresses.entry(daemon).or_default().insert(address);
    }
    let unread: Vec<_> =
        configured.iter().filter(|address| !addresses.values().any(|at| at.contains(*address))).collect();
    for (daemon, answered) in &addresses {
        if answered.len() > 1 {
            desired.leave_out(daemon);
            desired.failed.extend(answered.iter().map(|address| shared_id(address, daemon)));
        }
    }
    for address in unread {
        let Some(daemon) = repository.daemon_at(address)? else { continue };
        if let Some(elsewhere) = addresses.get(&daemon).and_then(BTreeSet::first) {
            let why = format!(
                "it answers at {elsewhere}, and {address}, where it answered before, cannot be read, so there may be two with one id; \
                 if it moved, take {address} out of the configuration"
            );
            desired.unreadable.push((daemon, why));
        }
    }
    Ok(())
}

/// Believes a person that daemons are gone for good, unless they answer. Where the look `is_written`, what answers or has nothing left is no more
/// among them.
pub fn believe_gone(
    desired: &mut Desired,
    repository: &mut DnsRepositoryManager,
    is_written: bool,
) -> Result<(), RepositoryError> {
    for daemon in repository.disowned()? {
        let answers = desired.daemons.iter().any(|(_, read)| *read == daemon);
        if !answers && repository.wants_records(&daemon)? > 0 {
            desired.gone.push(daemon);
        } else if is_written {
            repository.forget_disowned(&daemon)?;
        }
    }
    Ok(())
}

/// Takes what wanted records at its last good run and wants none now for unreadable: a file that was cut short looks the same.
pub fn doubt_emptied(desired: &mut Desired, repository: &DnsRepositoryManager) -> Result<(), RepositoryError> {
    let emptied = desired.read.iter().chain(&desired.empty).filter(|origin| !desired.live.contains(origin));
    let emptied: Vec<_> = emptied.filter(|origin| !wants_some(desired, origin)).cloned().collect();
    for origin in emptied {
        let wanted = repository.wants_records(&origin)?;
        if wanted > 0 && desired.judges(&origin) {
            let why = format!(
                "it wanted {} at its last run and wants none now; `dns-cli sync --allow-empty` believes it",
                records(wanted)
            );
            desired.unreadable.push((origin, why));
        }
    }
    Ok(())
}

/// How a daemon or a proxy that wants nothing any more is looked at.
#[derive(Clone, Copy)]
pub struct Doubt<'a> {
    /// When.
    pub moment: &'a Moment,
    /// For how long it must have been so.
    pub grace: Duration,
    /// Whether the look is written down.
    pub is_written: bool,
    /// Whether its silence is doubted although we remember nothing that it wanted.
    pub anyway: &'a dyn Fn(&Origin) -> bool,
}

/// Leaves undecided what a daemon or a proxy wanted that wants nothing now, until it has been seen so for the whole grace, at two
/// looks or more: it forgets when it starts, and a wrong one answers as well.
pub fn doubt_silenced(
    desired: &mut Desired,
    repository: &mut DnsRepositoryManager,
    doubt: &Doubt<'_>,
) -> Result<(), RepositoryError> {
    for origin in desired.live.clone() {
        if wants_some(desired, &origin) {
            if doubt.is_written {
                repository.forget_emptied(&origin)?;
            }
            continue;
        }
        let wanted = repository.wants_records(&origin)?;
        if wanted == 0 && !(doubt.anyway)(&origin) {
            continue;
        }
        let observed = repository.look_at_emptied(&origin, doubt.moment, None, doubt.is_written)?;
        if observed.is_none_or(|observed| observed < doubt.grace) {
            let left = doubt.grace.saturating_sub(observed.unwrap_or_default());
            desired.undecided.push((origin, why(wanted, left)));
        }
    }
    Ok(())
}

fn why(wanted: usize, left: Duration) -> String {
    let left = duration(left);
    match wanted {
        0 => format!("it wants no records at all, which is believed when it is seen so again after {left}"),
        wanted => format!(
            "it wanted {} at its last run and wants none now, which is believed when it is seen so again after {left}; \
             `dns-cli sync --allow-empty` believes it at once",
            records(wanted)
        ),
    }
}

fn records(count: usize) -> String {
    if count == 1 { "1 record".into() } else { format!("{count} records") }
}

fn wants_some(desired: &Desired, origin: &Origin) -> bool {
    desired.wanted.iter().any(|wanted| wanted.origin.is_within(origin))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use jiff::Timestamp;

    use super::*;

    /// What was seen of a daemon that wants nothing and of which we remember nothing, so long after the machine's start.
    fn looked(repository: &mut DnsRepositoryManager, seconds: u64, anyway: bool) -> Vec<String> {
        let daemon = Origin::of_source("docker", "one");
        let mut desired = Desired { read: vec![daemon.clone()], live: vec![daemon], ..Desired::default() };
        let running = Duration::from_secs(seconds);
        let moment = Moment { now: Timestamp::UNIX_EPOCH, boot: Arc::from("a"), running };
        let grace = Duration::from_secs(900);
        let doubt = Doubt { moment: &moment, grace, is_written: true, anyway: &|_| anyway };
        doubt_silenced(&mut desired, repository, &doubt).unwrap();
        desired.undecided.into_iter().map(|(_, why)| why).collect()
    }

    #[test]
    fn who_need_not_doubt_takes_no_time_from_those_who_do() {
        let mut repository = DnsRepositoryManager::in_memory().unwrap();
        let first = looked(&mut repository, 0, true);
        assert!(first[0].contains("believed when it is seen so again after 15 min"), "{first:?}");
        assert_eq!(looked(&mut repository, 600, false), [""; 0], "a synchronisation has nothing to doubt");
        assert_eq!(looked(&mut repository, 700, true).len(), 1);
        assert_eq!(looked(&mut repository, 900, true), [""; 0], "and does not begin it anew");
    }
}
