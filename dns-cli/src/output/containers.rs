//! Containers, what they want, and what is in DNS.

use anyhow::Result;
use dnsmgmt_core::origin::Origin;
use dnsmgmt_providers::source::labels::{Container, Wish};
use serde::Serialize;

use dnsmgmt_program::args::ReportFormat;
use dnsmgmt_program::output::{JsonTtl, print_json, print_table};

/// A daemon.
pub(crate) struct Host {
    pub(crate) address: String,
    pub(crate) origin: Origin,
    pub(crate) containers: Vec<Runs>,
}

/// A container.
pub(crate) struct Runs {
    pub(crate) container: Container,
    pub(crate) origin: Origin,
    pub(crate) wants: Vec<Wanting>,
    /// Why it is not known what it wants.
    pub(crate) problem: Option<String>,
}

/// A record that a container wants.
pub(crate) struct Wanting {
    pub(crate) wish: Wish,
    pub(crate) in_dns: InDns,
}

/// Whether a wanted record is in DNS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum InDns {
    There,
    /// With another TTL, or otherwise proxied.
    Differs,
    Missing,
    /// Other values of its type are.
    Others(Vec<String>),
    /// Its provider was not listed.
    Unknown,
}

impl InDns {
    fn as_str(&self) -> &'static str {
        match self {
            Self::There => "present",
            Self::Differs => "differs",
            Self::Missing => "missing",
            Self::Others(_) => "other values",
            Self::Unknown => "unknown",
        }
    }

    fn others(&self) -> &[String] {
        if let Self::Others(values) = self { values } else { &[] }
    }
}

/// Prints containers.
pub(crate) fn print_containers(hosts: &[Host], failures: &[String], format: ReportFormat) -> Result<()> {
    match format {
        ReportFormat::Json => {
            let containers = hosts.iter().flat_map(|host| host.containers.iter().map(move |one| json(host, one)));
            print_json(&JsonContainers { containers: containers.collect(), failures })
        }
        ReportFormat::Table if hosts.iter().all(|host| host.containers.is_empty()) => Ok(()),
        ReportFormat::Table => print_table(
            ["HOST", "CONTAINER", "STATE", "NAME", "TYPE", "VALUE", "WHY", "IN DNS"],
            hosts.iter().flat_map(|host| host.containers.iter().flat_map(move |one| rows(host, one))),
        ),
    }
}

fn rows(host: &Host, one: &Runs) -> Vec<[String; 8]> {
    let row = |rest: [String; 5]| {
        let [name, rtype, value, why, in_dns] = rest;
        [host.address.clone(), one.container.name.clone(), state(one), name, rtype, value, why, in_dns]
    };
    if one.wants.is_empty() {
        let why = one.problem.clone().unwrap_or_default();
        return vec![row(["-".into(), String::new(), String::new(), why, String::new()])];
    }
    let wanted = one.wants.iter().map(|Wanting { wish, in_dns }| {
        let record = &wish.record;
        let in_dns = match in_dns.others() {
            [] => in_dns.as_str().to_owned(),
            others => format!("{}: {}", in_dns.as_str(), others.join(", ")),
        };
        row([
            record.name().to_string(),
            record.rtype().to_string(),
            record.key.data.to_string(),
            wish.because.clone(),
            in_dns,
        ])
    });
    wanted.collect()
}

fn state(one: &Runs) -> String {
    let state = one.container.state.as_str();
    if one.container.is_unhealthy { format!("{state}, unhealthy") } else { state.into() }
}

#[derive(Serialize)]
struct JsonContainers<'a> {
    containers: Vec<JsonContainer<'a>>,
    failures: &'a [String],
}

#[derive(Serialize)]
struct JsonContainer<'a> {
    host: &'a str,
    source: &'a str,
    origin: &'a str,
    id: &'a str,
    name: &'a str,
    state: &'static str,
    unhealthy: bool,
    problem: Option<&'a str>,
    wants: Vec<JsonWish<'a>>,
}

#[derive(Serialize)]
struct JsonWish<'a> {
    name: &'a str,
    #[serde(rename = "type")]
    rtype: String,
    value: String,
    ttl: Option<JsonTtl>,
    proxied: Option<bool>,
    provider: Option<&'a str>,
    dialect: &'static str,
    because: &'a str,
    in_dns: &'static str,
    others: &'a [String],
}

fn json<'a>(host: &'a Host, one: &'a Runs) -> JsonContainer<'a> {
    let wish = |Wanting { wish, in_dns }: &'a Wanting| JsonWish {
        name: wish.record.name().as_str(),
        rtype: wish.record.rtype().to_string(),
        value: wish.record.key.data.to_string(),
        ttl: wish.record.ttl.map(JsonTtl::from),
        proxied: wish.record.proxied,
        provider: wish.provider.as_deref(),
        dialect: wish.dialect.as_str(),
        because: &wish.because,
        in_dns: in_dns.as_str(),
        others: in_dns.others(),
    };
    JsonContainer {
        host: &host.address,
        source: host.origin.as_str(),
        origin: one.origin.as_str(),
        id: &one.container.id,
        name: &one.container.name,
        state: one.container.state.as_str(),
        unhealthy: one.container.is_unhealthy,
        problem: one.problem.as_deref(),
        wants: one.wants.iter().map(wish).collect(),
    }
}
