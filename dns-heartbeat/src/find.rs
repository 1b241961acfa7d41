//! Which addresses this machine has.

use anyhow::{Error, anyhow};
use dnsmgmt_providers::addresses::{Family, Found, ask, of_interfaces};
use dnsmgmt_providers::config::Heartbeat;

/// Finds the addresses of the interfaces, and those by which others see this machine where a name is to have them. Returns beside it what
/// could not be found out.
pub(crate) async fn find(heartbeat: &Heartbeat) -> (Found, Vec<Error>) {
    let mut problems = Vec::new();
    let mut found = Found::default();
    match of_interfaces() {
        Ok(own) => found.interfaces = Some(own),
        Err(error) => problems.push(anyhow!("the addresses of the interfaces are not known: {error}")),
    }
    for family in [Family::Ipv4, Family::Ipv6] {
        let services = heartbeat.services(family);
        if services.is_empty() {
            continue;
        }
        let address = ask(family, services, heartbeat.agree).await;
        found.public.insert(family, address.map_err(|error| problems.push(error.into())).ok());
    }
    (found, problems)
}
