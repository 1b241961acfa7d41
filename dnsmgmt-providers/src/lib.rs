//! DNS services for `dnsmgmt-core`: each implements its `DnsProvider`, behind a feature of its own name.
//!
//! A verified delete, whole:
//!
//! ```no_run
#![doc = include_str!("../examples/verified_delete.rs")]
//! ```
//!
//! A provider asks once and passes on what was said; it neither retries nor logs nor verifies, which `dnsmgmt-core` does.
//! With the feature `config`, [`config`] reads `dnsmgmt.toml` and variables, [`connect`] turns them into a provider, [`source`]
//! opens what says which records there should be, and [`addresses`] finds those of this machine.

#[cfg(feature = "config")]
pub mod addresses;
#[cfg(feature = "adguard")]
pub mod adguard;
#[cfg(feature = "cloudflare")]
pub mod cloudflare;
#[cfg(feature = "config")]
pub mod config;
#[cfg(feature = "config")]
pub mod connect;
#[cfg(feature = "dns")]
pub mod dns;
#[cfg(any(feature = "config", feature = "docker"))]
pub mod duration;
#[cfg(feature = "http")]
pub mod http;
#[cfg(feature = "powerdns")]
pub mod powerdns;
#[cfg(any(feature = "zonefile", feature = "dns"))]
mod rdata;
#[cfg(feature = "rfc2136")]
pub mod rfc2136;
#[cfg(any(feature = "config", feature = "docker"))]
pub mod source;
#[cfg(feature = "webhook")]
pub mod webhook;
#[cfg(feature = "dns")]
pub mod witness;
#[cfg(feature = "zonefile")]
pub mod zonefile;
