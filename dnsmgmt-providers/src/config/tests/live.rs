//! `[docker]`, `[traefik]` and their variables.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::net::IpAddr;

use super::{Machine, SECRET, alone, name};
use crate::source::docker::{DEFAULT_HOST, Host};
use crate::source::labels::{Answer, Dialect, Rules, State};

const WHOLE: &str = r#"
sources = ["docker", "docker:tcp://10.0.0.6:2375", "traefik", "records.toml"]

[docker]
hosts = ["unix:///run/a.sock", { url = "tcp://10.0.0.5:2376", tls = "certs", host_ip = ["10.0.0.5", "fd00::5"] }]
labels = ["dnsmgmt", "traefik"]
suffix = ".docker"
networks = ["proxy", "lab"]
host_ip = "192.168.1.2"
answer = "host"
provider = "home"
states = ["running"]
unhealthy = false
opt_in = true

[traefik]
url = "http://traefik:8080"
username = "admin"
password = "hunter2"
host_ip = "192.168.1.3"
provider = "home"
ttl = "5m"
"#;

fn address(text: &str) -> IpAddr {
    text.parse().unwrap()
}

#[test]
fn every_key_is_read() {
    let machine = Machine::new(WHOLE);
    let settings = machine.load(&[("DOCKER_HOST", "tcp://nowhere:1"), ("HOSTIP", "10.1.1.1")]).unwrap();
    let sources =
        ["docker", "docker:tcp://10.0.0.6:2375", "traefik", machine.path("etc/dnsmgmt/records.toml").to_str().unwrap()]
            .map(str::to_owned);
    assert_eq!(settings.policy().sources, sources, "a daemon is no path");
    let docker = settings.docker(None).unwrap();
    let remote = Host {
        address: "tcp://10.0.0.5:2376".into(),
        tls: Some(machine.path("etc/dnsmgmt/certs")),
        addresses: vec![address("10.0.0.5"), address("fd00::5")],
    };
    assert_eq!(docker.hosts, [Host { address: "unix:///run/a.sock".into(), ..Host::default() }, remote.clone()]);
    assert_eq!(
        docker.rules,
        Rules {
            dialects: BTreeSet::from([Dialect::Own, Dialect::Traefik, Dialect::Plain]),
            suffix: Some(name("docker")),
            networks: vec!["proxy".into(), "lab".into()],
            host: vec![address("192.168.1.2")],
            answer: Answer::Host,
            provider: Some("home".into()),
            providers: None,
            opt_in: true,
            states: BTreeSet::from([State::Running]),
            unhealthy: false,
        }
    );
    assert_eq!(
        settings.docker(Some("tcp://10.0.0.5:2376")).unwrap().hosts,
        [remote],
        "what the file says of it counts"
    );
    let traefik = settings.traefik(None).unwrap();
    assert_eq!((traefik.url.as_str(), &*traefik.answer), ("http://traefik:8080", &[address("192.168.1.3")][..]));
    assert!(!format!("{settings:?}{traefik:?}").contains(SECRET));
}

#[test]
fn suffixes_that_are_ours_whole_are_read_with_where_they_lie() {
    let settings = Machine::new(
        r#"
[docker]
suffix = "docker"
provider = "home"

[[docker.whole]]
suffix = ".docker"
exclude = ["test.docker", "*.static.docker"]
endpoints = ["unix:///var/run/docker.sock", "tcp://10.0.0.5:2376"]

[[docker.whole]]
suffix = "run.lab.example"
endpoints = ["unix:///var/run/docker.sock"]
provider = "lab"
whole_zone = true

[providers.home]
kind = "adguard"
url = "http://192.168.1.2"

[providers.lab]
kind = "zonefile"
zones = [{ name = "lab.example", path = "lab.zone" }]
"#,
    )
    .load(&[])
    .unwrap();
    let [docker, lab] = settings.wholes() else { panic!("{settings:?}") };
    assert_eq!(
        (docker.suffix.name.as_str(), docker.provider.as_deref(), docker.whole_zone),
        ("docker", Some("home"), false)
    );
    let sockets = ["tcp://10.0.0.5:2376", "unix:///var/run/docker.sock"].map(str::to_owned);
    assert_eq!(docker.suffix.endpoints, sockets.into());
    let excludes = |text| docker.suffix.exclude.covers(&name(text));
    assert!(excludes("test.docker") && excludes("a.static.docker") && !excludes("static.docker"));
    assert_eq!((lab.provider.as_deref(), lab.whole_zone), (Some("lab"), true));
    let places = settings.wholes().iter().map(|whole| {
        let target = settings.whole_target(whole).unwrap();
        format!("{} {}", target.provider(), target.zone().unwrap())
    });
    assert_eq!(places.collect::<Vec<_>>(), ["home .", "lab lab.example"]);
}

