//! Several programs on one file, and programs that are killed. The other program is this one again, running one of the ignored
//! tests below.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use dnsmgmt_core::plan::{Claim, Reason, Step};
use dnsmgmt_core::provider::{Change, RunId};
use dnsmgmt_core::record_set::{Listing, Scope};
use dnsmgmt_core::report::Fate;
use dnsmgmt_core::repository::{DnsRepositoryManager, LockError, ProviderLock, Tracking, examine};

use super::{Place, file, home, listing, managed, noon_and, record};

const DATABASE: &str = "TEST_DATABASE";

/// Another program at work. It is killed when it is dropped.
struct Other {
    child: Child,
    /// Kept open, so that it can go on writing.
    _lines: BufReader<ChildStdout>,
}

impl Other {
    /// Starts it, and waits until it says that it has begun.
    fn start(job: &str, database: &Path) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", &format!("several::{job}"), "--ignored", "--nocapture"]).env(DATABASE, database);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        while !line.contains("begun") {
            line.clear();
            assert!(lines.read_line(&mut line).unwrap() > 0, "{job} ended before it began");
        }
        Self { child, _lines: lines }
    }

    fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    fn succeeds(&mut self) -> bool {
        self.child.wait().unwrap().success()
    }
}

impl Drop for Other {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

#[expect(clippy::disallowed_methods, reason = "how the other program is told its job")]
fn database() -> std::path::PathBuf {
    std::env::var_os(DATABASE).expect("only the test above starts this").into()
}

#[expect(clippy::print_stdout, reason = "how the other program is heard")]
fn begun() {
    println!("begun");
}

/// Returns one of two listings without a record in common.
fn half(second: bool) -> Listing {
    let last = u8::from(second);
    listing((0..3000).map(|index| record(&format!("n{index}.example"), &format!("10.0.0.{last}"))))
}

#[test]
#[ignore = "run by a_killed_replacement_leaves_the_old_listing_or_the_new"]
fn replaces_forever() {
    let mut repository = DnsRepositoryManager::open(&database()).unwrap();
    begun();
    for second in [true, false].into_iter().cycle() {
        repository.refresh(&home(), &Scope::Zone, &half(second), noon_and(0)).unwrap();
    }
}

#[test]
fn a_killed_replacement_leaves_the_old_listing_or_the_new() {
    let place = Place::new();
    place.open().refresh(&home(), &Scope::Zone, &half(false), noon_and(0)).unwrap();
    let halves = [half(false), half(true)];
    for round in 0..20_u64 {
        let other = Other::start("replaces_forever", &place.path());
        std::thread::sleep(Duration::from_millis(3 + 7 * round));
        other.kill();
        let held = place.open().provider_cache().get_records(&home()).unwrap().unwrap().listing;
        assert!(halves.contains(&held), "round {round}: {} records", held.records.len());
        assert!(examine(&place.path()).unwrap().problems.is_empty());
    }
}

#[test]
#[ignore = "run by what_a_killed_program_intended_is_ours_if_it_is_there"]
fn intends_and_waits() {
    let mut repository = DnsRepositoryManager::open(&database()).unwrap();
    let step = Step {
        change: Change::Create(record("web.example", "10.0.0.1")),
        claim: Claim::Created,
        reason: Reason::Wanted,
        origins: [file("lab")].into(),
        notes: Vec::new(),
    };
    repository.intend(RunId(1), &home(), [&step], noon_and(0)).unwrap();
    begun();
    loop {
        std::thread::park();
    }
}

#[test]
fn what_a_killed_program_intended_is_ours_if_it_is_there() {
    for is_there in [true, false] {
        let place = Place::new();
        drop(place.open());
        Other::start("intends_and_waits", &place.path()).kill();
        let seen = listing(is_there.then(|| record("web.example", "10.0.0.1")));
        let mut repository = place.open();
        let settled = repository.settle_by_looking(&home(), &Scope::Zone, &seen, noon_and(1)).unwrap();
        assert_eq!(settled[0].1, if is_there { Fate::Present } else { Fate::StillMissing });
        assert_eq!(managed(&repository).len(), usize::from(is_there));
    }
}

#[test]
#[ignore = "run by two_programs_write_and_neither_loses_anything"]
fn tracks_some() {
    let mut repository = DnsRepositoryManager::open(&database()).unwrap();
    begun();
    let process = std::process::id();
    for index in 0..100 {
        let record = record(&format!("n{index}-{process}.example"), "10.0.0.1");
        repository.track_record(&home(), &record, &Tracking::default(), noon_and(0)).unwrap();
    }
}

#[test]
fn two_programs_write_and_neither_loses_anything() {
    let place = Place::new();
    drop(place.open());
    let mut others = [Other::start("tracks_some", &place.path()), Other::start("tracks_some", &place.path())];
    let mut repository = place.open();
    for second in [true, false, true, false] {
        repository.refresh(&home(), &Scope::Zone, &half(second), noon_and(0)).unwrap();
        let held = repository.provider_cache().get_records(&home()).unwrap().unwrap().listing;
        assert_eq!(held, half(second));
    }
    assert!(others.iter_mut().all(Other::succeeds));
    assert_eq!(repository.managed_records().get_tracked_records(&home(), Duration::ZERO).unwrap().len(), 200);
}

#[test]
fn programs_that_start_together_make_one_database() {
    for _ in 0..20 {
        let place = Place::new();
        let ids: Vec<String> = std::thread::scope(|scope| {
            let open = || place.open().owner_id().unwrap();
            let openers: Vec<_> = (0..4).map(|_| scope.spawn(open)).collect();
            openers.into_iter().map(|opener| opener.join().unwrap()).collect()
        });
        assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
    }
}

#[test]
#[ignore = "run by the_lock_says_who_holds_it_and_ends_with_its_program"]
fn holds_the_lock() {
    let _lock = ProviderLock::try_acquire(&database(), "home", "dns-test").unwrap();
    begun();
    loop {
        std::thread::park();
    }
}

#[tokio::test]
async fn the_lock_says_who_holds_it_and_ends_with_its_program() {
    let place = Place::new();
    drop(place.open());
    let other = Other::start("holds_the_lock", &place.path());
    let error = ProviderLock::try_acquire(&place.path(), "home", "me").unwrap_err();
    let who = format!("dns-test (process {}) is changing records at home", other.child.id());
    assert!(error.to_string().starts_with(&who), "{error}");
    let patience = Duration::from_millis(120);
    let error = ProviderLock::acquire(&place.path(), "home", "me", patience).await.unwrap_err();
    assert!(matches!(error, LockError::Held { .. }), "{error}");
    let elsewhere = ProviderLock::try_acquire(&place.path(), "../away", "me").unwrap();
    assert!(ProviderLock::try_acquire(&place.path(), "../away", "me").is_err());
    drop(elsewhere);
    other.kill();
    let mine = ProviderLock::try_acquire(&place.path(), "home", "me").unwrap();
    let path = place.path();
    let waiting =
        tokio::spawn(async move { ProviderLock::acquire(&path, "home", "next", Duration::from_secs(60)).await });
    tokio::task::yield_now().await;
    drop(mine);
    waiting.await.unwrap().unwrap();
}
