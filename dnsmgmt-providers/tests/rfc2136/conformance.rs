//! The contract of a provider, over the real servers.

use fixtures::conformance;
use fixtures::primary::{Primary, Software, Zone};

use fixtures::powerdns_server::{PowerDnsServer, TSIG};

use dnsmgmt_providers::rfc2136::{Clock, Rfc2136, TsigKey};

use crate::world::{config, connect, list, now};

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
    let mut config = config(server.dns(), "example.test");
    config.key = TsigKey::new(TSIG.name, TSIG.algorithm, &TSIG.secret.into()).unwrap();
    conformance::check(&Rfc2136::new(config, now as Clock)).await;
}
