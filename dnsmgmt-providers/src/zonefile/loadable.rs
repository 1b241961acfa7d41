//! What servers would not load.
//!
//! BIND 9.18, Knot 3.2 and NSD 4.6 refuse a zone for a CNAME beside other data and for a second CNAME or DNAME; Knot and NSD also
//! for a record below a DNAME; BIND also for an apex without NS and for an apex NS within the zone that has no address, of which
//! Knot only warns.

use dnsmgmt_core::name::Name;
use dnsmgmt_core::provider::{Change, ProviderError, Reaction};
use dnsmgmt_core::record::{Record, RecordData, RecordType};

use super::edit::Draft;
use super::values;

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
    let (name, cname, dname) = (record.name(), RecordType::Cname, dname());
    let excluded = |rtype: &&RecordType| **rtype != cname && !BESIDE_CNAME.contains(&rtype.as_str());
    let has_cname = draft.types(name).any(|rtype| *rtype == cname);
    if let Some(other) = draft.types(name).find(excluded).filter(|_| has_cname) {
        return Some(format!("{name} would have a CNAME beside {other} (RFC 1034 section 3.6.2)"));
    }
    if let Some(one) = [&cname, &dname].into_iter().find(|one| has_two(draft, name, one)) {
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
        let below = |other: &&Name| *other != name && other.is_within(name) && draft.types(other).next().is_some();
        draft.index.names().find(below).map(|below| (below.clone(), name.clone()))
    } else {
        above
            .into_iter()
            .find(|above| draft.types(above).any(|rtype| *rtype == dname))
            .map(|above| (name.clone(), above))
    };
    pair.map(|(below, above)| format!("{below} would be below the DNAME of {above} (RFC 6672 section 2.4)"))
}

fn after_removing(draft: &Draft<'_>, record: &Record) -> Option<String> {
    let (name, origin, ns) = (record.name(), &draft.zone.origin, RecordType::Ns);
    if record.rtype() == ns && name == origin && draft.types(origin).all(|rtype| *rtype != ns) {
        return Some(format!("{origin} would have no NS record"));
    }
    let serves = || draft.values(origin, &ns).flatten().any(|data| *data == RecordData::Ns(name.clone()));
    let bereft = record.rtype().is_address() && is_unreachable(draft, name) && serves();
    bereft.then(|| format!("the name server {name} would have no address"))
}

fn is_unreachable(draft: &Draft<'_>, server: &Name) -> bool {
    server.is_within(&draft.zone.origin) && !draft.types(server).any(RecordType::is_address)
}

/// Returns whether an RRset has two values; copies of one are one.
fn has_two(draft: &Draft<'_>, name: &Name, rtype: &RecordType) -> bool {
    let mut present = draft.values(name, rtype).flatten();
    present.next().is_some_and(|first| present.any(|other| !values::is_same(other, first)))
}

fn dname() -> RecordType {
    RecordType::parse("DNAME").expect("a mnemonic")
}
