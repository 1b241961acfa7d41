//! The provider `adguard` against real AdGuard Homes, the newest one and one with the older API.
#![cfg(feature = "adguard")]

use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};

use dnsmgmt_core::name::Name;
use dnsmgmt_core::provider::{Answer, Attempt, Change, DnsProvider, Group, Reaction, RunId};
use dnsmgmt_core::record::{Record, RecordData};
use dnsmgmt_core::record_set::Scope;
use dnsmgmt_providers::adguard::{AdGuard, AdGuardConfig, Credentials};
use fixtures::adguard_home::{AdGuardHome, Release, USER, Users};
use serde_json::{Value, json};

const A: u16 = 1;
const AAAA: u16 = 28;

/// A running server, the provider that speaks to it, and a hand that stores what no provider would.
struct Home {
    release: Release,
    server: AdGuardHome,
    provider: AdGuard,
}

impl Home {
    /// Starts each release that is installed.
    async fn all() -> Vec<Self> {
        let mut homes = Vec::new();
        for release in Release::ALL {
            if let Some(program) = release.program() {
                let server = AdGuardHome::start(&program, Users::None).await;
                let provider = connect(&server, None);
                homes.push(Self { release, server, provider });
            }
        }
        homes
    }

    /// Stores entries as they are given, by hand.
    async fn put(&self, pairs: &[(&str, &str)]) {
        for (domain, answer) in pairs {
            self.server.put(domain, answer).await;
        }
    }

    async fn post(&self, path: &str, body: &Value) -> u16 {
        let request = reqwest::Client::new().post(format!("{}/control/{path}", self.server.url())).json(body);
        request.send().await.unwrap().status().as_u16()
    }

    async fn listed(&self) -> Vec<String> {
        self.provider.list(&Scope::Zone).await.unwrap().records.iter().map(ToString::to_string).collect()
    }

    /// Asks for one change, listed before.
    async fn ask(&self, change: Change, number: u32) -> Answer {
        let before = self.provider.list(&Scope::Zone).await.unwrap().records;
        let work = [Group { only_if: Vec::new(), changes: vec![change] }];
        self.provider.apply(&work, &before, Attempt { number, run: RunId(7) }).await.remove(0)
    }

    async fn addresses(&self, name: &str, rtype: u16) -> Vec<IpAddr> {
        let mut addresses = self.server.addresses(name, rtype).await.unwrap();
        addresses.sort();
        addresses
    }
}

fn connect(server: &AdGuardHome, user: Option<(&str, &str)>) -> AdGuard {
    let credentials =
        user.map(|(name, password)| Credentials { username: name.into(), password: password.to_owned().into() });
    AdGuard::connect(AdGuardConfig { name: "home".into(), url: server.url(), credentials }).unwrap()
}

fn record(name: &str, answer: &str) -> Record {
    Record::new(Name::parse(name).unwrap(), RecordData::infer(answer).unwrap())
}

fn ips(texts: &[&str]) -> Vec<IpAddr> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

#[tokio::test]
async fn what_is_added_is_answered_and_outlives_a_restart() {
    for mut home in Home::all().await {
        for (name, answer) in
            [("Web.Bücher.Example.", "10.0.0.1"), ("web.bücher.example", "FD00:0::1"), ("*.wild.example", "10.0.0.2")]
        {
            let answer = home.ask(Change::Create(record(name, answer)), 1).await;
            assert!(matches!(answer, Answer::Accepted), "{:?}: {answer:?}", home.release);
        }
        for _ in 0..2 {
            assert_eq!(home.addresses("web.xn--bcher-kva.example", A).await, ips(&["10.0.0.1"]));
            assert_eq!(home.addresses("web.xn--bcher-kva.example", AAAA).await, ips(&["fd00::1"]));
            assert_eq!(home.addresses("any.wild.example", A).await, ips(&["10.0.0.2"]));
            assert_eq!(home.listed().await.len(), 3);
            home.server.restart().await;
        }
    }
}

