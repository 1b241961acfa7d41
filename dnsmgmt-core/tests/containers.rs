//! What becomes of what no container wants, from what is listed, remembered and wanted.

use std::collections::BTreeSet;
use std::time::Duration;

use dnsmgmt_core::adopt::Owner;
use dnsmgmt_core::name::Name;
use dnsmgmt_core::origin::Origin;
use dnsmgmt_core::own_mark::DEFAULT_TEMPLATE;
use dnsmgmt_core::plan::{Claim, Reason};
use dnsmgmt_core::preserved::Preserved;
use dnsmgmt_core::provider::{Change, DnsProvider};
use dnsmgmt_core::record::{Record, RecordData, RecordType};
use dnsmgmt_core::record_set::{Listing, Scope};
use dnsmgmt_core::report::Fate;
use dnsmgmt_core::source::{Desired, Place, SourceError, Wanted};
use dnsmgmt_core::stale::Decision;
use dnsmgmt_core::stale::containers::{Evidence, containers, is_due};
use dnsmgmt_core::stale::suffix::{Doubt, Suffix};
use dnsmgmt_core::tracked::{Bookkeeping, OrphanReason, Orphaned, TrackedRecord};
use fixtures::memory::MemoryProvider;
use proptest::prelude::*;

const SOCKET: &str = "unix:///var/run/docker.sock";
const OWNER: Owner<'_> = Owner { template: Some(DEFAULT_TEMPLATE), id: "0011223344556677" };

fn name(text: &str) -> Name {
    Name::parse(text).unwrap()
}

fn daemon() -> Origin {
    Origin::of_source("docker", "one")
}

fn file() -> Origin {
    Origin::of_source("file", "/etc/lab.toml")
}

fn record(name: &str, value: &str) -> Record {
    Record::new(self::name(name), RecordData::infer(value).unwrap())
}

/// What is wanted by a container of this name.
fn wanted_by(container: &str, name: &str, value: &str) -> Wanted {
    Wanted { origin: daemon().piece(container), place: Place::default(), record: record(name, value) }
}

/// A daemon that was read and whose containers want this.
fn look(wanted: impl IntoIterator<Item = Wanted>) -> Desired {
    Desired {
        wanted: wanted.into_iter().collect(),
        read: vec![daemon(), file()],
        live: vec![daemon()],
        daemons: vec![(SOCKET.into(), daemon())],
        ..Desired::default()
    }
}

fn suffix(name: &str, exclude: &[&str]) -> Suffix {
    Suffix {
        name: self::name(name),
        exclude: Preserved::parse(exclude.iter().copied()).unwrap(),
        endpoints: [SOCKET.to_owned()].into(),
    }
}

/// A zone, what is remembered of it, and what was seen of the sources.
struct Situation {
    provider: MemoryProvider,
    tracked: Vec<TrackedRecord>,
    preserved: Preserved,
    looks: Vec<Desired>,
    suffixes: Vec<Suffix>,
}

impl Situation {
    /// Nothing is wanted, at two looks.
    fn new() -> Self {
        Self::of_zone("lab.example")
    }

    fn of_zone(zone: &str) -> Self {
        let provider = MemoryProvider::new(zone, 100).with(|capabilities| {
            capabilities.comment = Some(100);
            capabilities.enabled = true;
        });
        let looks = vec![look([]), look([])];
        Self { provider, tracked: Vec::new(), preserved: Preserved::default(), looks, suffixes: Vec::new() }
    }

    fn looks(self, looks: impl IntoIterator<Item = Desired>) -> Self {
        Self { looks: looks.into_iter().collect(), ..self }
    }

    fn suffix(mut self, suffix: Suffix) -> Self {
        self.suffixes.push(suffix);
        self
    }

    /// A record of ours that they want.
    fn ours(mut self, name: &str, value: &str, origins: &[Origin]) -> Self {
        self.provider.hold(record(name, value));
        self.tracked.push(TrackedRecord {
            record: record(name, value),
            claim: Some(Claim::Created),
            orphaned: None,
            origins: origins.iter().cloned().collect(),
            first_seen: None,
            tracked_at: None,
            updated_at: None,
        });
        self
    }

