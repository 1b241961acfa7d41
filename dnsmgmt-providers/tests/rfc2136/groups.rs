//! Many changes of one RRset in one step.

use dnsmgmt_core::provider::{Answer, Change, DnsProvider as _, Group};
use dnsmgmt_core::record::{Record, Ttl};
use fixtures::primary::{Primary, Software, Zone};

use crate::world::{ATTEMPT, connect, list, record};

fn with_ttl(mut record: Record, seconds: u32) -> Record {
    record.ttl = Some(Ttl::Seconds(seconds));
    record
}

/// Returns the record under the name, as `value TTL`.
fn shown(record: &Record) -> String {
    let Some(Ttl::Seconds(seconds)) = record.ttl else { panic!("{record} is listed with a TTL") };
    format!("{} {seconds}", record.key.data)
}

#[tokio::test]
async fn values_that_go_do_not_come_back_with_a_new_ttl_of_their_set() {
    let at = |last: u8| record("set.example.test", "A", &format!("10.0.0.{last}"));
    let delete = |last| Change::Delete(at(last));
    let create = |last| Change::Create(at(last));
    let replace = |old, new| Change::Replace { old: at(old), new: at(new) };
    let renew = |last| Change::Replace { old: at(last), new: with_ttl(at(last), 60) };
    let cases = [
        (vec![delete(1), renew(2)], vec!["10.0.0.2 60", "10.0.0.3 60"]),
        (vec![renew(2), delete(1)], vec!["10.0.0.2 60", "10.0.0.3 60"]),
        (vec![replace(1, 4), renew(2)], vec!["10.0.0.2 60", "10.0.0.3 60", "10.0.0.4 60"]),
        (vec![renew(2), replace(1, 4)], vec!["10.0.0.2 60", "10.0.0.3 60", "10.0.0.4 60"]),
        (vec![renew(2), renew(3), delete(1), create(4)], vec!["10.0.0.2 60", "10.0.0.3 60", "10.0.0.4 60"]),
        (vec![delete(1), delete(3), renew(2)], vec!["10.0.0.2 60"]),
        (vec![replace(1, 4), delete(3), create(5)], vec!["10.0.0.2 600", "10.0.0.4 600", "10.0.0.5 600"]),
        (vec![create(4), delete(4), delete(1), create(1)], vec!["10.0.0.1 600", "10.0.0.2 600", "10.0.0.3 600"]),
    ];
    for software in Software::installed() {
        for (changes, expected) in &cases {
            let entries = "set A 10.0.0.1\nset A 10.0.0.2\nset A 10.0.0.3\n";
            let server = Primary::start(software, &[Zone::new("example.test", entries)]).await;
            let provider = connect(server.address(), "example.test");
            let group = Group { only_if: Vec::new(), changes: changes.clone() };
            let answers = provider.apply(&[group], &list(&provider).await.records, ATTEMPT).await;
            assert!(answers.iter().all(|answer| matches!(answer, Answer::Accepted)), "{software:?}: {answers:?}");
            let listed: Vec<String> = list(&provider).await.records.at(at(1).name()).iter().map(shown).collect();
            assert_eq!(listed, *expected, "{software:?}: {changes:?}");
        }
    }
}

#[tokio::test]
async fn a_zone_always_has_a_name_server_and_in_the_end_only_the_new_one() {
    let ns = |host: &str| record("example.test", "NS", host);
    let (old, new) = (ns("ns.example.test"), ns("other.example.org"));
    let cases = [
        vec![Change::Create(new.clone()), Change::Delete(old.clone())],
        vec![Change::Delete(old.clone()), Change::Create(new.clone())],
        vec![Change::Replace { old: old.clone(), new: new.clone() }],
        vec![Change::Replace { old, new: with_ttl(new, 60) }],
    ];
    for software in Software::installed() {
        for changes in &cases {
            let server = Primary::start(software, &[Zone::new("example.test", "")]).await;
            let provider = connect(server.address(), "example.test");
            let group = Group { only_if: Vec::new(), changes: changes.clone() };
            let answers = provider.apply(&[group], &list(&provider).await.records, ATTEMPT).await;
            assert!(answers.iter().all(|answer| matches!(answer, Answer::Accepted)), "{software:?}: {answers:?}");
            let listed = list(&provider).await.records;
            let hosts: Vec<String> =
                listed.at(ns("x.test").name()).iter().map(|record| record.key.data.to_string()).collect();
            assert_eq!(hosts, ["other.example.org"], "{software:?}: {changes:?}");
        }
    }
}
