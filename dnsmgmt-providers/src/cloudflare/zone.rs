//! Zones: which there are, and which one is meant.

use dnsmgmt_core::name::Name;
use dnsmgmt_core::provider::{ProviderError, Reaction};
use reqwest::Method;
use secrecy::SecretString;
use serde::Deserialize;

use super::api::Api;
use super::envelope;
use super::record::is_id;

/// The most zones that the API puts on a page.
const PAGE: usize = 50;
/// How many zones an error text names.
const NAMED: usize = 10;

/// A zone that the token may see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Zone {
    /// The API's id: 32 hexadecimal digits.
    pub id: String,
    /// The apex.
    pub name: Name,
}

/// Returns all zones that the token may see.
pub async fn zones(url: &str, token: &SecretString) -> Result<Vec<Zone>, ProviderError> {
    list(&Api::new(url, token)?, None).await
}

/// Returns the zones that a name belongs to: those with the longest name that it ends in. There are several where the token
/// sees zones of one name in several accounts; then only an id tells them apart.
pub fn zones_of<'a>(zones: &'a [Zone], name: &Name) -> Vec<&'a Zone> {
    let holding = || zones.iter().filter(|zone| name.is_within(&zone.name));
    let longest = holding().map(|zone| zone.name.labels().count()).max();
    holding().filter(|zone| Some(zone.name.labels().count()) == longest).collect()
}

/// Looks up the one zone of that name.
pub(super) async fn look_up(api: &Api, name: &Name) -> Result<Zone, ProviderError> {
    let refused = |answered: String| {
        ProviderError::new(Reaction::Refused, format!("find the zone {name} {}", api.place()), answered)
    };
    let mut found = list(api, Some(name)).await?;
    found.retain(|zone| zone.name == *name);
    match found.len() {
        1 => Ok(found.remove(0)),
        0 => Err(refused(seen(&list(api, None).await?))
            .hint("check the zone's name, and that the token has Zone / Zone / Read for it; or give the zone's id")),
        several => {
            let ids: Vec<&str> = found.iter().map(|zone| zone.id.as_str()).collect();
            Err(refused(format!("there are {several} zones of that name: {}", ids.join(", ")))
                .hint("give the id of the one that is meant"))
        }
    }
}

/// Returns the zone's id if it can stand in a path.
pub(super) fn checked_id(id: &str) -> Result<String, ProviderError> {
    let id = id.trim();
    if is_id(id) {
        return Ok(id.to_ascii_lowercase());
    }
    Err(ProviderError::new(
        Reaction::Refused,
        format!("use the Cloudflare zone `{id}`"),
        "a zone's id has 32 hexadecimal digits",
    )
    .hint("copy the zone id from the zone's overview page, or give the zone's name instead"))
}

fn seen(zones: &[Zone]) -> String {
    let names: Vec<&str> = zones.iter().take(NAMED).map(|zone| zone.name.as_str()).collect();
    match zones.len().saturating_sub(NAMED) {
        _ if names.is_empty() => "the token sees no zone at all".into(),
        0 => format!("the token does not see it; it sees {}", names.join(", ")),
        more => format!("the token does not see it; it sees {} and {more} more", names.join(", ")),
    }
}

async fn list(api: &Api, name: Option<&Name>) -> Result<Vec<Zone>, ProviderError> {
    let doing = format!("list the zones {}", api.place());
    let mut zones = Vec::new();
    for page in 1.. {
        let query = [("page", page), ("per_page", PAGE)];
        let request = api
            .request(Method::GET, "/zones")
            .query(&query)
            .query(&name.map(|name| ("name", name.as_str())).as_slice());
        let answered = api.send(request, &doing).await?;
        let envelope = envelope::open::<Vec<Listed>>(&answered, &doing)?;
        let (Some(found), Some(info)) = (envelope.result, envelope.result_info) else {
            return Err(envelope::malformed(&answered, &doing, "`result` or `result_info` is missing"));
        };
        let last = info.ends(page, PAGE, found.len()).map_err(|why| envelope::malformed(&answered, &doing, why))?;
        let before = zones.len();
        for listed in found {
            let zone = listed.zone().map_err(|why| envelope::malformed(&answered, &doing, why))?;
            if !zones.contains(&zone) {
                zones.push(zone);
            }
        }
        if last {
            break;
        }
        if zones.len() == before {
            return Err(envelope::malformed(&answered, &doing, format!("page {page} repeats an earlier one")));
        }
    }
    Ok(zones)
}

#[derive(Deserialize)]
struct Listed {
    id: String,
    name: String,
}

impl Listed {
    fn zone(self) -> Result<Zone, String> {
        let name = Name::parse(&self.name).map_err(|error| format!("a zone's name is not one: {error}"))?;
        if !is_id(&self.id) {
            return Err(format!("the id `{}` of the zone {name} does not have the form of one", self.id));
        }
        Ok(Zone { id: self.id, name })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn zone(id: &str, name: &str) -> Zone {
        Zone { id: id.into(), name: Name::parse(name).unwrap() }
    }

    #[test]
    fn a_name_belongs_to_the_zone_with_the_longest_suffix() {
        let zones = [
            zone("1", "example.com"),
            zone("2", "lab.example.com"),
            zone("3", "example.org"),
            zone("4", "example.org"),
        ];
        let of = |name: &str| {
            zones_of(&zones, &Name::parse(name).unwrap()).iter().map(|zone| zone.id.as_str()).collect::<Vec<_>>()
        };
        assert_eq!(of("a.lab.example.com"), ["2"]);
        assert_eq!(of("lab.example.com"), ["2"]);
        assert_eq!(of("alab.example.com"), ["1"]);
        assert_eq!(of("a.example.org"), ["3", "4"]);
        assert!(of("example.net").is_empty());
    }

    #[test]
    fn an_id_is_32_hexadecimal_digits() {
        assert_eq!(checked_id("023E105F4ECEF8AD9CA31A8372D0C353 ").unwrap(), "023e105f4ecef8ad9ca31a8372d0c353");
        for wrong in ["", "example.com", "023e105f4ecef8ad9ca31a8372d0c35", "../../user/tokens/verify/0123456"] {
            assert_eq!(checked_id(wrong).unwrap_err().reaction, Reaction::Refused, "{wrong}");
        }
    }
}
