//! Three machines that share a name, one that is alone at its own, and a clean-up for all of them: at real BIND, Knot and AdGuard Home, and at
//! the fake Cloudflare.

mod program;

use std::fs;
use std::net::IpAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use fixtures::address_service::{AddressService, has_ipv6};
use fixtures::adguard_home::{AdGuardHome, Release, Users};
use fixtures::cloudflare::FakeCloudflare;
use fixtures::primary::{KEY, Primary, SECRET, Software, Zone};
use fixtures::program::program;
use program::{dns_cleanup, dns_cli, end, tell};
use rustix::process::Signal;
use serde_json::Value;
use tempfile::TempDir;
use tokio::process::{Child, Command};

/// How long an address lives without a heartbeat, in seconds: a machine that has much to do may be late by some of them.
const LEASE: &str = "20";
/// What all machines but one share.
const SHARED: &str = "all.lab.example";
const ALONE: &str = "alone.lab.example";
/// What nobody here owns.
const FOREIGN: &str = "192.0.2.1";

/// Who holds the records.
enum Provider {
    Cloudflare { fake: FakeCloudflare, zone: String },
    Home(AdGuardHome),
    Primary(Primary),
}

impl Provider {
    async fn cloudflare() -> Self {
        let fake = FakeCloudflare::start().await;
        let zone = fake.add_zone("lab.example");
        fake.put(&zone, SHARED, "A", FOREIGN);
        Self::Cloudflare { fake, zone }
    }

    async fn homes() -> Vec<Self> {
        let mut homes = Vec::new();
        for program in Release::ALL.into_iter().filter_map(Release::program) {
            let home = AdGuardHome::start(&program, Users::None).await;
            home.put(SHARED, FOREIGN).await;
            homes.push(Self::Home(home));
        }
        homes
    }

    async fn primaries() -> Vec<Self> {
        let mut primaries = Vec::new();
        for software in Software::installed() {
            let zone = Zone::new("lab.example", &format!("all A {FOREIGN}\n"));
            primaries.push(Self::Primary(Primary::start(software, &[zone]).await));
        }
        primaries
    }

    /// Returns what it is called when something is wrong.
    fn name(&self) -> String {
        match self {
            Self::Cloudflare { .. } => "Cloudflare".into(),
            Self::Home(home) => format!("AdGuard Home at {}", home.url()),
            Self::Primary(primary) => format!("{:?}", primary.software()),
        }
    }

    /// Returns its table of the configuration, and puts beside it what that names.
    fn table(&self, folder: &Path) -> String {
        match self {
            Self::Cloudflare { fake, zone } => format!(
                "kind = \"cloudflare\"\ntoken = \"{}\"\nurl = \"{}\"\nzones = [{{ name = \"lab.example\", id = \"{zone}\" }}]\n",
                fake.token,
                fake.url()
            ),
            Self::Home(home) => format!("kind = \"adguard\"\nurl = \"{}\"\n", home.url()),
            Self::Primary(primary) => {
                let key = format!("key \"{KEY}\" {{\n\talgorithm hmac-sha256;\n\tsecret \"{SECRET}\";\n}};\n");
                let file = folder.join("tsig.key");
                fs::write(&file, key).unwrap();
                fs::set_permissions(file, fs::Permissions::from_mode(0o600)).unwrap();
                let server = primary.address();
                format!(
                    "kind = \"rfc2136\"\nserver = \"{server}\"\nzone = \"lab.example\"\ntsig_key_file = \"tsig.key\"\n"
                )
            }
        }
    }

    /// Returns the addresses of both families that a name has now, sorted: as its answers have them, where it answers.
    async fn addresses(&self, name: &str) -> Vec<IpAddr> {
        const A: u16 = 1;
        const AAAA: u16 = 28;
        let mut addresses = match self {
            Self::Cloudflare { fake, zone } => {
                let held = fake.records(zone).into_iter().filter(|record| record.name == name);
                held.filter_map(|record| record.content.parse().ok()).collect()
            }
            Self::Home(home) => {
                [home.addresses(name, A).await.unwrap(), home.addresses(name, AAAA).await.unwrap()].concat()
            }
            Self::Primary(primary) => {
                [primary.addresses(name, A).await.unwrap(), primary.addresses(name, AAAA).await.unwrap()].concat()
            }
        };
        addresses.sort();
        addresses
    }
}

/// A machine that is configured, with a memory of its own.
struct Host {
    folder: TempDir,
    instance: String,
    /// Who tells it its public addresses.
    _services: Vec<AddressService>,
}

impl Host {
    async fn new(provider: &Provider, instance: &str, addresses: &[&str], name: &str) -> Self {
        let mut heartbeat = format!("[heartbeat]\nexternal = \"{name}\"\nipv6 = \"{name}\"\n");
        let mut services = Vec::new();
        for address in addresses {
            let service = AddressService::start(address).await;
            let key = if address.contains(':') { "public_ipv6" } else { "public_ipv4" };
            heartbeat += &format!("{key} = [\"{}\"]\n", service.url());
            services.push(service);
        }
        Self { folder: configured(provider, &heartbeat), instance: instance.into(), _services: services }
    }

    fn start(&self) -> Child {
        let mut command = Command::new(program("dns-heartbeat"));
        command.env_clear().env("INSTANCE_ID", &self.instance).env("DNSMGMT_DB", self.folder.path().join("dnsmgmt.db"));
        started(command, self.folder.path(), "--interval 1s")
    }
}

/// Returns a folder with a configuration.
fn configured(provider: &Provider, heartbeat: &str) -> TempDir {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("dnsmgmt.toml");
    fs::write(&file, format!("[providers.lab]\n{}{heartbeat}", provider.table(folder.path()))).unwrap();
    // It holds a secret.
    fs::set_permissions(file, fs::Permissions::from_mode(0o600)).unwrap();
    folder
}

