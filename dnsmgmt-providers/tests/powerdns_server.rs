//! The PowerDNS provider against a real server on loopback.
#![cfg(feature = "powerdns")]

use std::time::Duration;

use dnsmgmt_core::apply;
use dnsmgmt_core::by_hand::ByHand;
use dnsmgmt_core::name::Name;
use dnsmgmt_core::patience::Patience;
use dnsmgmt_core::progress;
use dnsmgmt_core::provider::{Answer, Attempt, Change, DnsProvider, Group, Reaction, RunId};
use dnsmgmt_core::record::{Record, RecordData, Ttl};
use dnsmgmt_core::record_set::{Listing, RecordSet, Scope};
use dnsmgmt_core::report::Fate;
use dnsmgmt_providers::powerdns::{DEFAULT_SERVER_ID, PowerDns, PowerDnsConfig};
use fixtures::powerdns_server::{API_KEY, PowerDnsServer};
use serde_json::json;

const FIRST: Attempt = Attempt { number: 1, run: RunId(7) };
const ZONE: &str = "example.test";

fn config(server: &PowerDnsServer) -> PowerDnsConfig {
    let (api_key, server_id) = (API_KEY.into(), DEFAULT_SERVER_ID.into());
    PowerDnsConfig { name: "powerdns".into(), url: server.url(), api_key, server_id, zone: name(ZONE) }
}

/// Starts a server with a zone and connects; nothing where none is installed.
async fn start() -> Option<(PowerDnsServer, PowerDns)> {
    let server = PowerDnsServer::start().await?;
    server.add_zone(ZONE).await;
    let provider = PowerDns::connect(config(&server)).unwrap();
    Some((server, provider))
}

fn name(text: &str) -> Name {
    Name::parse(text).unwrap()
}

fn record(owner: &str, rtype: &str, text: &str) -> Record {
    Record::new(name(owner), RecordData::parse(&rtype.parse().unwrap(), text).unwrap())
}

fn address(value: u8) -> Record {
    record("web.example.test", "A", &format!("10.0.0.{value}"))
}

fn alone(change: Change) -> Group {
    Group { changes: vec![change], ..Group::default() }
}

async fn list(provider: &PowerDns) -> Listing {
    provider.list(&Scope::Zone).await.unwrap()
}

async fn apply(provider: &PowerDns, changes: impl IntoIterator<Item = Change>) -> Vec<Answer> {
    let work: Vec<Group> = changes.into_iter().map(alone).collect();
    provider.apply(&work, &RecordSet::default(), FIRST).await
}

fn accepted(answers: &[Answer]) -> bool {
    answers.iter().all(|answer| matches!(answer, Answer::Accepted))
}

#[tokio::test]
async fn the_provider_conforms() {
    let Some((server, provider)) = start().await else { return };
    server.put(ZONE, "kept.example.test", "ALIAS", &["target.example.org."]).await;
    server.put(ZONE, "kept2.example.test", "LUA", &["A \"ifportup(443, {'192.0.2.1'})\""]).await;
    fixtures::conformance::check(&provider).await;
}

#[tokio::test]
async fn siblings_survive_also_those_that_are_switched_off_or_came_later() {
    let Some((server, provider)) = start().await else { return };
    let off = json!({ "rrsets": [{ "name": "web.example.test.", "type": "A", "ttl": 60, "changetype": "REPLACE",
        "records": [{ "content": "10.0.0.1", "disabled": true }, { "content": "10.0.0.2", "disabled": false }],
        "comments": [{ "content": "ask Ann", "account": "ann" }] }] });
    server.api("PATCH", "/zones/example.test.", Some(&off)).await;
    assert!(accepted(&apply(&provider, [Change::Create(address(3)), Change::Delete(address(2))]).await));
    let mut marked = address(4);
    marked.comment = Some("ours".into());
    assert!(accepted(&apply(&provider, [Change::Create(marked)]).await));
    let held = server.held(ZONE).await;
    assert_eq!(
        held[1..],
        ["web.example.test. A 60 10.0.0.1 off", "web.example.test. A 60 10.0.0.3", "web.example.test. A 60 10.0.0.4"]
    );
    assert_eq!(
        server.comments(ZONE).await,
        ["web.example.test. A ann ask Ann", "web.example.test. A dnsmgmt 10.0.0.4: ours"]
    );
    let listed = list(&provider).await;
    assert_eq!(listed.records.get(&address(1).key).unwrap().enabled, Some(false));
    let on = Record { enabled: Some(true), ..address(1) };
    assert!(accepted(&apply(&provider, [Change::Replace { old: address(1), new: on }]).await));
    assert!(server.held(ZONE).await.contains(&"web.example.test. A 60 10.0.0.1".to_owned()));
}

#[tokio::test]
async fn every_ttl_that_is_said_to_be_held_is() {
    let Some((_server, provider)) = start().await else { return };
    for ttl in [0, 1, 2_147_483_647] {
        let record = Record { ttl: Some(Ttl::Seconds(ttl)), ..record("ttl.example.test", "TXT", &ttl.to_string()) };
        assert!(accepted(&apply(&provider, [Change::Create(record.clone())]).await));
        assert_eq!(list(&provider).await.records.get(&record.key).unwrap().ttl, record.ttl);
        apply(&provider, [Change::Delete(record)]).await;
    }
}

