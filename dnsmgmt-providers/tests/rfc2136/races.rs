//! Other writers between our look and our change, and servers that are killed.

use std::collections::BTreeMap;

use dnsmgmt_core::name::Name;
use dnsmgmt_core::provider::{Answer, Change, Condition, DnsProvider as _, Group};
use dnsmgmt_core::record::{Record, RecordType, Ttl};
use dnsmgmt_core::record_set::Scope;
use dnsmgmt_providers::rfc2136::Rfc2136;
use fixtures::powerdns_server::PowerDnsServer;
use fixtures::primary::{Primary, Software, Zone};

use crate::world::{ATTEMPT, ask, connect, list, powerdns, record};

/// How many leases are raced for, and how many at once.
const ROUNDS: usize = 1000;
const AT_ONCE: usize = 50;

/// An address, and the heartbeat under whose name it stands.
struct Lease {
    address: Record,
    heartbeat: Record,
    renewed: Record,
}

impl Lease {
    fn new(number: usize) -> Self {
        let at = |value: &str| record(&format!("_heartbeat-10-0-0-1.h{number}.example.test"), "TXT", value);
        let address = record(&format!("h{number}.example.test"), "A", "10.0.0.1");
        Self { address, heartbeat: at("1699564820,web-01"), renewed: at("1699999999,web-01") }
    }

    /// Under the condition of its own heartbeat, never of the addresses, which others share.
    fn delete(&self) -> Group {
        let changes = vec![Change::Delete(self.address.clone()), Change::Delete(self.heartbeat.clone())];
        Group { only_if: vec![is(&self.heartbeat)], changes }
    }

    fn renew(&self) -> Group {
        let change = Change::Replace { old: self.heartbeat.clone(), new: self.renewed.clone() };
        Group { only_if: vec![is(&self.heartbeat)], changes: vec![change] }
    }
}

fn is(record: &Record) -> Condition {
    Condition { name: record.name().clone(), rtype: RecordType::Txt, values: vec![record.key.data.clone()] }
}

fn create(leases: &[Lease]) -> Vec<Group> {
    let changes = |lease: &Lease| [&lease.heartbeat, &lease.address].map(|record| Change::Create(record.clone()));
    leases.iter().map(|lease| Group { only_if: Vec::new(), changes: changes(lease).into() }).collect()
}

async fn make(provider: &Rfc2136, work: &[Group]) -> Vec<Answer> {
    let names: Scope =
        work.iter().flat_map(|group| &group.changes).map(|change| change.record().name().clone()).collect();
    let before = provider.list(&names).await.unwrap().records;
    provider.apply(work, &before, ATTEMPT).await
}

#[tokio::test]
async fn a_lease_that_is_renewed_before_our_deletion_stays() {
    for software in Software::installed() {
        let server = Primary::start(software, &[Zone::new("example.test", "")]).await;
        let (ours, theirs) = (connect(server.address(), "example.test"), connect(server.address(), "example.test"));
        renewals_win(&format!("{software:?}"), &ours, &theirs).await;
    }
}

#[tokio::test]
async fn a_lease_that_is_renewed_before_our_deletion_stays_at_powerdns() {
    let Some(server) = PowerDnsServer::start().await else { return };
    server.add_zone("example.test").await;
    renewals_win("PowerDNS", &powerdns(&server, "example.test"), &powerdns(&server, "example.test")).await;
}