#[tokio::test]
async fn copies_and_twins_are_deleted_completely_and_siblings_stay() {
    for home in Home::all().await {
        for number in [1, 2] {
            home.put(&[
                ("a.example", "FD00:0::1"),
                ("A.Example", "fd00::1"),
                ("a.example", "FD00:0::1"),
                ("a.example.", "fd00:0:0::1"),
                ("a.example", "fd00::2"),
                ("a.example", "10.0.0.1"),
            ])
            .await;
            assert_eq!(home.addresses("a.example", AAAA).await, ips(&["fd00::1", "fd00::1", "fd00::1", "fd00::2"]));
            let answer = home.ask(Change::Delete(record("A.EXAMPLE", "fd00::1")), number).await;
            assert!(matches!(answer, Answer::Accepted), "{:?}: {answer:?}", home.release);
            assert_eq!(home.listed().await, ["a.example A 10.0.0.1", "a.example AAAA fd00::2"]);
            assert_eq!(home.addresses("a.example", AAAA).await, ips(&["fd00::2"]));
            for sibling in ["fd00::2", "10.0.0.1"] {
                home.ask(Change::Delete(record("a.example", sibling)), number).await;
            }
            assert_eq!(home.listed().await, [""; 0]);
        }
    }
}

#[tokio::test]
async fn siblings_answer_all_the_while_that_the_second_way_of_deleting_takes() {
    for home in Home::all().await {
        let gone: Vec<String> = (2..30).map(|host| format!("10.0.0.{host}")).collect();
        home.put(&[("a.example", "10.0.0.1")]).await;
        for answer in &gone {
            home.put(&[("a.example", answer)]).await;
        }
        let is_done = AtomicBool::new(false);
        let delete = async {
            for address in &gone {
                let answer = home.ask(Change::Delete(record("a.example", address)), 2).await;
                assert!(matches!(answer, Answer::Accepted), "{answer:?}");
            }
            is_done.store(true, Ordering::Relaxed);
        };
        let watch = async {
            let mut looks = 0;
            while !is_done.load(Ordering::Relaxed) {
                let answered = home.addresses("a.example", A).await;
                assert!(answered.contains(&ips(&["10.0.0.1"])[0]), "{:?}: {answered:?}", home.release);
                looks += 1;
            }
            looks
        };
        let ((), looks) = tokio::join!(delete, watch);
        assert!(looks > gone.len(), "only {looks} looks");
        assert_eq!(home.addresses("a.example", A).await, ips(&["10.0.0.1"]));
        assert_eq!(home.listed().await, ["a.example A 10.0.0.1"]);
    }
}

#[tokio::test]
async fn a_value_is_replaced_only_if_it_is_still_there() {
    for home in Home::all().await {
        home.put(&[("a.example", "FD00::1"), ("a.example", "fd00::1")]).await;
        let before = home.provider.list(&Scope::Zone).await.unwrap().records;
        let change = |old, new| Change::Replace { old: record("a.example", old), new: record("a.example", new) };
        assert!(matches!(home.ask(change("fd00::1", "fd00::2"), 1).await, Answer::Accepted));
        assert_eq!(home.listed().await, ["a.example AAAA fd00::2"]);
        assert_eq!(home.addresses("a.example", AAAA).await, ips(&["fd00::2"]));
        let work = [Group { only_if: Vec::new(), changes: vec![change("fd00::1", "fd00::3")] }];
        let answers = home.provider.apply(&work, &before, Attempt { number: 1, run: RunId(7) }).await;
        assert!(matches!(answers[..], [Answer::ConditionFailed]), "{:?}: {answers:?}", home.release);
        assert_eq!(home.listed().await, ["a.example AAAA fd00::2"]);
    }
}

#[tokio::test]
async fn a_record_is_switched_off_where_the_server_can() {
    for home in Home::all().await {
        home.put(&[("a.example", "10.0.0.1"), ("a.example", "10.0.0.1"), ("a.example", "10.0.0.2")]).await;
        let off = Record { enabled: Some(false), ..record("a.example", "10.0.0.1") };
        let answer = home.ask(Change::Replace { old: record("a.example", "10.0.0.1"), new: off }, 1).await;
        match home.release {
            Release::Newest => {
                assert!(matches!(answer, Answer::Accepted), "{answer:?}");
                assert_eq!(home.addresses("a.example", A).await, ips(&["10.0.0.2"]));
            }
            Release::Old => {
                assert!(matches!(answer, Answer::Failed(error) if error.reaction == Reaction::Refused));
                assert_eq!(home.addresses("a.example", A).await, ips(&["10.0.0.1", "10.0.0.1", "10.0.0.2"]));
            }
        }
        assert_eq!(home.listed().await.len(), 2);
    }
}

