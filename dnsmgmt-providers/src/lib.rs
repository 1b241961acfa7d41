//! DNS services for dnsmgmt-core.
#[cfg(feature = "http")]
mod http;
