//! What a person would like to know about a zone file.

use std::collections::{BTreeMap, BTreeSet};

use dnsmgmt_core::name::Name;
use dnsmgmt_core::record::{RecordData, RecordType};

use super::entries::{self, Entry, Kind, Piece, ZoneText};
use super::loadable::BESIDE_CNAME;

/// Returns a sentence for each thing that keeps records from being served as they stand.
pub(super) fn find(zone: &ZoneText) -> Vec<String> {
    let mut names: BTreeMap<&Name, Vec<(&Piece, &Entry)>> = BTreeMap::new();
    for (piece, entry) in zone.entries() {
        names.entry(&entry.name).or_default().push((piece, entry));
    }
    let mut found = at_apex(zone, &names);
    for (name, entries) in &names {
        if name.is_within(&zone.origin) {
            found.extend(beside_cname(name, entries));
            found.extend(mixed_ttls(name, entries));
        } else {
            found.extend(entries.iter().map(|(piece, entry)| outside(zone, piece, entry)));
        }
    }
    found.extend(unstated_ttl(zone));
    found.extend(carriage_return(zone));
    found
}

fn at_apex(zone: &ZoneText, names: &BTreeMap<&Name, Vec<(&Piece, &Entry)>>) -> Vec<String> {
    let origin = &zone.origin;
    let entries = |name: &Name| names.get(name).into_iter().flatten().map(|(_, entry)| *entry);
    let mut found = Vec::new();
    if !entries(origin).any(|entry| entry.soa.is_some()) {
        found.push(format!(
            "{origin} has no SOA record; servers do not load the zone, and there is no serial to count up"
        ));
    }
    let servers: BTreeSet<&Name> = entries(origin)
        .filter_map(|entry| match &entry.data {
            Some(RecordData::Ns(server)) => Some(server),
            _ => None,
        })
        .collect();
    if servers.is_empty() {
        found.push(format!("{origin} has no NS record; BIND does not load the zone"));
    }
    let unreachable =
        |server: &&Name| server.is_within(origin) && !entries(server).any(|entry| entry.rtype.is_address());
    let unreachable = servers.into_iter().filter(unreachable);
    found.extend(
        unreachable.map(|server| format!("the name server {server} has no address; BIND does not load the zone")),
    );
    found
}

fn beside_cname(name: &Name, entries: &[(&Piece, &Entry)]) -> Option<String> {
    let targets: BTreeSet<&RecordData> = entries
        .iter()
        .filter(|(_, entry)| entry.rtype == RecordType::Cname)
        .filter_map(|(_, entry)| entry.data.as_ref())
        .collect();
    let other = entries
        .iter()
        .map(|(_, entry)| &entry.rtype)
        .find(|rtype| **rtype != RecordType::Cname && !BESIDE_CNAME.contains(&rtype.as_str()));
    match (targets.len(), other) {
        (0, _) | (1, None) => None,
        (1, Some(other)) => Some(format!("{name} has a CNAME beside {other}; servers do not load the zone")),
        (_, _) => Some(format!("{name} has more than one CNAME; servers do not load the zone")),
    }
}

fn mixed_ttls(name: &Name, entries: &[(&Piece, &Entry)]) -> Vec<String> {
    let mut ttls: BTreeMap<&RecordType, BTreeSet<u32>> = BTreeMap::new();
    for (_, entry) in entries {
        ttls.entry(&entry.rtype).or_default().insert(entry.ttl);
    }
    // A signature has the TTL of what it signs.
    let mixed = ttls.into_iter().filter(|(rtype, ttls)| ttls.len() > 1 && rtype.as_str() != "RRSIG");
    let sentence = |(rtype, ttls): (&RecordType, BTreeSet<u32>)| {
        let ttls: Vec<String> = ttls.iter().map(u32::to_string).collect();
        format!(
            "the {rtype} records of {name} have different TTLs ({}); BIND serves all with the first, Knot with the last",
            ttls.join(", ")
        )
    };
    mixed.map(sentence).collect()
}

fn outside(zone: &ZoneText, piece: &Piece, entry: &Entry) -> String {
    let (line, _) = entries::position(&zone.text, piece.span.start);
    let (name, rtype, origin) = (&entry.name, &entry.rtype, &zone.origin);
    format!("line {line}: {name} {rtype} lies outside {origin}; BIND and Knot ignore it, NSD does not load the zone")
}

/// BIND 9.18 gives an entry the TTL of the one before, else the SOA's minimum; Knot 3.2 and NSD 4.6 give it 3600 seconds.
fn unstated_ttl(zone: &ZoneText) -> Option<String> {
    let before_ttl = zone.pieces.iter().take_while(|piece| !matches!(piece.kind, Kind::DefaultTtl(_)));
    let unstated =
        before_ttl.into_iter().find(|piece| matches!(&piece.kind, Kind::Entry(entry) if entry.ttl_at.is_none()))?;
    let (line, _) = entries::position(&zone.text, unstated.span.start);
    Some(format!(
        "line {line}: an entry without a TTL and no $TTL before it; Knot and NSD give it 3600 seconds, BIND \
         another TTL, or does not load the zone"
    ))
}

/// Seen with Knot 3.2, BIND 9.18 and NSD 4.6.
fn carriage_return(zone: &ZoneText) -> Option<String> {
    let at = zone.carriage_return?;
    let (line, _) = entries::position(&zone.text, at);
    Some(if zone.text[at..].starts_with(b"\r\n") {
        format!("line {line} ends with CR LF; Knot does not load the zone, BIND and NSD do")
    } else {
        format!("line {line} ends with a lone CR; BIND and NSD begin a new line there, Knot does not")
    })
}
