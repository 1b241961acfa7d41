//! Servers, and connections to them.

use std::net::SocketAddr;

use dnsmgmt_core::name::Name;
use dnsmgmt_core::provider::{Answer, Attempt, Change, DnsProvider as _, Group, RunId};
use dnsmgmt_core::record::{Record, RecordData, RecordType};
use dnsmgmt_core::record_set::{Listing, Scope};
use dnsmgmt_providers::rfc2136::{Clock, Rfc2136, Rfc2136Config, TsigKey, ZoneListing};
use fixtures::powerdns_server::{PowerDnsServer, TSIG};
use fixtures::primary::{ALGORITHM, KEY, SECRET};
use jiff::Timestamp;

pub(crate) const ATTEMPT: Attempt = Attempt { number: 1, run: RunId(7) };

#[expect(clippy::disallowed_methods, reason = "a test tells its provider the time")]
pub(crate) fn now() -> Timestamp {
    Timestamp::now()
}

pub(crate) fn name(text: &str) -> Name {
    Name::parse(text).unwrap()
}

pub(crate) fn record(name: &str, rtype: &str, value: &str) -> Record {
    let rtype: RecordType = rtype.parse().unwrap();
    Record::new(self::name(name), RecordData::parse(&rtype, value).unwrap())
}

pub(crate) fn config(server: SocketAddr, zone: &str) -> Rfc2136Config {
    Rfc2136Config {
        name: "rfc2136".into(),
        server: server.to_string().parse().unwrap(),
        zone: name(zone),
        key: TsigKey::new(KEY, ALGORITHM, &SECRET.into()).unwrap(),
        listing: ZoneListing::Transfer,
    }
}

pub(crate) fn connect(server: SocketAddr, zone: &str) -> Rfc2136 {
    Rfc2136::new(config(server, zone), now as Clock)
}

/// Connects to a PowerDNS by DNS UPDATE.
pub(crate) fn powerdns(server: &PowerDnsServer, zone: &str) -> Rfc2136 {
    let key = TsigKey::new(TSIG.name, TSIG.algorithm, &TSIG.secret.into()).unwrap();
    Rfc2136::new(Rfc2136Config { key, ..config(server.dns(), zone) }, now as Clock)
}

pub(crate) fn by_names(server: SocketAddr, zone: &str) -> Rfc2136 {
    Rfc2136::new(Rfc2136Config { listing: ZoneListing::Names, ..config(server, zone) }, now as Clock)
}

pub(crate) async fn list(provider: &Rfc2136) -> Listing {
    provider.list(&Scope::Zone).await.unwrap_or_else(|error| panic!("the zone is listed: {error}"))
}

/// Asks for changes, each a group of its own, with what is listed now as what was before.
pub(crate) async fn ask(provider: &Rfc2136, changes: impl IntoIterator<Item = Change>) -> Vec<Answer> {
    let changes: Vec<Change> = changes.into_iter().collect();
    let scope: Scope = changes.iter().map(|change| change.record().name().clone()).collect();
    let before = provider.list(&scope).await.unwrap().records;
    let alone = |change| Group { only_if: Vec::new(), changes: vec![change] };
    let work: Vec<Group> = changes.into_iter().map(alone).collect();
    provider.apply(&work, &before, ATTEMPT).await
}