    /// A record of ours that a container of this name wants.
    fn of_container(self, container: &str, name: &str) -> Self {
        self.ours(name, "10.1.0.1", &[daemon().piece(container)])
    }

    /// A record that is not ours.
    fn foreign(self, name: &str, value: &str) -> Self {
        self.provider.put(name, value);
        self
    }

    fn evidence(&self) -> Evidence<'_> {
        Evidence {
            looks: &self.looks,
            tracked: &self.tracked,
            preserved: &self.preserved,
            suffixes: &self.suffixes,
            owner: OWNER,
        }
    }

    async fn listing(&self) -> Listing {
        self.provider.list(&Scope::Zone).await.unwrap()
    }

    async fn decide(&self) -> Decision {
        containers(&self.provider, self.listing().await, self.evidence())
    }

    /// Returns the names that go, and checks that whether it is worth asking was told the same, with a cache and where it must be,
    /// without one.
    async fn goes(&self) -> Vec<String> {
        let decision = self.decide().await;
        let zone = self.provider.id();
        let goes: Vec<String> = decision.plan.deletions().map(|step| step.change.record().name().to_string()).collect();
        let listing = self.listing().await;
        assert_eq!(is_due(zone, Some(&listing), self.evidence()), !goes.is_empty(), "by the cache");
        assert!(goes.is_empty() || is_due(zone, None, self.evidence()), "without a cache");
        assert_eq!(decision.plan.steps().count(), goes.len(), "it deletes and does nothing else");
        assert!(decision.plan.steps().all(|step| step.reason == Reason::NoContainer));
        assert!(decision.bookkeeping.is_empty() && decision.forgotten.is_empty() && decision.waiting.is_empty());
        goes
    }
}

#[tokio::test]
async fn what_a_container_wanted_that_is_gone_at_both_looks_goes_and_nothing_else() {
    let zone = Situation::new()
        .of_container("gone", "gone.lab.example")
        .of_container("here", "here.lab.example")
        .ours("file.lab.example", "10.1.0.1", &[file()])
        .ours("hand.lab.example", "10.1.0.1", &[Origin::by_hand(), daemon().piece("gone")])
        .foreign("foreign.lab.example", "10.1.0.1");
    let here = || wanted_by("here", "here.lab.example", "10.1.0.1");
    let zone = zone.looks([look([here()]), look([here()])]);
    assert_eq!(zone.goes().await, ["gone.lab.example"]);
    let decision = zone.decide().await;
    let step = decision.plan.steps().next().unwrap();
    assert_eq!((step.claim, &step.origins), (Claim::Created, &BTreeSet::from([daemon().piece("gone")])));
    assert_eq!(decision.claims, 2, "what containers want or wanted, and not what files and persons want");
}

#[tokio::test]
async fn what_is_back_at_the_second_look_stays_and_so_does_what_is_gone_at_the_second_alone() {
    let web = || wanted_by("web", "web.lab.example", "10.1.0.1");
    for looks in [[look([]), look([web()])], [look([web()]), look([])]] {
        let zone = Situation::new().of_container("web", "web.lab.example").looks(looks);
        assert_eq!(zone.goes().await, [""; 0]);
    }
    let zone = Situation::new().of_container("web", "web.lab.example").looks([]);
    assert_eq!(zone.goes().await, [""; 0], "who did not look knows nothing");
}

#[tokio::test]
async fn a_container_with_another_address_does_not_want_the_old_one() {
    let anew = || look([wanted_by("web", "web.lab.example", "10.1.0.2")]);
    let zone = Situation::new().of_container("web", "web.lab.example").looks([anew(), anew()]);
    let zone = zone.ours("web.lab.example", "10.1.0.2", &[daemon().piece("web")]);
    assert_eq!(zone.goes().await, ["web.lab.example"]);
    let decision = zone.decide().await;
    let Change::Delete(record) = &decision.plan.steps().next().unwrap().change else { panic!("{decision:?}") };
    assert_eq!(record.key.data.to_string(), "10.1.0.1");
}

