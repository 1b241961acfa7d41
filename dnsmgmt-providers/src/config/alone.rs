//! Providers from variables alone, as containers configure them. Such a provider is named after its kind.

use std::collections::BTreeSet;
use std::net::Ipv6Addr;

use dnsmgmt_core::name::Name;

use crate::cloudflare::{Budget, CloudflareZone};

use super::check;
use super::diagnostic::Diagnostic;
use super::provider::{API_KEY, Kind, Login, Origin, PASSWORD, Provider, Secret, SecretKey, Service, TOKEN, ZoneFile};
use super::rfc2136;
use super::vars::{
    ADGUARD_HOST, ADGUARD_PASSWORD, ADGUARD_PROTOCOL, ADGUARD_URL, ADGUARD_USERNAME, CF_API_TOKEN, CF_API_URL, CF_ZONE,
    CF_ZONE_ID, Environment, PDNS_API_KEY, PDNS_API_URL, PDNS_SERVER_ID, PDNS_ZONE, RFC2136_SERVER,
    RFC2136_TSIG_ALGORITHM, RFC2136_TSIG_NAME, RFC2136_TSIG_SECRET, RFC2136_ZONE, Value, Variable, WEBHOOK_URL,
    WEBHOOK_ZONE, ZONEFILE_ORIGIN, ZONEFILE_PATH,
};

/// Returns one provider for each kind whose variables are set; one whose variables are wrong says so when it is chosen.
pub(crate) fn providers(environment: &Environment) -> Vec<Provider> {
    let host_alone = environment.has(&ADGUARD_HOST) && !environment.has(&ADGUARD_URL);
    let all = [
        (Kind::Zonefile, &ZONEFILE_PATH, zonefile(environment)),
        (Kind::AdGuard, if host_alone { &ADGUARD_HOST } else { &ADGUARD_URL }, adguard(environment)),
        (Kind::Cloudflare, &CF_API_TOKEN, cloudflare(environment)),
        (Kind::Rfc2136, &RFC2136_SERVER, rfc2136::of_variables(environment)),
        (Kind::PowerDns, &PDNS_API_URL, powerdns(environment)),
        (Kind::Webhook, &WEBHOOK_URL, webhook(environment)),
    ];
    let one = |(kind, variable, service)| match service {
        Ok(service) => Some(provider(kind, variable, service?)),
        Err(error) => Some(provider(kind, variable, Service::Broken { kind, error })),
    };
    all.into_iter().filter_map(one).collect()
}

/// Returns what is set and configures nothing, because the variable that it stands beside is not.
pub(crate) fn without_effect(environment: &Environment) -> Vec<(&'static Variable, &'static Variable)> {
    let beside: [(&Variable, &[&Variable]); 6] = [
        (&ZONEFILE_PATH, &[&ZONEFILE_ORIGIN]),
        (&ADGUARD_URL, &[&ADGUARD_PROTOCOL, &ADGUARD_USERNAME, &ADGUARD_PASSWORD]),
        (&CF_API_TOKEN, &[&CF_ZONE, &CF_ZONE_ID, &CF_API_URL]),
        (&RFC2136_SERVER, &[&RFC2136_ZONE, &RFC2136_TSIG_NAME, &RFC2136_TSIG_ALGORITHM, &RFC2136_TSIG_SECRET]),
        (&PDNS_API_URL, &[&PDNS_API_KEY, &PDNS_ZONE, &PDNS_SERVER_ID]),
        (&WEBHOOK_URL, &[&WEBHOOK_ZONE]),
    ];
    let set = |variable: &&&'static Variable| environment.has(variable);
    beside.iter().flat_map(|(main, others)| others.iter().filter(set).map(|other| (*other, *main))).collect()
}

fn zonefile(environment: &Environment) -> Result<Option<Service>, Diagnostic> {
    let Some(path) = environment.value(&ZONEFILE_PATH)? else { return Ok(None) };
    let origin = environment.value(&ZONEFILE_ORIGIN)?;
    let name = origin.map(|origin| zone(&origin, &origin.text)).transpose()?;
    let zones = vec![ZoneFile { name, path: path.text.into() }];
    Ok(Some(Service::Zonefile { zones }))
}

fn adguard(environment: &Environment) -> Result<Option<Service>, Diagnostic> {
    let url = match (environment.value(&ADGUARD_URL)?, environment.value(&ADGUARD_HOST)?) {
        (None, None) => return Ok(None),
        (Some(_), Some(_)) => return Err(both(&ADGUARD_URL, &ADGUARD_HOST)),
        (Some(url), None) => {
            check::url(&url.text).map_err(|why| url.wrong(why))?;
            url.text
        }
        (None, Some(host)) => url_of(&host, environment)?,
    };
    let login = match (environment.value(&ADGUARD_USERNAME)?, environment.has(&ADGUARD_PASSWORD)) {
        (None, false) => None,
        (Some(username), true) => Some(Login { username: username.text, password: variable_secret(&PASSWORD) }),
        (Some(_), false) => return Err(alone(&ADGUARD_USERNAME, &ADGUARD_PASSWORD)),
        (None, true) => return Err(alone(&ADGUARD_PASSWORD, &ADGUARD_USERNAME)),
    };
    Ok(Some(Service::AdGuard { url, login }))
}

