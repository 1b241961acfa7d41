//! What is ours: adopted, released, orphaned, kept, deleted, and found again after the memory was lost.

mod program;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Output;

use dnsmgmt_core::origin::Origin;
use dnsmgmt_core::provider::ProviderId;
use dnsmgmt_core::repository::DnsRepositoryManager;
use dnsmgmt_core::tracked::TrackedRecord;
use fixtures::cloudflare::FakeCloudflare;
use fixtures::faults::{Fault, On};
use serde_json::{Value, json};
use tempfile::TempDir;

const ZONE: &str = "$TTL 1h\n@ SOA localhost. hostmaster 1 1h 15m 1w 5m\n@ NS localhost.\n\
    web A 10.0.0.1\nweb A 10.0.0.2\nmail A 10.0.0.3\na-kube TXT \"heritage=external-dns,external-dns/owner=default\"\n\
    kube A 10.0.0.4\n";

/// A zone, a memory, and the program that works on both.
trait Lab {
    fn folder(&self) -> &Path;
    fn variables(&self) -> Vec<(&str, String)>;

    fn run(&self, line: &str) -> Output {
        let mut command = program::dns_cli(self.folder());
        command.current_dir(self.folder()).envs(self.variables()).args(line.split(' '));
        command.output().expect("dns-cli starts")
    }

    /// Returns standard output, standard error and the exit status.
    fn says(&self, line: &str) -> (String, String, i32) {
        let output = self.run(line);
        let text = |octets: &[u8]| String::from_utf8(octets.to_vec()).unwrap();
        (text(&output.stdout), text(&output.stderr), output.status.code().unwrap())
    }

    fn succeeds(&self, line: &str) -> String {
        let (out, errors, status) = self.says(line);
        assert_eq!(status, 0, "{line}: {out}{errors}");
        out
    }

    fn json(&self, line: &str) -> Value {
        let output = self.run(line);
        serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{line}: {output:?}"))
    }

    fn repository(&self) -> DnsRepositoryManager {
        DnsRepositoryManager::open(&self.folder().join("dnsmgmt.db")).unwrap()
    }

    /// Returns what is ours at a name.
    fn ours(&self, name: &str) -> Vec<TrackedRecord> {
        let tracked = self.repository().tracked_at(&name.parse().unwrap()).unwrap();
        tracked.into_iter().map(|(_, tracked)| tracked).filter(|tracked| tracked.claim.is_some()).collect()
    }
}

/// A zone file.
struct File(TempDir);

impl File {
    fn new() -> Self {
        let lab = Self(TempDir::new().unwrap());
        lab.write("lab.zone", ZONE);
        lab
    }

    fn write(&self, file: &str, text: &str) {
        fs::write(self.0.path().join(file), text).unwrap();
    }

    fn text(&self) -> String {
        fs::read_to_string(self.0.path().join("lab.zone")).unwrap()
    }

    /// Writes a source that wants these names, and synchronises it.
    fn sync(&self, names: &[&str]) -> String {
        let records: String = names.iter().map(|name| format!("{name} 300 A 10.9.0.1\n")).collect();
        self.write("wanted.zone", &format!("$ORIGIN lab.example.\n$TTL 300\n@ SOA ns host 1 1h 15m 1w 5m\n{records}"));
        self.succeeds("sync --source wanted.zone --allow-empty --grace 1h")
    }
}

impl Lab for File {
    fn folder(&self) -> &Path {
        self.0.path()
    }

    fn variables(&self) -> Vec<(&str, String)> {
        vec![("ZONEFILE_PATH", "lab.zone".into()), ("ZONEFILE_ORIGIN", "lab.example".into())]
    }
}

/// A zone at Cloudflare, which keeps comments.
struct Cloud {
    fake: FakeCloudflare,
    zone: String,
    folder: TempDir,
}

