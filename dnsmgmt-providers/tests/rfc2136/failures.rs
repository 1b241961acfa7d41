//! What goes wrong is said once and clearly, and nothing is concluded from it.

use std::fmt::Write as _;
use std::net::SocketAddr;

use dnsmgmt_core::provider::{Answer, Change, DnsProvider as _, Group, ProviderError, Reaction};
use dnsmgmt_core::record_set::{RecordSet, Scope};
use dnsmgmt_providers::rfc2136::{Clock, Rfc2136, Rfc2136Config, TsigKey};
use fixtures::dns::{Lie, LyingServer};
use fixtures::powerdns_server::{PowerDnsServer, TSIG, Tsig};
use fixtures::primary::{ALGORITHM, KEY, Primary, SECRET, STRANGER, Software, Zone};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use crate::world::{ATTEMPT, by_names, config, connect, list, now, record};

const OTHER_SECRET: &str = "YW5vdGhlciBzZWNyZXQgb2YgMzIgb2N0ZXRzLi4uLi4=";

fn in_an_hour() -> Timestamp {
    now() + SignedDuration::from_hours(1)
}

fn with_key(server: SocketAddr, key: [&str; 3]) -> Rfc2136 {
    let [name, algorithm, secret] = key;
    let key = TsigKey::new(name, algorithm, &secret.into()).unwrap();
    Rfc2136::new(Rfc2136Config { key, ..config(server, "example.test") }, now as Clock)
}

/// Asks to create a record on top of nothing.
async fn add(provider: &Rfc2136) -> Result<(), ProviderError> {
    let change = Change::Create(record("new.example.test", "A", "10.0.0.9"));
    let work = [Group { only_if: Vec::new(), changes: vec![change] }];
    match provider.apply(&work, &RecordSet::default(), ATTEMPT).await.remove(0) {
        Answer::Failed(error) => Err(error),
        _ => Ok(()),
    }
}

fn shown(error: &ProviderError, server: SocketAddr) -> String {
    let ProviderError { reaction, hint, .. } = error;
    let hint = hint.as_ref().map(|hint| format!("\n    {hint}")).unwrap_or_default();
    let text = format!("  {error} ({reaction:?}){hint}\n");
    assert!(!text.contains(SECRET) && !text.contains(OTHER_SECRET), "{text}");
    text.replace(&server.to_string(), "SERVER")
}

