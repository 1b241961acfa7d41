//! The Cloudflare provider against the fake API: what is asked, how often, and what the answers become.
#![cfg(feature = "cloudflare")]

use std::collections::BTreeSet;
use std::time::Duration;

use dnsmgmt_core::name::Name;
use dnsmgmt_core::provider::{Answer, Attempt, Change, DnsProvider, Group, Reaction, RunId};
use dnsmgmt_core::record::{Record, RecordData, Ttl};
use dnsmgmt_core::record_set::{Listing, RecordSet, Scope};
use dnsmgmt_providers::cloudflare::{
    Budget, Cloudflare, CloudflareConfig, CloudflareZone, DEFAULT_BATCH, read_page, zones, zones_of,
};
use fixtures::cloudflare::FakeCloudflare;
use fixtures::faults::{Fault, On};
use proptest::prelude::*;

const FIRST: Attempt = Attempt { number: 1, run: RunId(7) };
const SECOND: Attempt = Attempt { number: 2, run: RunId(7) };

/// A fake with one zone, and a provider connected to it by id.
struct Setup {
    fake: FakeCloudflare,
    zone: String,
    provider: Cloudflare,
}

impl Setup {
    async fn new() -> Self {
        let fake = FakeCloudflare::start().await;
        let zone = fake.add_zone("example.com");
        let id = CloudflareZone::IdAndName { id: zone.clone(), name: name("example.com") };
        let provider = Cloudflare::connect(config(&fake, id)).await.unwrap();
        Self { fake, zone, provider }
    }

    fn put(&self, name: &str, rtype: &str, text: &str) -> String {
        self.fake.put(&self.zone, name, rtype, text)
    }

    fn addresses(&self, count: usize) {
        for number in 0..count {
            self.put(
                &format!("h{number:06}.example.com"),
                "A",
                &format!("10.{}.{}.1", number / 256 % 256, number % 256),
            );
        }
    }

    async fn list(&self) -> Listing {
        self.provider.list(&Scope::Zone).await.unwrap()
    }

    async fn apply(
        &self,
        changes: impl IntoIterator<Item = Change>,
        before: &RecordSet,
        attempt: Attempt,
    ) -> Vec<Answer> {
        let work: Vec<Group> =
            changes.into_iter().map(|change| Group { changes: vec![change], ..Group::default() }).collect();
        self.provider.apply(&work, before, attempt).await
    }

    async fn apply_one(&self, change: Change) -> Answer {
        let before = self.list().await.records;
        self.fake.server.forget_calls();
        self.apply([change], &before, FIRST).await.remove(0)
    }

    /// Returns what the zone holds, a line each.
    fn held(&self) -> Vec<String> {
        self.fake
            .records(&self.zone)
            .iter()
            .map(|record| format!("{} {} {}", record.name, record.rtype, record.content))
            .collect()
    }

    fn calls(&self) -> Vec<String> {
        let path = format!("/client/v4/zones/{}", self.zone);
        self.fake.server.calls().iter().map(|call| call.replace(&path, "")).collect()
    }
}

fn config(fake: &FakeCloudflare, zone: CloudflareZone) -> CloudflareConfig {
    let (name, url, token) = ("cloudflare".into(), fake.url(), fake.token.clone().into());
    CloudflareConfig { name, url, token, zone, batch: 200, budget: Budget::default() }
}

fn name(text: &str) -> Name {
    Name::parse(text).unwrap()
}

fn record(owner: &str, rtype: &str, text: &str) -> Record {
    Record::new(name(owner), RecordData::parse(&rtype.parse().unwrap(), text).unwrap())
}

fn delete_all(records: &RecordSet) -> Vec<Change> {
    records.iter().cloned().map(Change::Delete).collect()
}

fn reaction(answer: &Answer) -> Reaction {
    match answer {
        Answer::Failed(error) => error.reaction,
        other => panic!("{other:?} is no failure"),
    }
}

/// Returns the kinds of the answers, in a form that a test can compare.
fn kinds(answers: &[Answer]) -> Vec<&'static str> {
    let kind = |answer: &Answer| match answer {
        Answer::Accepted => "accepted",
        Answer::AlreadySo => "already so",
        Answer::ConditionFailed => "condition failed",
        Answer::Failed(_) => "failed",
    };
    answers.iter().map(kind).collect()
}

fn count(answers: &[Answer], wanted: &str) -> usize {
    kinds(answers).iter().filter(|kind| **kind == wanted).count()
}

mod zones_and_tokens {
    use super::*;

    #[tokio::test]
    async fn a_zone_given_by_name_costs_one_call_and_one_given_by_id_none() {
        let fake = FakeCloudflare::start().await;
        let id = fake.add_zone("example.com");
        let by_name = Cloudflare::connect(config(&fake, CloudflareZone::Name(name("example.com")))).await.unwrap();
        assert_eq!(by_name.id().to_string(), "cloudflare (example.com)");
        assert_eq!(fake.server.calls(), ["GET /client/v4/zones?page=1&per_page=50&name=example.com"]);
        fake.server.forget_calls();
        let by_id = Cloudflare::connect(config(&fake, CloudflareZone::Id(id.clone()))).await.unwrap();
        assert_eq!(by_id.id().zone.as_str(), id);
        assert!(fake.server.calls().is_empty());
    }

    #[tokio::test]
    async fn a_zone_that_is_not_there_is_refused_with_what_the_token_sees() {
        let fake = FakeCloudflare::start().await;
        let connect =
            async || Cloudflare::connect(config(&fake, CloudflareZone::Name(name("example.net")))).await.unwrap_err();
        assert!(connect().await.to_string().contains("sees no zone at all"));
        fake.add_zone("example.com");
        let error = connect().await;
        assert_eq!(error.reaction, Reaction::Refused);
        let text = error.to_string();
        assert!(text.contains("the zone example.net") && text.contains("it sees example.com"), "{text}");
        assert!(error.hint.unwrap().contains("Zone / Zone / Read"));
    }