#[tokio::test]
async fn everybody_who_wanted_it_must_have_been_read_at_every_look() {
    let web = |origins: &[Origin]| Situation::new().ours("web.lab.example", "10.1.0.1", origins);
    let gone = daemon().piece("web");
    let other = Origin::of_source("docker", "other").piece("web");
    let hosts = Origin::of_source("hosts", "/etc/hosts.d").piece("rack1");
    assert_eq!(web(&[gone.clone(), file().piece("lab.example")]).goes().await.len(), 1, "the file wants it no more");
    for origins in [vec![other.clone()], vec![gone.clone(), other], vec![gone.clone(), hosts], vec![]] {
        assert_eq!(web(&origins).goes().await, [""; 0], "{origins:?}");
    }
    for broken in 0..2 {
        for spoil in [
            (|look| look.read.retain(|read| *read != daemon())) as fn(&mut Desired),
            |look| look.unreadable.push((daemon().piece("web"), "a bad label".into())),
            |look| look.undecided.push((daemon().piece("web"), "no address now".into())),
            |look| look.undecided.push((daemon(), "it is empty".into())),
            |look| look.daemons.clear(),
        ] {
            let mut zone = web(std::slice::from_ref(&gone));
            spoil(&mut zone.looks[broken]);
            assert_eq!(zone.goes().await, [""; 0]);
        }
    }
}

#[tokio::test]
async fn what_is_wanted_at_another_place_alone_is_not_wanted_here() {
    let at = |provider: Option<&str>, zone: Option<&str>| {
        let place = Place { provider: provider.map(Into::into), zone: zone.map(name) };
        look([Wanted { place, ..wanted_by("web", "web.lab.example", "10.1.0.1") }])
    };
    for (provider, zone, goes) in [
        (None, None, 0),
        (Some("memory"), None, 0),
        (None, Some("lab.example"), 0),
        (Some("memory"), Some("lab.example"), 0),
        (Some("other"), None, 1),
        (None, Some("example"), 1),
    ] {
        let look = || at(provider, zone);
        let situation = Situation::new().of_container("web", "web.lab.example").looks([look(), look()]);
        assert_eq!(situation.goes().await.len(), goes, "{provider:?} {zone:?}");
    }
}

#[tokio::test]
async fn what_is_preserved_marked_by_another_tool_or_gone_already_does_not_go() {
    let mut zone = Situation::new().of_container("vpn", "vpn.lab.example").of_container("kube", "kube.lab.example");
    zone.preserved = Preserved::parse(["vpn.lab.example"]).unwrap();
    let heritage = "heritage=external-dns,external-dns/owner=default";
    let mark = RecordData::parse(&RecordType::Txt, &format!("{heritage:?}")).unwrap();
    zone.provider.hold(Record::new(name("a-kube.lab.example"), mark));
    let decision = zone.decide().await;
    assert_eq!(decision.plan.steps().count(), 0);
    assert_eq!(decision.plan.settled().len(), 1);
    assert_eq!((decision.plan.settled()[0].fate, decision.claims), (Fate::Refused, 1));

    let zone = Situation::new().of_container("web", "web.lab.example");
    zone.provider.lose(&record("web.lab.example", "10.1.0.1"));
    assert_eq!(zone.decide().await.plan.steps().count(), 0, "what is not there is not asked to go");
    assert!(is_due(zone.provider.id(), None, zone.evidence()));
}

/// What was found to be gone from the provider so long ago.
fn gone(age: Duration) -> Option<Orphaned> {
    let since = jiff::Timestamp::UNIX_EPOCH;
    Some(Orphaned { reason: OrphanReason::Gone, since, age, confirmed: Duration::ZERO })
}