impl Cloud {
    async fn new() -> Self {
        let fake = FakeCloudflare::start().await;
        let zone = fake.add_zone("example.com");
        for (name, comment) in [("plain", None), ("noted", Some("the printer")), ("lost", Some(THEIRS))] {
            let id = fake.put(&zone, &format!("{name}.example.com"), "A", "10.0.0.1");
            fake.edit(&zone, &id, |record| record.comment = comment.map(Into::into));
        }
        Self { fake, zone, folder: TempDir::new().unwrap() }
    }

    fn comment(&self, name: &str) -> Option<String> {
        let records = self.fake.records(&self.zone);
        let record = records.iter().find(|record| record.name == format!("{name}.example.com"));
        record.expect("it is there").comment.clone()
    }

    /// Returns the mark of this memory.
    fn mark(&self) -> Option<String> {
        Some(format!("managed by dnsmgmt, owner {}", self.repository().owner_id().unwrap()))
    }
}

impl Lab for Cloud {
    fn folder(&self) -> &Path {
        self.folder.path()
    }

    fn variables(&self) -> Vec<(&str, String)> {
        vec![
            ("CF_API_URL", self.fake.url()),
            ("CF_API_TOKEN", self.fake.token.clone()),
            ("CF_ZONE_ID", self.zone.clone()),
            ("CF_ZONE", "example.com".into()),
        ]
    }
}

/// The mark of another memory.
const THEIRS: &str = "managed by dnsmgmt, owner them";

/// Returns the zone of the zone file.
fn id() -> ProviderId {
    ProviderId { name: "zonefile".into(), zone: "lab.example".parse().unwrap() }
}

fn by(origin: Origin) -> BTreeSet<Origin> {
    [origin].into()
}

#[test]
fn an_adoption_is_shown_agreed_to_and_remembered() {
    let lab = File::new();
    let would = "would adopt web.lab.example A 10.0.0.1\nwould adopt web.lab.example A 10.0.0.2\n";
    let dry = lab.succeeds("adopt web.* -n");
    assert_eq!(dry, format!("{would}dry run, nothing was done: 2 adopted\n"));
    let (out, errors, status) = lab.says("adopt web.*");
    assert_eq!((out.as_str(), status), ("", 2));
    assert!(
        errors.starts_with(would) && errors.contains("nothing was adopted") && errors.contains("--yes"),
        "{errors}"
    );
    assert!(lab.ours("web.lab.example").is_empty());
    let done = "adopted web.lab.example A 10.0.0.1\n1 adopted\n";
    assert_eq!(lab.succeeds("adopt web.* --value 10.0.0.1 --yes"), done);
    let ours = lab.ours("web.lab.example");
    assert_eq!((ours.len(), &ours[0].origins), (1, &by(Origin::adopted())));
    let again = lab.succeeds("adopt web.lab.example --value 10.0.0.1");
    assert_eq!(again, "already ours web.lab.example A 10.0.0.1\n1 already ours\n");
    assert_eq!(lab.text(), ZONE, "nothing is changed there");
}

#[test]
fn what_others_marked_or_the_zone_needs_is_not_adopted() {
    let lab = File::new();
    let (out, _, status) = lab.says("adopt *kube* --yes");
    assert_eq!(status, 3);
    let refused = "refused to adopt kube.lab.example A 10.0.0.4\n  it carries the mark of external-dns (owner default)";
    assert!(out.contains(refused) && out.ends_with("2 refused\n"), "{out}");
    let report = lab.json("adopt lab.example --yes -o json");
    assert_eq!((&report["settled"], &report["records"][0]["outcome"]), (&json!(false), &json!("refused")));
    assert!(lab.repository().get_managed_records(&id(), Default::default()).unwrap().is_empty());
    let (out, _, status) = lab.says("adopt nobody --yes");
    assert_eq!((out.as_str(), status), ("nothing there is named like that\n", 5));
}

