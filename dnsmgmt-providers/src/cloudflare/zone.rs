//! Zones: which there are, and which one is meant.

use dnsmgmt_core::name::Name;
use dnsmgmt_core::provider::{ProviderError, Reaction};
use reqwest::Method;
use secrecy::SecretString;
use serde::Deserialize;

use super::api::{Api, Budget};
use super::envelope;
use super::pages::Pages;
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
pub async fn zones(url: &str, token: &SecretString, budget: &Budget) -> Result<Vec<Zone>, ProviderError> {
    list(&Api::new(url, token, budget.clone())?, None).await
}

/// Returns all zones that the token may see if they fit on one page, which costs one call.
pub async fn few_zones(url: &str, token: &SecretString, budget: &Budget) -> Result<Option<Vec<Zone>>, ProviderError> {
    list_pages(&Api::new(url, token, budget.clone())?, None, 1).await
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
        "use the Cloudflare zone of the given id",
        // What was given is not shown, because it may be the token.
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
    Ok(list_pages(api, name, usize::MAX).await?.expect("no list has more pages than can be counted"))
}

/// Returns the zones, nothing where there are more pages than `most`.
async fn list_pages(api: &Api, name: Option<&Name>, most: usize) -> Result<Option<Vec<Zone>>, ProviderError> {
    let doing = format!("list the zones {}", api.place());
    let mut pages = Pages::new(PAGE, name.is_some());
    let mut zones = Vec::new();
    for page in 1..=most {
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
        let last = pages.ends(&info, found.len()).map_err(|why| envelope::malformed(&answered, &doing, why))?;
        let before = zones.len();
        for listed in found {
            let zone = listed.zone().map_err(|why| envelope::malformed(&answered, &doing, why))?;
            if !zones.contains(&zone) {
                zones.push(zone);
            }
        }
        match last {
            true if pages.lacks(zones.len()) => {
                return Err(envelope::malformed(&answered, &doing, "there are fewer zones than it says"));
            }
            true => return Ok(Some(zones)),
            false => {}
        }
        if zones.len() == before {
            return Err(envelope::malformed(&answered, &doing, format!("page {page} repeats an earlier one")));
        }
    }
    Ok(None)
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
        assert!(!format!("{:?}", checked_id("s3cret").unwrap_err()).contains("s3cret"));
        for wrong in ["", "example.com", "023e105f4ecef8ad9ca31a8372d0c35", "../../user/tokens/verify/0123456"] {
            assert_eq!(checked_id(wrong).unwrap_err().reaction, Reaction::Refused, "{wrong}");
        }
    }
}