    #[tokio::test]
    async fn a_zone_of_another_name_is_never_taken_for_the_one_asked_for() {
        let server = wiremock::MockServer::start().await;
        let zone = r#"{"id":"023e105f4ecef8ad9ca31a8372d0c353","name":"other.example"}"#;
        let body = format!(r#"{{"success":true,"result":[{zone}],"result_info":{{"per_page":50,"count":1}}}}"#);
        wiremock::Mock::given(wiremock::matchers::path("/zones"))
            .respond_with(wiremock::ResponseTemplate::new(200).set_body_string(body))
            .mount(&server)
            .await;
        let zone = CloudflareZone::Name(name("example.com"));
        let (name, url, token, budget) = ("x".into(), server.uri(), "t".into(), Budget::default());
        let config = CloudflareConfig { name, url, token, zone, batch: 200, budget };
        assert_eq!(Cloudflare::connect(config).await.unwrap_err().reaction, Reaction::Refused);
    }

    #[tokio::test]
    async fn several_zones_of_one_name_are_told_apart_by_id_only() {
        let fake = FakeCloudflare::start().await;
        let ids = [fake.add_zone("example.com"), fake.add_zone("example.com")];
        let error = Cloudflare::connect(config(&fake, CloudflareZone::Name(name("example.com")))).await.unwrap_err();
        assert_eq!(error.reaction, Reaction::Refused);
        assert!(ids.iter().all(|id| error.answered.contains(id)), "{error}");
    }

    #[tokio::test]
    async fn all_zones_are_listed_and_the_longest_suffix_is_found_among_them() {
        let fake = FakeCloudflare::start().await;
        for number in 0..120 {
            fake.add_zone(&format!("z{number}.example.com"));
        }
        let all = zones(&fake.url(), &fake.token.clone().into(), &Budget::default()).await.unwrap();
        assert_eq!(all.len(), 120);
        assert_eq!(fake.server.calls().len(), 3);
        assert_eq!(zones_of(&all, &name("a.z7.example.com"))[0].name, name("z7.example.com"));
    }

    #[tokio::test]
    async fn a_wrong_token_is_explained_and_never_shown() {
        let setup = Setup::new().await;
        let id = CloudflareZone::Id(setup.zone.clone());
        let wrong = CloudflareConfig { token: "wrong-secret".into(), ..config(&setup.fake, id) };
        let error = Cloudflare::connect(wrong).await.unwrap().list(&Scope::Zone).await.unwrap_err();
        assert_eq!(error.reaction, Reaction::Unauthorized);
        assert!(error.to_string().contains("Authentication error (10000) [cf-ray "), "{error}");
        assert!(error.hint.as_ref().unwrap().contains("Zone / DNS / Edit"));
        assert!(!format!("{error:?}").contains("wrong-secret"));
    }
}

mod listing {
    use super::*;

    #[tokio::test]
    async fn a_zone_of_one_page_costs_one_call_and_has_the_server_s_time() {
        let setup = Setup::new().await;
        setup.addresses(20);
        let listing = setup.list().await;
        assert_eq!(listing.records.len(), 20);
        assert!(listing.provider_time.is_some());
        assert_eq!(setup.calls(), ["GET /dns_records?page=1&per_page=5000&order=name&direction=asc"]);
    }

    #[tokio::test]
    async fn one_name_is_asked_for_by_filter_and_several_are_picked_from_the_zone() {
        let setup = Setup::new().await;
        setup.addresses(20);
        let one = setup.provider.list(&Scope::from_iter([name("H000003.example.com")])).await.unwrap();
        assert_eq!(one.records.len(), 1);
        assert!(setup.calls()[0].ends_with("&name=h000003.example.com"), "{:?}", setup.calls());
        let two = setup
            .provider
            .list(&Scope::from_iter([name("h000003.example.com"), name("h000004.example.com")]))
            .await
            .unwrap();
        assert_eq!(two.records.len(), 2);
        let under = setup.provider.list(&Scope::Under(name("h000003.example.com"))).await.unwrap();
        assert_eq!(under.records.len(), 1);
        assert_eq!(setup.calls().len(), 3);
    }

    #[tokio::test]
    async fn pages_are_read_to_the_end_whatever_size_the_server_gives_them() {
        let setup = Setup::new().await;
        setup.addresses(250);
        setup.fake.set_largest_page(100);
        assert_eq!(setup.list().await.records.len(), 250);
        assert_eq!(setup.calls().len(), 3);
        setup.fake.set_largest_page(50);
        setup.fake.server.forget_calls();
        assert_eq!(setup.list().await.records.len(), 250);
        assert_eq!(setup.calls().len(), 5);
    }

    #[tokio::test]
    async fn many_records_of_one_name_are_all_found_by_the_filter() {
        let setup = Setup::new().await;
        setup.addresses(30);
        for number in 0..25 {
            setup.put("www.example.com", "A", &format!("10.9.9.{number}"));
        }
        setup.fake.set_largest_page(10);
        let listing = setup.provider.list(&Scope::from_iter([name("www.example.com")])).await.unwrap();
        assert_eq!(listing.records.len(), 25);
        assert_eq!(setup.calls().len(), 3, "the count of the whole zone is not the filter's");
    }

    #[tokio::test]
    async fn a_page_that_shifts_makes_the_zone_be_listed_again() {
        let setup = Setup::new().await;
        setup.addresses(250);
        setup.fake.set_largest_page(100);
        setup.fake.server.faults.next(1, On::Listing, Fault::ShiftingPage);
        let listing = setup.list().await;
        assert_eq!(listing.records.len(), 251, "what came meanwhile is there too");
        assert_eq!(setup.calls().len(), 6);
        assert!(listing.records.iter().all(|record| record.handles.len() == 1));
    }

    #[tokio::test]
    async fn a_zone_that_never_stands_still_is_an_error_and_no_part() {
        let setup = Setup::new().await;
        setup.addresses(250);
        setup.fake.set_largest_page(100);
        setup.fake.server.faults.always(On::Listing, Fault::ShiftingPage);
        let error = setup.provider.list(&Scope::Zone).await.unwrap_err();
        assert_eq!(error.reaction, Reaction::Unreachable);
        assert!(error.to_string().contains("while the pages were read"), "{error}");
    }

    #[tokio::test]
    async fn copies_are_one_record_with_two_handles() {
        let setup = Setup::new().await;
        setup.addresses(3);
        setup.fake.server.faults.next(1, On::Listing, Fault::Duplicates);
        let listing = setup.list().await;
        assert_eq!(listing.records.len(), 3);
        assert!(listing.records.iter().all(|record| record.handles.len() == 2));
    }

    #[tokio::test]
    async fn an_old_text_without_quotes_is_the_same_as_one_with() {
        let setup = Setup::new().await;
        setup.put("example.com", "TXT", "v=spf1 -all");
        setup.put("example.com", "TXT", "\"v=spf1 -all\"");
        let listing = setup.list().await;
        assert_eq!(listing.records.len(), 1);
        assert_eq!(listing.records.iter().next().unwrap().handles.len(), 2);
    }

    #[tokio::test]
    async fn an_entry_that_cannot_be_read_is_in_the_way_and_costs_nothing_else() {
        let setup = Setup::new().await;
        setup.addresses(2);
        setup.put("bad.example.com", "A", "nonsense");
        setup.put("odd.example.com", "LOC", "51 30 0.000 N 0 7 0.000 W 10m");
        let listing = setup.list().await;
        assert_eq!(listing.records.len(), 3);
        assert_eq!(listing.opaque.len(), 1);
        assert!(listing.opaque[0].occupies(&name("bad.example.com"), &"A".parse().unwrap()));
        let elsewhere = setup.provider.list(&Scope::Under(name("odd.example.com"))).await.unwrap();
        assert_eq!((elsewhere.records.len(), elsewhere.opaque.len()), (1, 0));
    }