#[test]
fn an_adopted_record_is_its_sources_from_the_next_synchronisation_on() {
    let lab = File::new();
    lab.succeeds("adopt mail.* -y");
    lab.sync(&[]);
    assert_eq!(lab.ours("mail.lab.example")[0].orphaned, None, "no source wanted it yet");
    lab.write("wanted.zone", "$ORIGIN lab.example.\n$TTL 1h\n@ SOA ns host 1 1h 15m 1w 5m\nmail A 10.0.0.3\n");
    lab.succeeds("sync --source wanted.zone");
    assert!(lab.ours("mail.lab.example")[0].origins.iter().all(|origin| !origin.is_a_person()));
}

#[test]
fn a_release_gives_up_the_claim_and_keeps_the_record() {
    let lab = File::new();
    lab.succeeds("adopt mail.* -y");
    lab.sync(&["new"]);
    let text = lab.text();
    assert_eq!(lab.says("release *").2, 2, "there is nobody to ask");
    let out = lab.succeeds("release * --yes");
    assert!(out.ends_with("2 released\n"), "{out}");
    assert_eq!(lab.text(), text);
    assert!(lab.ours("mail.lab.example").is_empty() && lab.ours("new.lab.example").is_empty());
    assert_eq!(lab.says("release * --yes").2, 5, "nothing of ours is left");
    lab.sync(&[]);
    assert_eq!(lab.succeeds("orphans list"), "");
}

#[test]
fn a_claim_on_what_is_gone_is_released_too() {
    let lab = File::new();
    lab.sync(&["new"]);
    lab.write("lab.zone", ZONE);
    lab.succeeds("list");
    assert_eq!(lab.succeeds("release new.* -y"), "released new.lab.example A 10.9.0.1\n1 released\n");
    assert!(lab.ours("new.lab.example").is_empty());
}

#[test]
fn orphans_are_listed_with_their_grace_and_kept_by_a_person() {
    let lab = File::new();
    lab.sync(&["one", "two"]);
    lab.sync(&["two"]);
    let orphans = lab.json("orphans list -o json");
    let [orphan] = &orphans["orphans"].as_array().unwrap()[..] else { panic!("{orphans}") };
    assert_eq!((&orphan["name"], &orphan["reason"]), (&json!("one.lab.example"), &json!("unwanted")));
    assert!(orphan["grace_left_seconds"].as_u64().unwrap() <= 900, "{orphan}");
    assert!(orphan["origins"][0].as_str().unwrap().contains("wanted.zone"));
    assert_eq!(lab.succeeds("orphans list --zone other.example"), "");
    assert_eq!(lab.succeeds("orphans list -p zonefile"), lab.succeeds("orphans list"));
    let table = lab.succeeds("orphans list");
    assert!(table.contains("zonefile (lab.example)") && table.contains("unwanted"), "{table}");
    let before = lab.ours("one.lab.example");
    assert!(lab.succeeds("orphans restore one.* -n").contains("wanted by hand from now on"));
    assert_eq!(lab.ours("one.lab.example"), before, "a dry run changes nothing");
    lab.succeeds("orphans restore one.*");
    let [kept] = &lab.ours("one.lab.example")[..] else { panic!() };
    assert_eq!((kept.orphaned, &kept.origins), (None, &by(Origin::by_hand())));
    lab.sync(&["two"]);
    assert_eq!(lab.succeeds("orphans list"), "", "no source says any more that it is not wanted");
    assert_eq!(lab.says("orphans restore one.*").2, 5);
}

#[test]
fn what_is_gone_is_created_again_for_those_who_want_it() {
    let lab = File::new();
    lab.sync(&["one"]);
    let origins = lab.ours("one.lab.example")[0].origins.clone();
    lab.write("lab.zone", ZONE);
    lab.succeeds("list");
    lab.repository().detect_orphans(&id(), "2026-01-01T12:00:00Z".parse().unwrap()).unwrap();
    assert!(lab.succeeds("orphans list").contains("gone"));
    let out = lab.succeeds("orphans restore *");
    assert!(out.contains("created one.lab.example A 10.9.0.1"), "{out}");
    assert!(lab.text().contains("10.9.0.1"));
    let [back] = &lab.ours("one.lab.example")[..] else { panic!() };
    assert_eq!((back.orphaned, &back.origins), (None, &origins));
}