fn url_of(host: &Value, environment: &Environment) -> Result<String, Diagnostic> {
    if host.text.contains('/') {
        let wrong = host.wrong("a host, with a port if need be, not an address");
        return Err(wrong.help("set `ADGUARD_URL` instead to give the whole address"));
    }
    let bare = if host.text.parse::<Ipv6Addr>().is_ok() { format!("[{}]", host.text) } else { host.text.clone() };
    let protocol = environment.value(&ADGUARD_PROTOCOL)?;
    let scheme = match &protocol {
        None => "http",
        Some(value) if matches!(value.text.as_str(), "http" | "https") => &value.text,
        Some(value) => return Err(value.wrong(format!("`{}` is neither http nor https", value.text))),
    };
    let url = format!("{scheme}://{bare}");
    check::url(&url).map_err(|why| host.wrong(why))?;
    Ok(url)
}

fn cloudflare(environment: &Environment) -> Result<Option<Service>, Diagnostic> {
    if !environment.has(&CF_API_TOKEN) {
        return Ok(None);
    }
    let names = environment.value(&CF_ZONE)?.map(|names| zone_names(&names)).transpose()?.unwrap_or_default();
    let zones = match (environment.value(&CF_ZONE_ID)?, &names[..]) {
        (None, _) => names.into_iter().map(CloudflareZone::Name).collect(),
        (Some(id), []) => vec![CloudflareZone::Id(zone_id(id)?)],
        (Some(id), [name]) => vec![CloudflareZone::IdAndName { id: zone_id(id)?, name: name.clone() }],
        (Some(id), _) => {
            let wrong = id.wrong("it is one zone's id, and `CF_ZONE` names several zones");
            return Err(wrong.help("unset it: zones are found by their names too"));
        }
    };
    let url = environment.value(&CF_API_URL)?;
    if let Some(url) = &url {
        check::url(&url.text).map_err(|why| url.wrong(why))?;
    }
    let url = url.map(|url| url.text);
    let (token, budget) = (variable_secret(&TOKEN), Budget::default());
    Ok(Some(Service::Cloudflare { url, token, zones, batch: None, comment: None, budget }))
}

fn powerdns(environment: &Environment) -> Result<Option<Service>, Diagnostic> {
    let Some(url) = environment.value(&PDNS_API_URL)? else { return Ok(None) };
    check::url(&url.text).map_err(|why| url.wrong(why))?;
    let Some(name) = environment.value(&PDNS_ZONE)? else {
        let missing = format!("`{}` is set and `{}` is not", PDNS_API_URL.name, PDNS_ZONE.name);
        return Err(Diagnostic::new(missing).help(format!("set `{}` to the name of the zone", PDNS_ZONE.name)));
    };
    let zone = zone(&name, &name.text)?;
    let server_id = environment.value(&PDNS_SERVER_ID)?.map(|id| id.text);
    Ok(Some(Service::PowerDns { url: url.text, key: variable_secret(&API_KEY), zone, server_id }))
}

fn webhook(environment: &Environment) -> Result<Option<Service>, Diagnostic> {
    let Some(url) = environment.value(&WEBHOOK_URL)? else { return Ok(None) };
    check::url(&url.text).map_err(|why| url.wrong(why))?;
    let name = environment.value(&WEBHOOK_ZONE)?;
    let zone = name.map(|name| zone(&name, &name.text)).transpose()?;
    Ok(Some(Service::Webhook { url: url.text, zone }))
}

fn zone_names(value: &Value) -> Result<Vec<Name>, Diagnostic> {
    let (mut names, mut seen) = (Vec::new(), BTreeSet::new());
    for text in value.text.split(',').map(str::trim).filter(|text| !text.is_empty()) {
        let name = zone(value, text)?;
        if !seen.insert(name.clone()) {
            return Err(value.wrong(format!("the zone `{name}` is there twice")));
        }
        names.push(name);
    }
    Ok(names)
}

fn zone_id(value: Value) -> Result<String, Diagnostic> {
    let wrong = |why| value.wrong(why).help("a zone's name, or several, are given with `CF_ZONE`");
    check::zone_id(&value.text).map_err(wrong)?;
    Ok(value.text)
}

fn zone(value: &Value, text: &str) -> Result<Name, Diagnostic> {
    check::zone(text).map_err(|why| value.wrong(why))
}

fn variable_secret(key: &'static SecretKey) -> Secret {
    Secret::Variable { key, left_out: None }
}

fn provider(kind: Kind, variable: &Variable, service: Service) -> Provider {
    Provider { name: kind.as_str().into(), origin: Origin::Variable(variable.name), service, witness: None }
}

/// Returns the error of a variable that must stand beside another.
pub(crate) fn missing_beside(set: &Variable, missing: &Variable) -> Diagnostic {
    let (set, missing) = (set.name, missing.name);
    Diagnostic::new(format!("`{set}` is set and `{missing}` is not"))
        .help(format!("set `{missing}` or `{missing}_FILE` too"))
}

fn both(left: &Variable, right: &Variable) -> Diagnostic {
    let message = format!("both `{}` and `{}` are set", left.name, right.name);
    Diagnostic::new(message).help("keep one of them")
}

fn alone(set: &Variable, missing: &Variable) -> Diagnostic {
    let (set, missing) = (set.name, missing.name);
    Diagnostic::new(format!("`{set}` is set and `{missing}` is not"))
        .help(format!("set `{missing}` or `{missing}_FILE` too; or unset `{set}` if AdGuard Home asks for no password"))
}