#[tokio::test]
async fn every_refusal_of_the_real_servers_says_what_to_do() {
    let installed = Software::installed();
    let mut all = String::new();
    for &software in &installed {
        let forbidden = Zone { update: Vec::new(), transfer: Vec::new(), ..Zone::new("forbidden.test", "") };
        let server = Primary::start(software, &[Zone::new("example.test", ""), forbidden]).await;
        let at = server.address();
        let skewed = Rfc2136::new(config(at, "example.test"), in_an_hour as Clock);
        let cases = [
            ("a key that it does not know", with_key(at, ["unknown", ALGORITHM, SECRET])),
            ("another secret", with_key(at, [KEY, ALGORITHM, OTHER_SECRET])),
            ("another algorithm", with_key(at, [KEY, "hmac-sha512", SECRET])),
            ("a key that may do nothing", with_key(at, [STRANGER, ALGORITHM, SECRET])),
            ("a clock that is an hour ahead", skewed),
            ("a zone that nobody may transfer or change", connect(at, "forbidden.test")),
            ("a zone that it does not have", connect(at, "unknown.test")),
            ("by names, a zone that it does not have", by_names(at, "unknown.test")),
        ];
        for (case, provider) in cases {
            writeln!(all, "{software:?}, {case}:").unwrap();
            let scope = Scope::from_iter([provider.id().zone.clone()]);
            let listing = provider.list(&scope).await.expect_err(case);
            all += &shown(&listing, at);
            if provider.id().zone.as_str() == "example.test" {
                all += &shown(&add(&provider).await.expect_err(case), at);
            }
        }
        let outside = Change::Create(record("a.example.org", "A", "10.0.0.1"));
        let work = [Group { only_if: Vec::new(), changes: vec![outside] }];
        let provider = connect(at, "example.test");
        let Answer::Failed(error) = provider.apply(&work, &RecordSet::default(), ATTEMPT).await.remove(0) else {
            panic!("a name outside the zone is refused");
        };
        write!(all, "{software:?}, a name outside the zone:\n{}", shown(&error, at)).unwrap();
        // The server lets the key in, and has something against this one.
        let lost = [Change::Create(record("example.test", "MX", "10 lost.example.test"))];
        let work = [Group { only_if: Vec::new(), changes: lost.into() }];
        match provider.apply(&work, &RecordSet::default(), ATTEMPT).await.remove(0) {
            Answer::Failed(error) => {
                write!(all, "{software:?}, an MX without an address:\n{}", shown(&error, at)).unwrap();
            }
            answer => assert!(software == Software::Knot, "{software:?}: {answer:?}"),
        }
        let whole = by_names(at, "example.test").list(&Scope::Zone).await.unwrap_err();
        write!(all, "{software:?}, the whole zone, listed by names:\n{}\n", shown(&whole, at)).unwrap();
        let is_as_before = list(&provider).await.records.len() == if software == Software::Knot { 3 } else { 2 };
        assert!(is_as_before, "nothing was made but the MX that Knot takes");
    }
    if installed.len() == Software::ALL.len() {
        insta::with_settings!({filters => vec![(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", "TIME")]}, {
            insta::assert_snapshot!(all);
        });
    }
}

#[tokio::test]
async fn an_address_at_a_name_of_no_host_is_told_what_bind_checks() {
    if !Software::installed().contains(&Software::Bind) {
        return;
    }
    let server = Primary::start(Software::Bind, &[Zone::new("example.test", "")]).await;
    let provider = connect(server.address(), "example.test");
    let odd = [Change::Create(record("under_score.example.test", "A", "10.0.0.9"))];
    let work = [Group { only_if: Vec::new(), changes: odd.into() }];
    let Answer::Failed(error) = provider.apply(&work, &RecordSet::default(), ATTEMPT).await.remove(0) else {
        panic!("BIND takes no address at such a name");
    };
    let hint = error.hint.unwrap();
    assert!(hint.starts_with("BIND refuses addresses at a name with `_` unless the zone has `check-names"), "{hint}");
}

#[tokio::test]
async fn every_refusal_of_powerdns_says_what_to_do() {
    let Some(server) = PowerDnsServer::start().await else { return };
    server.add_zone("example.test").await;
    let closed = json!({ "name": "closed.test.", "kind": "Native", "nameservers": ["ns1.closed.test."] });
    server.api("POST", "/zones", Some(&closed)).await;
    let at = server.dns();
    let of_zone = |zone: &str, [name, algorithm, secret]: [&str; 3]| {
        let key = TsigKey::new(name, algorithm, &secret.into()).unwrap();
        Rfc2136::new(Rfc2136Config { key, ..config(at, zone) }, now as Clock)
    };
    let Tsig { name, algorithm, secret } = TSIG;
    let cases = [
        ("a key that it does not know", of_zone("example.test", ["unknown", algorithm, secret])),
        ("another secret", of_zone("example.test", [name, algorithm, OTHER_SECRET])),
        (
            "a zone that the key may not transfer, and that loopback may change with any key",
            of_zone("closed.test", [name, algorithm, secret]),
        ),
        ("a zone that it does not have", of_zone("unknown.test", [name, algorithm, secret])),
    ];
    let mut all = String::new();
    for (case, provider) in cases {
        let listing = provider.list(&Scope::Zone).await.expect_err(case);
        let change = Change::Create(record(&format!("new.{}", provider.id().zone), "A", "10.0.0.9"));
        let work = [Group { only_if: Vec::new(), changes: vec![change] }];
        write!(all, "{case}:\n{}", shown(&listing, at)).unwrap();
        all += &match provider.apply(&work, &RecordSet::default(), ATTEMPT).await.remove(0) {
            Answer::Failed(error) => shown(&error, at),
            answer => format!("  {answer:?}\n"),
        };
    }
    insta::assert_snapshot!(all);
}

#[tokio::test]
async fn a_transfer_that_is_not_whole_and_signed_is_an_error() {
    let mut all = String::new();
    for lie in [
        Lie::ClosesAtOnce,
        Lie::Rubbish,
        Lie::Unsigned,
        Lie::Fails,
        Lie::NoEnd,
        Lie::CutInMessage,
        Lie::OtherSerial,
        Lie::GoesOn,
        Lie::NoBeginning,
        Lie::UnsignedEnd,
        Lie::WronglySignedEnd,
        Lie::OutsideZone,
    ] {
        let server = LyingServer::start("example.test", lie).await;
        let provider = connect(server.address(), "example.test");
        let error = provider.list(&Scope::Zone).await.expect_err(&format!("{lie:?}"));
        write!(all, "{lie:?}:\n{}", shown(&error, server.address())).unwrap();
        assert!(matches!(error.reaction, Reaction::Malformed | Reaction::Unreachable), "{lie:?}: {error}");
    }
    insta::assert_snapshot!(all);
    let server = LyingServer::start("example.test", Lie::None).await;
    assert_eq!(list(&connect(server.address(), "example.test")).await.records.len(), 43, "without a lie it is whole");
}

#[tokio::test(start_paused = true)]
async fn a_server_that_never_answers_is_not_waited_for_for_ever() {
    let server = LyingServer::start("example.test", Lie::Silent).await;
    let error = connect(server.address(), "example.test").list(&Scope::Zone).await.unwrap_err();
    assert_eq!(error.reaction, Reaction::Unreachable);
    assert!(error.to_string().contains("no answer within 30 seconds"), "{error}");
}

#[tokio::test]
async fn what_became_of_a_change_without_an_answer_is_not_known() {
    for lie in [Lie::TakesAndCloses, Lie::Fails, Lie::Rubbish, Lie::Unsigned] {
        let server = LyingServer::start("example.test", lie).await;
        let error = add(&connect(server.address(), "example.test")).await.unwrap_err();
        assert!(matches!(error.reaction, Reaction::Unreachable | Reaction::Malformed), "{lie:?}: {error}");
    }
    let nobody = LyingServer::start("example.test", Lie::None).await.address();
    assert_eq!(add(&connect(nobody, "example.test")).await.unwrap_err().reaction, Reaction::Unreachable);
}

#[tokio::test]
async fn a_key_that_is_not_let_in_is_tried_once() {
    for software in Software::installed() {
        let server = Primary::start(software, &[Zone::new("example.test", "")]).await;
        let provider = with_key(server.address(), [KEY, ALGORITHM, OTHER_SECRET]);
        let alone = |n: u8| {
            let change = Change::Create(record("new.example.test", "A", &format!("10.0.0.{n}")));
            Group { only_if: Vec::new(), changes: vec![change] }
        };
        let work: Vec<Group> = (0..100).map(alone).collect();
        let answers = provider.apply(&work, &RecordSet::default(), ATTEMPT).await;
        let is_unauthorized =
            |answer: &Answer| matches!(answer, Answer::Failed(error) if error.reaction == Reaction::Unauthorized);
        assert!(answers.len() == 100 && answers.iter().all(is_unauthorized), "{software:?}: {answers:?}");
        // Knot says nothing of it in its log.
        if software == Software::Bind {
            let log = server.log();
            assert_eq!(log.matches("request has invalid signature").count(), 1, "it was asked once:\n{log}");
        }
    }
}

#[tokio::test]
async fn a_group_that_is_refused_does_not_void_the_others() {
    for software in Software::installed() {
        let server = Primary::start(software, &[Zone::new("example.test", "")]).await;
        let provider = connect(server.address(), "example.test");
        let long = record("long.example.test", "TXT", &"x".repeat(65_300));
        let of = |change| Group { only_if: Vec::new(), changes: vec![change] };
        let records = [record("a.example.test", "A", "10.0.0.1"), record("b.example.test", "A", "10.0.0.2")];
        let work = [
            of(Change::Create(records[0].clone())),
            of(Change::Create(record("a.example.org", "A", "10.0.0.1"))),
            of(Change::Create(long)),
            of(Change::Create(records[1].clone())),
        ];
        let answers = provider.apply(&work, &RecordSet::default(), ATTEMPT).await;
        assert!(
            matches!(answers[..], [Answer::Accepted, Answer::Failed(_), Answer::Failed(_), Answer::Accepted]),
            "{software:?}: {answers:?}"
        );
        let listed = list(&provider).await.records;
        assert!(records.iter().all(|record| listed.contains(&record.key)), "{software:?}");
    }
}

#[tokio::test]
async fn provider_test_says_what_would_surprise() {
    for software in Software::installed() {
        let zone = Zone { update: Vec::new(), ..Zone::new("example.test", "") };
        let server = Primary::start(software, &[zone, Zone::new("open.test", "")]).await;
        let found = connect(server.address(), "example.test").examine().await.unwrap();
        assert!(found.len() == 1 && found[0].contains("can be listed and not changed"), "{software:?}: {found:?}");
        let late: Clock = || now() - SignedDuration::from_secs(120);
        let found = Rfc2136::new(config(server.address(), "open.test"), late).examine().await.unwrap();
        assert!(found.len() == 1 && found[0].contains("seconds apart"), "{software:?}: {found:?}");
        assert_eq!(connect(server.address(), "open.test").examine().await.unwrap(), [""; 0], "{software:?}");
    }
}