#[tokio::test]
async fn what_the_newest_would_not_start_with_is_given_to_none_and_found_where_it_is() {
    for home in Home::all().await {
        for target in ["host_x", "10.0.0.300", "10.0.0.0/24", "x.-e", "xn--zzzzzzzzz99.example"] {
            let record =
                Record::new(Name::parse("a.example").unwrap(), RecordData::Cname(Name::parse(target).unwrap()));
            let answer = home.ask(Change::Create(record), 1).await;
            assert!(matches!(answer, Answer::Failed(error) if error.reaction == Reaction::Refused), "{target}");
            let status = home.post("rewrite/add", &json!({ "domain": "b.example", "answer": target })).await;
            assert_eq!(status == 400, home.release == Release::Newest, "{target}: we are as strict as the newest");
        }
        assert!(home.listed().await.iter().all(|record| !record.starts_with("a.example")));
        let fatal = home.provider.examine().await.unwrap();
        let fatal = fatal.iter().filter(|finding| finding.contains("v0.107.79 and later do not start")).count();
        assert_eq!(fatal, if home.release == Release::Old { 5 } else { 0 });
    }
}

#[tokio::test]
async fn what_is_no_name_silences_a_record_as_a_cname_does() {
    for home in Home::all().await {
        let target = if home.release == Release::Newest { "a b.other" } else { "10.0.0.1:80" };
        home.put(&[
            ("*.w.docker", target),
            ("a.w.docker", "10.0.0.2"),
            ("b.docker", "b.docker"),
            ("b.docker", "10.0.0.3"),
        ])
        .await;
        let findings = home.provider.examine().await.unwrap();
        for finding in
            [format!("`*.w.docker -> {target}` silences `a.w.docker A"), "`b.docker -> b.docker` silences `b".into()]
        {
            assert_eq!(findings.iter().filter(|found| found.contains(&finding)).count(), 1, "{findings:?}");
        }
        for name in ["a.w.docker", "b.docker"] {
            assert_eq!(home.addresses(name, A).await, ips(&[]), "{:?}: {name}", home.release);
        }
    }
}

#[tokio::test]
async fn a_wildcard_that_silences_a_record_is_found() {
    for home in Home::all().await {
        home.put(&[("*.example", "host.other"), ("a.example", "10.0.0.1")]).await;
        let findings = home.provider.examine().await.unwrap();
        let [finding] = &findings[..] else { panic!("{findings:?}") };
        assert!(finding.contains("`*.example -> host.other` silences `a.example A 10.0.0.1`"), "{finding}");
        assert_eq!(home.addresses("a.example", A).await, ips(&[]), "{:?}", home.release);
    }
}

#[tokio::test]
async fn tombstones_are_deleted_in_both_attempts() {
    for home in Home::all().await {
        for number in [1, 2] {
            home.put(&[
                ("8.tombstone.invalid", "FD00::1"),
                ("8.tombstone.invalid", "fd00::1"),
                ("a.example", "fd00::1"),
            ])
            .await;
            let answer = home.ask(Change::Delete(record("8.tombstone.invalid", "fd00::1")), number).await;
            assert!(matches!(answer, Answer::Accepted), "{:?}: {answer:?}", home.release);
            assert_eq!(home.listed().await, ["a.example AAAA fd00::1"]);
        }
    }
}

#[tokio::test]
async fn a_value_of_another_type_takes_its_place_without_a_moment_of_neither() {
    for home in Home::all().await {
        home.put(&[("host.example", "10.0.0.1"), ("a.example", "10.0.0.2")]).await;
        let is_done = AtomicBool::new(false);
        let swap = async {
            for _ in 0..20 {
                for (old, new) in [("10.0.0.2", "host.example"), ("host.example", "10.0.0.2")] {
                    let change = Change::Replace { old: record("a.example", old), new: record("a.example", new) };
                    let answer = home.ask(change, 1).await;
                    assert!(matches!(answer, Answer::Accepted), "{:?}: {answer:?}", home.release);
                    let expected = if new == "host.example" { "10.0.0.1" } else { "10.0.0.2" };
                    assert_eq!(home.addresses("a.example", A).await, ips(&[expected]), "{:?}", home.release);
                }
            }
            is_done.store(true, Ordering::Relaxed);
        };
        let watch = async {
            let mut looks = 0;
            while !is_done.load(Ordering::Relaxed) {
                let answered = home.addresses("a.example", A).await;
                assert!(answered == ips(&["10.0.0.1"]) || answered == ips(&["10.0.0.2"]), "{answered:?}");
                looks += 1;
            }
            looks
        };
        let ((), looks) = tokio::join!(swap, watch);
        assert!(looks > 40, "only {looks} looks");
        assert_eq!(home.server.pairs().await, ["host.example -> 10.0.0.1", "a.example -> 10.0.0.2"]);
    }
}

