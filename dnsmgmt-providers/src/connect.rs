//! The one place where a configured provider becomes one that can be listed and changed.

use std::collections::BTreeMap;

use dnsmgmt_core::name::Name;
use dnsmgmt_core::provider::{DnsProvider, ProviderError, ProviderId};

use crate::adguard::AdGuard;
use crate::cloudflare::{self, Cloudflare, CloudflareConfig, CloudflareZone, Zone};
use crate::config::{Bound, CloudflareToken, Diagnostic, Target, list};
use crate::powerdns::PowerDns;
use crate::rfc2136::{Clock, Rfc2136};
use crate::webhook::Webhook;
use crate::zonefile::Zonefile;

/// Connects: opens the file, prepares the session or looks the zone up. `clock` tells the time to what signs its messages with it.
///
/// Fails where the zone turns out to be another than was asked for, or not to hold the names.
pub async fn connect(target: Target, clock: Clock) -> Result<Box<dyn DnsProvider>, ConnectError> {
    let Target { service, zone, names, .. } = target;
    let by_id = matches!(&service, Bound::Cloudflare(config) if matches!(config.zone, CloudflareZone::Id(_)));
    let provider: Box<dyn DnsProvider> = match service {
        Bound::Zonefile(config) => Box::new(Zonefile::open(config)?),
        Bound::AdGuard(config) => Box::new(AdGuard::connect(config)?),
        Bound::Cloudflare(config) => Box::new(Cloudflare::connect(config).await?),
        Bound::CloudflareToken(token) => Box::new(Cloudflare::connect(only_zone(token, &names).await?).await?),
        Bound::Rfc2136(config) => Box::new(Rfc2136::new(config, clock)),
        Bound::PowerDns(config) => Box::new(PowerDns::connect(config)?),
        Bound::Webhook(config) => Box::new(Webhook::connect(config).await?),
    };
    // By its id alone nobody knows the zone's name.
    if !by_id {
        as_asked(provider.id(), zone.as_ref(), &names)?;
    }
    Ok(provider)
}

/// Returns one target for each zone: the target itself, or where only the service knows its zones, those that hold the target's
/// names, and all of them where it has no names. That costs one look-up.
pub async fn locate(target: Target) -> Result<Vec<Target>, ConnectError> {
    let Bound::CloudflareToken(token) = &target.service else { return Ok(vec![target]) };
    let groups = group(token, &zones_seen(token).await?, &target.names)?;
    Ok(located(&target, token, groups))
}

/// Returns what [`locate`] does, and beside it the names that are in no zone, each with why: they cost the others nothing.
pub async fn locate_most(target: Target) -> Result<(Vec<Target>, Vec<(Name, Diagnostic)>), ConnectError> {
    let Bound::CloudflareToken(token) = &target.service else { return Ok((vec![target], Vec::new())) };
    let zones = zones_seen(token).await?;
    let (mut names, mut lost) = (Vec::new(), Vec::new());
    for name in &target.names {
        match group(token, &zones, std::slice::from_ref(name)) {
            Ok(_) => names.push(name.clone()),
            Err(why) => lost.push((name.clone(), why)),
        }
    }
    // Without names it would be all zones.
    let is_all_lost = names.is_empty() && !lost.is_empty();
    let groups = if is_all_lost { Vec::new() } else { group(token, &zones, &names)? };
    Ok((located(&target, token, groups), lost))
}

fn located(target: &Target, token: &CloudflareToken, groups: Vec<(Zone, Vec<Name>)>) -> Vec<Target> {
    let located = |(zone, names): (Zone, Vec<Name>)| Target {
        provider: target.provider.clone(),
        zone: Some(zone.name.clone()),
        service: Bound::Cloudflare(token.clone().with(by_id_and_name(zone))),
        comment: target.comment.clone(),
        witness: target.witness.clone(),
        names,
    };
    groups.into_iter().map(located).collect()
}

/// Looks the zones of several targets of one provider up together, where the token sees so few that it takes a single call.
/// What is not found so, or not without doubt, is left to [`connect`].
pub async fn look_up(mut targets: Vec<Target>) -> Result<Vec<Target>, ConnectError> {
    let mut by_name: BTreeMap<&str, Vec<&mut CloudflareConfig>> = BTreeMap::new();
    for Target { provider, service, .. } in &mut targets {
        match service {
            Bound::Cloudflare(config) if matches!(config.zone, CloudflareZone::Name(_)) => {
                by_name.entry(provider).or_default().push(config);
            }
            _ => {}
        }
    }
    for configs in by_name.into_values().filter(|configs| configs.len() > 1) {
        let CloudflareConfig { url, token, budget, .. } = &*configs[0];
        let Some(zones) = cloudflare::few_zones(url, token, budget).await? else { continue };
        for config in configs {
            let mut same =
                zones.iter().filter(|zone| matches!(&config.zone, CloudflareZone::Name(name) if *name == zone.name));
            if let (Some(zone), None) = (same.next(), same.next()) {
                config.zone = by_id_and_name(zone.clone());
            }
        }
    }
    Ok(targets)
}

