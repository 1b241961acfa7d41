//! The provider `adguard` against a fake AdGuard Home.
#![cfg(feature = "adguard")]

use std::time::Duration;

use dnsmgmt_core::name::Name;
use dnsmgmt_core::provider::{Answer, Attempt, Change, Condition, DnsProvider, Group, ProviderError, Reaction, RunId};
use dnsmgmt_core::record::{Record, RecordData, RecordType, Ttl};
use dnsmgmt_core::record_set::{Listing, RecordSet, Scope};
use dnsmgmt_providers::adguard::{AdGuard, AdGuardConfig, Credentials};
use fixtures::adguard::{AdGuardOptions, Entry, FakeAdGuard, Version};
use fixtures::faults::{Fault, On};
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

const LIST: &str = "GET /control/rewrite/list";
const ADD: &str = "POST /control/rewrite/add";
const DELETE: &str = "POST /control/rewrite/delete";
const UPDATE: &str = "PUT /control/rewrite/update";
const SETTINGS: &str = "GET /control/rewrite/settings";
const FILTERING: &str = "GET /control/filtering/status";
const LOGIN: &str = "POST /control/login";

/// A fake and the provider that speaks to it.
struct Home {
    fake: FakeAdGuard,
    provider: AdGuard,
}

impl Home {
    async fn with(options: AdGuardOptions) -> Self {
        let fake = FakeAdGuard::start(options).await;
        let provider = connect(&fake.url(), options.user);
        Self { fake, provider }
    }

    async fn new() -> Self {
        Self::with(AdGuardOptions::default()).await
    }

    async fn with_user() -> Self {
        Self::with(AdGuardOptions { user: Some(("admin", "right")), ..AdGuardOptions::default() }).await
    }

    async fn version(version: Version) -> Self {
        Self::with(AdGuardOptions { version, ..AdGuardOptions::default() }).await
    }

    fn put(&self, pairs: &[(&str, &str)]) {
        for (domain, answer) in pairs {
            self.fake.put(domain, answer);
        }
    }

    fn put_switched_off(&self, domain: &str, answer: &str) {
        self.fake.put_entry(Entry { domain: domain.into(), answer: answer.into(), enabled: false });
    }

    async fn list(&self) -> Listing {
        self.provider.list(&Scope::Zone).await.unwrap()
    }

    /// Asks for one change, listed before, and returns the answer and the calls that it took.
    async fn ask(&self, change: Change, attempt: u32) -> (Answer, Vec<String>) {
        let before = self.list().await.records;
        self.fake.server.forget_calls();
        let answer = self.apply(vec![change], &before, attempt).await.remove(0);
        (answer, self.fake.server.calls())
    }

    async fn apply(&self, changes: Vec<Change>, before: &RecordSet, number: u32) -> Vec<Answer> {
        let work = [Group { only_if: Vec::new(), changes }];
        self.provider.apply(&work, before, Attempt { number, run: RunId(7) }).await
    }

    fn pairs(&self) -> Vec<String> {
        self.fake.pairs()
    }
}

fn connect(url: &str, user: Option<(&str, &str)>) -> AdGuard {
    let credentials =
        user.map(|(name, password)| Credentials { username: name.into(), password: password.to_owned().into() });
    AdGuard::connect(AdGuardConfig { name: "home".into(), url: url.into(), credentials }).unwrap()
}

fn record(name: &str, answer: &str) -> Record {
    Record::new(Name::parse(name).unwrap(), RecordData::infer(answer).unwrap())
}