#[tokio::test]
async fn a_refused_group_does_not_void_the_others() {
    let Some((server, provider)) = start().await else { return };
    server.put(ZONE, "alias.example.test", "CNAME", &["target.example.org."]).await;
    let bad = record("alias.example.test", "A", "10.0.0.9");
    let answers = apply(&provider, [Change::Create(address(1)), Change::Create(bad), Change::Create(address(2))]).await;
    assert!(
        matches!(&answers[..], [Answer::Accepted, Answer::Failed(error), Answer::Accepted]
        if error.reaction == Reaction::Refused && error.answered.contains("Conflicts with pre-existing RRset")),
        "{answers:?}"
    );
    assert_eq!(server.held(ZONE).await.len(), 4);
}

#[tokio::test]
async fn wrong_keys_zones_and_servers_are_explained() {
    let Some((server, _)) = start().await else { return };
    let fails = async |config: PowerDnsConfig| {
        let error = PowerDns::connect(config).unwrap().list(&Scope::Zone).await.unwrap_err();
        (error.reaction, format!("{error}; {}", error.hint.as_deref().unwrap_or_default()))
    };
    let (reaction, text) = fails(PowerDnsConfig { api_key: "wr0ng".into(), ..config(&server) }).await;
    assert_eq!(reaction, Reaction::Unauthorized);
    assert!(text.contains("401") && text.contains("pdns.conf") && !text.contains("wr0ng"), "{text}");
    for wrong in [
        PowerDnsConfig { zone: name("other.test"), ..config(&server) },
        PowerDnsConfig { server_id: "other".into(), ..config(&server) },
    ] {
        let (reaction, text) = fails(wrong).await;
        assert_eq!(reaction, Reaction::Refused);
        assert!(text.contains("404") && text.contains("server id"), "{text}");
    }
}

#[tokio::test]
async fn what_surprises_is_said_and_a_secondary_is_left_alone() {
    let Some((server, provider)) = start().await else { return };
    assert_eq!(provider.examine().await.unwrap(), Vec::<String>::new());
    server.api("PUT", "/zones/example.test.", Some(&json!({ "soa_edit_api": "" }))).await;
    let findings = provider.examine().await.unwrap();
    assert!(matches!(&findings[..], [finding] if finding.contains("SOA-EDIT-API")), "{findings:?}");
    server.api("PUT", "/zones/example.test.", Some(&json!({ "kind": "Slave", "masters": ["127.0.0.9"] }))).await;
    let findings = provider.examine().await.unwrap();
    assert!(matches!(&findings[..], [finding] if finding.contains("primary")), "{findings:?}");
    let answers = apply(&provider, [Change::Create(address(1))]).await;
    assert!(matches!(&answers[..], [Answer::Failed(error)] if error.reaction == Reaction::Refused), "{answers:?}");
}

#[tokio::test]
async fn what_was_answered_outlives_a_killed_server() {
    let Some((mut server, provider)) = start().await else { return };
    for round in 0..5 {
        assert!(accepted(&apply(&provider, [Change::Create(address(round))]).await));
        server.restart().await;
        let listed = list(&provider).await;
        assert!((0..=round).all(|value| listed.records.contains(&address(value).key)), "after round {round}");
    }
    server.kill().await;
    let answers = apply(&provider, [Change::Create(address(9))]).await;
    assert!(matches!(&answers[..], [Answer::Failed(error)] if error.reaction == Reaction::Unreachable), "{answers:?}");
}

/// Adds the values of one writer after another to a name that all writers share, each as core does it, and returns those that a
/// listing showed.
async fn add_all(config: PowerDnsConfig, values: Vec<u8>) -> Vec<u8> {
    let provider = PowerDns::connect(config).unwrap();
    let mut present = Vec::new();
    for value in values {
        let scope = Scope::from_iter([name("web.example.test")]);
        let before = provider.list(&scope).await.unwrap();
        let mut by_hand = ByHand::on(&provider, scope, before);
        by_hand.add(Record { comment: Some(format!("managed by dnsmgmt, owner {value}")), ..address(value) });
        let patience = Patience { first: Duration::from_millis(5), ..Patience::default() };
        let plan = by_hand.plan().approve_by_hand();
        let report = apply::apply(&provider, plan, &patience, RunId(value.into()), &progress::silent).await;
        if report.outcomes[0].fate == Fate::Present {
            present.push(value);
        }
    }
    present
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn writers_who_race_for_one_name_do_not_delete_each_other_s_values() {
    let Some((server, provider)) = start().await else { return };
    let writers: Vec<_> = (0..4)
        .map(|writer| tokio::spawn(add_all(config(&server), (0..8).map(|value| writer * 8 + value).collect())))
        .collect();
    let mut present = Vec::new();
    for writer in writers {
        present.extend(writer.await.unwrap());
    }
    let listed = list(&provider).await;
    let is_there = |value: &u8| listed.records.contains(&address(*value).key);
    let (there, missing): (Vec<u8>, Vec<u8>) = (0..32).partition(is_there);
    // Without conditions it cannot be ruled out: about one in a thousand of such values goes after it was seen. More than three of 32 would
    // mean that nothing is put back.
    assert!(there.len() >= 29 && present.len() >= 29, "{missing:?} are missing, {present:?} were seen");
    add_all(config(&server), missing).await;
    assert_eq!(list(&provider).await.records.at(&name("web.example.test")).len(), 32, "the next run heals it");
}