#[test]
fn without_a_file_variables_count() {
    let settings = alone(&[]);
    assert_eq!(settings.docker(None).unwrap().hosts, [Host { address: DEFAULT_HOST.into(), ..Host::default() }]);
    assert_eq!(settings.docker(None).unwrap().rules, Rules::default());
    let settings = alone(&[
        ("DOCKER_HOST", "tcp://10.0.0.5:2376, unix:///run/a.sock"),
        ("DOCKER_TLS_VERIFY", "1"),
        ("DOCKER_CERT_PATH", "/certs"),
        ("HOSTIP", "192.168.1.2, fd00::2"),
        ("TRAEFIK_API_URL", "http://traefik:8080/api"),
        ("TRAEFIK_API_USERNAME", "admin"),
        ("TRAEFIK_API_PASSWORD", "hunter2"),
    ]);
    let docker = settings.docker(None).unwrap();
    let tls: Vec<_> = docker.hosts.iter().map(|host| host.tls.as_deref().and_then(|path| path.to_str())).collect();
    assert_eq!(tls, [Some("/certs"), None], "a socket speaks no TLS");
    assert_eq!(docker.rules.host, [address("192.168.1.2"), address("fd00::2")]);
    let traefik = settings.traefik(None).unwrap();
    assert_eq!((traefik.answer, traefik.login.is_some()), (docker.rules.host, true));
    let elsewhere = settings.traefik(Some("http://other:8080")).unwrap();
    assert!(elsewhere.login.is_none(), "the password is for another address");
    let home = alone(&[("DOCKER_HOST", "tcp://a:1"), ("DOCKER_TLS_VERIFY", "1"), ("HOME", "/home/me")]);
    assert_eq!(home.docker(None).unwrap().hosts[0].tls.as_deref(), Some("/home/me/.docker".as_ref()));
}

#[test]
fn that_are_wrong_are_explained_at_the_key() {
    let mut all = String::new();
    for text in [
        "docker = 1",
        "[docker]\nhost = \"unix:///a\"",
        "[docker]\nhosts = []",
        "[docker]\nhosts = [\"docker.sock\"]",
        "[docker]\nhosts = [\"ssh://rack1\"]",
        "[docker]\nhosts = [\"unix:///a\", \"unix:///a\"]",
        "[docker]\nhosts = [{ tls = \"certs\" }]",
        "[docker]\nhosts = [{ url = \"unix:///a\", tls = \"certs\" }]",
        "[docker]\nhosts = [{ url = \"tcp://a:1\", hostip = \"10.0.0.1\" }]",
        "[docker]\nlabels = [\"dnsmgmt\", \"plain\"]",
        "[docker]\nsuffix = \"*.docker\"",
        "[docker]\nhost_ip = \"rack1\"",
        "[docker]\nhost_ip = [\"10.0.0.1\", \"10.0.0.300\"]",
        "[docker]\nanswer = \"both\"",
        "[docker]\nstates = [\"up\"]",
        "[docker]\nunhealthy = \"no\"",
        "[docker]\nprovider = \"my home\"",
        "[[docker.whole]]\nendpoints = [\"unix:///a\"]",
        "[[docker.whole]]\nsuffix = \"docker\"",
        "[[docker.whole]]\nsuffix = \"docker\"\nendpoints = []",
        "[[docker.whole]]\nsuffix = \"docker\"\nendpoints = [\"docker.sock\"]",
        "[[docker.whole]]\nsuffix = \".\"\nendpoints = [\"unix:///a\"]",
        "[[docker.whole]]\nsuffix = \"docker\"\nendpoints = [\"unix:///a\"]\nexclude = [\"test\"]",
        "[[docker.whole]]\nsuffix = \"docker\"\nendpoints = [\"unix:///a\"]\nexclude = [\"docker\"]",
        "[[docker.whole]]\nsuffix = \"docker\"\nendpoints = [\"unix:///a\"]\nexclude = [\"x*.docker\"]",
        "[[docker.whole]]\nsuffix = \"docker\"\nendpoints = [\"unix:///a\"]\ngrace = \"1m\"",
        "[traefik]\nhost_ip = \"10.0.0.1\"",
        "[traefik]\nurl = \"traefik:8080\"",
        "[traefik]\nurl = \"http://traefik:8080\"\npassword = \"hunter2\"",
        "[traefik]\nurl = \"http://traefik:8080\"\nttl = \"soon\"",
    ] {
        let machine = Machine::new(text);
        writeln!(all, "{}\n", machine.shown(&machine.load(&[]).expect_err(text))).unwrap();
    }
    insta::assert_snapshot!(all);
    assert!(!all.contains(SECRET));
}

#[test]
fn variables_that_are_wrong_are_named() {
    let mut all = String::new();
    for variables in [
        &[("DOCKER_HOST", "ssh://rack1")][..],
        &[("DOCKER_HOST", "tcp://a:1"), ("DOCKER_TLS_VERIFY", "1")],
        &[("HOSTIP", "rack1")],
    ] {
        writeln!(all, "{}\n", alone(variables).docker(None).unwrap_err()).unwrap();
    }
    for variables in [
        &[][..],
        &[("TRAEFIK_API_URL", "traefik")],
        &[("TRAEFIK_API_URL", "http://traefik"), ("TRAEFIK_API_PASSWORD", "hunter2")],
    ] {
        writeln!(all, "{}\n", alone(variables).traefik(None).unwrap_err()).unwrap();
    }
    insta::assert_snapshot!(all);
    assert!(!all.contains(SECRET));
}
