//! DNS services for dnsmgmt-core.
#[cfg(feature = "http")]
mod http;
#[cfg(feature = "zonefile")]
pub mod zonefile;