    #[tokio::test]
    async fn every_broken_answer_is_an_error_and_never_an_empty_zone() {
        let setup = Setup::new().await;
        setup.addresses(2);
        for (fault, reaction) in [
            (Fault::Html, Reaction::Malformed),
            (Fault::Empty, Reaction::Malformed),
            (Fault::CutJson, Reaction::Malformed),
            (Fault::ErrorBefore, Reaction::Unreachable),
            (Fault::ResetInBody, Reaction::Unreachable),
            (Fault::Unauthorized, Reaction::Unauthorized),
            (Fault::TooManyRequests(Some(9)), Reaction::Busy { retry_after: Some(Duration::from_secs(9)) }),
            (Fault::TooManyRequests(None), Reaction::Busy { retry_after: None }),
        ] {
            setup.fake.server.faults.next(1, On::Listing, fault);
            let error = setup.provider.list(&Scope::Zone).await.unwrap_err();
            assert_eq!(error.reaction, reaction, "{fault:?}");
            assert!(error.hint.is_some() || fault == Fault::ErrorBefore, "{fault:?}: {error:?}");
        }
        assert_eq!(setup.list().await.records.len(), 2);
    }

    /// A server that answers its pages with these bodies, and a provider for it.
    async fn canned(pages: &[&str]) -> (wiremock::MockServer, Cloudflare) {
        let server = wiremock::MockServer::start().await;
        for (index, page) in pages.iter().enumerate() {
            wiremock::Mock::given(wiremock::matchers::query_param("page", (index + 1).to_string()))
                .respond_with(wiremock::ResponseTemplate::new(200).set_body_string(*page))
                .mount(&server)
                .await;
        }
        let zone = CloudflareZone::Id("023e105f4ecef8ad9ca31a8372d0c353".into());
        let (name, url, token, budget) = ("canned".into(), server.uri(), "token".into(), Budget::default());
        let config = CloudflareConfig { name, url, token, zone, batch: 200, budget };
        let provider = Cloudflare::connect(config).await.unwrap();
        (server, provider)
    }

