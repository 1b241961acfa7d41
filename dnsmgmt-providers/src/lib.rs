//! DNS services for dnsmgmt-core.
#[cfg(feature = "adguard")]
pub mod adguard;
#[cfg(feature = "cloudflare")]
pub mod cloudflare;
#[cfg(feature = "config")]
pub mod config;
#[cfg(feature = "config")]
pub mod connect;
#[cfg(feature = "http")]
mod http;
#[cfg(feature = "zonefile")]
pub mod zonefile;
