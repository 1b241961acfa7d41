//! Where wanted records come from: declarative files, zone files and hosts directories, containers and Traefik's
//! routers. `docs/records.md` has them as people write them.
//!
#![cfg_attr(feature = "config", doc = "```")]
#![cfg_attr(not(feature = "config"), doc = "```ignore")]
//! use std::path::Path;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = tempfile::tempdir()?;
//! std::fs::write(folder.path().join("lab.toml"), r#"
//!     [[zones]]
//!     name = "lab.example"
//!     [zones.records]
//!     web = "10.1.2.3"
//! "#)?;
//! let source = dnsmgmt_providers::source::open("lab.toml", folder.path())?;
//! let desired = source.desired().await?;
//! assert_eq!(desired.wanted[0].record.to_string(), "web.lab.example A 10.1.2.3");
//! # Ok(())
//! # }
//! ```

#[cfg(feature = "docker")]
pub mod docker;
#[cfg(feature = "config")]
mod file;
#[cfg(feature = "config")]
mod hosts;
#[cfg(feature = "docker")]
pub mod labels;
#[cfg(feature = "config")]
mod open;
#[cfg(feature = "docker")]
pub mod traefik;
#[cfg(feature = "config")]
mod zone_file;

use dnsmgmt_core::source::SourceError;

#[cfg(feature = "config")]
pub use open::open;
#[cfg(feature = "config")]
use open::unreadable;
#[cfg(feature = "config")]
pub(crate) use open::{is_live, path, within};

pub(crate) fn failed(source: &str, problem: impl ToString) -> SourceError {
    SourceError { source_name: source.into(), problem: problem.to_string(), hint: None }
}

#[cfg(all(test, feature = "config"))]
mod schema;
#[cfg(all(test, feature = "config"))]
mod tests;
