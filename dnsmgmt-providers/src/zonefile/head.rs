//! What a zone begins with.

use dnsmgmt_core::name::Name;

use super::entries::{Kind, ZoneText};

/// Returns the text of a file without entries, with what servers need to load the zone put at its end. What the file says about
/// origin and TTL holds.
///
/// The name server is a placeholder; the times are those of RIPE-203, with a short negative TTL because records come and go here.
pub(super) fn put(zone: &ZoneText) -> Vec<u8> {
    let origin = zone.origin.with_dot();
    let hostmaster = zone.origin.child("hostmaster").unwrap_or_else(|_| Name::root()).with_dot();
    let (mut in_force, mut has_ttl) = (None, false);
    for piece in &zone.pieces {
        match &piece.kind {
            Kind::Origin(origin) => in_force = Some(origin),
            Kind::DefaultTtl(_) => has_ttl = true,
            Kind::Blank | Kind::Entry(_) => {}
        }
    }
    let origin_line = (in_force != Some(&zone.origin)).then(|| format!("$ORIGIN {origin}"));
    let ttl_line = (!has_ttl).then(|| "$TTL 1h".to_owned());
    let soa = format!("@\tSOA\tlocalhost. {hostmaster} 0 1d 2h 1000h 5m");
    let ns = "@\tNS\tlocalhost.".to_owned();
    let mut text = zone.text.clone();
    if text.last().is_some_and(|last| !matches!(last, b'\n' | b'\r')) {
        text.extend_from_slice(zone.line_end());
    }
    for line in [origin_line, ttl_line, Some(soa), Some(ns)].into_iter().flatten() {
        text.extend_from_slice(line.as_bytes());
        text.extend_from_slice(zone.line_end());
    }
    text
}
