//! Several providers and zones at once: one that fails hides no other, and none is asked more often than it takes.

mod program;

use std::process::Output;

use fixtures::cloudflare::FakeCloudflare;
use fixtures::faults::{Fault, On};
use tempfile::TempDir;
use tokio::process::Command;

/// A folder with a configuration and a zone file, and a fake Cloudflare.
struct Place {
    folder: TempDir,
    fake: FakeCloudflare,
}

impl Place {
    /// `CLOUD` in the configuration stands for what a Cloudflare provider's table begins with.
    async fn new(configuration: &str) -> Self {
        let place = Self { folder: TempDir::new().unwrap(), fake: FakeCloudflare::start().await };
        let cloud = format!("kind = \"cloudflare\"\nurl = \"{}\"", place.fake.url());
        place.write("dnsmgmt.toml", &configuration.replace("CLOUD", &cloud));
        place.write(
            "lab.zone",
            "$TTL 1h\n@ SOA ns.lab.example. host.lab.example. 1 1h 15m 1w 5m\n@ NS ns\nns A 10.0.0.1\n",
        );
        place.write("bad.zone", "$INCLUDE other.zone\n");
        place
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.folder.path().join(name), text).unwrap();
    }

    async fn run(&self, variables: &[(&str, &str)], line: &str) -> Output {
        let mut command = Command::from(program::dns_cli(self.folder.path()));
        command.current_dir(&self.folder).envs(variables.iter().copied());
        command.args(line.split(' ')).output().await.expect("dns-cli starts")
    }

    /// Runs with variables alone, those of the fake among them.
    async fn run_alone(&self, variables: &[(&str, &str)], line: &str) -> Output {
        let url = self.fake.url();
        let of_fake = [("CF_API_URL", &*url), ("CF_API_TOKEN", &self.fake.token)];
        self.run(&[&of_fake[..], variables].concat(), line).await
    }
}

fn text(octets: &[u8]) -> String {
    String::from_utf8_lossy(octets).into_owned()
}

const LAB: &str = "[providers.lab]\nkind = \"zonefile\"\nzones = [{ name = \"lab.example\", path = \"lab.zone\" }]\n";

#[tokio::test]
async fn a_provider_that_fails_hides_no_other() {
    let broken = "[providers.file]\nkind = \"zonefile\"\nzones = [{ name = \"no.example\", path = \"bad.zone\" }]\n";
    let secret =
        "[providers.secret]\nkind = \"cloudflare\"\ntoken_file = \"nowhere\"\nzones = [\"a.example\", \"b.example\"]\n";
    let zone = "[providers.zone]\nCLOUD\nzones = [\"not.example\"]\n";
    let place = Place::new(&format!("{broken}{secret}{zone}{LAB}")).await;
    let token = [("CF_API_TOKEN", &*place.fake.token)];
    place.fake.add_zone("seen.example");
    let (file, secret, zone) =
        ("file (no.example): the whole zone was not listed", "secret: could not read", "zone: could not find");
    for (line, shown, failed) in [
        ("list", "ns.lab.example", &[file, secret, zone][..]),
        ("list --output json", "ns.lab.example", &[file, secret, zone]),
        ("provider test", "lab lab.example: answers", &[file, secret, zone]),
        ("provider capabilities", "lab.example", &[secret, zone]),
        ("provider zones", "seen.example", &[secret]),
    ] {
        let output = place.run(&token, &format!("{line} --config dnsmgmt.toml")).await;
        assert_eq!(output.status.code(), Some(1), "{line}: {output:?}");
        assert!(text(&output.stdout).contains(shown), "{line}: {output:?}");
        for failed in failed {
            assert_eq!(text(&output.stderr).matches(&format!("dns-cli: {failed}")).count(), 1, "{line}: {output:?}");
        }
    }
    let output = place.run(&[], "list --config dnsmgmt.toml --provider lab").await;
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
}

#[tokio::test]
async fn where_all_fail_nothing_is_printed() {
    let place = Place::new("[providers.a]\nCLOUD\ntoken = \"x\"\n[providers.b]\nCLOUD\ntoken = \"y\"\n").await;
    let output = place.run(&[], "list --output json --config dnsmgmt.toml").await;
    assert_eq!(output.status.code(), Some(1));
    assert!(output.stdout.is_empty(), "{output:?}");
    let errors = text(&output.stderr);
    assert!(errors.contains("dns-cli: a: could not list") && errors.contains("dns-cli: b: could not list"), "{errors}");
}