#[test]
fn an_orphan_is_deleted_at_once_when_a_person_says_so() {
    let lab = File::new();
    lab.sync(&["one", "two", "three"]);
    lab.sync(&["three"]);
    let gone =
        lab.text().lines().filter(|line| !line.starts_with("two")).map(|line| format!("{line}\n")).collect::<String>();
    lab.write("lab.zone", &gone);
    let (out, errors, status) = lab.says("orphans delete *");
    assert_eq!((out.as_str(), status), ("", 2), "{errors}");
    assert!(errors.contains("would delete one.lab.example") && errors.contains("nothing was deleted"), "{errors}");
    let out = lab.succeeds("orphans delete * --yes");
    assert!(out.contains("deleted one.lab.example A 10.9.0.1\n"), "{out}");
    assert!(!out.contains("makes that again"), "no source wants it: {out}");
    assert!(out.contains("already gone two.lab.example A 10.9.0.1\n  it is gone, so it is only forgotten\n"), "{out}");
    assert!(!lab.text().contains("one") && lab.text().contains("three"));
    assert!(lab.ours("one.lab.example").is_empty() && lab.ours("two.lab.example").is_empty());
    assert_eq!(lab.ours("three.lab.example").len(), 1);
}

#[test]
fn what_is_there_again_is_no_orphan_and_stays() {
    let lab = File::new();
    lab.sync(&["one"]);
    let text = lab.text();
    lab.write("lab.zone", ZONE);
    lab.succeeds("list");
    lab.repository().detect_orphans(&id(), "2026-01-01T12:00:00Z".parse().unwrap()).unwrap();
    lab.write("lab.zone", &text);
    let (out, _, status) = lab.says("orphans delete * -y");
    assert!(status == 3 && out.contains("is there again"), "{out}");
    assert!(lab.text().contains("10.9.0.1") && lab.ours("one.lab.example").len() == 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn our_mark_goes_into_empty_comments_and_out_again() {
    let cloud = Cloud::new().await;
    let report = cloud.json("adopt * -y -o json");
    let outcomes: Vec<_> =
        report["records"].as_array().unwrap().iter().map(|row| (&row["name"], &row["comment"])).collect();
    let [noted, plain, lost] = ["noted", "plain", "lost"].map(|name| json!(format!("{name}.example.com")));
    assert_eq!(outcomes, [(&noted, &Value::Null), (&plain, &json!("present")), (&lost, &Value::Null)]);
    assert_eq!(report["records"][2]["outcome"], "refused", "another database owns it");
    assert_eq!((cloud.comment("plain"), cloud.comment("noted")), (cloud.mark(), Some("the printer".into())));
    assert_eq!(cloud.ours("plain.example.com")[0].record.comment, cloud.mark());
    assert_eq!(cloud.ours("plain.example.com")[0].origins, by(Origin::adopted()));
    let report = cloud.json("release * -y -o json");
    assert_eq!(report["settled"], true, "{report}");
    assert_eq!((cloud.comment("plain"), cloud.comment("noted")), (None, Some("the printer".into())));
    assert!(cloud.ours("plain.example.com").is_empty() && cloud.ours("noted.example.com").is_empty());
    assert_eq!(cloud.comment("lost").as_deref(), Some(THEIRS));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_adoption_holds_even_if_its_mark_is_not_written() {
    let cloud = Cloud::new().await;
    cloud.fake.server.faults.always(On::Change, Fault::Unauthorized);
    let (out, _, status) = cloud.says("adopt plain.* -y --retry-for 0");
    assert_eq!(status, 3, "{out}");
    assert!(out.contains("it is ours, but our mark in its comment is not proved"), "{out}");
    assert_eq!(cloud.ours("plain.example.com").len(), 1);
    cloud.fake.server.faults.clear();
    cloud.succeeds("release plain.* -y");
    cloud.succeeds("adopt plain.* -y");
    cloud.fake.server.faults.always(On::Change, Fault::Unauthorized);
    let (out, _, status) = cloud.says("release plain.* -y --retry-for 0");
    assert!(status == 3 && out.starts_with("still ours plain.example.com"), "{out}");
    assert_eq!((cloud.ours("plain.example.com").len(), cloud.comment("plain")), (1, cloud.mark()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_memory_is_rebuilt_from_the_marks_of_its_own_id() {
    let cloud = Cloud::new().await;
    cloud.succeeds("adopt plain.* -y");
    let owner_id = cloud.repository().owner_id().unwrap();
    fs::remove_file(cloud.folder().join("dnsmgmt.db")).unwrap();
    for beside in ["dnsmgmt.db-wal", "dnsmgmt.db-shm"] {
        drop(fs::remove_file(cloud.folder().join(beside)));
    }
    let found = cloud.json("db rebuild -y -o json");
    assert_eq!((&found["zones"][0]["claimed"], &found["zones"][0]["others"][&owner_id]), (&json!(0), &json!(1)));
    assert!(cloud.ours("plain.example.com").is_empty(), "it carries another id");
    let line = format!("db rebuild --owner {owner_id}");
    assert!(cloud.succeeds(&format!("{line} -n")).contains("would claim 1 record with"));
    assert_ne!(cloud.repository().owner_id().unwrap(), owner_id);
    assert_eq!(cloud.says(&line).2, 2, "there is nobody to ask");
    cloud.fake.server.forget_calls();
    let out = cloud.succeeds(&format!("{line} --yes"));
    assert!(
        out.contains("claimed 1 record with the mark of owner")
            && out.contains("left alone: 1 record with the mark of owner them"),
        "{out}"
    );
    assert!(cloud.fake.server.calls().iter().all(|call| call.starts_with("GET ")), "nothing is changed there");
    assert_eq!(cloud.repository().owner_id().unwrap(), owner_id);
    assert_eq!(cloud.ours("plain.example.com")[0].origins, by(Origin::adopted()));
    assert!(cloud.ours("lost.example.com").is_empty() && cloud.ours("noted.example.com").is_empty());
    assert_eq!(cloud.says("db rebuild -y --owner a/b").2, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_created_by_hand_carries_our_mark_unless_another_comment_is_given() {
    let cloud = Cloud::new().await;
    cloud.succeeds("add new.example.com 10.0.0.2");
    cloud.succeeds("add said.example.com 10.0.0.2 --comment mine");
    cloud.succeeds("add plain.example.com 10.0.0.1");
    cloud.succeeds("add noted.example.com 10.0.0.1 --ttl 600");
    fs::write(cloud.folder().join("more.txt"), "file.example.com A 10.0.0.2\nnoted.example.com A 10.0.0.1\n").unwrap();
    cloud.succeeds("import more.txt");
    assert_eq!((cloud.comment("new"), cloud.comment("file")), (cloud.mark(), cloud.mark()));
    assert_eq!((cloud.comment("said").as_deref(), cloud.comment("plain")), (Some("mine"), None));
    assert_eq!(cloud.comment("noted").as_deref(), Some("the printer"), "it was there");
}

#[test]
fn a_preview_says_whose_mark_a_record_carries_where_the_cache_knows_it() {
    let lab = File::new();
    let note = "carries the mark of external-dns (owner default), which may bring it back";
    assert!(!lab.succeeds("delete kube.lab.example -n").contains(note), "nothing is asked for beside the name");
    lab.succeeds("list");
    assert!(lab.succeeds("delete kube.lab.example -n").contains(note));
    assert!(lab.succeeds("update kube.lab.example 10.0.0.5 -n").contains(note));
    assert!(!lab.succeeds("add kube.lab.example 10.0.0.5 -n").contains(note), "what is added carries none");
}
