//! The PowerDNS provider against the fake API: what is asked, how often, and what the answers become.
#![cfg(feature = "powerdns")]

use std::time::Duration;

use dnsmgmt_core::apply;
use dnsmgmt_core::by_hand::{ByHand, Selector};
use dnsmgmt_core::name::Name;
use dnsmgmt_core::patience::Patience;
use dnsmgmt_core::progress;
use dnsmgmt_core::provider::{Answer, Attempt, Change, DnsProvider, Group, Reaction, RunId};
use dnsmgmt_core::record::{Record, RecordData, Ttl};
use dnsmgmt_core::record_set::{Listing, RecordSet, Scope};
use dnsmgmt_core::report::Fate;
use dnsmgmt_providers::powerdns::{DEFAULT_SERVER_ID, PowerDns, PowerDnsConfig};
use fixtures::faults::{Fault, On};
use fixtures::powerdns::{API_KEY, FakePowerDns};
use serde_json::{Value, json};

const FIRST: Attempt = Attempt { number: 1, run: RunId(7) };
const ZONE: &str = "example.test";
const PATH: &str = "/api/v1/servers/localhost/zones/example.test.";

/// A fake with one zone, and a provider connected to it.
struct Setup {
    fake: FakePowerDns,
    provider: PowerDns,
}

impl Setup {
    async fn new() -> Self {
        let fake = FakePowerDns::start().await;
        fake.add_zone(ZONE);
        let (api_key, server_id) = (API_KEY.into(), DEFAULT_SERVER_ID.into());
        let config = PowerDnsConfig { name: "powerdns".into(), url: fake.url(), api_key, server_id, zone: name(ZONE) };
        Self { provider: PowerDns::connect(config).unwrap(), fake }
    }

    async fn apply(&self, changes: impl IntoIterator<Item = Change>) -> Vec<Answer> {
        self.fake.server.forget_calls();
        let work: Vec<Group> = changes.into_iter().map(alone).collect();
        self.provider.apply(&work, &RecordSet::default(), FIRST).await
    }

    async fn list(&self) -> Listing {
        self.provider.list(&Scope::Zone).await.unwrap()
    }

    /// Returns the methods of the calls, all of which are about the zone.
    fn calls(&self) -> Vec<String> {
        self.fake.server.calls().iter().map(|call| call.strip_suffix(PATH).expect(call).trim().to_owned()).collect()
    }

    /// Returns the values at one name.
    fn at(&self, owner: &str) -> Vec<String> {
        let start = format!("{owner}. ");
        self.fake.held(ZONE).iter().filter_map(|line| Some(line.strip_prefix(&start)?.to_owned())).collect()
    }
}

fn name(text: &str) -> Name {
    Name::parse(text).unwrap()
}

fn address(value: u8) -> Record {
    Record::new(name("web.example.test"), RecordData::A([10, 0, 0, value].into()))
}

fn marked(value: u8, comment: &str) -> Record {
    Record { comment: Some(comment.into()), ..address(value) }
}

fn alone(change: Change) -> Group {
    Group { changes: vec![change], ..Group::default() }
}

fn kinds(answers: &[Answer]) -> Vec<String> {
    let kind = |answer: &Answer| match answer {
        Answer::Failed(error) => format!("{:?}", error.reaction),
        other => format!("{other:?}"),
    };
    answers.iter().map(kind).collect()
}

/// What another writer does who adds a value to `web.example.test` that holds 10.0.0.1.
fn addition(value: u8, comments: &[Value]) -> Value {
    json!({ "rrsets": [{ "name": "web.example.test.", "type": "A", "ttl": 300, "changetype": "REPLACE", "comments": comments,
        "records": [{ "content": "10.0.0.1", "disabled": false }, { "content": format!("10.0.0.{value}"), "disabled": false }] }] })
}

fn mark_of(value: u8) -> Value {
    json!({ "content": format!("10.0.0.{value}: managed by dnsmgmt, owner other"), "account": "dnsmgmt" })
}

#[tokio::test]
async fn the_provider_conforms() {
    let setup = Setup::new().await;
    setup.fake.put(ZONE, "kept.example.test", "ALIAS", &["target.example.org."]);
    fixtures::conformance::check(&setup.provider).await;
}

mod calls {
    use super::*;

    #[tokio::test]
    async fn a_listing_is_one_and_never_filtered_because_that_hides_what_is_switched_off() {
        let setup = Setup::new().await;
        setup.provider.list(&Scope::from_iter([name("web.example.test")])).await.unwrap();
        assert_eq!(setup.calls(), ["GET"]);
    }