#[tokio::test]
async fn a_domain_that_is_never_answered_is_listed_as_such_and_answers_once_it_is_wanted() {
    for home in Home::all().await {
        home.put(&[("e.docker.", "10.0.0.1"), ("bücher.docker", "10.0.0.2"), ("*", "10.0.0.3")]).await;
        let listing = home.provider.list(&Scope::Zone).await.unwrap();
        assert!(listing.records.iter().all(|record| record.enabled == Some(false)), "{listing:?}");
        for (name, answer) in [("e.docker", "10.0.0.1"), ("xn--bcher-kva.docker", "10.0.0.2")] {
            assert_eq!(home.addresses(name, A).await, ips(&[]), "{:?}", home.release);
            let wanted = Record { enabled: Some(true), ..record(name, answer) };
            let answer = home.ask(Change::Create(wanted), 1).await;
            assert!(matches!(answer, Answer::Accepted), "{:?}: {answer:?}", home.release);
            assert_eq!(home.addresses(name, A).await.len(), 1, "{:?}", home.release);
        }
        assert_eq!(home.addresses("any.example", A).await, ips(&[]), "a bare `*` answers for nothing");
        assert!(home.provider.objection(&Change::Create(record("*", "10.0.0.3"))).is_some());
        assert_eq!(home.server.pairs().await.len(), 3);
    }
}

#[tokio::test]
async fn an_upgrade_ends_where_we_say_that_it_does_and_nowhere_else() {
    let (Some(old), Some(newest)) = (Release::Old.program(), Release::Newest.program()) else { return };
    let beyond_ascii = format!("{}.docker", "ü".repeat(60));
    let fatal =
        [&beyond_ascii, "xn--ü.docker", "xn--bücher.docker", "x.xn--ü", "host.ü_", "xn--a-.docker", "10.0.0.1:80", ""];
    for target in fatal {
        let server = AdGuardHome::start(&old, Users::None).await;
        server.put("a.example", target).await;
        let findings = connect(&server, None).examine().await.unwrap();
        assert!(findings[0].contains("do not start with the rewrite"), "{target}: {findings:?}");
        assert!(
            findings[0].contains("Delete it in AdGuard Home under Filters > DNS rewrites"),
            "{target}: {findings:?}"
        );
        assert!(server.upgrade(&newest).await.is_err(), "it starts with {target}");
    }
    let server = AdGuardHome::start(&old, Users::None).await;
    let harmless = [
        "xn--a.example",
        "x.xn--a",
        "xn--bcher-kva.docker",
        "bücher.docker",
        "x.bücher",
        "a b.example",
        "xn--ü-.docker",
        "xn--ü-kva.docker",
        "🦀.example",
    ];
    for (index, target) in harmless.into_iter().enumerate() {
        server.put(&format!("h{index}.example"), target).await;
    }
    assert_eq!(connect(&server, None).examine().await.unwrap(), [""; 0]);
    let server = server.upgrade(&newest).await.unwrap();
    assert_eq!(server.pairs().await.len(), harmless.len());
}

#[tokio::test]
async fn a_server_without_users_says_so_to_somebody_with_a_password() {
    for home in Home::all().await {
        for _ in 0..7 {
            let error = connect(&home.server, Some(USER)).list(&Scope::Zone).await.unwrap_err();
            assert!(error.answered.contains("has no users"), "{:?}: {error}", home.release);
        }
    }
}

#[tokio::test]
async fn a_user_logs_in_and_a_session_outlives_a_restart() {
    for release in Release::ALL {
        let Some(program) = release.program() else { continue };
        let mut server = AdGuardHome::start(&program, Users::One).await;
        let provider = connect(&server, Some(USER));
        provider.list(&Scope::Zone).await.unwrap();
        let stranger = connect(&server, None).list(&Scope::Zone).await.unwrap_err();
        assert_eq!(stranger.reaction, Reaction::Unauthorized, "{release:?}");
        for _ in 0..5 {
            let error = connect(&server, Some((USER.0, "wrong"))).list(&Scope::Zone).await.unwrap_err();
            assert_eq!(error.reaction, Reaction::Unauthorized);
            assert!(error.answered.contains("wrong user or password, or blocked"), "{release:?}: {error}");
        }
        let blocked = connect(&server, Some(USER)).list(&Scope::Zone).await.unwrap_err();
        assert_eq!(blocked.reaction, Reaction::Unauthorized);
        assert!(blocked.answered.contains("are blocked for "), "{release:?}: {blocked}");
        provider.list(&Scope::Zone).await.unwrap();
        server.restart().await;
        provider.list(&Scope::Zone).await.unwrap();
    }
}
