//! The provider `webhook` against a fake webhook of external-dns.
#![cfg(feature = "webhook")]

use dnsmgmt_core::name::Name;
use dnsmgmt_core::provider::{Answer, Attempt, Change, DnsProvider, Group, ProviderError, Reaction, RunId};
use dnsmgmt_core::record::{Record, RecordData, Ttl};
use dnsmgmt_core::record_set::{RecordSet, Scope};
use dnsmgmt_providers::webhook::{Webhook, WebhookConfig};
use fixtures::conformance;
use fixtures::faults::{Fault, On};
use fixtures::webhook::{Adjust, FakeWebhook};
use serde_json::json;

const ZONE: &str = "lab.example";

/// A fake and the provider that speaks to it.
struct Lab {
    fake: FakeWebhook,
    provider: Webhook,
}

impl Lab {
    async fn new() -> Self {
        let fake = FakeWebhook::start(&[ZONE]).await;
        let provider = connect(&fake.url()).await.unwrap();
        fake.server.forget_calls();
        Self { fake, provider }
    }

    /// Puts an RRset of addresses there.
    fn put(&self, name: &str, addresses: &[&str]) {
        self.fake.put(json!({ "dnsName": name, "recordType": "A", "targets": addresses, "recordTTL": 300 }));
    }

    async fn records(&self) -> RecordSet {
        self.provider.list(&Scope::Zone).await.unwrap().records
    }

    async fn texts(&self) -> Vec<String> {
        self.records().await.iter().map(ToString::to_string).collect()
    }

    /// Asks for each change as a group of its own.
    async fn ask(&self, changes: &[Change]) -> Vec<Answer> {
        self.apply(&changes.iter().map(|change| group(std::slice::from_ref(change))).collect::<Vec<_>>()).await
    }

    async fn apply(&self, work: &[Group]) -> Vec<Answer> {
        let before = self.records().await;
        self.fake.server.forget_calls();
        self.provider.apply(work, &before, Attempt { number: 1, run: RunId(7) }).await
    }
}

async fn connect(url: &str) -> Result<Webhook, ProviderError> {
    let zone = Some(Name::parse(ZONE).unwrap());
    Webhook::connect(WebhookConfig { name: "k8s".into(), url: url.into(), zone }).await
}

fn group(changes: &[Change]) -> Group {
    Group { only_if: Vec::new(), changes: changes.to_vec() }
}

fn record(name: &str, answer: &str) -> Record {
    Record::new(Name::parse(name).unwrap(), RecordData::infer(answer).unwrap())
}

fn create(name: &str, answer: &str) -> Change {
    Change::Create(record(name, answer))
}

fn delete(name: &str, answer: &str) -> Change {
    Change::Delete(record(name, answer))
}

fn replace(name: &str, old: &str, new: &str) -> Change {
    Change::Replace { old: record(name, old), new: record(name, new) }
}

fn with_ttl(change: Change, ttl: u32) -> Change {
    let ttl = Some(Ttl::Seconds(ttl));
    match change {
        Change::Create(record) => Change::Create(Record { ttl, ..record }),
        Change::Replace { old, new } => Change::Replace { old, new: Record { ttl, ..new } },
        Change::Delete(_) => change,
    }
}

