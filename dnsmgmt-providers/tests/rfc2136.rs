//! DNS UPDATE against the real servers.

#[path = "rfc2136/conformance.rs"]
mod conformance;
#[path = "rfc2136/failures.rs"]
mod failures;
#[path = "rfc2136/groups.rs"]
mod groups;
#[path = "rfc2136/names.rs"]
mod names;
#[path = "rfc2136/races.rs"]
mod races;
#[path = "rfc2136/world.rs"]
mod world;
