//! The contract of a provider, over the real servers.

use fixtures::conformance;
use fixtures::primary::{Primary, Software, Zone};

use crate::world::{connect, list};

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