fn failure(answer: &Answer) -> &ProviderError {
    match answer {
        Answer::Failed(error) => error,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn it_keeps_the_contract() {
    let lab = Lab::new().await;
    lab.put("kept.lab.example", &["10.0.0.1", "10.0.0.2"]);
    lab.fake
        .put(json!({ "dnsName": "w.lab.example", "recordType": "A", "targets": ["10.0.0.1"], "setIdentifier": "a" }));
    conformance::check(&lab.provider).await;
}

// ---- what is sent

#[tokio::test]
async fn changes_at_one_set_are_one_update_of_the_whole_set() {
    let lab = Lab::new().await;
    let whole = json!({ "dnsName": "web.lab.example", "recordType": "A", "targets": ["10.0.0.3", "10.0.0.1", "10.0.0.2"],
        "recordTTL": 300, "labels": { "owner": "me" }, "providerSpecific": [{ "name": "proxied", "value": "true" }] });
    lab.fake.put(whole.clone());
    let answers = lab
        .ask(&[
            create("web.lab.example", "10.0.0.4"),
            replace("web.lab.example", "10.0.0.1", "10.0.0.9"),
            delete("web.lab.example", "10.0.0.3"),
        ])
        .await;
    assert!(answers.iter().all(|answer| matches!(answer, Answer::Accepted)), "{answers:?}");
    assert_eq!(lab.fake.server.calls(), ["POST /adjustendpoints", "POST /records"]);
    let mut new = whole.clone();
    new["targets"] = json!(["10.0.0.9", "10.0.0.2", "10.0.0.4"]);
    assert_eq!(lab.fake.asked(), [json!({ "updateOld": [whole], "updateNew": [new] })]);
}

#[tokio::test]
async fn a_set_begins_with_its_first_value_and_ends_with_its_last() {
    let lab = Lab::new().await;
    lab.put("old.lab.example", &["10.0.0.1", "10.0.0.2"]);
    lab.ask(&[
        with_ttl(create("new.lab.example", "10.0.0.3"), 60),
        delete("old.lab.example", "10.0.0.1"),
        create("new.lab.example", "10.0.0.4"),
        delete("old.lab.example", "10.0.0.2"),
    ])
    .await;
    assert_eq!(
        lab.fake.asked(),
        [json!({
            "create": [{ "dnsName": "new.lab.example", "recordType": "A", "targets": ["10.0.0.3", "10.0.0.4"], "recordTTL": 60 }],
            "delete": [{ "dnsName": "old.lab.example", "recordType": "A", "targets": ["10.0.0.1", "10.0.0.2"], "recordTTL": 300 }],
        })]
    );
}

#[tokio::test]
async fn what_is_so_already_costs_no_call() {
    let lab = Lab::new().await;
    lab.put("a.lab.example", &["10.0.0.1"]);
    let answers = lab
        .ask(&[
            create("a.lab.example", "10.0.0.1"),
            delete("b.lab.example", "10.0.0.1"),
            replace("b.lab.example", "10.0.0.1", "10.0.0.2"),
        ])
        .await;
    assert!(matches!(answers[..], [Answer::AlreadySo, Answer::AlreadySo, Answer::ConditionFailed]), "{answers:?}");
    assert_eq!(lab.fake.server.calls(), Vec::<String>::new());
}

#[tokio::test]
async fn what_another_change_of_the_request_makes_so_was_not_so_already() {
    let lab = Lab::new().await;
    lab.put("web.lab.example", &["10.0.0.1", "10.0.0.2"]);
    let changed = |answer: &str| with_ttl(replace("web.lab.example", answer, answer), 60);
    let answers = lab.ask(&[changed("10.0.0.1"), changed("10.0.0.2")]).await;
    assert!(matches!(answers[..], [Answer::Accepted, Answer::Accepted]), "{answers:?}");
    let answers = lab.ask(&[changed("10.0.0.1"), changed("10.0.0.2")]).await;
    assert!(matches!(answers[..], [Answer::AlreadySo, Answer::AlreadySo]), "{answers:?}");
}

#[tokio::test]
async fn connecting_listing_and_examining_are_one_call_each() {
    let fake = FakeWebhook::start(&[ZONE]).await;
    let provider = connect(&format!("{}/", fake.url())).await.unwrap();
    provider.list(&Scope::Zone).await.unwrap();
    assert_eq!(provider.examine().await.unwrap(), Vec::<String>::new());
    assert_eq!(fake.server.calls(), ["GET /", "GET /records", "GET /records"]);
}

#[tokio::test]
async fn both_spellings_of_a_value_go_and_the_siblings_keep_theirs() {
    let lab = Lab::new().await;
    let targets = ["Mail.Example.Org.", "b.example.org.", "mail.example.org"];
    lab.fake.put(json!({ "dnsName": "x.lab.example.", "recordType": "NS", "targets": targets }));
    let going =
        Record::new(Name::parse("x.lab.example").unwrap(), RecordData::Ns(Name::parse("mail.example.org").unwrap()));
    lab.ask(&[Change::Delete(going)]).await;
    let left = json!({ "dnsName": "x.lab.example.", "recordType": "NS", "targets": ["b.example.org."] });
    assert_eq!(lab.fake.endpoints(), [left]);
}

// ---- what is not known is not written

#[tokio::test]
async fn a_set_of_which_a_part_is_not_known_is_not_written() {
    let lab = Lab::new().await;
    lab.put("web.lab.example", &["10.0.0.1", "10.0.0.2"]);
    let listed: Vec<Record> = lab.records().await.into_iter().collect();
    let part: RecordSet = listed[..1].iter().cloned().collect();
    let bare: RecordSet = listed.iter().map(|listed| Record { handles: Vec::new(), ..listed.clone() }).collect();
    lab.fake.server.forget_calls();
    for (before, why) in [(part, "some of its siblings are not known"), (bare, "not listed from this webhook")] {
        let work = [group(&[Change::Delete(listed[0].clone())])];
        let answers = lab.provider.apply(&work, &before, Attempt { number: 1, run: RunId(7) }).await;
        let error = failure(&answers[0]);
        assert_eq!(error.reaction, Reaction::Refused);
        assert!(error.answered.contains(why), "{error}");
    }
    assert_eq!(lab.fake.server.calls(), Vec::<String>::new());
}

#[tokio::test]
async fn a_set_in_several_pieces_is_listed_and_not_changed() {
    let lab = Lab::new().await;
    lab.put("web.lab.example", &["10.0.0.1"]);
    lab.put("web.lab.example", &["10.0.0.2"]);
    assert_eq!(lab.texts().await, ["web.lab.example A 10.0.0.1", "web.lab.example A 10.0.0.2"]);
    let answers = lab.ask(&[delete("web.lab.example", "10.0.0.1")]).await;
    assert!(failure(&answers[0]).answered.contains("in several pieces"), "{answers:?}");
    let findings = lab.provider.examine().await.unwrap();
    assert_eq!(findings, ["the webhook lists web.lab.example A in 2 pieces, so it cannot be changed from here"]);
    assert_eq!(lab.fake.endpoints().len(), 2);
}

#[tokio::test]
async fn what_cannot_be_a_record_is_opaque_as_a_whole() {
    let lab = Lab::new().await;
    for endpoint in [
        json!({ "dnsName": "half.lab.example", "recordType": "A", "targets": ["10.0.0.1", "no address"] }),
        json!({ "dnsName": "alias.lab.example", "recordType": "CNAME", "targets": ["lb.example.org"],
            "providerSpecific": [{ "name": "alias", "value": "true" }] }),
        json!({ "dnsName": "empty.lab.example", "recordType": "A", "targets": null }),
        json!({ "dnsName": "type.lab.example", "recordType": "ALIAS", "targets": ["lb.example.org"] }),
        json!({ "dnsName": "a..b", "recordType": "A", "targets": ["10.0.0.1"] }),
        json!({ "dnsName": "long.lab.example", "recordType": "A", "targets": ["10.0.0.1"], "recordTTL": 4_000_000_000_u32 }),
        json!({ "dnsName": "outside.example", "recordType": "A", "targets": ["no address"] }),
    ] {
        lab.fake.put(endpoint);
    }
    let listing = lab.provider.list(&Scope::Zone).await.unwrap();
    assert_eq!(listing.records, RecordSet::default());
    let whys: Vec<String> =
        listing.opaque.iter().map(|entry| format!("{}: {}", entry.text.trim(), entry.why)).collect();
    assert_eq!(
        whys,
        [
            "half.lab.example A 10.0.0.1 no address: `no address` is not a value for A: expected an IPv4 address",
            "alias.lab.example CNAME lb.example.org: it is an alias of the service's own",
            "empty.lab.example A: it has no targets",
            "type.lab.example ALIAS lb.example.org: its type is not one that is known",
            "a..b A 10.0.0.1: its name is not a domain name",
            "long.lab.example A 10.0.0.1: its TTL is more than there can be",
        ]
    );
    let named = lab.provider.list(&Scope::from_iter([Name::parse("half.lab.example").unwrap()])).await.unwrap();
    assert_eq!(named.opaque.len(), 1);
}

// ---- what the webhook makes of it

#[tokio::test]
async fn what_the_webhook_adds_is_sent_and_its_labels_are_the_listed_ones() {
    let lab = Lab::new().await;
    lab.fake.set_adjust(|mut endpoint| {
        endpoint["recordTTL"] = json!(300);
        endpoint["providerSpecific"] = json!([{ "name": "proxied", "value": "false" }]);
        Some(endpoint)
    });
    let answers = lab.ask(&[with_ttl(create("a.lab.example", "10.0.0.1"), 7)]).await;
    assert!(matches!(answers[..], [Answer::Accepted]), "{answers:?}");
    let held = lab.fake.endpoints();
    assert_eq!((&held[0]["recordTTL"], &held[0]["providerSpecific"][0]["name"]), (&json!(300), &json!("proxied")));

    let answers = lab.ask(&[with_ttl(replace("a.lab.example", "10.0.0.1", "10.0.0.1"), 7)]).await;
    let error = failure(&answers[0]);
    assert_eq!(error.reaction, Reaction::Refused);
    assert_eq!(error.answered, "the webhook makes the TTL 300 of it, which it has already");
    assert_eq!(lab.fake.server.calls(), ["POST /adjustendpoints"]);
}

#[tokio::test]
async fn a_set_that_the_webhook_would_make_otherwise_stays_and_the_others_are_made() {
    let table: [(Adjust, &str); 4] = [
        (
            |mut endpoint| {
                if endpoint["dnsName"] == "no.lab.example" {
                    endpoint["providerSpecific"] = json!([{ "name": "alias", "value": "true" }]);
                }
                Some(endpoint)
            },
            "makes an alias of its service's own of it: no.lab.example A",
        ),
        (|endpoint| (endpoint["dnsName"] != "no.lab.example").then_some(endpoint), "takes it out"),
        (
            |mut endpoint| {
                if endpoint["dnsName"] == "no.lab.example" {
                    endpoint["targets"] = json!(["10.0.0.1"]);
                }
                Some(endpoint)
            },
            "makes other values of it: no.lab.example A 10.0.0.1",
        ),
        (
            |mut endpoint| {
                if endpoint["dnsName"] == "no.lab.example" {
                    endpoint["recordType"] = json!("ALIAS");
                }
                Some(endpoint)
            },
            "makes something else of it: no.lab.example ALIAS",
        ),
    ];
    for (adjust, why) in table {
        let lab = Lab::new().await;
        lab.put("no.lab.example", &["10.0.0.1", "10.0.0.2"]);
        lab.fake.set_adjust(adjust);
        let answers = lab
            .apply(&[
                group(&[create("with.lab.example", "10.0.0.5"), create("no.lab.example", "10.0.0.3")]),
                group(&[create("yes.lab.example", "10.0.0.4")]),
            ])
            .await;
        let errors = [failure(&answers[0]), failure(&answers[1])];
        assert!(errors.iter().all(|error| error.reaction == Reaction::Refused), "{answers:?}");
        assert!(errors[1].answered.contains(why), "{why}: {}", errors[1]);
        assert!(matches!(answers[2], Answer::Accepted), "{answers:?}");
        let calls = ["POST /adjustendpoints", "POST /adjustendpoints", "POST /records"];
        assert_eq!(lab.fake.server.calls(), calls, "{why}");
        let there = ["no.lab.example A 10.0.0.1", "no.lab.example A 10.0.0.2", "yes.lab.example A 10.0.0.4"];
        assert_eq!(lab.texts().await, there, "{why}");
    }
}

#[tokio::test]
async fn names_outside_the_domain_filter_are_objected_to_before_any_call() {
    let fake = FakeWebhook::start(&[]).await;
    fake.set_filter(json!({ "include": [ZONE], "exclude": ["secret.lab.example"] }));
    let provider = connect(&fake.url()).await.unwrap();
    let objection = provider.objection(&create("a.secret.lab.example", "10.0.0.1")).unwrap();
    assert!(objection.contains("does not cover a.secret.lab.example"), "{objection}");
    assert_eq!(provider.objection(&create("a.lab.example", "10.0.0.1")), None);
    assert_eq!(provider.objection(&delete("a.secret.lab.example", "10.0.0.1")), None);
}

// ---- faults

#[tokio::test]
async fn every_fault_of_every_call_has_its_reaction() {
    use Reaction::{Busy, Malformed, Refused, Unauthorized, Unreachable};
    let seconds = std::time::Duration::from_secs;
    let wait = Busy { retry_after: Some(seconds(7)) };
    // negotiating, listing, adjusting, changing
    let table = [
        (Fault::TooManyRequests(Some(7)), [wait; 4]),
        (Fault::Unauthorized, [Unauthorized; 4]),
        (Fault::ErrorBefore, [Unreachable; 4]),
        (Fault::ErrorAfter, [Unreachable; 4]),
        (Fault::ResetInBody, [Unreachable; 4]),
        (Fault::CutJson, [Malformed; 4]),
        (Fault::Html, [Refused, Malformed, Malformed, Malformed]),
        (Fault::Empty, [Refused, Malformed, Malformed, Malformed]),
    ];
    for (fault, [negotiating, listing, adjusting, changing]) in table {
        let lab = Lab::new().await;
        lab.put("a.lab.example", &["10.0.0.1", "10.0.0.2"]);
        let faults = &lab.fake.server.faults;
        faults.next(1, On::Preparation, fault);
        let error = connect(&lab.fake.url()).await.unwrap_err();
        assert_eq!(error.reaction, negotiating, "{fault:?}: {error}");
        faults.next(1, On::Listing, fault);
        let error = lab.provider.list(&Scope::Zone).await.unwrap_err();
        assert_eq!(error.reaction, listing, "{fault:?}: {error}");
        for (on, expected, calls) in [(On::Preparation, adjusting, 1), (On::Change, changing, 2)] {
            // A 204 has no body that could be cut.
            if on == On::Change && matches!(fault, Fault::CutJson | Fault::ResetInBody) {
                continue;
            }
            faults.next(1, on, fault);
            let answers = lab.ask(&[delete("a.lab.example", "10.0.0.1"), create("b.lab.example", "10.0.0.3")]).await;
            for answer in &answers {
                let error = failure(answer);
                assert_eq!(error.reaction, expected, "{fault:?} on {on:?}: {error}");
                assert!(error.hint.is_some() || matches!(error.reaction, Malformed), "{fault:?} on {on:?}: {error}");
            }
            assert_eq!(lab.fake.server.calls().len(), calls, "{fault:?} on {on:?} is asked for once");
        }
        let there = lab.texts().await;
        let made = ["a.lab.example A 10.0.0.2", "b.lab.example A 10.0.0.3"];
        let not_made = ["a.lab.example A 10.0.0.1", "a.lab.example A 10.0.0.2"];
        assert_eq!(there, if fault == Fault::ErrorAfter { made } else { not_made }, "{fault:?}");
    }
}

#[tokio::test]
async fn another_version_is_a_clear_error_and_so_is_no_webhook_at_all() {
    let table = [
        ("application/external.dns.webhook+json;version=2", "it speaks another version of the protocol"),
        ("application/external.dns.webhook+json", "it speaks another version of the protocol"),
        ("application/json", "it answers with application/json, so it is no webhook"),
    ];
    for (media_type, why) in table {
        let lab = Lab::new().await;
        lab.fake.set_media_type(media_type);
        let error = connect(&lab.fake.url()).await.unwrap_err();
        assert_eq!(error.reaction, Reaction::Refused);
        assert!(error.answered.contains(why), "{error}");
        // Beside the negotiation external-dns reads no media type, and neither do we where it says nothing of a version.
        let listed = lab.provider.list(&Scope::Zone).await;
        assert_eq!(listed.is_ok(), media_type == "application/json", "{listed:?}");
    }
    lab_that_is_gone().await;
}

async fn lab_that_is_gone() {
    let url = FakeWebhook::start(&[ZONE]).await.url();
    let error = connect(&url).await.unwrap_err();
    assert_eq!(error.reaction, Reaction::Unreachable);
    assert!(error.to_string().starts_with(&format!("could not negotiate with the webhook at {url}: ")), "{error}");
}

#[tokio::test]
async fn an_address_that_is_none_is_not_shown() {
    for url in ["lab:8888", "http://user:s3cret@lab", "http://lab?token=s3cret", ""] {
        let error = connect(url).await.unwrap_err();
        assert_eq!(error.reaction, Reaction::Refused);
        assert!(!format!("{error:?}").contains("s3cret"), "{error:?}");
    }
}