#[tokio::test]
async fn what_was_gone_goes_where_it_is_there_again_and_is_forgotten_where_two_listings_lack_it() {
    let mut zone = Situation::new().of_container("web", "web.lab.example");
    zone.tracked[0].orphaned = gone(Duration::from_secs(60));
    assert_eq!(zone.goes().await, ["web.lab.example"]);

    zone.provider.lose(&record("web.lab.example", "10.1.0.1"));
    assert!(is_due(zone.provider.id(), None, zone.evidence()));
    let decision = zone.decide().await;
    assert_eq!(decision.forgotten, [record("web.lab.example", "10.1.0.1")]);
    assert!(matches!(&decision.bookkeeping[..], [Bookkeeping::Untrack(_)]));
    zone.tracked[0].orphaned = gone(Duration::ZERO);
    assert!(zone.decide().await.bookkeeping.is_empty(), "this listing found it, and one may be wrong");
    let web = || look([wanted_by("web", "web.lab.example", "10.1.0.1")]);
    zone.tracked[0].orphaned = gone(Duration::from_secs(60));
    assert!(zone.looks([web(), web()]).decide().await.bookkeeping.is_empty(), "a container wants it");
}

#[tokio::test]
async fn the_mark_of_an_orphan_makes_no_difference() {
    let mut zone = Situation::new().of_container("web", "web.lab.example");
    let unwanted = Orphaned {
        reason: OrphanReason::Unwanted,
        since: jiff::Timestamp::UNIX_EPOCH,
        age: Default::default(),
        confirmed: Default::default(),
    };
    zone.tracked[0].orphaned = Some(unwanted);
    assert_eq!(zone.goes().await, ["web.lab.example"]);
}

#[tokio::test]
async fn below_a_suffix_that_is_ours_what_nobody_wants_goes_whoever_made_it() {
    let web = || look([wanted_by("web", "web.docker", "10.1.0.1")]);
    let zone = Situation::of_zone(".")
        .suffix(suffix("docker", &["test.docker", "*.static.docker"]))
        .looks([web(), web()])
        .foreign("web.docker", "10.1.0.1")
        .foreign("web.docker", "10.1.0.9")
        .foreign("old.docker", "fd00::9")
        .foreign("deep.old.docker", "10.1.0.9")
        .foreign("alias.docker", "web.docker")
        .foreign("test.docker", "10.1.0.9")
        .foreign("a.static.docker", "10.1.0.9")
        .foreign("static.docker", "10.1.0.9")
        .foreign("docker", "10.1.0.9")
        .foreign("xdocker", "10.1.0.9")
        .foreign("docker.example", "10.1.0.9");
    let mut goes = zone.goes().await;
    goes.sort();
    assert_eq!(goes, ["alias.docker", "deep.old.docker", "old.docker", "static.docker", "web.docker"]);
    let decision = zone.decide().await;
    assert!(decision.plan.steps().all(|step| step.claim == Claim::WholeName && step.origins.is_empty()));
    assert_eq!(decision.claims, 6, "what it could delete there, wanted or not");
}

#[tokio::test]
async fn below_a_suffix_what_is_no_hosts_address_stays() {
    let zone = Situation::of_zone("lab.example").suffix(suffix("docker.lab.example", &[]));
    let texts = [
        ("web.docker.lab.example", RecordType::Txt, "\"text\""),
        ("web.docker.lab.example", RecordType::Mx, "10 mx.lab.example."),
        ("web.docker.lab.example", RecordType::Srv, "1 1 80 web.docker.lab.example."),
        ("sub.docker.lab.example", RecordType::Ns, "ns.sub.docker.lab.example."),
        ("ns.sub.docker.lab.example", RecordType::A, "10.1.0.9"),
        ("*.docker.lab.example", RecordType::A, "10.1.0.9"),
        ("_acme-challenge.web.docker.lab.example", RecordType::Cname, "acme.example."),
        ("host.docker.lab.example", RecordType::A, "10.1.0.9"),
        ("_heartbeat-10-1-0-9.host.docker.lab.example", RecordType::Txt, "\"1699564820,host\""),
    ];
    for (name, rtype, text) in texts {
        zone.provider.hold(Record::new(self::name(name), RecordData::parse(&rtype, text).unwrap()));
    }
    let off = Record { enabled: Some(false), ..record("off.docker.lab.example", "10.1.0.9") };
    zone.provider.hold(off);
    assert_eq!(zone.goes().await, [""; 0]);
    let zone = zone.foreign("host.docker.lab.example", "10.1.0.8");
    assert_eq!(zone.goes().await, ["host.docker.lab.example"], "its lease is on another address");
}