    #[tokio::test]
    async fn any_number_of_changes_is_a_read_and_a_write() {
        let setup = Setup::new().await;
        let answers = setup.apply((0..200).map(|value| Change::Create(address(value)))).await;
        assert!(kinds(&answers).iter().all(|kind| kind == "Accepted"), "one RRset, merged into one replacement");
        assert_eq!(setup.calls(), ["GET", "PATCH"]);
        assert_eq!(setup.at("web.example.test").len(), 200);
    }

    #[tokio::test]
    async fn marks_are_a_read_and_a_write_more() {
        let setup = Setup::new().await;
        setup.apply((0..50).map(|value| Change::Create(marked(value, "ours")))).await;
        assert_eq!(setup.calls(), ["GET", "PATCH", "GET", "PATCH"]);
        assert_eq!(setup.fake.comments(ZONE).len(), 50);
    }

    #[tokio::test]
    async fn what_is_so_already_is_a_read() {
        let setup = Setup::new().await;
        setup.fake.put(ZONE, "web.example.test", "A", &["10.0.0.1"]);
        let answers = setup.apply([Change::Create(address(1)), Change::Delete(address(2))]).await;
        assert_eq!(kinds(&answers), ["AlreadySo", "AlreadySo"]);
        assert_eq!(setup.calls(), ["GET"]);
    }

    #[tokio::test]
    async fn a_thousand_deletions_are_two_batches_between_two_listings() {
        let setup = Setup::new().await;
        for index in 0..1000 {
            setup.fake.put(ZONE, &format!("h{index}.example.test"), "A", &["10.0.0.1"]);
        }
        let mut by_hand = ByHand::on(&setup.provider, Scope::Zone, setup.list().await);
        for index in 0..1000 {
            by_hand.delete(&Selector { name: name(&format!("h{index}.example.test")), rtype: None, data: None });
        }
        setup.fake.server.forget_calls();
        let plan = by_hand.plan().approve_by_hand();
        let report = apply::apply(&setup.provider, plan, &Patience::default(), RunId(1), &progress::silent).await;
        assert!(report.is_settled());
        assert_eq!(setup.calls(), ["GET", "PATCH", "GET", "PATCH", "GET"]);
        assert_eq!(setup.fake.held(ZONE).len(), 1);
    }

    #[tokio::test]
    async fn a_refused_batch_is_asked_for_group_by_group() {
        let setup = Setup::new().await;
        setup.fake.put(ZONE, "alias.example.test", "CNAME", &["target.example.org."]);
        let bad = Record::new(name("alias.example.test"), address(9).key.data);
        let answers = setup
            .apply([Change::Create(marked(1, "ours")), Change::Create(bad), Change::Create(marked(2, "ours"))])
            .await;
        assert_eq!(kinds(&answers), ["Accepted", "Refused", "Accepted"]);
        assert_eq!(setup.calls(), ["GET", "PATCH", "PATCH", "PATCH", "PATCH", "GET", "PATCH"]);
        assert_eq!(setup.at("web.example.test"), ["A 3600 10.0.0.1", "A 3600 10.0.0.2"]);
        assert_eq!(setup.fake.comments(ZONE).len(), 2);
    }
}

mod groups {
    use super::*;

    #[tokio::test]
    async fn one_that_does_not_apply_is_not_made() {
        let setup = Setup::new().await;
        let replace = Change::Replace { old: address(7), new: address(8) };
        let group = Group { changes: vec![Change::Create(address(1)), replace], ..Group::default() };
        let work = [group, alone(Change::Create(address(2)))];
        let answers = setup.provider.apply(&work, &RecordSet::default(), FIRST).await;
        assert_eq!(kinds(&answers), ["ConditionFailed", "ConditionFailed", "Accepted"]);
        assert_eq!(setup.at("web.example.test"), ["A 3600 10.0.0.2"]);
    }

    #[tokio::test]
    async fn what_is_left_open_stays_as_it_is() {
        let setup = Setup::new().await;
        let old = Record { ttl: Some(Ttl::Seconds(60)), enabled: Some(false), ..marked(1, "ours") };
        setup.apply([Change::Create(old.clone())]).await;
        assert_eq!(setup.at("web.example.test"), ["A 60 10.0.0.1 off"]);
        setup.apply([Change::Replace { old, new: address(2) }]).await;
        assert_eq!(setup.at("web.example.test"), ["A 60 10.0.0.2 off"]);
        assert_eq!(setup.fake.comments(ZONE), ["web.example.test. A dnsmgmt 10.0.0.2: ours"]);
    }