fn switched(name: &str, answer: &str, enabled: bool) -> Record {
    Record { enabled: Some(enabled), ..record(name, answer) }
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

fn failure(answer: &Answer) -> &ProviderError {
    match answer {
        Answer::Failed(error) => error,
        other => panic!("{other:?}"),
    }
}

fn texts(records: &RecordSet) -> Vec<String> {
    records.iter().map(ToString::to_string).collect()
}

// ---- listing

#[tokio::test]
async fn a_listing_is_one_call_and_folds_copies() {
    let home = Home::new().await;
    home.put(&[
        ("b.example", "FD00:0::1"),
        ("a.example", "10.0.0.1"),
        ("b.example", "fd00::1"),
        ("b.example.", "fd00::1"),
    ]);
    let listing = home.list().await;
    assert_eq!(texts(&listing.records), ["a.example A 10.0.0.1", "b.example AAAA fd00::1"]);
    assert_eq!(listing.records.iter().last().unwrap().handles.len(), 3);
    assert!(listing.provider_time.is_some());
    assert_eq!(home.fake.server.calls(), [LIST]);
}

#[tokio::test]
async fn a_listing_keeps_to_its_scope_except_for_tombstones() {
    let home = Home::new().await;
    home.put(&[("a.example", "10.0.0.1"), ("b.example", "10.0.0.2"), ("7.tombstone.invalid", "10.0.0.3")]);
    home.put(&[("a.example", "AAAA"), ("b.example", "AAAA"), ("", "")]);
    let listing = home.provider.list(&Scope::from_iter([Name::parse("a.example").unwrap()])).await.unwrap();
    assert_eq!(texts(&listing.records), ["7.tombstone.invalid A 10.0.0.3", "a.example A 10.0.0.1"]);
    assert_eq!(listing.opaque.iter().map(|entry| entry.text.as_str()).collect::<Vec<_>>(), ["a.example -> AAAA"]);
    assert_eq!(home.list().await.opaque.len(), 3);
}

#[tokio::test]
async fn an_old_server_says_nothing_about_being_enabled() {
    let (new, old) = (Home::new().await, Home::version(Version::V52).await);
    for home in [&new, &old] {
        home.put(&[("a.example", "10.0.0.1")]);
    }
    assert_eq!(new.list().await.records.iter().next().unwrap().enabled, Some(true));
    assert_eq!(old.list().await.records.iter().next().unwrap().enabled, None);
}

#[tokio::test]
async fn what_is_not_a_whole_listing_is_an_error() {
    let home = Home::new().await;
    home.put(&[("a.example", "10.0.0.1"), ("b.example", "10.0.0.2")]);
    let busy = Reaction::Busy { retry_after: Some(Duration::from_secs(3)) };
    let faults = [
        (Fault::Empty, Reaction::Malformed),
        (Fault::Html, Reaction::Malformed),
        (Fault::CutJson, Reaction::Malformed),
        (Fault::ResetInBody, Reaction::Unreachable),
        (Fault::ErrorBefore, Reaction::Unreachable),
        (Fault::ErrorAfter, Reaction::Unreachable),
        (Fault::TooManyRequests(Some(3)), busy),
        (Fault::TooManyRequests(None), Reaction::Busy { retry_after: None }),
        (Fault::Unauthorized, Reaction::Unauthorized),
    ];
    for (fault, reaction) in faults {
        home.fake.server.faults.next(1, On::Listing, fault);
        let error = home.provider.list(&Scope::Zone).await.unwrap_err();
        assert_eq!(error.reaction, reaction, "{fault:?}: {error}");
        assert!(error.to_string().contains(&format!("could not list the rewrites at {}", home.fake.url())), "{error}");
    }
    home.fake.server.faults.next(1, On::Listing, Fault::SlowBody(Duration::from_millis(50)));
    assert_eq!(home.list().await.records.len(), 2);
}

#[tokio::test]
async fn a_listing_that_is_well_formed_and_wrong_is_passed_on() {
    let home = Home::new().await;
    home.put(&[("a.example", "10.0.0.1"), ("b.example", "10.0.0.2")]);
    let faults = &home.fake.server.faults;
    faults.next(1, On::Listing, Fault::HalfListing);
    assert_eq!(home.list().await.records.len(), 1);
    faults.next(1, On::Listing, Fault::Duplicates);
    let listing = home.list().await;
    assert!(listing.records.len() == 2 && listing.records.iter().all(|record| record.handles.len() == 2));
    home.ask(delete("a.example", "10.0.0.1"), 1).await;
    faults.next(1, On::Listing, Fault::LaggingListing);
    assert_eq!(home.list().await.records.len(), 2);
    assert_eq!(home.list().await.records.len(), 1);
}

#[tokio::test]
async fn a_server_that_is_not_set_up_says_so() {
    let home = Home::with(AdGuardOptions { not_set_up: true, ..AdGuardOptions::default() }).await;
    let error = home.provider.list(&Scope::Zone).await.unwrap_err();
    assert_eq!(error.reaction, Reaction::Refused);
    assert!(error.answered.contains("first-run set-up is not finished"), "{error}");
    let error = connect(&home.fake.url(), Some(("admin", "right"))).list(&Scope::Zone).await.unwrap_err();
    assert!(error.answered.contains("first-run set-up is not finished"), "{error}");
}

#[tokio::test]
async fn an_address_with_another_path_is_refused_with_a_hint() {
    let home = Home::new().await;
    let error = connect(&format!("{}/control/", home.fake.url()), None).list(&Scope::Zone).await.unwrap_err();
    assert_eq!(error.reaction, Reaction::Refused);
    assert!(error.hint.unwrap().contains("without `/control`"));
}

// ---- creating

#[tokio::test]
async fn a_record_is_added_in_the_form_that_is_answered() {
    let home = Home::new().await;
    for (name, answer) in
        [("WWW.Bücher.Example.", "10.0.0.1"), ("v6.example", "FD00:0:0::1"), ("*.example", "Host.Example.")]
    {
        let (answer, calls) = home.ask(create(name, answer), 1).await;
        assert!(matches!(answer, Answer::Accepted), "{answer:?}");
        assert_eq!(calls, [ADD]);
    }
    assert_eq!(
        home.pairs(),
        ["www.xn--bcher-kva.example -> 10.0.0.1", "v6.example -> fd00::1", "*.example -> host.example"]
    );
}

#[tokio::test]
async fn what_is_listed_is_not_added_again() {
    let home = Home::new().await;
    home.put(&[("v6.example", "FD00:0::1")]);
    let (answer, calls) = home.ask(create("v6.example", "fd00::1"), 1).await;
    assert!(matches!(answer, Answer::AlreadySo));
    assert_eq!(calls, [""; 0]);
}

#[tokio::test]
async fn what_a_server_must_not_be_given_is_refused_without_a_call() {
    let home = Home::version(Version::V52).await;
    let text = RecordData::parse(&RecordType::Txt, "text").unwrap();
    let target = |target: &str| RecordData::Cname(Name::parse(target).unwrap());
    let at = |data| Record::new(Name::parse("a.example").unwrap(), data);
    let records = [
        at(text),
        at(target("host_x")),
        at(target("10.0.0.300")),
        at(target("a.example")),
        at(target(".")),
        record(".", "10.0.0.1"),
        record("*", "10.0.0.1"),
        record("a\\032b.example", "10.0.0.1"),
        Record { ttl: Some(Ttl::Seconds(60)), ..record("a.example", "10.0.0.1") },
        Record { proxied: Some(true), ..record("a.example", "10.0.0.1") },
        Record { comment: Some("ours".into()), ..record("a.example", "10.0.0.1") },
    ];
    for record in records {
        let why = home.provider.objection(&Change::Create(record.clone())).expect("a refusal without a call");
        let (answer, calls) = home.ask(Change::Create(record.clone()), 1).await;
        assert_eq!(failure(&answer).reaction, Reaction::Refused, "{record}");
        assert_eq!(failure(&answer).answered, why);
        assert_eq!(calls, [""; 0], "{record}");
        assert_eq!(home.provider.objection(&Change::Delete(record.clone())), None);

        home.put(&[("a.example", "10.0.0.9")]);
        let (answer, calls) =
            home.ask(Change::Replace { old: self::record("a.example", "10.0.0.9"), new: record }, 1).await;
        assert_eq!(failure(&answer).reaction, Reaction::Refused);
        assert_eq!(calls, [""; 0]);
        home.fake.take("a.example");
    }
    assert_eq!(home.pairs(), [""; 0]);
}

#[tokio::test]
async fn a_record_can_be_created_switched_off_where_that_exists() {
    let home = Home::new().await;
    let (answer, calls) = home.ask(Change::Create(switched("a.example", "10.0.0.1", false)), 1).await;
    assert!(matches!(answer, Answer::Accepted));
    assert_eq!(calls, [SETTINGS, ADD], "an empty listing does not show whether there is such a switch");
    assert!(!home.fake.entries()[0].enabled);
    let (answer, calls) = home.ask(Change::Create(switched("b.example", "10.0.0.1", false)), 1).await;
    assert!(matches!(answer, Answer::Accepted));
    assert_eq!(calls, [ADD]);

    let old = Home::version(Version::V52).await;
    let (answer, _) = old.ask(Change::Create(switched("a.example", "10.0.0.1", false)), 1).await;
    assert_eq!(failure(&answer).reaction, Reaction::Refused);
    assert!(old.provider.objection(&Change::Create(switched("a.example", "10.0.0.1", false))).is_some());
    assert_eq!(home.provider.objection(&Change::Create(switched("a.example", "10.0.0.1", false))), None);
    let (answer, calls) = old.ask(Change::Create(switched("a.example", "10.0.0.1", true)), 1).await;
    assert!(matches!(answer, Answer::Accepted));
    assert_eq!(calls, [ADD]);
}

#[tokio::test]
async fn creating_what_is_switched_off_switches_it_on_and_adds_no_copy() {
    let home = Home::new().await;
    home.put_switched_off("a.example", "10.0.0.1");
    let (answer, calls) = home.ask(Change::Create(switched("a.example", "10.0.0.1", true)), 1).await;
    assert!(matches!(answer, Answer::Accepted));
    assert_eq!(calls, [UPDATE]);
    assert_eq!(home.fake.entries(), [Entry { domain: "a.example".into(), answer: "10.0.0.1".into(), enabled: true }]);
}

// ---- deleting

#[tokio::test]
async fn a_delete_is_one_call_for_each_stored_spelling_and_leaves_siblings() {
    let home = Home::new().await;
    home.put(&[
        ("a.example", "FD00:0::1"),
        ("a.example", "10.0.0.1"),
        ("a.example", "FD00:0::1"),
        ("a.example.", "fd00::1"),
    ]);
    let (answer, calls) = home.ask(delete("A.Example", "fd00::1"), 1).await;
    assert!(matches!(answer, Answer::Accepted));
    assert_eq!(calls, [DELETE, DELETE]);
    assert_eq!(home.pairs(), ["a.example -> 10.0.0.1"]);
}

#[tokio::test]
async fn what_is_not_listed_is_not_asked_to_go() {
    let home = Home::new().await;
    home.put(&[("a.example", "10.0.0.1")]);
    for attempt in [1, 2] {
        let (answer, calls) = home.ask(delete("a.example", "10.0.0.2"), attempt).await;
        assert!(matches!(answer, Answer::AlreadySo));
        assert_eq!(calls, [""; 0]);
    }
}

#[tokio::test]
async fn the_second_way_renames_each_copy_and_deletes_the_tombstone() {
    let home = Home::new().await;
    home.put(&[
        ("a.example", "fd00::1"),
        ("a.example", "10.0.0.1"),
        ("a.example", "fd00::1"),
        ("a.example", "FD00::1"),
    ]);
    let (answer, calls) = home.ask(delete("a.example", "fd00::1"), 2).await;
    assert!(matches!(answer, Answer::Accepted));
    assert_eq!(calls, [UPDATE, UPDATE, UPDATE, DELETE, DELETE]);
    assert_eq!(home.pairs(), ["a.example -> 10.0.0.1"]);
}

#[tokio::test]
async fn what_is_left_as_our_own_tombstone_is_deleted_when_it_is_asked_for_again() {
    let home = Home::new().await;
    home.put(&[("a.example", "fd00::1"), ("a.example", "FD00::1"), ("b.example", "10.0.0.2")]);
    home.put(&[("7.tombstone.invalid", "fd00::1"), ("0000000000000007.tombstone.invalid", "10.0.0.3")]);
    home.fake.server.faults.always(On::Change, Fault::LyingDelete);
    home.ask(delete("a.example", "fd00::1"), 2).await;
    let ours = "0000000000000007.tombstone.invalid -> fd00::1";
    assert!(home.pairs().contains(&ours.into()), "{:?}", home.pairs());

    home.fake.server.faults.clear();
    home.fake.server.faults.next(1, On::Change, Fault::ErrorBefore);
    let (answer, calls) = home.ask(delete("a.example", "fd00::1"), 2).await;
    assert_eq!(failure(&answer).reaction, Reaction::Unreachable);
    assert!(failure(&answer).doing.contains("0000000000000007.tombstone.invalid"), "{}", failure(&answer));
    assert_eq!(calls, [DELETE]);

    let (answer, calls) = home.ask(delete("a.example", "fd00::1"), 2).await;
    assert!(matches!(answer, Answer::Accepted));
    assert_eq!(calls, [DELETE, DELETE]);
    assert_eq!(
        home.pairs(),
        ["b.example -> 10.0.0.2", "7.tombstone.invalid -> fd00::1", "0000000000000007.tombstone.invalid -> 10.0.0.3"],
        "neither what another run left nor what another change did"
    );
}

#[tokio::test]
async fn a_replacement_takes_along_what_an_earlier_attempt_left_as_its_tombstone() {
    let home = Home::new().await;
    home.put(&[("0000000000000007.tombstone.invalid", "10.0.0.1"), ("a.example", "10.0.0.2")]);
    let (answer, calls) = home.ask(replace("a.example", "10.0.0.2", "10.0.0.2"), 2).await;
    assert!(matches!(answer, Answer::Accepted));
    assert_eq!(calls, [DELETE]);
    assert_eq!(home.pairs(), ["a.example -> 10.0.0.2"]);
}

#[tokio::test]
async fn what_other_runs_left_is_no_business_of_a_change_that_does_not_name_it() {
    let home = Home::new().await;
    home.put(&[("8.tombstone.invalid", "10.0.0.1"), ("a.example", "10.0.0.1")]);
    let changes = [
        (create("b.example", "10.0.0.1"), vec![ADD]),
        (replace("b.example", "10.0.0.1", "10.0.0.2"), vec![UPDATE]),
        (delete("a.example", "10.0.0.1"), vec![DELETE]),
    ];
    for (change, expected) in changes {
        assert_eq!(home.ask(change, 1).await.1, expected);
    }
    assert_eq!(home.pairs(), ["8.tombstone.invalid -> 10.0.0.1", "b.example -> 10.0.0.2"]);
}

#[tokio::test]
async fn a_tombstone_that_is_itself_to_go_is_deleted_and_not_renamed() {
    for number in [1, 2] {
        let home = Home::new().await;
        home.put(&[("8.tombstone.invalid", "FD00::1"), ("8.tombstone.invalid.", "fd00::1"), ("a.example", "fd00::1")]);
        let (answer, calls) = home.ask(delete("8.tombstone.invalid", "fd00::1"), number).await;
        assert!(matches!(answer, Answer::Accepted));
        assert_eq!(calls, [DELETE, DELETE]);
        assert_eq!(home.pairs(), ["a.example -> fd00::1"]);
        home.put(&[("8.tombstone.invalid", "10.0.0.1")]);
        home.fake.server.faults.next(1, On::Change, Fault::TooManyRequests(None));
        let (answer, _) = home.ask(delete("8.tombstone.invalid", "10.0.0.1"), number).await;
        assert_eq!(failure(&answer).reaction, Reaction::Busy { retry_after: None });
    }
}

#[tokio::test]
async fn a_server_that_lies_about_everything_changes_nothing() {
    let home = Home::with(AdGuardOptions { update_lies_too: true, ..AdGuardOptions::default() }).await;
    home.put(&[("a.example", "10.0.0.1")]);
    home.fake.server.faults.always(On::Change, Fault::LyingDelete);
    for attempt in 1..4 {
        let (answer, _) = home.ask(delete("a.example", "10.0.0.1"), attempt).await;
        assert!(matches!(answer, Answer::Accepted));
    }
    assert_eq!(home.pairs(), ["a.example -> 10.0.0.1"]);
}

#[tokio::test]
async fn the_second_way_finds_out_that_a_record_is_gone() {
    let home = Home::new().await;
    home.put(&[("a.example", "10.0.0.1")]);
    let before = home.list().await.records;
    home.fake.take("a.example");
    let answers = home.apply(vec![delete("a.example", "10.0.0.1")], &before, 2).await;
    assert!(matches!(answers[..], [Answer::AlreadySo]));
    assert_eq!(home.fake.server.calls(), [LIST, UPDATE]);
}

#[tokio::test]
async fn without_an_update_call_the_second_way_is_the_first() {
    let home = Home::version(Version::V32).await;
    home.put(&[("a.example", "10.0.0.1"), ("b.example", "10.0.0.1")]);
    let (_, calls) = home.ask(delete("a.example", "10.0.0.1"), 2).await;
    assert_eq!(calls, [UPDATE, DELETE]);
    let (_, calls) = home.ask(delete("b.example", "10.0.0.1"), 2).await;
    assert_eq!(calls, [DELETE], "what a server lacks is learnt once");
    assert_eq!(home.pairs(), [""; 0]);
}

// ---- replacing

#[tokio::test]
async fn a_value_is_replaced_in_one_write_by_its_stored_spelling() {
    let home = Home::new().await;
    home.put(&[("a.example", "FD00:0::1"), ("a.example", "10.0.0.1")]);
    let (answer, calls) = home.ask(replace("a.example", "fd00::1", "fd00::2"), 1).await;
    assert!(matches!(answer, Answer::Accepted));
    assert_eq!(calls, [UPDATE]);
    assert_eq!(home.pairs(), ["a.example -> fd00::2", "a.example -> 10.0.0.1"]);
}

#[tokio::test]
async fn the_copies_of_a_replaced_value_go_too() {
    let home = Home::new().await;
    home.put(&[("a.example", "fd00::1"), ("a.example", "FD00::1"), ("a.example", "fd00::1")]);
    let (answer, calls) = home.ask(replace("a.example", "fd00::1", "host.example"), 1).await;
    assert!(matches!(answer, Answer::Accepted));
    assert_eq!(calls, [UPDATE, DELETE]);
    assert_eq!(home.pairs(), ["a.example -> host.example"]);
}

#[tokio::test]
async fn a_copy_that_is_switched_off_does_not_switch_the_new_value_off() {
    let home = Home::new().await;
    home.put_switched_off("a.example", "10.0.0.1");
    home.put(&[("a.example", "10.0.0.1")]);
    home.ask(replace("a.example", "10.0.0.1", "10.0.0.2"), 1).await;
    assert_eq!(home.fake.entries(), [Entry { domain: "a.example".into(), answer: "10.0.0.2".into(), enabled: true }]);

    home.put_switched_off("b.example", "10.0.0.1");
    home.ask(replace("b.example", "10.0.0.1", "10.0.0.2"), 1).await;
    assert!(!home.fake.entries()[1].enabled, "what nobody asked for stays as it is");
}

#[tokio::test]
async fn a_value_that_changed_meanwhile_is_not_replaced() {
    let home = Home::new().await;
    home.put(&[("a.example", "10.0.0.1")]);
    let before = home.list().await.records;
    home.fake.take("a.example");
    let answers = home.apply(vec![replace("a.example", "10.0.0.1", "10.0.0.2")], &before, 1).await;
    assert!(matches!(answers[..], [Answer::ConditionFailed]), "{answers:?}");
    let (answer, calls) = home.ask(replace("a.example", "10.0.0.1", "10.0.0.2"), 1).await;
    assert!(matches!(answer, Answer::ConditionFailed));
    assert_eq!(calls, [""; 0], "it is not listed");
    assert_eq!(home.pairs(), [""; 0]);
}

#[tokio::test]
async fn where_the_new_value_stands_already_only_the_old_one_goes() {
    let home = Home::new().await;
    home.put(&[("a.example", "10.0.0.1"), ("a.example", "10.0.0.2")]);
    let (answer, calls) = home.ask(replace("a.example", "10.0.0.1", "10.0.0.2"), 1).await;
    assert!(matches!(answer, Answer::Accepted));
    assert_eq!(calls, [DELETE]);
    assert_eq!(home.pairs(), ["a.example -> 10.0.0.2"]);
    let (answer, calls) = home.ask(replace("a.example", "10.0.0.1", "10.0.0.2"), 1).await;
    assert!(matches!(answer, Answer::AlreadySo));
    assert_eq!(calls, [""; 0]);
}

#[tokio::test]
async fn without_an_update_call_the_new_value_comes_before_the_old_one_goes() {
    let home = Home::version(Version::V32).await;
    home.put(&[("a.example", "10.0.0.1")]);
    let (answer, calls) = home.ask(replace("a.example", "10.0.0.1", "10.0.0.2"), 1).await;
    assert!(matches!(answer, Answer::Accepted));
    assert_eq!(calls, [UPDATE, ADD, DELETE]);
    assert_eq!(home.pairs(), ["a.example -> 10.0.0.2"]);
}

#[tokio::test]
async fn a_value_of_another_type_is_put_in_place_in_one_write() {
    let home = Home::new().await;
    home.put(&[("a.example", "10.0.0.1")]);
    for (old, new) in [("10.0.0.1", "host.example"), ("host.example", "fd00::1")] {
        let (answer, calls) = home.ask(replace("a.example", old, new), 1).await;
        assert!(matches!(answer, Answer::Accepted));
        assert_eq!(calls, [UPDATE]);
        assert_eq!(home.pairs(), [format!("a.example -> {new}")]);
    }
}

#[tokio::test]
async fn without_an_update_call_a_cname_never_stands_beside_an_address() {
    for (old, new) in [("10.0.0.1", "host.example"), ("host.example", "10.0.0.1")] {
        let home = Home::version(Version::V32).await;
        home.put(&[("a.example", old)]);
        let (answer, calls) = home.ask(replace("a.example", old, new), 1).await;
        assert!(matches!(answer, Answer::Accepted));
        assert_eq!(calls, [UPDATE, DELETE, ADD]);
        assert_eq!(home.pairs(), [format!("a.example -> {new}")]);
    }
}

#[tokio::test]
async fn without_an_update_call_the_old_value_comes_back_if_the_new_one_of_another_type_is_not_taken() {
    let faults = [
        (Fault::ErrorBefore, Reaction::Unreachable),
        (Fault::ErrorAfter, Reaction::Unreachable),
        (Fault::TooManyRequests(None), Reaction::Busy { retry_after: None }),
    ];
    for (fault, reaction) in faults {
        let home = Home::version(Version::V32).await;
        home.put(&[("a.example", "FD00::1"), ("a.example", "fd00::1")]);
        home.fake.server.faults.after(3, 1, On::Change, fault);
        let (answer, calls) = home.ask(replace("a.example", "fd00::1", "host.example"), 1).await;
        assert_eq!(failure(&answer).reaction, reaction, "{fault:?}: in the end nothing was made");
        assert_eq!(calls, [UPDATE, DELETE, DELETE, ADD, DELETE, ADD, ADD]);
        assert_eq!(home.pairs(), ["a.example -> FD00::1", "a.example -> fd00::1"]);
    }
    let home = Home::version(Version::V32).await;
    home.put(&[("a.example", "10.0.0.1")]);
    home.fake.server.faults.after(2, 9, On::Change, Fault::Unauthorized);
    let (answer, _) = home.ask(replace("a.example", "10.0.0.1", "host.example"), 1).await;
    assert_eq!(failure(&answer).reaction, Reaction::Unreachable);
    assert!(failure(&answer).answered.contains("what was there before is not back"), "{}", failure(&answer));
}

#[tokio::test]
async fn a_page_of_something_else_does_not_say_that_there_is_no_update_call() {
    let pages = [
        (404, false, "404 page not found\n"),
        (404, true, "<html>404</html>"),
        (405, true, "<html>405</html>"),
        (404, true, ""),
    ];
    for (status, compresses, body) in pages {
        let home = Home::new().await;
        home.put(&[("a.example", "10.0.0.1")]);
        home.fake.answer_in_its_place(status, compresses, body);
        let (answer, calls) = home.ask(replace("a.example", "10.0.0.1", "10.0.0.2"), 1).await;
        assert_eq!(failure(&answer).reaction, Reaction::Unreachable, "{status} {body}");
        assert_eq!(calls, [UPDATE]);
        let (answer, calls) = home.ask(replace("a.example", "10.0.0.1", "10.0.0.2"), 1).await;
        assert!(matches!(answer, Answer::Accepted));
        assert_eq!(calls, [UPDATE]);
        assert_eq!(home.pairs(), ["a.example -> 10.0.0.2"]);
    }
}

// ---- domains that never answer

#[tokio::test]
async fn a_record_that_never_answers_is_listed_as_switched_off() {
    for version in [Version::V52, Version::V79] {
        let home = Home::version(version).await;
        home.put(&[("dead.docker.", "10.0.0.1"), ("bücher.docker", "10.0.0.2"), ("both.docker.", "10.0.0.3")]);
        home.put(&[("both.docker", "10.0.0.3"), ("*", "10.0.0.4")]);
        let off: Vec<String> = home
            .list()
            .await
            .records
            .iter()
            .filter(|record| record.enabled == Some(false))
            .map(ToString::to_string)
            .collect();
        let expected = ["* A 10.0.0.4", "dead.docker A 10.0.0.1", "xn--bcher-kva.docker A 10.0.0.2"];
        assert_eq!(off, expected, "{version:?}");
    }
}

#[tokio::test]
async fn a_record_that_never_answers_is_written_anew_when_it_is_to_answer() {
    for (version, call) in
        [(Version::V32, vec![UPDATE, ADD, DELETE]), (Version::V52, vec![UPDATE]), (Version::V79, vec![UPDATE])]
    {
        for through in ["create", "replace"] {
            let home = Home::version(version).await;
            home.put(&[("e.docker.", "10.0.0.1"), ("e.docker", "10.0.0.2")]);
            let wanted = switched("e.docker", "10.0.0.1", true);
            let change = match through {
                "create" => Change::Create(wanted),
                _ => Change::Replace { old: record("e.docker", "10.0.0.1"), new: wanted },
            };
            let (answer, calls) = home.ask(change, 1).await;
            assert!(matches!(answer, Answer::Accepted), "{version:?} {answer:?}");
            assert_eq!(calls, call, "{version:?}");
            let mut pairs = home.pairs();
            pairs.sort();
            assert_eq!(pairs, ["e.docker -> 10.0.0.1", "e.docker -> 10.0.0.2"]);
        }
    }
}

#[tokio::test]
async fn copies_that_never_answer_become_one_that_does() {
    let home = Home::new().await;
    home.put(&[("büch.docker", "10.0.0.1"), ("büch.docker", "10.0.0.1"), ("büch.docker.", "10.0.0.1")]);
    let (answer, _) = home.ask(Change::Create(switched("büch.docker", "10.0.0.1", true)), 1).await;
    assert!(matches!(answer, Answer::Accepted));
    assert_eq!(home.pairs(), ["xn--bch-hoa.docker -> 10.0.0.1"]);
}

#[tokio::test]
async fn a_value_that_answered_is_not_replaced_by_a_copy_that_never_does() {
    for version in [Version::V52, Version::V79] {
        let home = Home::version(version).await;
        home.put(&[("e.docker", "10.0.0.1"), ("e.docker.", "10.0.0.2")]);
        let (answer, calls) = home.ask(replace("e.docker", "10.0.0.1", "10.0.0.2"), 1).await;
        assert!(matches!(answer, Answer::Accepted));
        assert_eq!(calls, [UPDATE, DELETE]);
        assert_eq!(home.pairs(), ["e.docker -> 10.0.0.2"]);
    }
}

// ---- switching

#[tokio::test]
async fn all_copies_of_a_record_are_switched_off() {
    let home = Home::new().await;
    home.put(&[("a.example", "fd00::1"), ("a.example", "FD00::1"), ("a.example", "fd00::1")]);
    let change = Change::Replace { old: record("a.example", "fd00::1"), new: switched("a.example", "fd00::1", false) };
    let (answer, _) = home.ask(change.clone(), 1).await;
    assert!(matches!(answer, Answer::Accepted));
    assert_eq!(home.fake.entries(), [Entry { domain: "a.example".into(), answer: "fd00::1".into(), enabled: false }]);
    let (answer, calls) = home.ask(change.clone(), 1).await;
    assert!(matches!(answer, Answer::AlreadySo));
    assert_eq!(calls, [""; 0]);

    let old = Home::version(Version::V52).await;
    old.put(&[("a.example", "fd00::1")]);
    let (answer, calls) = old.ask(change, 1).await;
    assert_eq!(failure(&answer).reaction, Reaction::Refused);
    assert_eq!(calls, [""; 0]);
}

// ---- faults

#[tokio::test]
async fn a_change_that_fails_says_how() {
    let unreachable = Reaction::Unreachable;
    let faults = [
        (Fault::ErrorBefore, unreachable, false),
        (Fault::ErrorAfter, unreachable, true),
        (Fault::ResetInBody, unreachable, true),
        (Fault::Html, Reaction::Malformed, false),
        (Fault::TooManyRequests(Some(2)), Reaction::Busy { retry_after: Some(Duration::from_secs(2)) }, false),
        (Fault::Unauthorized, Reaction::Unauthorized, false),
    ];
    for (fault, reaction, is_made) in faults {
        let changes = [
            (create("new.example", "10.0.0.1"), "add the rewrite `new.example -> 10.0.0.1`"),
            (delete("a.example", "10.0.0.1"), "delete the rewrite `a.example -> 10.0.0.1`"),
            (
                replace("a.example", "10.0.0.1", "10.0.0.2"),
                "change the rewrite `a.example -> 10.0.0.1` to `a.example -> 10.0.0.2`",
            ),
        ];
        for (change, doing) in changes {
            let home = Home::new().await;
            home.put(&[("a.example", "10.0.0.1"), ("b.example", "10.0.0.2")]);
            let untouched = home.pairs();
            home.fake.server.faults.next(1, On::Change, fault);
            let (answer, calls) = home.ask(change, 1).await;
            let error = failure(&answer);
            assert_eq!(error.reaction, reaction, "{fault:?}: {error}");
            assert!(error.doing.starts_with(doing), "{error}");
            assert_eq!(calls.len(), 1, "a provider does not retry");
            assert_eq!(home.pairs() != untouched, is_made, "{fault:?}: {doing}");
        }
    }
}

#[tokio::test]
async fn a_change_that_was_made_in_part_is_not_called_refused() {
    let two: &[(&str, &str)] = &[("a.example", "fd00::1"), ("a.example", "FD00::1")];
    let same: &[(&str, &str)] = &[("a.example", "fd00::1"), ("a.example", "fd00::1")];
    let off = || Change::Replace { old: record("a.example", "fd00::1"), new: switched("a.example", "fd00::1", false) };
    let changes = [
        ("one of two twins deleted", two, delete("a.example", "fd00::1"), 1),
        ("one of two twins renamed", two, delete("a.example", "fd00::1"), 2),
        ("renamed, and the tombstone not deleted", &two[..1], delete("a.example", "fd00::1"), 2),
        ("replaced, and the twin not deleted", two, replace("a.example", "fd00::1", "10.0.0.1"), 1),
        ("a copy renamed, the other not switched off", same, off(), 1),
    ];
    for (what, pairs, change, number) in changes {
        for (fault, text) in [(Fault::TooManyRequests(Some(2)), "429"), (Fault::Unauthorized, "401")] {
            let home = Home::new().await;
            home.put(pairs);
            home.fake.server.faults.after(1, 1, On::Change, fault);
            let (answer, calls) = home.ask(change.clone(), number).await;
            assert_eq!(failure(&answer).reaction, Reaction::Unreachable, "{what}: {fault:?}");
            assert!(failure(&answer).answered.contains(text), "{what}: {}", failure(&answer));
            assert_eq!(calls.len(), 2, "{what}");
        }
    }
}

#[tokio::test]
async fn what_the_server_refuses_is_told_in_its_words() {
    let home = Home::new().await;
    let too_long = record("a.example", &format!("{}.example", vec!["a".repeat(63); 3].join(".")));
    assert!(matches!(home.ask(Change::Create(too_long), 1).await.0, Answer::Accepted));
    home.put(&[("a.example", "old.example.")]);
    let (answer, calls) = home.ask(delete("a.example", "old.example"), 2).await;
    assert_eq!(calls, [UPDATE]);
    assert_eq!(failure(&answer).reaction, Reaction::Refused);
    assert!(failure(&answer).answered.contains("invalid CNAME target"), "{}", failure(&answer));
}

#[tokio::test]
async fn nothing_follows_a_failure_in_its_step() {
    let home = Home::new().await;
    home.put(&[("a.example", "10.0.0.1"), ("a.example", "fd00::1")]);
    let before = home.list().await.records;
    home.fake.server.forget_calls();
    home.fake.server.faults.next(1, On::Change, Fault::ErrorBefore);
    let group = |changes| Group { only_if: Vec::new(), changes };
    let work = [
        group(vec![replace("a.example", "10.0.0.1", "host.example"), delete("a.example", "fd00::1")]),
        group(vec![create("b.example", "10.0.0.1")]),
    ];
    let answers = home.provider.apply(&work, &before, Attempt { number: 1, run: RunId(7) }).await;
    assert_eq!(home.fake.server.calls(), [UPDATE, ADD]);
    assert!(failure(&answers[1]).answered.starts_with("not tried"), "{}", failure(&answers[1]));
    assert!(matches!(answers[2], Answer::Accepted));
}

// ---- users and sessions

#[tokio::test]
async fn one_login_serves_all_calls_even_those_made_at_once() {
    let home = Home::with_user().await;
    let zone = Scope::Zone;
    let (one, two, three) =
        tokio::join!(home.provider.list(&zone), home.provider.list(&zone), home.provider.list(&zone));
    assert!(one.is_ok() && two.is_ok() && three.is_ok());
    home.apply(vec![create("a.example", "10.0.0.1")], &RecordSet::default(), 1).await;
    let calls = home.fake.server.calls();
    assert_eq!(calls, [LOGIN, LIST, LIST, LIST, ADD]);
}

#[tokio::test]
async fn a_session_that_ended_is_renewed_once() {
    let home = Home::with_user().await;
    home.list().await;
    home.fake.end_sessions();
    home.fake.server.forget_calls();
    let answers = home.apply(vec![create("a.example", "10.0.0.1")], &RecordSet::default(), 1).await;
    assert!(matches!(answers[..], [Answer::Accepted]));
    assert_eq!(home.fake.server.calls(), [ADD, LOGIN, ADD]);
    assert_eq!(home.pairs(), ["a.example -> 10.0.0.1"]);
}

#[tokio::test]
async fn calls_made_at_once_renew_a_session_together() {
    let home = Home::with_user().await;
    home.list().await;
    home.fake.end_sessions();
    home.fake.server.forget_calls();
    let zone = Scope::Zone;
    let (one, two, three) =
        tokio::join!(home.provider.list(&zone), home.provider.list(&zone), home.provider.list(&zone));
    assert!(one.is_ok() && two.is_ok() && three.is_ok());
    assert_eq!(home.fake.server.calls().iter().filter(|call| *call == LOGIN).count(), 1);
}

#[tokio::test]
async fn a_session_that_is_never_accepted_is_given_up_for_all_changes() {
    let home = Home::with_user().await;
    let before = home.list().await.records;
    home.fake.server.forget_calls();
    home.fake.server.faults.always(On::Change, Fault::Unauthorized);
    let changes = ["a", "b", "c"].map(|host| create(&format!("{host}.example"), "10.0.0.1"));
    let answers = home.apply(changes.to_vec(), &before, 1).await;
    assert!(answers.len() == 3 && answers.iter().all(|answer| failure(answer).reaction == Reaction::Unauthorized));
    assert_eq!(home.fake.server.calls(), [ADD, LOGIN, ADD]);
    assert_eq!(home.provider.list(&Scope::Zone).await.unwrap_err().reaction, Reaction::Unauthorized);
    assert_eq!(home.fake.server.calls().len(), 3, "asking again makes it worse");
}

#[tokio::test]
async fn a_wrong_password_is_tried_once_and_explained() {
    for version in [Version::V52, Version::V79] {
        let options = AdGuardOptions { user: Some(("admin", "right")), version, ..AdGuardOptions::default() };
        let home = Home::with(options).await;
        let provider = connect(&home.fake.url(), Some(("admin", "hunter2")));
        for _ in 0..3 {
            let error = provider.list(&Scope::Zone).await.unwrap_err();
            assert_eq!(error.reaction, Reaction::Unauthorized);
            assert!(error.answered.contains("wrong user or password, or blocked for up to 15 minutes"), "{error}");
            assert!(error.doing.contains("as `admin`"), "{error}");
            assert!(!format!("{error:?} {provider:?}").contains("hunter2"));
        }
        assert_eq!(home.fake.server.calls(), [LOGIN, LIST]);
    }
}

#[tokio::test]
async fn a_blocked_login_says_for_how_long_and_is_not_to_be_retried() {
    let home = Home::with_user().await;
    for _ in 0..5 {
        connect(&home.fake.url(), Some(("admin", "wrong"))).list(&Scope::Zone).await.unwrap_err();
    }
    home.fake.server.forget_calls();
    let error = home.provider.list(&Scope::Zone).await.unwrap_err();
    assert_eq!(error.reaction, Reaction::Unauthorized);
    assert!(error.answered.contains("blocked for 900 s"), "{error}");
    home.provider.list(&Scope::Zone).await.unwrap_err();
    assert_eq!(home.fake.server.calls(), [LOGIN, LIST]);
}

#[tokio::test]
async fn a_server_without_users_says_that_no_password_is_needed_even_once_it_blocks() {
    let home = Home::new().await;
    for _ in 0..7 {
        home.fake.server.forget_calls();
        let provider = connect(&home.fake.url(), Some(("admin", "hunter2")));
        let error = provider.list(&Scope::Zone).await.unwrap_err();
        assert_eq!(error.reaction, Reaction::Unauthorized);
        assert!(error.answered.contains("has no users"), "{error}");
        assert!(error.hint.unwrap().contains("leave ADGUARD_USERNAME and ADGUARD_PASSWORD out"));
        assert_eq!(home.fake.server.calls(), [LOGIN, LIST]);
    }
}

#[tokio::test]
async fn a_server_that_repeats_what_it_was_sent_does_not_make_us_show_the_password() {
    for status in [200, 201, 302, 400, 401, 403, 422, 429, 500, 503] {
        let server = MockServer::start().await;
        let echo = move |request: &Request| {
            ResponseTemplate::new(status)
                .set_body_bytes([&b"invalid username or password "[..], &request.body].concat())
        };
        Mock::given(any()).respond_with(echo).mount(&server).await;
        let error = connect(&server.uri(), Some(("admin", "hunter2"))).list(&Scope::Zone).await.unwrap_err();
        assert!(!format!("{error} {error:?}").contains("hunter2"), "{status}: {error}");
        assert!(error.to_string().contains("log in"), "{status}: {error}");
        assert!(status == 429 || error.answered.contains(&status.to_string()), "{status}: {error}");
    }
}

#[tokio::test]
async fn a_login_that_got_no_answer_may_be_tried_again() {
    let home = Home::with_user().await;
    let faults = [
        (Fault::ErrorBefore, Reaction::Unreachable),
        (Fault::ResetInBody, Reaction::Unreachable),
        (Fault::Html, Reaction::Malformed),
        (Fault::Empty, Reaction::Malformed),
    ];
    for (fault, reaction) in faults {
        home.fake.server.faults.next(1, On::Preparation, fault);
        assert_eq!(home.provider.list(&Scope::Zone).await.unwrap_err().reaction, reaction, "{fault:?}");
    }
    home.list().await;
}

#[tokio::test]
async fn a_server_with_users_tells_a_stranger_what_is_missing() {
    for version in [Version::V52, Version::V79] {
        let options = AdGuardOptions { user: Some(("admin", "right")), version, ..AdGuardOptions::default() };
        let home = Home::with(options).await;
        let stranger = connect(&home.fake.url(), None);
        let error = stranger.list(&Scope::Zone).await.unwrap_err();
        assert_eq!(error.reaction, Reaction::Unauthorized);
        assert!(error.hint.unwrap().contains("ADGUARD_USERNAME and ADGUARD_PASSWORD"));
        assert_eq!(home.fake.server.calls(), [LIST]);
        let work = [create("a.example", "10.0.0.1"), create("b.example", "10.0.0.1")]
            .map(|change| Group { only_if: Vec::new(), changes: vec![change] });
        home.fake.server.forget_calls();
        let answers = stranger.apply(&work, &RecordSet::default(), Attempt { number: 1, run: RunId(7) }).await;
        assert!(answers.len() == 2 && answers.iter().all(|answer| failure(answer).reaction == Reaction::Unauthorized));
        assert_eq!(home.fake.server.calls(), [ADD]);
    }
}

// ---- examining

#[tokio::test]
async fn an_examination_finds_switches_and_entries() {
    let home = Home::version(Version::V78).await;
    assert_eq!(home.provider.examine().await.unwrap(), [""; 0]);
    assert_eq!(home.fake.server.calls(), [LIST, SETTINGS, FILTERING]);
    home.fake.switch_off();
    home.put(&[("a.example", "host.example.")]);
    let findings = home.provider.examine().await.unwrap();
    assert_eq!(findings.len(), 3, "{findings:?}");
    let old = Home::version(Version::V52).await;
    assert_eq!(old.provider.examine().await.unwrap(), [""; 0]);
}

#[tokio::test]
async fn the_provider_conforms() {
    for version in [Version::V32, Version::V52, Version::V78, Version::V79] {
        let fake = FakeAdGuard::start(AdGuardOptions { version, ..AdGuardOptions::default() }).await;
        fake.put("foreign.example", "10.0.0.1");
        let config = AdGuardConfig { name: "adguard".into(), url: fake.url(), credentials: None };
        fixtures::conformance::check(&AdGuard::connect(config).unwrap()).await;
    }
}

// ---- conditions

/// Returns a group that deletes an address with its heartbeat, if that is still the one that was listed.
fn lease(beat: &str) -> Group {
    let heartbeat = record("_heartbeat-10-0-0-1.all.example", beat);
    let only_if = vec![Condition {
        name: heartbeat.name().clone(),
        rtype: RecordType::Cname,
        values: vec![heartbeat.key.data.clone()],
    }];
    Group { only_if, changes: vec![Change::Delete(heartbeat), delete("all.example", "10.0.0.1")] }
}

#[tokio::test]
async fn what_a_condition_is_about_goes_only_if_it_is_as_it_was_listed_and_the_rest_only_then() {
    let beat = "5.web-01.heartbeat.invalid";
    let pairs = [("_heartbeat-10-0-0-1.all.example", beat), ("all.example", "10.0.0.1"), ("all.example", "10.0.0.2")];
    let attempt = Attempt { number: 1, run: RunId(7) };

    let home = Home::new().await;
    home.put(&pairs);
    let before = home.list().await.records;
    let answers = home.provider.apply(&[lease(beat)], &before, attempt).await;
    assert!(matches!(answers[..], [Answer::Accepted, Answer::Accepted]), "{answers:?}");
    assert_eq!(home.pairs(), ["all.example -> 10.0.0.2"]);

    // The host writes a heartbeat between the look and the call.
    let home = Home::new().await;
    home.put(&pairs);
    let before = home.list().await.records;
    home.fake.take("_heartbeat-10-0-0-1.all.example");
    home.put(&[("_heartbeat-10-0-0-1.all.example", "9.web-01.heartbeat.invalid")]);
    let held = home.pairs();
    let answers = home.provider.apply(&[lease(beat)], &before, attempt).await;
    assert!(matches!(answers[..], [Answer::ConditionFailed, Answer::ConditionFailed]), "{answers:?}");
    assert_eq!(home.pairs(), held);
}
