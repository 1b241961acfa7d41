//! Verified changes to DNS records.
//!
//! A change is decided on a listing, approved, asked for, and believed only when a listing taken afterwards shows it:
//!
//! ```
//! use dnsmgmt_core::apply::apply;
//! use dnsmgmt_core::by_hand::{ByHand, Selector};
//! use dnsmgmt_core::patience::Patience;
//! use dnsmgmt_core::progress::silent;
//! use dnsmgmt_core::provider::{DnsProvider, RunId};
//! use dnsmgmt_core::record_set::Scope;
//! use dnsmgmt_core::report::Fate;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let provider = fixtures::memory::MemoryProvider::new("example", 1);
//! # provider.put("old.example", "10.0.0.1");
//! let selector = Selector { name: "old.example".parse()?, rtype: None, data: None };
//! let scope = Scope::from_iter([selector.name.clone()]);
//! let before = provider.list(&scope).await?;
//! let mut by_hand = ByHand::on(&provider, scope, before);
//! by_hand.delete(&selector);
//! let plan = by_hand.plan().approve_by_hand();
//! let report = apply(&provider, plan, &Patience::default(), RunId(1), &silent).await;
//! assert_eq!(report.outcomes[0].fate, Fate::Gone);
//! # Ok(())
//! # }
//! ```
//!
//! The providers are in `dnsmgmt-providers`; anything that implements [`provider::DnsProvider`] will do. This crate knows no
//! API, reads no environment, no clock and no terminal, and writes no log.

pub mod adopt;
pub mod apply;
pub mod brake;
pub mod by_hand;
mod condition;
mod draft;
mod fnv;
mod grace;
pub mod heartbeat;
pub mod lease;
pub mod mark;
pub mod moment;
pub mod name;
pub mod notice;
pub mod observe;
pub mod origin;
pub mod own_mark;
pub mod patience;
pub mod plan;
pub mod preserved;
pub mod progress;
pub mod provider;
#[cfg(feature = "repository")]
pub mod reconcile;
pub mod record;
pub mod record_set;
pub mod register;
pub mod relocate;
pub mod report;
#[cfg(feature = "repository")]
pub mod repository;
mod settle;
pub mod source;
pub mod stale;
pub mod sync;
pub mod tracked;
pub mod undo;
pub mod witness;