/// Renews two of three leases between our look and our deletion of them all.
async fn renewals_win(software: &str, ours: &Rfc2136, theirs: &Rfc2136) {
    for start in (0..ROUNDS).step_by(AT_ONCE) {
        let leases: Vec<Lease> = (start..start + AT_ONCE).map(Lease::new).collect();
        assert!(make(ours, &create(&leases)).await.iter().all(|answer| matches!(answer, Answer::Accepted)));
        let before = list(ours).await.records;
        let is_renewed = |index: usize| !index.is_multiple_of(3);
        let renewed = leases.iter().enumerate().filter(|(index, _)| is_renewed(*index));
        let renewals: Vec<Group> = renewed.map(|(_, lease)| lease.renew()).collect();
        let answers = theirs.apply(&renewals, &before, ATTEMPT).await;
        assert!(answers.iter().all(|answer| matches!(answer, Answer::Accepted)), "{software}: {answers:?}");
        let deletions: Vec<Group> = leases.iter().map(Lease::delete).collect();
        let answers = ours.apply(&deletions, &before, ATTEMPT).await;
        let after = list(ours).await.records;
        for (index, lease) in leases.iter().enumerate() {
            let answer = &answers[2 * index];
            let is_there = after.contains(&lease.address.key);
            assert_eq!(is_there, is_renewed(index), "{software}: {} {answer:?}", lease.address);
            assert_eq!(matches!(answer, Answer::ConditionFailed), is_there, "{software}: {answer:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_a_renewal_and_a_deletion_at_the_same_time_one_is_made() {
    for software in Software::installed() {
        let server = Primary::start(software, &[Zone::new("example.test", "")]).await;
        let (ours, theirs) = (connect(server.address(), "example.test"), connect(server.address(), "example.test"));
        let (mut stayed, mut went) = (0, 0);
        for start in (0..ROUNDS).step_by(100) {
            let leases: Vec<Lease> = (start..start + 100).map(Lease::new).collect();
            make(&ours, &create(&leases)).await;
            let before = list(&ours).await.records;
            let deletions: Vec<Group> = leases.iter().map(Lease::delete).collect();
            // From the other end, so that both meet in the middle.
            let renewals: Vec<Group> = leases.iter().rev().map(Lease::renew).collect();
            tokio::join!(ours.apply(&deletions, &before, ATTEMPT), theirs.apply(&renewals, &before, ATTEMPT));
            let after = list(&ours).await.records;
            for lease in &leases {
                let (address, renewed) = (after.contains(&lease.address.key), after.contains(&lease.renewed.key));
                assert_eq!(address, renewed, "{software:?}: {}", lease.address);
                assert!(!after.contains(&lease.heartbeat.key), "{software:?}: one of the two is made");
                if address { stayed += 1 } else { went += 1 }
            }
        }
        assert!(stayed > 0 && went > 0, "{software:?}: they did not meet: {stayed} stayed, {went} went");
    }
}

#[tokio::test]
async fn what_a_server_took_is_there_after_it_was_killed() {
    for software in Software::installed() {
        let mut server = Primary::start(software, &[Zone::new("example.test", "")]).await;
        let provider = connect(server.address(), "example.test");
        let mut expected: BTreeMap<Name, Record> = BTreeMap::new();
        for round in 0..3 {
            let records: Vec<Record> =
                (0..20).map(|n| record(&format!("h{n}.example.test"), "A", &format!("10.0.{round}.{n}"))).collect();
            let changes = records.iter().map(|new| match expected.get(new.name()) {
                Some(old) => Change::Replace { old: old.clone(), new: new.clone() },
                None => Change::Create(new.clone()),
            });
            let answers = ask(&provider, changes.collect::<Vec<_>>()).await;
            server.kill().await;
            assert!(answers.iter().all(|answer| matches!(answer, Answer::Accepted)), "{software:?}: {answers:?}");
            expected = records.into_iter().map(|record| (record.name().clone(), record)).collect();
            server.start_again().await;
            let listed = list(&provider).await.records;
            for record in expected.values() {
                assert_eq!(listed.at(record.name()).len(), 1, "{software:?}: {record}");
                assert!(listed.contains(&record.key), "{software:?}: {record} was taken and is there");
            }
        }
    }
}

#[tokio::test]
async fn a_name_that_somebody_else_took_meanwhile_is_not_taken_over() {
    for software in Software::installed() {
        let server = Primary::start(software, &[Zone::new("example.test", "old CNAME target\n")]).await;
        let provider = connect(server.address(), "example.test");
        let (ours, theirs) =
            (record("a.example.test", "CNAME", "ours.test"), record("a.example.test", "CNAME", "theirs.test"));
        let before = list(&provider).await.records;
        ask(&provider, [Change::Create(theirs.clone())]).await;
        let create = Group { only_if: Vec::new(), changes: vec![Change::Create(ours)] };
        let answers = provider.apply(&[create], &before, ATTEMPT).await;
        assert!(matches!(answers[..], [Answer::ConditionFailed]), "{software:?}: {answers:?}");
        assert!(
            list(&provider).await.records.contains(&theirs.key),
            "{software:?}: a second CNAME would replace the first"
        );

        // An address becomes an alias, and meanwhile somebody adds a mail exchange: the server would drop the alias without a word.
        let (old, new) = (record("b.example.test", "A", "10.0.0.1"), record("b.example.test", "CNAME", "target.test"));
        ask(&provider, [Change::Create(old.clone())]).await;
        let before = list(&provider).await.records;
        ask(&provider, [Change::Create(record("b.example.test", "MX", "10 mail.test"))]).await;
        let replace = Group { only_if: Vec::new(), changes: vec![Change::Replace { old: old.clone(), new }] };
        let answers = provider.apply(&[replace], &before, ATTEMPT).await;
        assert!(matches!(answers[..], [Answer::ConditionFailed]), "{software:?}: {answers:?}");
        assert!(list(&provider).await.records.contains(&old.key), "{software:?}: the address stays");
    }
}

#[tokio::test]
async fn values_of_one_set_are_replaced_together_and_keep_their_siblings() {
    for software in Software::installed() {
        let zone = Zone::new(
            "example.test",
            "a 900 A 10.0.0.1\na 900 A 10.0.0.2\na 900 A 10.0.0.3\nal CNAME Target.Example.TEST.\nm MX 5 Mail.Example.ORG.\n",
        );
        let server = Primary::start(software, &[zone]).await;
        let provider = connect(server.address(), "example.test");
        let at = |value: &str| record("a.example.test", "A", value);
        let replace = |old: &str, new: &str| Change::Replace { old: at(old), new: at(new) };
        let answers = ask(&provider, [replace("10.0.0.1", "10.0.1.1"), replace("10.0.0.2", "10.0.1.2")]).await;
        assert!(matches!(answers[..], [Answer::Accepted, Answer::Accepted]), "{software:?}: {answers:?}");
        let mut other = at("10.0.1.1");
        other.ttl = Some(Ttl::Seconds(60));
        ask(&provider, [Change::Replace { old: at("10.0.1.1"), new: other }]).await;
        let listed = list(&provider).await.records;
        let shown: Vec<String> = listed
            .at(at("10.0.0.1").name())
            .iter()
            .map(|one| format!("{} {}", one.key.data, one.ttl.unwrap()))
            .collect();
        assert_eq!(shown, ["10.0.0.3 60", "10.0.1.1 60", "10.0.1.2 60"], "{software:?}: one TTL for all");

        // Names in values are one name whatever their case.
        let (alias, mail) = (
            record("al.example.test", "CNAME", "target.example.test"),
            record("m.example.test", "MX", "5 mail.example.org"),
        );
        let new = record("m.example.test", "MX", "5 other.example.org");
        let answers =
            ask(&provider, [Change::Delete(alias.clone()), Change::Replace { old: mail.clone(), new: new.clone() }])
                .await;
        assert!(matches!(answers[..], [Answer::Accepted, Answer::Accepted]), "{software:?}: {answers:?}");
        let listed = list(&provider).await.records;
        assert!(
            !listed.contains(&alias.key) && !listed.contains(&mail.key) && listed.contains(&new.key),
            "{software:?}"
        );
    }
}

#[tokio::test]
async fn a_value_is_changed_in_the_form_in_which_the_server_holds_it() {
    let entries = "dkim TXT \"v=DKIM1; \" \"p=abc\"\ndkim TXT \"other\"\ntwice TXT \"ab\"\ntwice TXT \"a\" \"b\"\n@ CAA 0 ISSUE \"ca.test\"\n\
                   key TXT \"v=DKIM1; \" \"p=abc\"\nkey TXT \"sibling\"\n";
    for software in Software::installed() {
        let server = Primary::start(software, &[Zone::new("example.test", entries)]).await;
        let provider = connect(server.address(), "example.test");
        let text = |label: &str, value: &str| record(&format!("{label}.example.test"), "TXT", value);
        let caa = record("example.test", "CAA", "0 issue \"ca.test\"");
        let long = text("dkim", "v=DKIM1; p=abc");
        assert_eq!(
            list(&provider).await.records.get(&text("twice", "ab").key).unwrap().handles.len(),
            2,
            "{software:?}"
        );
        let mut slower = text("key", "sibling");
        slower.ttl = Some(Ttl::Seconds(7200));
        let answers = ask(
            &provider,
            [
                Change::Replace { old: long.clone(), new: text("dkim", "new") },
                Change::Delete(text("twice", "ab")),
                Change::Delete(caa.clone()),
                Change::Replace { old: text("key", "sibling"), new: slower },
            ],
        )
        .await;
        assert!(answers.iter().all(|answer| matches!(answer, Answer::Accepted)), "{software:?}: {answers:?}");
        let listed = list(&provider).await.records;
        let texts = |label: &str| {
            listed.at(text(label, "").name()).iter().map(|one| one.key.data.to_string()).collect::<Vec<_>>()
        };
        assert_eq!(texts("dkim"), ["\"new\"", "\"other\""], "{software:?}");
        assert!(texts("twice").is_empty() && !listed.contains(&caa.key), "{software:?}");
        let sibling = listed.get(&text("key", "v=DKIM1; p=abc").key).unwrap();
        assert_eq!(sibling.ttl, Some(Ttl::Seconds(7200)), "{software:?}");
        assert_ne!(&*sibling.handles[0].0, "=", "{software:?}: a sibling's value stays as it is cut");
    }
}