#[tokio::test]
async fn broken_variables_of_a_provider_that_is_not_used_stop_nothing() {
    let place = Place::new(LAB).await;
    let output = place.run(&[("CF_API_TOKEN", "x"), ("CF_ZONE_FILE", "/nonexist")], "list --config dnsmgmt.toml").await;
    assert!(output.status.success(), "{output:?}");
}

#[tokio::test]
async fn a_look_up_that_fails_once_is_tried_again() {
    let named = &[("CF_ZONE", "example.com")][..];
    for (fault, variables, line) in [
        (Fault::ErrorBefore, named, "list"),
        (Fault::TooManyRequests(Some(1)), named, "delete www.example.com"),
        (Fault::Html, named, "get www.example.com"),
        (Fault::ErrorBefore, &[], "list"),
        (Fault::ErrorBefore, &[], "delete www.example.com"),
        (Fault::ErrorBefore, &[], "provider zones"),
    ] {
        let place = Place::new("").await;
        let zone = place.fake.add_zone("example.com");
        place.fake.put(&zone, "www.example.com", "A", "10.0.0.1");
        place.fake.server.faults.next(1, On::Preparation, fault);
        let output = place.run_alone(variables, line).await;
        assert!(output.status.success(), "{fault:?} {line}: {output:?}");
        let look_ups = place.fake.server.calls().iter().filter(|call| call.contains("/zones?")).count();
        assert_eq!(look_ups, 2, "{fault:?} {line}");
    }
}

#[tokio::test]
async fn a_look_up_is_not_tried_longer_than_patience_lasts_or_where_it_is_refused() {
    let place = Place::new("").await;
    place.fake.add_zone("example.com");
    let name = ("CF_ZONE", "example.com");
    for (fault, line, calls) in [
        (Fault::TooManyRequests(Some(300)), "list", 1),
        (Fault::Unauthorized, "list", 1),
        (Fault::ErrorBefore, "list --retry-for 0s", 1),
        (Fault::ErrorBefore, "list", 3),
    ] {
        place.fake.server.faults.clear();
        place.fake.server.faults.always(On::Preparation, fault);
        place.fake.server.forget_calls();
        let output = place.run_alone(&[name], line).await;
        assert_eq!(output.status.code(), Some(1), "{fault:?} {output:?}");
        assert_eq!(place.fake.server.calls().len(), calls, "{fault:?}");
    }
}

#[tokio::test]
async fn zones_are_looked_up_once_and_shown_by_their_ids() {
    let place = Place::new("").await;
    let ids = ["a.example", "b.example", "b.example"].map(|name| place.fake.add_zone(name));
    for variables in [&[("CF_ZONE", "a.example,b.example")][..], &[], &[("CF_ZONE_ID", &*ids[0])]] {
        place.fake.server.forget_calls();
        let output = place.run_alone(variables, "provider zones").await;
        assert!(output.status.success(), "{output:?}");
        let shown = text(&output.stdout);
        assert_eq!(shown.lines().count(), 4, "{shown}");
        assert!(ids.iter().all(|id| shown.matches(&**id).count() == 1), "{shown}");
        assert_eq!(place.fake.server.calls().len(), 1);
    }
}

#[tokio::test]
async fn a_budget_that_ends_is_not_overdrawn_by_the_listing_or_the_examination() {
    let place = Place::new("").await;
    let zone = place.fake.add_zone("a.example");
    place.fake.put(&zone, "www.a.example", "A", "10.0.0.1");
    place.fake.set_remaining(1);
    let output = place.run_alone(&[("CF_ZONE", "a.example")], "list --retry-for 0s").await;
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert_eq!(place.fake.server.calls().len(), 1, "the look-up spent it, and the listing was not asked for");
    place.fake.set_remaining(1);
    let output = place.run_alone(&[("CF_ZONE_ID", &zone)], "provider test").await;
    assert!(output.status.success(), "{output:?}");
    let shown = text(&output.stdout);
    assert!(shown.contains("answers, 1 records") && shown.contains("not everything was looked at"), "{shown}");
}

#[tokio::test]
async fn a_name_outside_a_zone_that_is_given_by_its_id_is_refused_and_leaves_nothing() {
    let place = Place::new("").await;
    let zone = place.fake.add_zone("example.com");
    let output = place.run_alone(&[("CF_ZONE_ID", &zone)], "add foo.unrelated.org 10.0.0.1").await;
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    let said = text(&output.stdout) + &text(&output.stderr);
    assert!(said.contains("foo.unrelated.org is not in the zone"), "{said}");
    assert!(place.fake.records(&zone).is_empty());
}
