//! A zone file (RFC 1035 section 5) as a source.

use std::path::Path;

use dnsmgmt_core::origin::Origin;
use dnsmgmt_core::record::{Record, RecordType};
use dnsmgmt_core::source::{Desired, Place, SourceError, Wanted};

use super::failed;
use crate::zonefile::complete;

/// Reads the file; what belongs to the zone itself, SOA, the apex' NS and DNSSEC's types, is left out.
pub(super) fn read(path: &Path, origin: &Origin) -> Result<Desired, SourceError> {
    let (zone, records) = complete::read(path)
        .map_err(|error| SourceError { hint: Some(error.hint), ..failed(&path.to_string_lossy(), error.problem) })?;
    let place = Place { provider: None, zone: Some(zone.clone()) };
    let is_the_zones = |record: &Record| record.rtype() == RecordType::Ns && *record.name() == zone;
    let wanted = records
        .into_iter()
        .filter(|record| !is_the_zones(record))
        .map(|record| Wanted { origin: origin.clone(), place: place.clone(), record })
        .collect();
    Ok(Desired { wanted, read: vec![origin.clone()], ..Desired::default() })
}
