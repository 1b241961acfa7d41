//! The provider `webhook` against external-dns' own server.
#![cfg(feature = "webhook")]

use dnsmgmt_core::name::Name;
use dnsmgmt_core::provider::{Answer, Attempt, Change, DnsProvider, Group, Reaction, RunId};
use dnsmgmt_core::record::{Record, RecordData, RecordType, Ttl};
use dnsmgmt_core::record_set::{RecordSet, Scope};
use dnsmgmt_providers::webhook::{Webhook, WebhookConfig};
use fixtures::conformance;
use fixtures::external_dns_webhook::{ExternalDnsWebhook, program};

const ZONE: &str = "lab.example";

/// A running server and the provider that speaks to it.
struct Lab {
    server: ExternalDnsWebhook,
    provider: Webhook,
}

impl Lab {
    async fn new() -> Option<Self> {
        let server = ExternalDnsWebhook::start(&program()?, &[ZONE, "other.example"]).await;
        let provider = connect(&server, Some(ZONE)).await.unwrap();
        Some(Self { server, provider })
    }

    async fn before(&self) -> RecordSet {
        self.provider.list(&Scope::Zone).await.unwrap().records
    }

    async fn ask(&self, changes: Vec<Change>) -> Vec<Answer> {
        let work = [Group { only_if: Vec::new(), changes }];
        self.provider.apply(&work, &self.before().await, Attempt { number: 1, run: RunId(7) }).await
    }
}

async fn connect(
    server: &ExternalDnsWebhook,
    zone: Option<&str>,
) -> Result<Webhook, dnsmgmt_core::provider::ProviderError> {
    let zone = zone.map(|zone| Name::parse(zone).unwrap());
    Webhook::connect(WebhookConfig { name: "k8s".into(), url: server.url(), zone }).await
}

fn record(name: &str, rtype: &str, text: &str) -> Record {
    let data = RecordData::parse(&RecordType::parse(rtype).unwrap(), text).unwrap();
    Record::new(Name::parse(name).unwrap(), data)
}

fn texts(records: &RecordSet) -> Vec<String> {
    records.iter().map(ToString::to_string).collect()
}

#[tokio::test]
async fn it_keeps_the_contract() {
    let Some(lab) = Lab::new().await else { return };
    conformance::check(&lab.provider).await;
}

#[tokio::test]
async fn a_change_of_one_value_writes_the_set_as_it_was_listed() {
    let Some(lab) = Lab::new().await else { return };
    // The first target has to be the first again, or the server says that the set is not there.
    lab.server
        .put(
            r#"{"create":[{"dnsName":"web.lab.example","recordType":"A","targets":["10.0.0.3","10.0.0.1","10.0.0.2"],
                "recordTTL":300,"labels":{"owner":"me"},"providerSpecific":[{"name":"weight","value":"7"}]}]}"#,
        )
        .await;
    let old = record("web.lab.example", "A", "10.0.0.1");
    let new = record("web.lab.example", "A", "10.0.0.9");
    let answers =
        lab.ask(vec![Change::Replace { old, new }, Change::Delete(record("web.lab.example", "A", "10.0.0.3"))]).await;
    assert!(matches!(answers[..], [Answer::Accepted, Answer::Accepted]), "{answers:?}");
    let expected = serde_json::json!([{ "dnsName": "web.lab.example", "recordType": "A", "targets": ["10.0.0.9", "10.0.0.2"],
        "recordTTL": 300, "labels": {"owner": "me"}, "providerSpecific": [{"name": "weight", "value": "7"}] }]);
    assert_eq!(lab.server.records().await, expected);
}

#[tokio::test]
async fn targets_have_the_forms_that_external_dns_checks() {
    let Some(lab) = Lab::new().await else { return };
    let wanted = [
        ("MX", "10 mail.example.org", "10 mail.example.org"),
        ("SRV", "1 2 5060 sip.example.org", "1 2 5060 sip.example.org."),
        ("TXT", "heritage=external-dns,external-dns/owner=me", "\"heritage=external-dns,external-dns/owner=me\""),
        ("NAPTR", r#"100 10 "u" "sip+E2U" "!^.*$!sip:a@b!" ."#, r#"100 10 "u" "sip+E2U" "!^.*$!sip:a@b!" ."#),
    ];
    for (rtype, text, target) in wanted {
        let record = record("t.lab.example", rtype, text);
        assert!(matches!(lab.ask(vec![Change::Create(record.clone())]).await[..], [Answer::Accepted]), "{rtype}");
        assert_eq!(lab.server.records().await[0]["targets"][0], target);
        assert!(lab.before().await.contains(&record.key), "{rtype} comes back");
        lab.ask(vec![Change::Delete(record)]).await;
        assert_eq!(lab.before().await, RecordSet::default());
    }
}

#[tokio::test]
async fn a_set_with_an_identifier_is_nobodys_and_other_zones_are_not_ours() {
    let Some(lab) = Lab::new().await else { return };
    lab.server
        .put(
            r#"{"create":[
                {"dnsName":"w.lab.example","recordType":"A","targets":["10.0.0.1"],"setIdentifier":"blue"},
                {"dnsName":"w.lab.example","recordType":"A","targets":["10.0.0.2"],"setIdentifier":"green"},
                {"dnsName":"a.other.example","recordType":"A","targets":["10.0.0.3"]},
                {"dnsName":"a.lab.example","recordType":"A","targets":["10.0.0.4"]}]}"#,
        )
        .await;
    let listing = lab.provider.list(&Scope::Zone).await.unwrap();
    assert_eq!(texts(&listing.records), ["a.lab.example A 10.0.0.4"]);
    let mut opaque: Vec<&str> = listing.opaque.iter().map(|entry| entry.text.as_str()).collect();
    opaque.sort_unstable();
    assert_eq!(opaque, ["w.lab.example A 10.0.0.1 (blue)", "w.lab.example A 10.0.0.2 (green)"]);
}

#[tokio::test]
async fn what_the_provider_behind_it_refuses_is_not_known_and_the_listing_tells() {
    let Some(lab) = Lab::new().await else { return };
    let mut stale = record("a.lab.example", "A", "10.0.0.1");
    assert!(matches!(lab.ask(vec![Change::Create(stale.clone())]).await[..], [Answer::Accepted]));
    let before = lab.before().await;
    stale = before.iter().next().unwrap().clone();
    assert_eq!(stale.ttl, Some(Ttl::Automatic), "nobody asked for one");
    lab.ask(vec![Change::Delete(stale.clone())]).await;
    let work = [Group { only_if: Vec::new(), changes: vec![Change::Delete(stale)] }];
    let answers = lab.provider.apply(&work, &before, Attempt { number: 1, run: RunId(7) }).await;
    let [Answer::Failed(error)] = &answers[..] else { panic!("{answers:?}") };
    assert_eq!(error.reaction, Reaction::Unreachable, "{error}");
}

#[tokio::test]
async fn the_zone_is_one_that_the_domain_filter_covers() {
    let Some(program) = program() else { return };
    let server = ExternalDnsWebhook::start(&program, &[ZONE]).await;
    assert_eq!(connect(&server, None).await.unwrap().id().zone, Name::parse(ZONE).unwrap());
    let error = connect(&server, Some("other.org")).await.unwrap_err();
    assert_eq!(error.reaction, Reaction::Refused);
    assert!(error.answered.contains("does not cover the zone other.org: it includes lab.example"), "{error}");
    let provider = connect(&server, Some("below.lab.example")).await.unwrap();
    assert_eq!(provider.list(&Scope::Zone).await.unwrap().records, RecordSet::default());
}
