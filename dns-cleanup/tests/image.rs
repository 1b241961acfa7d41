//! The image as its Dockerfile makes it, under a real Docker.

mod program;

use std::fs;
use std::path::Path;
use std::time::Duration;

use fixtures::cloudflare::FakeCloudflare;
use fixtures::dockerd::{Dockerd, Programs};
use fixtures::static_program::static_program;
use program::moment;
use serde_json::json;
use tempfile::TempDir;

#[tokio::test(flavor = "multi_thread")]
async fn it_ends_leases_and_remembers_as_a_user_without_rights() {
    let Some(programs) = Programs::find() else { return };
    let docker = Dockerd::start(programs).await;
    let context = TempDir::new().unwrap();
    fs::create_dir(context.path().join("state")).unwrap();
    fs::copy(static_program("dns-cleanup"), context.path().join("dns-cleanup")).unwrap();
    let dockerfile = Path::new(env!("CARGO_MANIFEST_DIR")).join("contrib/Dockerfile");
    docker.build("dns-cleanup", &dockerfile, context.path()).await;

    let fake = FakeCloudflare::start().await;
    let zone = fake.add_zone("example.com");
    fake.put(&zone, "all.example.com", "A", "10.0.0.1");
    let beat = format!("\"{},web-01\"", moment().now.as_second() - 3600);
    fake.put(&zone, "_heartbeat-10-0-0-1.all.example.com", "TXT", &beat);
    let variables = [
        "INTERNAL_DOMAIN=all.example.com".to_owned(),
        "STALE_THRESHOLD_SECONDS=1".into(),
        "CLEANUP_INTERVAL_SECONDS=1".into(),
        format!("CF_API_TOKEN={}", fake.token),
        format!("CF_API_URL={}", fake.url()),
        "CF_ZONE=example.com".into(),
        format!("CF_ZONE_ID={zone}"),
    ];
    let host = json!({
        "NetworkMode": "host",
        "ReadonlyRootfs": true,
        "CapDrop": ["ALL"],
        "SecurityOpt": ["no-new-privileges:true"],
    });
    let body = json!({ "Image": "dns-cleanup", "Env": variables, "HostConfig": host });
    docker.start_container("cleaner", &body).await;
    for _ in 0..600 {
        if fake.records(&zone).is_empty() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let said = docker.logs("cleaner").await;
    assert!(fake.records(&zone).is_empty(), "{said}");
    assert!(!said.contains("this process remembers"), "it can write to its folder: {said}");
    docker.tell("cleaner", "stop").await;
    let ended = docker.inspect("cleaner").await;
    assert_eq!((&ended["State"]["ExitCode"], &ended["Config"]["User"]), (&0.into(), &"65532:65532".into()), "{said}");
}
