//! `dns-heartbeat` at an API whose certificate is of an authority that nobody knows.

mod program;

use std::path::Path;

use fixtures::tls::TlsFront;
use program::{Host, Zone};

const ADDRESS: &str = "203.0.113.7";

/// A zone whose API is reached by TLS, and a machine with that certificate file.
async fn place(certificates: impl Fn(&TlsFront) -> Option<&Path>) -> (Zone, Host, TlsFront) {
    let zone = Zone::new().await;
    let api = zone.fake.url();
    let (behind, path) = api.trim_start_matches("http://").split_once('/').unwrap();
    let front = TlsFront::start("localhost", behind.parse().unwrap()).await;
    let host = Host::new(&zone, "web-01", ADDRESS).await;
    let file = host.file("dnsmgmt.toml");
    let config = std::fs::read_to_string(&file).unwrap();
    std::fs::write(file, config.replace(&api, &format!("https://localhost:{}/{path}", front.port()))).unwrap();
    let host = match certificates(&front) {
        Some(file) => host.with("SSL_CERT_FILE", file.to_str().unwrap()),
        None => host,
    };
    (zone, host, front)
}

#[tokio::test]
async fn who_signs_is_named_with_a_file() {
    let (zone, host, _front) = place(|front| Some(front.authority())).await;
    host.beats("").await;
    assert_eq!(zone.held().len(), 3);
}

#[tokio::test]
async fn a_stranger_is_not_believed_and_it_is_said_what_to_do() {
    let (zone, host, _front) = place(|_| None).await;
    let said = host.says("--retry-for 0s").await;
    assert_eq!((said.status, zone.calls().len()), (1, 0), "{said:?}");
    assert!(said.err.contains("UnknownIssuer") && said.err.contains("SSL_CERT_FILE"), "{said:?}");
}

#[tokio::test]
async fn a_file_that_is_named_and_cannot_be_read_is_said_and_nothing_stands_in_for_it() {
    let (zone, host, _front) = place(|_| Some(Path::new("/nowhere/ca.pem"))).await;
    let said = host.says("--retry-for 0s").await;
    assert_eq!((said.status, zone.calls().len()), (1, 0), "{said:?}");
    assert!(said.err.contains("/nowhere/ca.pem"), "{said:?}");
}
