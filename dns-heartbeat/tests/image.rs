//! The image as its Dockerfile makes it, under a real Docker.

mod program;

use std::fs;
use std::path::Path;

use fixtures::dockerd::{Dockerd, Programs};
use fixtures::resolver::Resolver;
use fixtures::static_program::static_program;
use fixtures::tls::TlsFront;
use program::Zone;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::time::{Duration, sleep};

const HOST: &str = "api.lab.test";

/// A Docker with the image, and the API of a provider that only speaks TLS.
struct Place {
    docker: Dockerd,
    zone: Zone,
    front: TlsFront,
    /// Where the API is, by its name and by TLS.
    api: String,
    folder: TempDir,
}

impl Place {
    async fn new(programs: Programs) -> Self {
        let (docker, zone) = (Dockerd::start(programs).await, Zone::new().await);
        let api = zone.fake.url();
        let (behind, path) = api.trim_start_matches("http://").split_once('/').unwrap();
        let front = TlsFront::start(HOST, behind.parse().unwrap()).await;
        let api = format!("https://{HOST}:{}/{path}", front.port());
        let place = Self { docker, zone, front, api, folder: TempDir::new().unwrap() };
        let context = place.folder.path().join("image");
        fs::create_dir_all(context.join("state")).unwrap();
        fs::copy(static_program("dns-heartbeat"), context.join("dns-heartbeat")).unwrap();
        let dockerfile = Path::new(env!("CARGO_MANIFEST_DIR")).join("contrib/Dockerfile");
        place.docker.build("dns-heartbeat", &dockerfile, &context).await;
        // Whom secrets of Compose belong to, and who may read a certificate.
        for (name, octets, user) in [
            ("token", zone_token(&place.zone), Some(65532)),
            ("ca.pem", fs::read(place.front.authority()).unwrap(), None),
        ] {
            let file = place.folder.path().join(name);
            fs::write(&file, octets).unwrap();
            std::os::unix::fs::chown(file, user, user).unwrap();
        }
        place
    }

    /// Runs it as Compose does, with these variables and this way to find the API.
    async fn run(&self, name: &str, variables: &[&str], lookup: Value) {
        let variables = variables.iter().map(|variable| (*variable).to_owned());
        let variables = variables.chain([
            "INSTANCE_ID=web-01".into(),
            "IPV4_RANGE_1=0.0.0.0/0".into(),
            "IPV4_RANGE_1_DOMAIN=all.example.com".into(),
            "IPV6_RANGE_1=::/0".into(),
            "IPV6_RANGE_1_DOMAIN=all.example.com".into(),
            "CF_API_TOKEN_FILE=/run/secrets/cf_api_token".into(),
            format!("CF_API_URL={}", self.api),
            "CF_ZONE=example.com".into(),
            format!("CF_ZONE_ID={}", self.zone.id),
        ]);
        let bind = |name: &str, at: &str| format!("{}:{at}:ro", self.folder.path().join(name).display());
        let mut host = json!({
            "NetworkMode": "host",
            "ReadonlyRootfs": true,
            "CapDrop": ["ALL"],
            "SecurityOpt": ["no-new-privileges:true"],
            "Binds": [bind("token", "/run/secrets/cf_api_token"), bind("ca.pem", "/ca.pem")],
        });
        host.as_object_mut().unwrap().extend(lookup.as_object().unwrap().clone());
        let second = 1_000_000_000;
        let body = json!({
            "Image": "dns-heartbeat",
            "Env": variables.collect::<Vec<_>>(),
            "Healthcheck": { "Interval": second, "StartPeriod": second },
            "HostConfig": host,
        });
        self.docker.start_container(name, &body).await;
    }

    /// Waits until something is so.
    async fn until(&self, name: &str, is_so: impl AsyncFn() -> bool) {
        for _ in 0..600 {
            if is_so().await {
                return;
            }
            sleep(Duration::from_millis(100)).await;
        }
        panic!("it did not come so far: {}", self.docker.logs(name).await);
    }
}

fn zone_token(zone: &Zone) -> Vec<u8> {
    zone.fake.token.clone().into_bytes()
}

#[tokio::test(flavor = "multi_thread")]
async fn it_finds_the_api_by_its_name_and_by_a_certificate_is_healthy_and_withdraws() {
    let Some(programs) = Programs::find() else { return };
    let place = Place::new(programs).await;
    let resolver = Resolver::start(HOST).await;
    for (name, lookup) in [
        ("by-hosts", json!({ "ExtraHosts": [format!("{HOST}:127.0.0.1")] })),
        ("by-dns", json!({ "Dns": [resolver.address()] })),
    ] {
        place.run(name, &["SSL_CERT_FILE=/ca.pem"], lookup).await;
        place.until(name, async || place.zone.held().iter().any(|line| line.ends_with(" web-01"))).await;
        place.until(name, async || place.docker.inspect(name).await["State"]["Health"]["Status"] == "healthy").await;
        let configured = &place.docker.inspect(name).await["Config"];
        assert_eq!(configured["User"], "65532:65532");
        place.docker.tell(name, "stop").await;
        let ended = &place.docker.inspect(name).await["State"];
        assert_eq!(ended["ExitCode"], 0, "{}", place.docker.logs(name).await);
        assert_eq!(place.zone.held(), ["foreign A 192.0.2.1"], "{}", place.docker.logs(name).await);
    }
}
