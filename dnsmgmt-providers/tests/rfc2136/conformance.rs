//! The contract of a provider, over the real servers.

use dnsmgmt_core::provider::DnsProvider as _;
use fixtures::conformance;
use fixtures::powerdns_server::PowerDnsServer;
use fixtures::primary::{Primary, Software, Zone};

use crate::world::{connect, list, powerdns};

#[tokio::test]
async fn both_servers_keep_the_contract() {
    for software in Software::installed() {
        let server = Primary::start(software, &[Zone::new("example.test", "www A 10.0.0.1\n")]).await;
        eprintln!("{software:?}");
        let provider = connect(server.address(), "example.test");
        conformance::check(&provider).await;
        assert!(list(&provider).await.provider_time.is_some(), "the signature tells the server's time");
    }
}

#[tokio::test]
async fn powerdns_keeps_the_contract_by_dns_update_too() {
    let Some(server) = PowerDnsServer::start().await else { return };
    server.add_zone("example.test").await;
    server.put("example.test", "www.example.test", "A", &["10.0.0.1"]).await;
    conformance::check(&powerdns(&server, "example.test")).await;
}

#[tokio::test]
async fn what_bind_notes_of_its_signing_is_nobody_s_record() {
    for software in Software::installed() {
        let entries = "@ TYPE65534 \\# 5 0DB5090001\n@ TYPE65280 \\# 1 01\n";
        let server = Primary::start(software, &[Zone::new("example.test", entries)]).await;
        let provider = connect(server.address(), "example.test");
        let listed = list(&provider).await;
        let types: Vec<String> = listed.records.iter().map(|record| record.rtype().to_string()).collect();
        assert!(types.iter().any(|rtype| rtype == "TYPE65280"), "{software:?}: {types:?}");
        assert!(types.iter().all(|rtype| rtype != "TYPE65534") && listed.opaque.is_empty(), "{software:?}: {types:?}");
        let state = "TYPE65534".parse().unwrap();
        assert!(!provider.capabilities().types.contains(&state), "a plan does not touch it");
    }
}