#[tokio::test]
async fn below_a_suffix_what_others_say_to_be_theirs_stays() {
    let zone = Situation::of_zone("docker.example").suffix(suffix("docker.example", &[]));
    let heritage = "heritage=external-dns,external-dns/owner=default";
    let mark = RecordData::parse(&RecordType::Txt, &format!("{heritage:?}")).unwrap();
    zone.provider.hold(Record::new(name("a-kube.docker.example"), mark));
    let commented = |name: &str, owner: &str| {
        let comment = Some(format!("managed by dnsmgmt, owner {owner}"));
        Record { comment, ..record(name, "10.1.0.9") }
    };
    zone.provider.hold(commented("theirs.docker.example", "8899aabbccddeeff"));
    zone.provider.hold(commented("forgotten.docker.example", OWNER.id));
    let mut zone = zone.foreign("kube.docker.example", "10.1.0.9").foreign("vpn.docker.example", "10.1.0.9");
    zone.preserved = Preserved::parse(["vpn.docker.example"]).unwrap();
    assert_eq!(zone.goes().await, ["forgotten.docker.example"]);
    assert!(zone.decide().await.plan.settled().is_empty(), "what is not ours is not tried");
}

#[tokio::test]
async fn below_a_suffix_what_is_claimed_is_judged_by_its_claim_alone() {
    let zone = Situation::of_zone(".").suffix(suffix("docker", &[]));
    let hosts = Origin::of_source("hosts", "/etc/hosts.d").piece("rack1");
    let zone = zone
        .ours("hand.docker", "10.1.0.1", &[Origin::by_hand()])
        .ours("file.docker", "10.1.0.1", &[file()])
        .ours("hosts.docker", "10.1.0.1", &[hosts])
        .ours("nobody.docker", "10.1.0.1", &[])
        .ours("web.docker", "10.1.0.1", &[daemon().piece("web")]);
    assert_eq!(zone.goes().await, ["web.docker"]);
}

#[tokio::test]
async fn a_suffix_is_judged_only_where_everything_was_read_at_every_look() {
    let leftovers = || {
        let zone = Situation::of_zone(".").suffix(suffix("docker", &[]));
        zone.foreign("old.docker", "10.1.0.9").of_container("gone", "gone.docker")
    };
    assert_eq!(leftovers().goes().await.len(), 2);
    for broken in 0..2 {
        for (spoil, word) in [
            ((|look| look.daemons[0].0 = "tcp://10.0.0.9:2375".into()) as fn(&mut Desired), "docker.sock"),
            (|look| look.unreadable.push((file().piece("a"), "broken".into())), "file:/etc/lab.toml#a"),
            (|look| look.undecided.push((daemon().piece("loop"), "no address now".into())), "docker:one#loop"),
            (
                |look| {
                    let source_name = "Traefik".into();
                    look.failed.push(SourceError { source_name, problem: "down".into(), hint: None });
                },
                "Traefik was not read",
            ),
        ] {
            let mut zone = leftovers();
            spoil(&mut zone.looks[broken]);
            assert_eq!(zone.goes().await, ["gone.docker"], "what is claimed is judged by itself");
            let doubt = zone.evidence().doubt(&zone.suffixes[0]).unwrap().to_string();
            assert!(doubt.contains(word), "{doubt}");
        }
    }
    let zone = leftovers().looks([]);
    assert_eq!(zone.goes().await, [""; 0]);
}

