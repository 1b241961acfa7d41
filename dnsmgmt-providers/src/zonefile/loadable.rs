//! What servers would not load.
//!
//! BIND 9.18 and NSD refuse a zone for a CNAME beside other data and for a second CNAME or DNAME; Knot 3.2 also for a record
//! below a DNAME; BIND also for an apex without NS and for an apex NS within the zone that has no address.

use dnsmgmt_core::name::Name;
use dnsmgmt_core::provider::{Change, ProviderError, Reaction};
use dnsmgmt_core::record::{Record, RecordData, RecordType};

use super::edit::Draft;

/// What may stand beside a CNAME (RFC 4034 section 2.5 and 3, RFC 2535 section 2.3.5).
pub(super) const BESIDE_CNAME: [&str; 5] = ["RRSIG", "NSEC", "KEY", "SIG", "NXT"];

/// Refuses a change that makes the zone one that servers do not load, once its whole group is made. What was wrong before and is
/// none of its doing is let be.
pub(super) fn check(draft: &Draft<'_>, change: &Change) -> Result<(), ProviderError> {
    let problem = match change {
        Change::Create(record) => after_adding(draft, record),
        Change::Delete(record) => after_removing(draft, record),
        Change::Replace { old, new } => after_adding(draft, new).or_else(|| after_removing(draft, old)),
    };
    let Some(problem) = problem else { return Ok(()) };
    let doing = format!("{change} in the zone file of {}", draft.zone.origin);
    Err(ProviderError::new(Reaction::Refused, doing, problem)
        .hint("servers would not load the zone any more, so the file was left as it is"))
}

fn after_adding(draft: &Draft<'_>, record: &Record) -> Option<String> {
    let (name, here) = (record.name(), types(draft, record.name()));
    let (cname, dname) = (RecordType::Cname, dname());
    let excluded = |rtype: &&RecordType| **rtype != cname && !BESIDE_CNAME.contains(&rtype.as_str());
    if let Some(other) = here.iter().find(excluded).filter(|_| here.contains(&cname)) {
        return Some(format!("{name} would have a CNAME beside {other} (RFC 1034 section 3.6.2)"));
    }
    if let Some(one) = [&cname, &dname].into_iter().find(|one| values(draft, name, one).len() > 1) {
        return Some(format!("{name} would have two {one} records"));
    }
    if let RecordData::Ns(server) = &record.key.data
        && *name == draft.zone.origin
        && is_unreachable(draft, server)
    {
        return Some(format!("the name server {server} would have no address"));
    }
    below_dname(draft, record)
}

fn below_dname(draft: &Draft<'_>, record: &Record) -> Option<String> {
    let (name, dname) = (record.name(), dname());
    let above =
        std::iter::successors(name.parent(), Name::parent).take_while(|name| name.is_within(&draft.zone.origin));
    let pair = if record.rtype() == dname {
        let below = |other: &&Name| *other != name && other.is_within(name) && !types(draft, other).is_empty();
        draft.names().find(below).map(|below| (below.clone(), name.clone()))
    } else {
        above.into_iter().find(|above| types(draft, above).contains(&dname)).map(|above| (name.clone(), above))
    };
    pair.map(|(below, above)| format!("{below} would be below the DNAME of {above} (RFC 6672 section 2.4)"))
}

fn after_removing(draft: &Draft<'_>, record: &Record) -> Option<String> {
    let (name, origin) = (record.name(), &draft.zone.origin);
    let servers = values(draft, origin, &RecordType::Ns);
    if record.rtype() == RecordType::Ns && name == origin && servers.is_empty() {
        return Some(format!("{origin} would have no NS record"));
    }
    let serves = servers.contains(&&RecordData::Ns(name.clone()));
    let bereft = record.rtype().is_address() && serves && is_unreachable(draft, name);
    bereft.then(|| format!("the name server {name} would have no address"))
}

fn is_unreachable(draft: &Draft<'_>, server: &Name) -> bool {
    server.is_within(&draft.zone.origin) && !types(draft, server).iter().any(RecordType::is_address)
}

/// Returns the types that a name has after the changes.
fn types(draft: &Draft<'_>, name: &Name) -> Vec<RecordType> {
    draft.at(name).filter(|line| !line.gone).map(|line| line.rtype.clone()).collect()
}

/// Returns the values of an RRset after the changes, each once.
fn values<'d>(draft: &'d Draft<'_>, name: &Name, rtype: &RecordType) -> Vec<&'d RecordData> {
    let lines = draft.at(name).filter(|line| !line.gone && line.rtype == *rtype);
    let mut values: Vec<&RecordData> = lines.filter_map(|line| line.data.as_ref()).collect();
    values.sort();
    values.dedup();
    values
}

fn dname() -> RecordType {
    RecordType::parse("DNAME").expect("a mnemonic")
}