    #[tokio::test]
    async fn comments_go_with_their_value_and_a_person_s_stay() {
        let setup = Setup::new().await;
        let note = json!({ "content": "10.0.0.1: ask Ann", "account": "ann", "modified_at": 7 });
        setup.fake.patch(ZONE, &addition(2, &[note]));
        setup.apply([Change::Create(marked(3, "ours"))]).await;
        setup.apply([Change::Replace { old: address(1), new: marked(1, "ours too") }]).await;
        assert_eq!(
            setup.fake.comments(ZONE),
            [
                "web.example.test. A ann 10.0.0.1: ask Ann",
                "web.example.test. A dnsmgmt 10.0.0.1: ours too",
                "web.example.test. A dnsmgmt 10.0.0.3: ours",
            ]
        );
        setup.apply([Change::Delete(address(3)), Change::Delete(address(1))]).await;
        assert_eq!(setup.fake.comments(ZONE), ["web.example.test. A ann 10.0.0.1: ask Ann"]);
        assert_eq!(setup.at("web.example.test"), ["A 300 10.0.0.2"]);
    }

    #[tokio::test]
    async fn what_the_server_would_spell_otherwise_is_objected_to() {
        let setup = Setup::new().await;
        let tlsa = |text: &str| {
            let data = RecordData::parse(&"TLSA".parse().unwrap(), text).unwrap();
            setup.provider.objection(&Change::Create(Record::new(name("a.example.test"), data)))
        };
        assert!(tlsa("3 1 1 ABCD").unwrap().contains("3 1 1 abcd"));
        assert_eq!(tlsa("3 1 1 abcd"), None);
    }
}

mod another_writer {
    use super::*;

    #[tokio::test]
    async fn who_came_after_the_listing_loses_nothing() {
        let setup = Setup::new().await;
        setup.fake.put(ZONE, "web.example.test", "A", &["10.0.0.1"]);
        let before = setup.list().await.records;
        setup.fake.patch(ZONE, &addition(2, &[]));
        let answers = setup.provider.apply(&[alone(Change::Delete(address(1)))], &before, FIRST).await;
        assert_eq!(kinds(&answers), ["Accepted"]);
        assert_eq!(setup.at("web.example.test"), ["A 300 10.0.0.2"]);
    }

    #[tokio::test]
    async fn whose_value_our_own_write_dropped_gets_it_back_with_its_mark() {
        for there in [&["10.0.0.1"][..], &[]] {
            let setup = Setup::new().await;
            setup.fake.put(ZONE, "web.example.test", "A", there);
            let before = addition(2, &[mark_of(2)]);
            setup.fake.race(before);
            let answers = setup.apply([Change::Create(marked(3, "ours"))]).await;
            assert_eq!(kinds(&answers), ["Accepted"]);
            let held = setup.at("web.example.test");
            assert!(held.iter().any(|line| line.ends_with("10.0.0.2")), "{held:?}");
            assert!(held.iter().any(|line| line.ends_with("10.0.0.3")), "{held:?}");
            assert_eq!(setup.fake.comments(ZONE).len(), 2, "{:?}", setup.fake.comments(ZONE));
        }
    }

    #[tokio::test]
    async fn whose_value_went_before_is_not_given_it_back() {
        let setup = Setup::new().await;
        // A mark without its value, as a person leaves it who deletes a value by hand.
        setup.fake.patch(ZONE, &addition(9, &[mark_of(2), mark_of(9)]));
        setup.apply([Change::Create(marked(3, "ours")), Change::Delete(address(9))]).await;
        assert_eq!(setup.at("web.example.test"), ["A 300 10.0.0.1", "A 300 10.0.0.3"]);
    }

    #[tokio::test]
    async fn who_drops_ours_makes_core_ask_again() {
        let setup = Setup::new().await;
        setup.fake.put(ZONE, "web.example.test", "A", &["10.0.0.1"]);
        // Between our write and our mark somebody writes who read before.
        setup.fake.race(addition(8, &[]));
        setup.fake.race(addition(2, &[]));
        let mut by_hand = ByHand::on(&setup.provider, Scope::from_iter([name("web.example.test")]), setup.list().await);
        by_hand.add(marked(3, "ours"));
        let patience = Patience { first: Duration::from_millis(1), ..Patience::default() };
        let plan = by_hand.plan().approve_by_hand();
        let report = apply::apply(&setup.provider, plan, &patience, RunId(1), &progress::silent).await;
        assert_eq!(report.outcomes[0].fate, Fate::Present);
        assert_eq!(setup.at("web.example.test"), ["A 300 10.0.0.1", "A 300 10.0.0.2", "A 300 10.0.0.3"]);
    }
}

mod faults {
    use super::*;