/// Returns the zones that the service says it has, whether configured or not; nothing where the service has none to list.
pub async fn zones(target: &Target) -> Result<Option<Vec<Zone>>, ConnectError> {
    Ok(match &target.service {
        Bound::Zonefile(_) | Bound::AdGuard(_) | Bound::Rfc2136(_) | Bound::PowerDns(_) | Bound::Webhook(_) => None,
        Bound::Cloudflare(config) => Some(cloudflare::zones(&config.url, &config.token, &config.budget).await?),
        Bound::CloudflareToken(token) => Some(zones_seen(token).await?),
    })
}

async fn zones_seen(token: &CloudflareToken) -> Result<Vec<Zone>, ProviderError> {
    cloudflare::zones(&token.url, &token.token, &token.budget).await
}

async fn only_zone(token: CloudflareToken, names: &[Name]) -> Result<CloudflareConfig, ConnectError> {
    let zones = zones_seen(&token).await?;
    let zone = only(&token, group(&token, &zones, names)?)?;
    Ok(token.with(by_id_and_name(zone)))
}

/// Returns the zones that hold the names, each with those that it holds; all zones where there are no names.
fn group(token: &CloudflareToken, zones: &[Zone], names: &[Name]) -> Result<Vec<(Zone, Vec<Name>)>, Diagnostic> {
    if names.is_empty() {
        return Ok(zones.iter().map(|zone| (zone.clone(), Vec::new())).collect());
    }
    let mut groups: Vec<(Zone, Vec<Name>)> = Vec::new();
    for name in names {
        let zone = match cloudflare::zones_of(zones, name)[..] {
            [] => return Err(no_zone(token, zones, name)),
            [zone] => zone,
            [zone, ..] => return Err(several_accounts(token, zones, &zone.name)),
        };
        match groups.iter_mut().find(|(known, _)| known == zone) {
            Some((_, names)) => names.push(name.clone()),
            None => groups.push((zone.clone(), vec![name.clone()])),
        }
    }
    Ok(groups)
}

fn only(token: &CloudflareToken, mut groups: Vec<(Zone, Vec<Name>)>) -> Result<Zone, Diagnostic> {
    match (groups.pop(), groups.is_empty()) {
        (Some((zone, _)), true) => Ok(zone),
        (None, _) => Err(Diagnostic::new(format!("the API token of `{}` sees no zone", token.name))
            .help("give it the permission Zone / Zone / Read for the zone, or configure the zone by its id")),
        (Some(last), false) => {
            let names = groups.iter().chain([&last]).map(|(zone, _)| &zone.name);
            Err(Diagnostic::new(format!("the API token of `{}` has several zones: {}", token.name, list(names)))
                .help("choose one with --zone or `CF_ZONE`, or name a domain"))
        }
    }
}

fn by_id_and_name(zone: Zone) -> CloudflareZone {
    CloudflareZone::IdAndName { id: zone.id, name: zone.name }
}

fn as_asked(id: &ProviderId, zone: Option<&Name>, names: &[Name]) -> Result<(), Diagnostic> {
    let wrong = match (zone, names.iter().find(|name| !name.is_within(&id.zone))) {
        (Some(zone), _) if *zone != id.zone => format!("the zone of `{}` is `{}`, not `{zone}`", id.name, id.zone),
        (_, Some(name)) => format!("`{name}` is not in the zone `{}` of `{}`", id.zone, id.name),
        _ => return Ok(()),
    };
    Err(Diagnostic::new(wrong))
}

fn no_zone(token: &CloudflareToken, zones: &[Zone], name: &Name) -> Diagnostic {
    let wrong = Diagnostic::new(format!("`{name}` is in no zone that the API token of `{}` sees", token.name));
    wrong.help(match zones {
        [] => "it sees none; give it the permission Zone / Zone / Read for the zone".into(),
        _ => format!("it sees {}", list(zones.iter().map(|zone| &zone.name))),
    })
}

fn several_accounts(token: &CloudflareToken, zones: &[Zone], name: &Name) -> Diagnostic {
    let ids = list(zones.iter().filter(|zone| zone.name == *name).map(|zone| &zone.id));
    Diagnostic::new(format!("the API token of `{}` has the zone `{name}` in several accounts", token.name))
        .help(format!("choose one by its id, in the file or with `CF_ZONE_ID`: {ids}"))
}