    fn page(ids: &[u8], info: &str) -> String {
        let entry =
            |id: &u8| format!(r#"{{"id":"{id:032x}","name":"h{id}.example.com","type":"A","content":"10.0.0.{id}"}}"#);
        let entries = ids.iter().map(entry).collect::<Vec<_>>().join(",");
        format!(r#"{{"success":true,"errors":[],"result":[{entries}],"result_info":{{{info}}}}}"#)
    }

    #[tokio::test]
    async fn a_record_that_slipped_to_an_earlier_page_is_missed_by_the_count() {
        let info = r#""per_page":2,"total_count":4"#;
        let (_server, provider) = canned(&[&page(&[1, 2], info), &page(&[2, 4], info), &page(&[], info)]).await;
        let error = provider.list(&Scope::Zone).await.unwrap_err();
        assert_eq!(error.reaction, Reaction::Unreachable, "one came and one went, so that the count stayed");
        let (first, second) = (r#""per_page":2,"total_count":4"#, r#""per_page":2,"total_count":3"#);
        let (_server, provider) = canned(&[&page(&[1, 2], first), &page(&[4], second)]).await;
        let error = provider.list(&Scope::Zone).await.unwrap_err();
        assert_eq!(error.reaction, Reaction::Unreachable, "one went, and 3 moved to a page that was read before");
        // The same count says nothing about a filtered list.
        let (_server, provider) = canned(&[&page(&[1, 2], info), &page(&[2, 4], info), &page(&[], info)]).await;
        let name = Scope::from_iter([name("h2.example.com")]);
        assert_eq!(provider.list(&name).await.unwrap().records.len(), 1);
    }

    #[tokio::test]
    async fn a_listing_that_is_cut_short_is_read_on_or_malformed_and_never_believed() {
        let info = |count: usize| format!(r#""per_page":5000,"count":{count},"total_count":5,"total_pages":3"#);
        let (first, second, third) = (page(&[1, 2], &info(2)), page(&[3, 4], &info(2)), page(&[5], &info(1)));
        let (_server, provider) = canned(&[&first, &second, &third]).await;
        assert_eq!(provider.list(&Scope::Zone).await.unwrap().records.len(), 5);
        let filtered = Scope::from_iter([name("h5.example.com")]);
        assert_eq!(provider.list(&filtered).await.unwrap().records.len(), 1, "its page is the third");
        let nothing = page(&[], r#""page":1,"per_page":5000,"count":0,"total_count":1200"#);
        for pages in [&[&*first, &nothing.replace("1200", "5")][..], &[&nothing]] {
            let (_server, provider) = canned(pages).await;
            let error = provider.list(&Scope::Zone).await.unwrap_err();
            assert_eq!(error.reaction, Reaction::Malformed, "{error}");
        }
        let (_server, provider) = canned(&[&nothing]).await;
        let filtered = Scope::from_iter([name("h1.example.com")]);
        assert!(provider.list(&filtered).await.unwrap().records.is_empty(), "the count is that of the whole zone");
    }

    #[tokio::test]
    async fn zones_that_are_cut_short_are_read_on_or_malformed() {
        let page = |ids: &[u8], info: &str| {
            let zone = |id: &u8| format!(r#"{{"id":"{id:032x}","name":"z{id}.example"}}"#);
            let zones = ids.iter().map(zone).collect::<Vec<_>>().join(",");
            format!(r#"{{"success":true,"result":[{zones}],"result_info":{{{info}}}}}"#)
        };
        let info = r#""per_page":50,"total_count":3,"total_pages":1"#;
        let all = async |pages: &[&str]| {
            let (server, _) = canned(pages).await;
            zones(&server.uri(), &"t".into(), &Budget::default()).await
        };
        assert_eq!(all(&[&page(&[1, 2], info), &page(&[3], info)]).await.unwrap().len(), 3);
        for pages in [&[&*page(&[], info)][..], &[&page(&[1], info), &page(&[], info)], &[&page(&[1, 1, 1], info)]] {
            assert_eq!(all(pages).await.unwrap_err().reaction, Reaction::Malformed, "{pages:?}");
        }
    }

    #[tokio::test]
    async fn an_id_and_a_name_that_do_not_belong_together_are_told_by_the_records() {
        let setup = Setup::new().await;
        let other = CloudflareZone::IdAndName { id: setup.zone.clone(), name: name("example.net") };
        let provider = Cloudflare::connect(config(&setup.fake, other)).await.unwrap();
        assert!(provider.list(&Scope::Zone).await.unwrap().records.is_empty(), "an empty zone tells nothing");
        setup.addresses(2);
        for scope in [Scope::Zone, Scope::Under(name("a.example.net"))] {
            let error = provider.list(&scope).await.unwrap_err();
            assert_eq!(error.reaction, Reaction::Refused);
            assert!(error.to_string().contains("holds h000000.example.com, which is not in example.net"), "{error}");
        }
        setup.put("stray.example.org", "A", "10.0.0.1");
        assert_eq!(setup.list().await.records.len(), 3, "one stray is no other zone");
    }

    #[tokio::test]
    async fn a_page_without_its_result_or_its_numbers_is_malformed() {
        for body in [
            r#"{"success":true}"#,
            r#"{"success":true,"result":[]}"#,
            r#"{"success":true,"result":null,"result_info":{"per_page":5000,"count":0}}"#,
            r#"{"success":true,"result":{},"result_info":{"per_page":5000,"count":0}}"#,
            r#"{"success":true,"result":[],"result_info":{"per_page":5000,"count":3}}"#,
            r#"{"result":[],"result_info":{"per_page":5000,"count":0}}"#,
        ] {
            let (_server, provider) = canned(&[body]).await;
            assert_eq!(provider.list(&Scope::Zone).await.unwrap_err().reaction, Reaction::Malformed, "{body}");
        }
        let (_server, provider) = canned(&[&page(&[], r#""page":1,"per_page":5000,"count":0,"total_count":0"#)]).await;
        assert!(provider.list(&Scope::Zone).await.unwrap().records.is_empty());
    }

    #[tokio::test]
    async fn a_server_that_gives_the_same_page_for_ever_is_malformed() {
        let same = page(&[1, 2], r#""per_page":2"#);
        let (_server, provider) = canned(&[&same, &same]).await;
        assert_eq!(provider.list(&Scope::Zone).await.unwrap_err().reaction, Reaction::Malformed);
    }

    #[tokio::test]
    async fn a_kept_page_is_read_without_a_server() {
        let page = page(&[1, 2], r#""per_page":5000,"count":2"#);
        assert_eq!(read_page(page).unwrap().records.len(), 2);
        assert_eq!(read_page("<html>".into()).unwrap_err().reaction, Reaction::Malformed);
    }

    #[tokio::test]
    async fn a_lagging_and_a_half_listing_look_whole_from_here() {
        let setup = Setup::new().await;
        setup.addresses(4);
        let before = setup.list().await.records;
        setup.apply(delete_all(&before), &before, FIRST).await;
        setup.fake.server.faults.next(1, On::Listing, Fault::LaggingListing);
        assert_eq!(setup.list().await.records, before);
        assert!(setup.list().await.records.is_empty());
        setup.addresses(4);
        setup.fake.server.faults.next(1, On::Listing, Fault::HalfListing);
        assert_eq!(setup.list().await.records.len(), 2);
    }

    #[tokio::test]
    async fn a_hundred_thousand_records_are_listed_in_twenty_calls() {
        let setup = Setup::new().await;
        setup.addresses(100_000);
        assert_eq!(setup.list().await.records.len(), 100_000);
        assert_eq!(setup.calls().len(), 20);
    }
}

mod changes {
    use super::*;

    #[tokio::test]
    async fn a_deletion_is_one_call() {
        let setup = Setup::new().await;
        setup.addresses(2);
        let answer = setup.apply_one(Change::Delete(record("h000001.example.com", "A", "10.0.1.1"))).await;
        assert!(matches!(answer, Answer::Accepted));
        assert_eq!(setup.calls(), ["POST /dns_records/batch"]);
        assert_eq!(setup.held(), ["h000000.example.com A 10.0.0.1"]);
    }

    #[tokio::test]
    async fn a_thousand_deletions_are_five_calls() {
        let setup = Setup::new().await;
        setup.addresses(1001);
        let before = setup.list().await.records;
        let spared = record("h000500.example.com", "A", "10.1.244.1");
        assert!(before.contains(&spared.key));
        let mut changes = delete_all(&before);
        changes.retain(|change| change.record().key != spared.key);
        setup.fake.server.forget_calls();
        let answers = setup.apply(changes, &before, FIRST).await;
        assert_eq!(count(&answers, "accepted"), 1000);
        assert_eq!(setup.calls().len(), 5);
        assert_eq!(setup.held(), ["h000500.example.com A 10.1.244.1"]);
    }

    #[tokio::test]
    async fn a_vanished_record_in_a_batch_fails_alone() {
        let setup = Setup::new().await;
        setup.addresses(200);
        let before = setup.list().await.records;
        let vanished = before.iter().nth(50).unwrap().handles[0].0.to_string();
        setup.fake.remove(&setup.zone, &vanished);
        setup.fake.server.forget_calls();
        let answers = setup.apply(delete_all(&before), &before, FIRST).await;
        assert_eq!(setup.calls().len(), 1 + 200);
        assert_eq!(count(&answers, "accepted"), 199);
        assert!(matches!(answers[50], Answer::AlreadySo));
        assert!(setup.held().is_empty());
    }

    #[tokio::test]
    async fn a_record_that_is_not_listed_is_gone_without_a_call() {
        let setup = Setup::new().await;
        let answer = setup.apply_one(Change::Delete(record("a.example.com", "A", "10.0.0.1"))).await;
        assert!(matches!(answer, Answer::AlreadySo));
        assert!(setup.calls().is_empty());
    }

    #[tokio::test]
    async fn all_copies_of_a_record_go_and_its_siblings_stay() {
        let setup = Setup::new().await;
        setup.put("a.example.com", "AAAA", "2001:db8::1");
        setup.put("a.example.com", "AAAA", "2001:DB8:0::1");
        setup.put("a.example.com", "AAAA", "2001:db8::2");
        let answer = setup.apply_one(Change::Delete(record("a.example.com", "AAAA", "2001:db8::1"))).await;
        assert!(matches!(answer, Answer::Accepted));
        assert_eq!(setup.held(), ["a.example.com AAAA 2001:db8::2"]);
        assert_eq!(setup.calls().len(), 1);
    }

    #[tokio::test]
    async fn a_record_with_a_copy_that_vanished_goes_all_the_same() {
        for attempt in [FIRST, SECOND] {
            let setup = Setup::new().await;
            let ids = [(); 2].map(|()| setup.put("a.example.com", "A", "10.0.0.1"));
            let before = setup.list().await.records;
            setup.fake.remove(&setup.zone, &ids[0]);
            assert_eq!(kinds(&setup.apply(delete_all(&before), &before, attempt).await), ["accepted"]);
            assert!(setup.held().is_empty());
        }
    }

    #[tokio::test]
    async fn a_record_of_which_a_copy_could_not_be_deleted_is_not_called_deleted() {
        let setup = Setup::new().await;
        drop([(); 2].map(|()| setup.put("a.example.com", "A", "10.0.0.1")));
        let before = setup.list().await.records;
        setup.fake.server.faults.after(1, 1, On::Change, Fault::ErrorBefore);
        assert_eq!(kinds(&setup.apply(delete_all(&before), &before, SECOND).await), ["failed"]);
        assert_eq!(setup.held().len(), 1);
    }

    #[tokio::test]
    async fn a_record_of_another_type_takes_over_what_is_not_said() {
        let setup = Setup::new().await;
        let id = setup.put("a.example.com", "A", "203.0.113.1");
        setup.fake.edit(&setup.zone, &id, |record| (record.ttl, record.comment) = (600, Some("theirs".into())));
        let (old, new) =
            (record("a.example.com", "A", "203.0.113.1"), record("a.example.com", "CNAME", "b.example.com"));
        assert!(matches!(setup.apply_one(Change::Replace { old, new }).await, Answer::Accepted));
        let held = &setup.fake.records(&setup.zone)[0];
        assert_eq!((held.content.as_str(), held.ttl, held.comment.as_deref()), ("b.example.com", 600, Some("theirs")));
    }

    #[tokio::test]
    async fn the_second_time_changes_are_asked_for_one_by_one() {
        let setup = Setup::new().await;
        setup.addresses(3);
        setup.put("h000000.example.com", "A", "10.0.0.1");
        setup.fake.server.faults.always(On::Change, Fault::LyingDelete);
        setup.fake.set_honest_single_deletes();
        let before = setup.list().await.records;
        let answers = setup.apply(delete_all(&before), &before, FIRST).await;
        assert_eq!(count(&answers, "accepted"), 3);
        assert_eq!(setup.held().len(), 4, "the batch lied");
        setup.fake.server.forget_calls();
        let answers = setup.apply(delete_all(&before), &before, SECOND).await;
        assert_eq!(count(&answers, "accepted"), 3);
        assert_eq!(setup.calls().iter().filter(|call| call.starts_with("DELETE /dns_records/")).count(), 4);
        assert!(setup.held().is_empty());
    }

    #[tokio::test]
    async fn a_record_is_made_with_what_it_says_and_unproxied_where_it_says_nothing() {
        let setup = Setup::new().await;
        let mut wanted = record("a.example.com", "A", "203.0.113.1");
        (wanted.ttl, wanted.proxied, wanted.comment) = (Some(Ttl::Seconds(60)), Some(false), Some("ours".into()));
        assert!(matches!(setup.apply_one(Change::Create(wanted.clone())).await, Answer::Accepted));
        assert!(matches!(
            setup.apply_one(Change::Create(record("b.example.com", "A", "10.0.0.1"))).await,
            Answer::Accepted
        ));
        let listing = setup.list().await;
        assert!(wanted.agrees_with(listing.records.get(&wanted.key).unwrap()));
        let plain = &listing.records.at(&name("b.example.com"))[0];
        assert_eq!((plain.ttl, plain.proxied, &plain.comment), (Some(Ttl::Automatic), Some(false), &None));
    }

    #[tokio::test]
    async fn a_record_that_is_there_is_not_made_again() {
        let setup = Setup::new().await;
        let wanted = record("a.example.com", "A", "10.0.0.1");
        setup.put("a.example.com", "A", "10.0.0.1");
        assert!(matches!(setup.apply_one(Change::Create(wanted.clone())).await, Answer::AlreadySo));
        assert!(setup.calls().is_empty());
        // Made by somebody else since the listing.
        let answers = setup.apply([Change::Create(wanted)], &RecordSet::default(), FIRST).await;
        assert_eq!(kinds(&answers), ["already so"]);
        assert_eq!(setup.calls().len(), 1, "refused alone, it is not asked for twice");
        assert_eq!(setup.held().len(), 1);
    }

    #[tokio::test]
    async fn a_changed_value_keeps_its_id_and_what_was_not_said() {
        let setup = Setup::new().await;
        let id = setup.put("a.example.com", "A", "203.0.113.1");
        setup.fake.edit(&setup.zone, &id, |record| {
            (record.proxied, record.comment) = (true, Some("theirs".into()));
            record.tags = vec!["team:a".into()];
        });
        let (old, new) = (record("a.example.com", "A", "203.0.113.1"), record("a.example.com", "A", "203.0.113.2"));
        assert!(matches!(setup.apply_one(Change::Replace { old, new }).await, Answer::Accepted));
        let held = &setup.fake.records(&setup.zone)[0];
        assert_eq!((held.id.as_str(), held.content.as_str(), held.proxied), (id.as_str(), "203.0.113.2", true));
        assert_eq!((held.comment.as_deref(), held.tags.len()), (Some("theirs"), 1));
        assert_eq!(setup.calls().len(), 1);
    }

    #[tokio::test]
    async fn every_way_to_replace_leaves_the_new_record_alone_at_its_name() {
        let a = |address: &str| record("a.example.com", "A", address);
        let cname = record("a.example.com", "CNAME", "b.example.com");
        for attempt in [FIRST, SECOND] {
            for (held, old, new) in [
                (vec!["10.0.0.1"], a("10.0.0.1"), a("10.0.0.2")),
                (vec!["10.0.0.1", "10.0.0.1"], a("10.0.0.1"), a("10.0.0.2")),
                (vec!["10.0.0.1", "10.0.0.2"], a("10.0.0.1"), a("10.0.0.2")),
                (vec!["10.0.0.1", "10.0.0.1"], a("10.0.0.1"), cname.clone()),
            ] {
                let setup = Setup::new().await;
                held.iter().for_each(|address| drop(setup.put("a.example.com", "A", address)));
                let before = setup.list().await.records;
                let mut new = new;
                new.comment = Some("ours".into());
                let change = Change::Replace { old, new: new.clone() };
                assert_eq!(kinds(&setup.apply([change], &before, attempt).await), ["accepted"]);
                let after = setup.list().await.records;
                assert_eq!(after.len(), 1, "{attempt:?} {held:?}: {:?}", setup.held());
                assert!(new.agrees_with(after.get(&new.key).expect("the new record is there")));
                assert_eq!(after.get(&new.key).unwrap().handles.len(), 1);
            }
        }
    }

    #[tokio::test]
    async fn attributes_are_put_back_on_every_copy_and_left_alone_where_they_agree() {
        let setup = Setup::new().await;
        setup.put("a.example.com", "A", "10.0.0.1");
        setup.put("a.example.com", "A", "10.0.0.1");
        let old = record("a.example.com", "A", "10.0.0.1");
        let mut new = old.clone();
        new.ttl = Some(Ttl::Seconds(120));
        let change = Change::Replace { old, new };
        assert!(matches!(setup.apply_one(change.clone()).await, Answer::Accepted));
        assert!(setup.fake.records(&setup.zone).iter().all(|record| record.ttl == 120));
        assert!(matches!(setup.apply_one(change).await, Answer::AlreadySo));
        assert!(setup.calls().is_empty());
    }

    #[tokio::test]
    async fn a_replacement_whose_old_record_is_gone_is_not_made() {
        let setup = Setup::new().await;
        let id = setup.put("a.example.com", "A", "10.0.0.1");
        let before = setup.list().await.records;
        let (old, new) = (record("a.example.com", "A", "10.0.0.1"), record("a.example.com", "A", "10.0.0.2"));
        let change = Change::Replace { old, new };
        assert_eq!(kinds(&setup.apply([change.clone()], &RecordSet::default(), FIRST).await), ["condition failed"]);
        setup.fake.remove(&setup.zone, &id);
        assert_eq!(kinds(&setup.apply([change], &before, FIRST).await), ["condition failed"]);
        assert!(setup.held().is_empty());
    }
}

mod names_outside_the_zone {
    use super::*;

    /// A provider that knows the zone by its id alone.
    async fn by_id(setup: &Setup) -> Cloudflare {
        Cloudflare::connect(config(&setup.fake, CloudflareZone::Id(setup.zone.clone()))).await.unwrap()
    }

    fn create(owner: &str) -> Group {
        let change = Change::Create(record(owner, "A", "10.0.0.1"));
        Group { changes: vec![change], ..Group::default() }
    }

    #[tokio::test]
    async fn are_refused_and_what_was_made_of_them_is_deleted_at_once() {
        for attempt in [FIRST, SECOND] {
            let setup = Setup::new().await;
            let work = ["a.example.com", "foo.unrelated.org", "b.example.com", "com"].map(create);
            let answers = by_id(&setup).await.apply(&work, &RecordSet::default(), attempt).await;
            assert_eq!(kinds(&answers), ["accepted", "failed", "accepted", "failed"], "{answers:?}");
            assert_eq!(setup.held(), ["a.example.com A 10.0.0.1", "b.example.com A 10.0.0.1"]);
            assert_eq!(reaction(&answers[1]), Reaction::Refused);
            let Answer::Failed(error) = &answers[1] else { unreachable!() };
            let said = "foo.unrelated.org is not in the zone, so Cloudflare made foo.unrelated.org.example.com of it";
            assert!(error.answered.contains(said) && error.answered.contains("deleted again"), "{error}");
        }
    }

    #[tokio::test]
    async fn are_refused_in_a_group_of_several_changes() {
        let setup = Setup::new().await;
        let changes = ["a.example.com", "foo.unrelated.org"].map(|owner| create(owner).changes.remove(0)).to_vec();
        let work = [Group { changes, ..Group::default() }];
        for attempt in [FIRST, SECOND] {
            let answers = by_id(&setup).await.apply(&work, &setup.list().await.records, attempt).await;
            assert_eq!(kinds(&answers)[1], "failed", "{answers:?}");
            assert_eq!(setup.held(), ["a.example.com A 10.0.0.1"]);
        }
    }

    #[tokio::test]
    async fn are_named_where_what_was_made_of_them_stays() {
        for attempt in [FIRST, SECOND] {
            let setup = Setup::new().await;
            setup.fake.server.faults.after(1, 1, On::Change, Fault::ErrorBefore);
            let work = [create("foo.unrelated.org")];
            let answers = by_id(&setup).await.apply(&work, &RecordSet::default(), attempt).await;
            let Answer::Failed(error) = &answers[0] else { panic!("{answers:?}") };
            assert_eq!(error.reaction, Reaction::Refused);
            assert!(error.answered.contains("that record stays: could not delete"), "{error}");
            let id = &setup.fake.records(&setup.zone)[0].id;
            let hint = error.hint.as_ref().unwrap();
            assert!(hint.contains("foo.unrelated.org.example.com") && hint.contains(id), "{hint}");
        }
    }
}

mod groups {
    use super::*;

    fn pair() -> Group {
        let changes = vec![
            Change::Create(record("a.example.com", "A", "10.0.0.1")),
            Change::Delete(record("a.example.com", "CNAME", "b.example.com")),
        ];
        Group { changes, ..Group::default() }
    }

    #[tokio::test]
    async fn a_cname_gives_way_to_an_address_in_one_request() {
        for attempt in [FIRST, SECOND] {
            let setup = Setup::new().await;
            setup.put("a.example.com", "CNAME", "b.example.com");
            let before = setup.list().await.records;
            setup.fake.server.forget_calls();
            assert_eq!(kinds(&setup.provider.apply(&[pair()], &before, attempt).await), ["accepted", "accepted"]);
            assert_eq!(setup.held(), ["a.example.com A 10.0.0.1"]);
            assert_eq!(setup.calls(), ["POST /dns_records/batch"]);
        }
    }

    #[tokio::test]
    async fn a_group_is_made_whole_or_not_at_all() {
        let setup = Setup::new().await;
        setup.put("a.example.com", "CNAME", "b.example.com");
        let before = setup.list().await.records;
        let mut group = pair();
        let mut long = record("c.example.com", "A", "10.0.0.1");
        long.ttl = Some(Ttl::Seconds(7));
        group.changes.push(Change::Create(long));
        let other =
            Group { changes: vec![Change::Create(record("d.example.com", "A", "10.0.0.1"))], ..Group::default() };
        let answers = setup.provider.apply(&[group, other], &before, FIRST).await;
        assert_eq!(kinds(&answers), ["failed", "failed", "failed", "accepted"]);
        let Answer::Failed(error) = &answers[2] else { unreachable!() };
        assert!(error.to_string().contains("9021") && error.hint.as_ref().unwrap().contains("86400"), "{error:?}");
        assert_eq!(setup.held(), ["a.example.com CNAME b.example.com", "d.example.com A 10.0.0.1"]);
    }

    #[tokio::test]
    async fn what_a_group_deletes_and_is_gone_does_not_keep_the_rest_from_being_made() {
        let setup = Setup::new().await;
        let id = setup.put("a.example.com", "CNAME", "b.example.com");
        let before = setup.list().await.records;
        setup.fake.remove(&setup.zone, &id);
        setup.fake.server.forget_calls();
        assert_eq!(kinds(&setup.provider.apply(&[pair()], &before, FIRST).await), ["accepted", "already so"]);
        assert_eq!(setup.held(), ["a.example.com A 10.0.0.1"]);
        assert_eq!(setup.calls().len(), 3);
    }

    #[tokio::test]
    async fn a_group_fails_whole_when_the_budget_ends_between_its_calls() {
        for allowed in [1, 2] {
            let setup = Setup::new().await;
            let id = setup.put("a.example.com", "CNAME", "b.example.com");
            let before = setup.list().await.records;
            setup.fake.remove(&setup.zone, &id);
            setup.fake.set_remaining(allowed);
            let answers = setup.provider.apply(&[pair()], &before, FIRST).await;
            assert!(matches!(reaction(&answers[0]), Reaction::Busy { .. }), "{allowed}: {answers:?}");
            assert!(setup.held().is_empty());
        }
    }

    #[tokio::test]
    async fn a_group_that_replaces_what_is_gone_is_not_made() {
        let setup = Setup::new().await;
        let id = setup.put("a.example.com", "A", "10.0.0.1");
        setup.put("b.example.com", "A", "10.0.0.1");
        let before = setup.list().await.records;
        setup.fake.remove(&setup.zone, &id);
        let (old, new) = (record("a.example.com", "A", "10.0.0.1"), record("a.example.com", "A", "10.0.0.2"));
        let delete = Change::Delete(record("b.example.com", "A", "10.0.0.1"));
        let group = Group { changes: vec![Change::Replace { old, new }, delete], ..Group::default() };
        let answers = setup.provider.apply(&[group], &before, FIRST).await;
        assert_eq!(kinds(&answers), ["condition failed", "condition failed"]);
        assert_eq!(setup.held(), ["b.example.com A 10.0.0.1"]);
    }

    #[tokio::test]
    async fn a_group_with_a_change_that_cannot_be_asked_for_is_not_made() {
        let setup = Setup::new().await;
        setup.put("a.example.com", "CNAME", "b.example.com");
        let before = setup.list().await.records;
        let mut group = pair();
        group.changes.push(Change::Create(record("_443._tcp.example.com", "TLSA", "3 1 1 ab")));
        let answers = setup.provider.apply(&[group], &before, FIRST).await;
        assert_eq!(kinds(&answers), ["condition failed", "condition failed", "failed"]);
        assert_eq!(reaction(&answers[2]), Reaction::Refused);
        assert_eq!(setup.held(), ["a.example.com CNAME b.example.com"]);
    }

    #[tokio::test]
    async fn a_group_is_never_cut_by_the_batch() {
        let setup = Setup::new().await;
        setup.fake.set_batch(1000);
        setup.addresses(410);
        let before = setup.list().await.records;
        let changes = delete_all(&before);
        let work: Vec<Group> = [&changes[..150], &changes[150..300], &changes[300..310], &changes[310..]]
            .map(|changes| Group { changes: changes.to_vec(), ..Group::default() })
            .into();
        setup.fake.server.forget_calls();
        let answers = setup.provider.apply(&work, &before, FIRST).await;
        assert_eq!(count(&answers, "accepted"), 410);
        assert_eq!(setup.calls().len(), 3, "150, 150 with 10, and 100");
    }
}

mod refusals {
    use super::*;

    #[tokio::test]
    async fn each_is_explained_and_fails_alone() {
        let setup = Setup::new().await;
        setup.put("cname.example.com", "CNAME", "b.example.com");
        setup.put("a.example.com", "A", "10.0.0.1");
        setup.put("lab.example.com", "NS", "ns.example.net");
        let with = |owner: &str, rtype: &str, text: &str, edit: fn(&mut Record)| {
            let mut record = record(owner, rtype, text);
            edit(&mut record);
            Change::Create(record)
        };
        let cases = [
            (with("cname.example.com", "A", "10.0.0.1", |_| {}), 81054, "a CNAME stands at that name"),
            (with("a.example.com", "CNAME", "b.example.com", |_| {}), 81053, "cannot stand beside"),
            (with("lab.example.com", "A", "10.0.0.1", |_| {}), 81056, "NS records delegate"),
            (
                with("b.example.com", "A", "203.0.113.1", |record| record.ttl = Some(Ttl::Seconds(5))),
                9021,
                "60 to 86400",
            ),
            (with("b.example.com", "A", "10.0.0.1", |record| record.proxied = Some(true)), 9003, "without proxy"),
            (with("b.example.com", "TXT", "x", |record| record.proxied = Some(true)), 9004, "without proxy"),
            (
                with("b.example.com", "A", "203.0.113.9", |record| record.comment = Some("x".repeat(101))),
                1004,
                "100 characters",
            ),
        ];
        let before = setup.list().await.records;
        let good = Change::Create(record("good.example.com", "A", "10.0.0.1"));
        let changes = cases.iter().map(|(change, ..)| change.clone()).chain([good]);
        let answers = setup.apply(changes, &before, FIRST).await;
        for ((change, code, hint), answer) in cases.iter().zip(&answers) {
            let Answer::Failed(error) = answer else { panic!("{change} was {answer:?}") };
            assert_eq!(error.reaction, Reaction::Refused);
            assert!(error.to_string().contains(&format!("could not {change} at Cloudflare's API")), "{error}");
            assert!(
                error.to_string().contains(&format!("({code})")) && error.to_string().contains("cf-ray"),
                "{error}"
            );
            assert!(error.hint.as_ref().unwrap().contains(hint), "{error:?}");
        }
        assert!(matches!(answers.last(), Some(Answer::Accepted)));
        assert_eq!(setup.held().len(), 4);
    }

    #[tokio::test]
    async fn a_full_zone_says_so() {
        let setup = Setup::new().await;
        setup.addresses(3);
        setup.fake.set_quota(&setup.zone, 3);
        let answer = setup.apply_one(Change::Create(record("b.example.com", "A", "10.0.0.1"))).await;
        let Answer::Failed(error) = answer else { panic!("{answer:?}") };
        assert!(error.to_string().contains("81045") && error.hint.unwrap().contains("plan"));
    }

    #[tokio::test]
    async fn without_token_budget_or_connection_the_rest_is_not_asked_for() {
        for (fault, expected) in [
            (Fault::Unauthorized, Reaction::Unauthorized),
            (Fault::TooManyRequests(Some(3)), Reaction::Busy { retry_after: Some(Duration::from_secs(3)) }),
            (Fault::ErrorBefore, Reaction::Unreachable),
            (Fault::ResetInBody, Reaction::Unreachable),
            (Fault::Html, Reaction::Malformed),
            (Fault::Empty, Reaction::Malformed),
            (Fault::CutJson, Reaction::Malformed),
        ] {
            let setup = Setup::new().await;
            setup.addresses(450);
            let before = setup.list().await.records;
            setup.fake.server.forget_calls();
            setup.fake.server.faults.after(1, 1, On::Change, fault);
            let answers = setup.apply(delete_all(&before), &before, FIRST).await;
            assert_eq!(setup.calls().len(), 2, "{fault:?}");
            assert_eq!(count(&answers, "accepted"), 200, "{fault:?}");
            assert!(answers[200..].iter().all(|answer| reaction(answer) == expected), "{fault:?}");
            // The same in the middle of a batch that is asked for one by one.
            let left = setup.list().await.records;
            setup.fake.server.forget_calls();
            setup.fake.server.faults.after(5, 1, On::Change, fault);
            let answers = setup.apply(delete_all(&left), &left, SECOND).await;
            assert_eq!(setup.calls().len(), 6, "{fault:?}");
            assert_eq!(count(&answers, "accepted"), 5, "{fault:?}");
            assert!(answers[5..].iter().all(|answer| reaction(answer) == expected), "{fault:?}");
        }
    }

    #[tokio::test]
    async fn a_budget_that_is_used_up_is_not_overdrawn() {
        let setup = Setup::new().await;
        setup.addresses(5);
        let before = setup.list().await.records;
        setup.fake.set_remaining(3);
        setup.fake.server.forget_calls();
        let answers = setup.apply(delete_all(&before), &before, SECOND).await;
        assert_eq!(kinds(&answers), ["accepted", "accepted", "accepted", "failed", "failed"]);
        assert_eq!(reaction(&answers[3]), Reaction::Busy { retry_after: Some(Duration::from_secs(30)) });
        assert_eq!(setup.calls().len(), 3, "a fourth call would have blocked all others of the user");
        setup.fake.set_remaining(100);
        assert_eq!(setup.list().await.records.len(), 2, "after the pause it goes on");
    }

    #[tokio::test]
    async fn a_budget_is_that_of_all_connections_that_share_it() {
        let setup = Setup::new().await;
        setup.fake.add_zone("example.org");
        let budget = Budget::default();
        setup.fake.set_remaining(1);
        zones(&setup.fake.url(), &setup.fake.token.clone().into(), &budget).await.unwrap();
        let id = CloudflareZone::Id(setup.zone.clone());
        let other = CloudflareConfig { budget, ..config(&setup.fake, id) };
        setup.fake.server.forget_calls();
        let error = Cloudflare::connect(other).await.unwrap().list(&Scope::Zone).await.unwrap_err();
        assert_eq!(error.reaction, Reaction::Busy { retry_after: Some(Duration::from_secs(30)) });
        assert!(setup.calls().is_empty(), "the call was not made");
    }
}

mod examination {
    use super::*;

    #[tokio::test]
    async fn a_zone_in_order_has_no_surprises() {
        let setup = Setup::new().await;
        setup.addresses(3);
        assert_eq!(setup.provider.examine().await.unwrap(), Vec::<String>::new());
        assert_eq!(setup.calls().len(), 3);
    }

    #[tokio::test]
    async fn what_surprises_is_said() {
        let setup = Setup::new().await;
        setup.put("stray.example.org", "A", "10.0.0.1");
        setup.put("bad.example.com", "A", "nonsense");
        setup.fake.set_status(&setup.zone, "pending", true);
        setup.fake.set_token_status("disabled");
        setup.put("www.example.com", "A", "10.0.0.1");
        let other = CloudflareZone::IdAndName { id: setup.zone.clone(), name: name("com") };
        let provider = Cloudflare::connect(config(&setup.fake, other)).await.unwrap();
        let surprises = provider.examine().await.unwrap();
        for (said, expected) in surprises.iter().zip([
            "`disabled`, not active",
            "`pending`, not active",
            "is paused",
            "is called example.com, and not com",
            "1 records outside example.com: stray.example.org A 10.0.0.1",
            "1 records that cannot be read and are left alone: bad.example.com A nonsense",
        ]) {
            assert!(said.contains(expected), "{said}");
        }
        assert_eq!(surprises.len(), 6);
    }

    #[tokio::test]
    async fn a_budget_that_ends_on_the_way_is_a_finding_and_not_overdrawn() {
        for allowed in 1..=3 {
            let setup = Setup::new().await;
            setup.fake.set_remaining(allowed);
            setup.list().await;
            let surprises = setup.provider.examine().await.unwrap();
            assert_eq!(surprises.len(), 1);
            assert!(surprises[0].contains("not everything was looked at"), "{surprises:?}");
            assert_eq!(setup.calls().len() as u64, allowed);
        }
    }

    #[tokio::test]
    async fn a_token_that_may_not_ask_is_no_failure_as_long_as_it_lists() {
        let setup = Setup::new().await;
        setup.fake.server.faults.always(On::Preparation, Fault::Unauthorized);
        let surprises = setup.provider.examine().await.unwrap();
        assert_eq!(surprises.len(), 1);
        assert!(surprises[0].contains("was not checked"));
        setup.fake.server.faults.always(On::Listing, Fault::Unauthorized);
        assert_eq!(setup.provider.examine().await.unwrap_err().reaction, Reaction::Unauthorized);
    }
}

mod spelling {
    use super::*;

    fn label() -> impl Strategy<Value = String> {
        proptest::sample::select(vec!["a", "www", "_dmarc", "x-1", "Host", "xn--bcher-kva"]).prop_map(Into::into)
    }

    fn host() -> impl Strategy<Value = Name> {
        (proptest::collection::vec(label(), 1..4)).prop_map(|labels| name(&format!("{}.example", labels.join("."))))
    }

    fn any_data() -> impl Strategy<Value = RecordData> {
        prop_oneof![
            any::<u32>().prop_map(|bits| RecordData::A(bits.into())),
            any::<u128>().prop_map(|bits| RecordData::Aaaa(bits.into())),
            (0_u128..=u128::from(u32::MAX)).prop_map(|bits| RecordData::Aaaa(bits.into())),
            host().prop_map(RecordData::Cname),
            host().prop_map(RecordData::Ns),
            host().prop_map(RecordData::Ptr),
            (any::<u16>(), host()).prop_map(|(preference, exchange)| RecordData::Mx { preference, exchange }),
            (any::<u16>(), any::<u16>(), any::<u16>(), prop_oneof![host(), Just(Name::root())])
                .prop_map(|(priority, weight, port, target)| RecordData::Srv { priority, weight, port, target }),
            (any::<u8>(), "[a-zA-Z0-9]{1,15}", ".{0,40}").prop_map(|(flags, tag, value)| RecordData::caa(
                flags,
                &tag,
                value.as_bytes()
            )
            .unwrap()),
            // At worst four characters an octet, and the API takes 2048.
            proptest::collection::vec(any::<u8>(), 0..500).prop_map(|octets| RecordData::Txt(octets.into())),
            proptest::collection::vec(b' '..=b'~', 0..900).prop_map(|octets| RecordData::Txt(octets.into())),
        ]
    }

    #[test]
    fn every_value_comes_back_from_the_api_as_it_went() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let setup = runtime.block_on(Setup::new());
        let owner = std::cell::Cell::new(0);
        proptest!(ProptestConfig::with_cases(400), |(data in any_data())| {
            owner.set(owner.get() + 1);
            let owner = name(&format!("p{}.example.com", owner.get()));
            let wanted = Record::new(owner.clone(), data);
            runtime.block_on(async {
                let answers = setup.apply([Change::Create(wanted.clone())], &RecordSet::default(), FIRST).await;
                prop_assert_eq!(kinds(&answers), ["accepted"], "{:?}", answers);
                let listed = setup.provider.list(&Scope::Names(BTreeSet::from([owner.clone()]))).await.unwrap();
                prop_assert!(listed.opaque.is_empty());
                prop_assert_eq!(listed.records.iter().map(|record| &record.key).collect::<Vec<_>>(), [&wanted.key]);
                let answers = setup.apply([Change::Delete(wanted)], &listed.records, SECOND).await;
                prop_assert_eq!(kinds(&answers), ["accepted"]);
                Ok(())
            })?;
        });
        assert!(setup.held().is_empty());
    }
}

#[tokio::test]
async fn the_provider_conforms() {
    let fake = FakeCloudflare::start().await;
    let zone = fake.add_zone("example.com");
    fake.put(&zone, "foreign.example.com", "A", "10.0.0.1");
    let config = CloudflareConfig {
        name: "cloudflare".into(),
        url: fake.url(),
        token: fake.token.clone().into(),
        zone: CloudflareZone::IdAndName { id: zone, name: Name::parse("example.com").unwrap() },
        batch: DEFAULT_BATCH,
        budget: Budget::default(),
    };
    fixtures::conformance::check(&Cloudflare::connect(config).await.unwrap()).await;
}

#[tokio::test]
async fn what_the_api_takes_only_in_parts_is_objected_to_before_any_call() {
    let setup = Setup::new().await;
    let tlsa = RecordData::parse(&"TLSA".parse().unwrap(), "3 1 1 cd").unwrap();
    let record = Record::new(name("a.example.com"), tlsa);
    let objection = setup.provider.objection(&Change::Create(record.clone()));
    assert!(objection.is_some_and(|why| why.contains("TLSA")));
    assert_eq!(setup.provider.objection(&Change::Delete(record)), None);
    assert!(setup.fake.server.calls().is_empty());
}