#[tokio::test]
async fn a_suffix_below_which_an_unasked_daemon_has_names_is_left_alone() {
    let stranger = Origin::of_source("docker", "two").piece("db");
    let zone = Situation::of_zone(".").suffix(suffix("docker", &["db.docker"])).foreign("old.docker", "10.1.0.9");
    let zone = zone.ours("db.docker", "10.1.0.1", std::slice::from_ref(&stranger));
    assert_eq!(zone.goes().await, ["old.docker"], "what is excluded may be anybody's");
    let mut zone = zone.ours("cache.docker", "10.1.0.1", &[stranger]);
    assert_eq!(zone.goes().await, [""; 0], "another daemon may be asked in its place");
    let doubt = zone.evidence().doubt(&zone.suffixes[0]).unwrap().to_string();
    assert!(doubt.contains("docker:two"), "{doubt}");
    zone.looks[0].undecided.push((daemon(), "it wants nothing now".into()));
    let doubt = zone.evidence().doubt(&zone.suffixes[0]).unwrap().to_string();
    assert!(doubt.contains("docker:two"), "that lasts, and what the daemon wants is known soon: {doubt}");
}

#[tokio::test]
async fn the_name_of_a_container_that_counts_and_wants_nothing_there_is_somebody_elses() {
    let zone = || {
        let zone = Situation::of_zone(".").suffix(suffix("docker", &[]));
        zone.foreign("host.docker", "192.168.1.2").foreign("old.docker", "10.1.0.9").foreign("web.docker", "10.1.0.9")
    };
    let looks = |first: &[&str], second: &[&str]| {
        [first, second].map(|containers| Desired {
            containers: containers.iter().map(|container| daemon().piece(container)).collect(),
            ..look([wanted_by("web", "web.docker", "10.1.0.1")])
        })
    };
    let goes = async |first: &[&str], second: &[&str]| zone().looks(looks(first, second)).goes().await;
    assert_eq!(goes(&["host", "web"], &["host", "web"]).await, ["old.docker", "web.docker"]);
    assert_eq!(goes(&["host", "web"], &["web"]).await, ["old.docker", "web.docker"], "it was there at one look");
    assert_eq!(goes(&["web"], &["web"]).await, ["host.docker", "old.docker", "web.docker"]);
}

#[tokio::test]
async fn names_that_a_container_speaks_of_are_left_alone_and_where_they_are_not_known_the_suffix_is() {
    let zone = || {
        let zone = Situation::of_zone(".").suffix(suffix("docker", &[])).foreign("app.docker", "192.168.1.2");
        zone.foreign("web.docker", "10.1.0.9").foreign("old.docker", "10.1.0.9").of_container("gone", "gone.docker")
    };
    let looks = |speaks: Result<&str, &str>, is_open: bool| {
        let names = speaks.map(|text| BTreeSet::from([name(text)])).map_err(Into::into);
        let spoken = vec![(daemon().piece("app"), names)];
        let undecided = is_open.then(|| (daemon().piece("app"), "it has no address".into())).into_iter().collect();
        let wanted = [wanted_by("web", "web.docker", "10.1.0.1")];
        [Desired { spoken, undecided, ..look(wanted.clone()) }, look(wanted)]
    };
    for is_open in [false, true] {
        let zone = zone().looks(looks(Ok("app.docker"), is_open));
        assert_eq!(zone.goes().await, ["gone.docker", "old.docker", "web.docker"], "at one look is enough");
        let zone = zone.looks(looks(Ok("web.docker"), is_open));
        assert_eq!(zone.goes().await, ["gone.docker", "app.docker", "old.docker"], "also beside what is wanted");
        let zone = zone.looks(looks(Err("a rule"), is_open));
        assert_eq!(zone.goes().await, ["gone.docker"]);
        let doubt = zone.evidence().doubt(&zone.suffixes[0]).unwrap();
        assert_eq!(matches!(doubt, Doubt::Unheard(..)), !is_open, "{doubt}");
    }
}