/// Why there is no connection.
#[derive(Debug, Clone, thiserror::Error)]
#[error(transparent)]
pub enum ConnectError {
    /// What is configured does not lead to one zone.
    Config(#[from] Diagnostic),
    /// The provider could not be asked, or refused.
    Provider(#[from] ProviderError),
}

impl ConnectError {
    /// Returns what the provider said, if it was asked.
    pub fn provider_error(&self) -> Option<&ProviderError> {
        match self {
            Self::Config(_) => None,
            Self::Provider(error) => Some(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Environment, Settings};

    fn name(text: &str) -> Name {
        Name::parse(text).unwrap()
    }

    fn zone(id: &str, text: &str) -> Zone {
        Zone { id: id.into(), name: name(text) }
    }

    fn token() -> CloudflareToken {
        let (name, url, token, budget) =
            ("public".into(), "http://[::1]:9".into(), "t".into(), cloudflare::Budget::default());
        CloudflareToken { name, url, token, batch: 200, budget }
    }

    fn target(variables: &[(&str, &str)]) -> Target {
        let empty = tempfile::NamedTempFile::new().unwrap();
        let environment: Environment = variables.iter().copied().collect();
        Settings::load(environment, Some(empty.path())).unwrap().select(None, None, None).unwrap()
    }

    #[tokio::test]
    async fn each_kind_is_connected_to_under_its_name_and_zone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lab.zone");
        let text = "$ORIGIN lab.example.\n$TTL 300\n@ SOA ns.lab.example. root.lab.example. 1 3600 600 86400 300\n@ NS ns.lab.example.\n";
        std::fs::write(&path, text).unwrap();
        let id = "023e105f4ecef8ad9ca31a8372d0c353";
        let table: [(&[(&str, &str)], &str); 5] = [
            (
                &[("ZONEFILE_PATH", path.to_str().unwrap()), ("ZONEFILE_ORIGIN", "lab.example")],
                "zonefile (lab.example)",
            ),
            (&[("ADGUARD_URL", "http://[::1]:9")], "adguard"),
            (&[("CF_API_TOKEN", "t"), ("CF_ZONE_ID", id), ("CF_ZONE", "a.example")], "cloudflare (a.example)"),
            (
                &[
                    ("RFC2136_SERVER", "ns1.example"),
                    ("RFC2136_ZONE", "b.example"),
                    ("RFC2136_TSIG_NAME", "key"),
                    ("RFC2136_TSIG_SECRET", "c2VjcmV0"),
                ],
                "rfc2136 (b.example)",
            ),
            (
                &[("PDNS_API_URL", "http://[::1]:9"), ("PDNS_API_KEY", "k"), ("PDNS_ZONE", "a.example")],
                "powerdns (a.example)",
            ),
        ];
        for (variables, expected) in table {
            let provider = connect(target(variables), || jiff::Timestamp::UNIX_EPOCH).await.unwrap();
            assert_eq!(provider.id().to_string(), expected);
        }
    }

    #[test]
    fn names_are_grouped_by_the_zones_that_a_token_has() {
        let zones = [zone("1", "example.com"), zone("2", "sub.example.com"), zone("3", "example.org")];
        let names = ["a.example.com", "a.sub.example.com", "b.example.com"].map(name);
        let groups = group(&token(), &zones, &names).unwrap();
        assert_eq!(
            groups,
            [(zones[0].clone(), vec![names[0].clone(), names[2].clone()]), (zones[1].clone(), vec![names[1].clone()])]
        );
        assert_eq!(group(&token(), &zones, &[]).unwrap().len(), 3);
        assert_eq!(only(&token(), groups[..1].to_vec()).unwrap(), zones[0]);
    }

    #[test]
    fn what_does_not_lead_to_one_zone_says_which_there_are() {
        let zones = [zone("1", "example.com"), zone("2", "example.org"), zone("3", "example.org")];
        let only = |zones: &[Zone]| only(&token(), group(&token(), zones, &[])?);
        let of = |zones: &[Zone], text: &str| group(&token(), zones, &[name(text)]);
        let id = ProviderId { name: "zonefile".into(), zone: name("lab.example") };
        let all = [
            only(&[]).unwrap_err(),
            only(&zones).unwrap_err(),
            of(&zones, "a.example.net").unwrap_err(),
            of(&[], "a.example.net").unwrap_err(),
            of(&zones, "a.example.org").unwrap_err(),
            as_asked(&id, Some(&name("example.com")), &[]).unwrap_err(),
            as_asked(&id, None, &[name("a.lab.example"), name("a.example")]).unwrap_err(),
        ];
        insta::assert_snapshot!(all.map(|error| error.to_string()).join("\n\n"));
        as_asked(&id, Some(&id.zone), &[name("a.lab.example")]).unwrap();
    }
}