    #[tokio::test]
    async fn of_a_listing_are_errors_and_never_an_empty_zone() {
        let wait = Reaction::Busy { retry_after: Some(Duration::from_secs(7)) };
        for (fault, reaction) in [
            (Fault::TooManyRequests(Some(7)), wait),
            (Fault::Unauthorized, Reaction::Unauthorized),
            (Fault::ErrorBefore, Reaction::Unreachable),
            (Fault::ResetInBody, Reaction::Unreachable),
            (Fault::CutJson, Reaction::Malformed),
            (Fault::Html, Reaction::Malformed),
            (Fault::Empty, Reaction::Malformed),
        ] {
            let setup = Setup::new().await;
            setup.fake.server.faults.next(1, On::Listing, fault);
            let error = setup.provider.list(&Scope::Zone).await.unwrap_err();
            assert_eq!(error.reaction, reaction, "{fault:?}: {error}");
            assert!(
                error.to_string().contains("list the whole zone of powerdns (example.test) at PowerDNS at http://")
            );
        }
    }

    /// The calls of a change with a mark: read, write, read, mark.
    #[tokio::test]
    async fn strike_each_call_of_a_change_and_are_answered_by_what_may_have_been_made() {
        let busy = "Busy { retry_after: None }";
        let table = [
            // fault, and the answers where it strikes the first read, the write, the second read, the mark
            (Fault::TooManyRequests(None), [busy, busy, "Unreachable", "Unreachable"]),
            (Fault::Unauthorized, ["Unauthorized", "Unauthorized", "Unreachable", "Unreachable"]),
            (Fault::ErrorBefore, ["Unreachable"; 4]),
            (Fault::ErrorAfter, ["Unreachable"; 4]),
            // A write's answer has no body.
            (Fault::ResetInBody, ["Unreachable", "Accepted", "Unreachable", "Accepted"]),
            (Fault::Html, ["Malformed"; 4]),
            (Fault::Empty, ["Malformed"; 4]),
            (Fault::LyingDelete, ["Accepted"; 4]),
        ];
        for (fault, expected) in table {
            for (place, expected) in expected.into_iter().enumerate() {
                let setup = Setup::new().await;
                setup.fake.put(ZONE, "web.example.test", "A", &["10.0.0.1"]);
                let on = [On::Listing, On::Change][place % 2];
                setup.fake.server.faults.after(u32::from(place > 1), 1, on, fault);
                let answers = setup.apply([Change::Create(marked(2, "ours"))]).await;
                assert_eq!(kinds(&answers), [expected], "{fault:?} strikes call {place}");
                let may_be_made = place > 1 || !matches!(expected, "Unauthorized") && expected != busy;
                assert!(may_be_made || setup.at("web.example.test").len() == 1, "{fault:?} strikes call {place}");
                assert!(setup.at("web.example.test").contains(&"A 300 10.0.0.1".into()), "the sibling stays");
            }
        }
    }

    #[tokio::test]
    async fn are_mended_by_core_which_looks_and_asks_again() {
        for fault in [Fault::LyingDelete, Fault::ErrorBefore, Fault::ErrorAfter, Fault::ResetInBody, Fault::Html] {
            for skip in 0..2 {
                let setup = Setup::new().await;
                setup.fake.put(ZONE, "web.example.test", "A", &["10.0.0.1"]);
                let scope = Scope::from_iter([name("web.example.test")]);
                let mut by_hand = ByHand::on(&setup.provider, scope, setup.list().await);
                by_hand.add(marked(2, "ours"));
                setup.fake.server.faults.after(skip, 1, On::Change, fault);
                let patience = Patience { first: Duration::from_millis(1), ..Patience::default() };
                let plan = by_hand.plan().approve_by_hand();
                let report = apply::apply(&setup.provider, plan, &patience, RunId(1), &progress::silent).await;
                assert_eq!(report.outcomes[0].fate, Fate::Present, "{fault:?} after {skip}: {:?}", report.outcomes);
                assert_eq!(setup.at("web.example.test"), ["A 300 10.0.0.1", "A 300 10.0.0.2"]);
                assert_eq!(setup.fake.comments(ZONE), ["web.example.test. A dnsmgmt 10.0.0.2: ours"]);
            }
        }
    }

    #[tokio::test]
    async fn a_broken_zone_is_malformed() {
        for body in ["null", "[]", "{}", r#"{"name":"example.test."}"#, r#"{"name":"other.","rrsets":[]}"#] {
            let server = wiremock::MockServer::start().await;
            let answer = wiremock::ResponseTemplate::new(200).set_body_raw(body, "application/json");
            wiremock::Mock::given(wiremock::matchers::any()).respond_with(answer).mount(&server).await;
            let (api_key, server_id) = (API_KEY.into(), DEFAULT_SERVER_ID.into());
            let config =
                PowerDnsConfig { name: "powerdns".into(), url: server.uri(), api_key, server_id, zone: name(ZONE) };
            let error = PowerDns::connect(config).unwrap().list(&Scope::Zone).await.unwrap_err();
            assert_eq!(error.reaction, Reaction::Malformed, "{body}: {error}");
        }
    }
}