/// Starts a program in its folder, with the shortest lease that a busy machine keeps.
fn started(mut command: Command, folder: &Path, line: &str) -> Child {
    command.env("STALE_THRESHOLD_SECONDS", LEASE).arg("--config").arg(folder.join("dnsmgmt.toml"));
    command.args(line.split(' ')).current_dir(folder).kill_on_drop(true).stdin(Stdio::null());
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts")
}

fn parsed(addresses: &[&str]) -> Vec<IpAddr> {
    let mut addresses: Vec<IpAddr> = addresses.iter().map(|address| address.parse().unwrap()).collect();
    addresses.sort();
    addresses
}

/// Waits until the shared name and the lonely one have these addresses. Whatever they have until then, those that live are there at every moment.
async fn until(provider: &Provider, alive: &[&str], shared: &[&str], alone: &[&str]) {
    let (alive, shared, alone) = (parsed(alive), parsed(shared), parsed(alone));
    let mut held = (Vec::new(), Vec::new());
    for _ in 0..2000 {
        held = (provider.addresses(SHARED).await, provider.addresses(ALONE).await);
        assert!(alive.iter().all(|address| held.0.contains(address)), "{}: {held:?}", provider.name());
        if held == (shared.clone(), alone.clone()) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{}: it did not come so far: {held:?}", provider.name());
}

/// Machines live, die and come back at this provider, while a clean-up watches.
async fn lives_and_dies(provider: Provider) {
    let kept = if has_ipv6() { 2 } else { 1 };
    let web_01 = &["203.0.113.1", "2001:db8::1"][..kept];
    let web_02 = &["203.0.113.2", "2001:db8::2"][..kept];
    let web_03 = &["203.0.113.3", "2001:db8::3"][..kept];
    let lonely = &["203.0.113.4", "2001:db8::4"][..kept];
    let foreign = &[FOREIGN][..];
    let hosts = [
        Host::new(&provider, "web-01", web_01, SHARED).await,
        Host::new(&provider, "web-02", web_02, SHARED).await,
        Host::new(&provider, "web-03", web_03, SHARED).await,
        Host::new(&provider, "lonely", lonely, ALONE).await,
    ];
    let [first, mut second, third, mut fourth] = hosts.each_ref().map(Host::start);
    let all = [foreign, web_01, web_02, web_03].concat();
    until(&provider, foreign, &all, lonely).await;

    let folder = configured(&provider, &format!("[heartbeat]\nexternal = \"{SHARED}\"\ndomains = [\"{ALONE}\"]\n"));
    let cleaner = started(dns_cleanup(folder.path()), folder.path(), "heartbeats --interval 1s");
    second.kill().await.unwrap();
    fourth.kill().await.unwrap();
    let left = [foreign, web_01, web_03].concat();
    until(&provider, &left, &left, &[]).await;

    // It is as if it had never been away. The others live their second lease by now, which only heartbeats give them.
    let second = hosts[1].start();
    until(&provider, &left, &all, &[]).await;
    let of = |(addresses, instance): (&[&str], &str)| {
        addresses.iter().map(|address| format!("{instance} {address}")).collect::<Vec<_>>()
    };
    let expected = [(web_01, "web-01"), (web_02, "web-02"), (web_03, "web-03")].map(of).concat();
    assert_eq!(leases(folder.path()).await, expected, "{}: heartbeats of the dead are gone too", provider.name());

    // Told to stop, those that go take along what is their own.
    for child in [second, third] {
        tell(&child, Signal::TERM);
        let said = end(child).await;
        assert_eq!(said.status, 0, "{}: {said:?}", provider.name());
    }
    let left = [foreign, web_01].concat();
    until(&provider, &left, &left, &[]).await;
    tell(&cleaner, Signal::TERM);
    let said = end(cleaner).await;
    let deleted = 2 * (web_02.len() + lonely.len());
    assert_eq!(
        said.err.matches(": deleted ").count(),
        deleted,
        "each with its heartbeat, and nothing else: {}",
        said.err
    );
    tell(&first, Signal::TERM);
    assert_eq!(end(first).await.status, 0);
    until(&provider, foreign, foreign, &[]).await;
}

/// Returns each instance with an address that it keeps alive, sorted.
async fn leases(folder: &Path) -> Vec<String> {
    let said = end(started(dns_cli(folder), folder, "leases --output json")).await;
    let json: Value = serde_json::from_str(&said.out).unwrap_or_else(|_| panic!("{said:?}"));
    let mut kept = Vec::new();
    for lease in json["leases"].as_array().unwrap() {
        for beat in lease["heartbeats"].as_array().unwrap() {
            kept.push(format!("{} {}", beat["instance"].as_str().unwrap(), lease["address"].as_str().unwrap()));
        }
    }
    // IPv4 first, as the addresses of the test are written.
    kept.sort_by_key(|line| (line[..6].to_owned(), line.contains(':')));
    kept
}

/// All at once: they spend their time waiting.
async fn all_live_and_die(providers: Vec<Provider>) {
    // They may have to be built, and nobody is to wait for that once machines live.
    for name in ["dns-heartbeat", "dns-cli"] {
        program(name);
    }
    let tasks: Vec<_> = providers.into_iter().map(|provider| tokio::spawn(lives_and_dies(provider))).collect();
    for task in tasks {
        task.await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn at_cloudflare() {
    all_live_and_die(vec![Provider::cloudflare().await]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn at_adguard_home() {
    all_live_and_die(Provider::homes().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn at_a_primary_server_by_dns_update() {
    all_live_and_die(Provider::primaries().await).await;
}