#[tokio::test]
async fn what_lies_below_two_suffixes_goes_only_if_both_say_so() {
    let inner = |exclude: &[&str]| suffix("lab.docker", exclude);
    let zone = |inner: Suffix| {
        let zone = Situation::of_zone(".").suffix(suffix("docker", &[])).suffix(inner);
        zone.foreign("old.docker", "10.1.0.9").foreign("old.lab.docker", "10.1.0.9")
    };
    assert_eq!(zone(inner(&[])).goes().await, ["old.docker", "old.lab.docker"]);
    assert_eq!(zone(inner(&["old.lab.docker"])).goes().await, ["old.docker"]);
    let endpoints = [SOCKET.to_owned(), "tcp://10.0.0.2:2375".to_owned()].into();
    assert_eq!(zone(Suffix { endpoints, ..inner(&[]) }).goes().await, ["old.docker"]);
}

/// Someone who wants a record.
fn someone() -> impl Strategy<Value = Origin> {
    let other = Origin::of_source("docker", "two");
    prop::sample::select(vec![
        daemon().piece("a"),
        daemon().piece("b"),
        other.piece("a"),
        file().piece("lab.example"),
        Origin::by_hand(),
        Origin::adopted(),
    ])
}

fn any_record() -> impl Strategy<Value = Record> {
    let names = prop::sample::select(vec!["a.lab.example", "b.lab.example", "x.docker.lab.example", "lab.example"]);
    (names, 0..3u8).prop_map(|(name, last)| record(name, &format!("10.0.0.{last}")))
}

fn any_look() -> impl Strategy<Value = Desired> {
    let wanted = prop::collection::vec((someone(), any_record()), 0..4);
    (wanted, any::<[bool; 4]>()).prop_map(|(wanted, [reads, is_broken, is_open, answers])| {
        let wanted = wanted.into_iter().filter(|(origin, _)| !origin.is_a_person());
        let wanted = wanted.map(|(origin, record)| Wanted { origin, place: Place::default(), record });
        let mut look = look(wanted);
        if !reads {
            look.read.clear();
        }
        if is_broken {
            look.unreadable.push((daemon().piece("a"), "broken".into()));
        }
        if is_open {
            look.undecided.push((daemon().piece("b"), "open".into()));
        }
        if !answers {
            look.daemons.clear();
        }
        look
    })
}

proptest! {
    /// Whatever was seen: what goes was wanted at no look, and is either of a container of which everything was read at all of them, or
    /// nobody's below a suffix about which there is no doubt.
    #[test]
    fn nothing_goes_that_anybody_may_want(
        ours in prop::collection::vec((any_record(), prop::collection::vec(someone(), 0..3)), 0..5),
        foreign in prop::collection::vec(any_record(), 0..4),
        looks in prop::collection::vec(any_look(), 0..3),
    ) {
        let mut zone = Situation::new().suffix(suffix("docker.lab.example", &[]));
        for (record, origins) in ours {
            if zone.tracked.iter().all(|tracked| tracked.record.key != record.key) {
                zone = zone.ours(record.name().as_str(), &record.key.data.to_string(), &origins);
            }
        }
        foreign.into_iter().for_each(|record| zone.provider.hold(record));
        let zone = zone.looks(looks);
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let decision = runtime.block_on(zone.decide());
        for step in decision.plan.steps() {
            let key = &step.change.record().key;
            prop_assert!(matches!(step.change, Change::Delete(_)) && !zone.looks.is_empty());
            let wants = |look: &Desired| look.wanted.iter().any(|wanted| wanted.record.key == *key);
            prop_assert!(!zone.looks.iter().any(wants));
            match zone.tracked.iter().find(|tracked| tracked.record.key == *key) {
                Some(tracked) => {
                    prop_assert!(tracked.origins.iter().any(|origin| origin.is_within(&daemon())));
                    let judged = |look: &Desired| tracked.origins.iter().all(|origin| look.judges(origin));
                    prop_assert!(zone.looks.iter().all(judged));
                }
                None => {
                    prop_assert_eq!(key.name.as_str(), "x.docker.lab.example");
                    prop_assert!(zone.evidence().doubt(&zone.suffixes[0]).is_none());
                }
            }
        }
    }
}
