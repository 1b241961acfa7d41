//! Many programs at one file, programs that are killed, and file systems that are full or not ours.

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use dnsmgmt_core::provider::{Answer, DnsProvider, Group};
use dnsmgmt_core::record_set::Scope;

use super::file::{HEAD, ZoneFile, alone, apply, create, delete, open};

/// What the other program gets: the file, and which records it is to create, one after the other; or `examine`.
const FILE: &str = "ZONEFILE_TEST_FILE";
const RECORDS: &str = "ZONEFILE_TEST_RECORDS";

/// Not a test: the other program, which this test binary becomes when the variables are set.
#[tokio::test]
#[allow(clippy::print_stdout, reason = "the first half reads what came of it")]
async fn another_program() {
    let (Some(file), Some(records)) = (variable(FILE), variable(RECORDS)) else { return };
    let provider = open(Path::new(&file));
    if records == "examine" {
        return println!("{:?}", provider.examine().await);
    }
    for record in records.split(',') {
        for answer in apply(&provider, &[alone(create(record))]).await {
            println!("{answer:?}");
            assert!(matches!(answer, Answer::Accepted), "{answer:?}");
        }
    }
}

#[allow(clippy::disallowed_methods, reason = "the test hands its other half what to do")]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

fn program(file: &Path, records: &str) -> Command {
    become_program(Command::new(std::env::current_exe().unwrap()), file, records)
}

fn become_program(mut command: Command, file: &Path, records: &str) -> Command {
    command.args(["--exact", "zonefile::many::another_program", "--nocapture"]);
    command.env(FILE, file).env(RECORDS, records).env("RUST_BACKTRACE", "0");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn records(program: usize, count: usize) -> String {
    (0..count).map(|number| format!("p{program}-{number} A 10.0.0.1")).collect::<Vec<_>>().join(",")
}

#[tokio::test]
async fn forty_programs_at_once_lose_nothing() {
    let file = ZoneFile::missing();
    let programs: Vec<Child> =
        (0..40).map(|number| program(&file.path, &records(number, 3)).spawn().unwrap()).collect();
    for program in programs {
        let output = program.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    }
    let names: BTreeSet<String> = file.list().await.records.iter().map(|record| record.name().to_string()).collect();
    for (program, number) in (0..40).flat_map(|program| (0..3).map(move |number| (program, number))) {
        assert!(names.contains(&format!("p{program}-{number}.example.com")), "{names:?}");
    }
    assert!(file.text().contains(" 120 1d "), "each change counted the serial up: {}", file.text());
    assert_eq!(fs::read_dir(file.folder.path()).unwrap().count(), 1);
}

/// With work that grows with the square of their number this would take minutes.
#[tokio::test]
async fn thousands_of_values_at_one_name_come_and_go() {
    let file = ZoneFile::with(HEAD);
    let value = |number: usize| format!("many TLSA 3 1 1 {number:08X}");
    let work: Vec<Group> = (0..3000).map(|number| alone(create(&value(number)))).collect();
    assert!(file.apply(&work).await.iter().all(|answer| matches!(answer, Answer::Accepted)));
    assert_eq!(file.list().await.records.len(), 3001);
    let changes = (0..2999).map(|number| delete(&value(number).to_lowercase())).collect();
    let answers = file.apply(&[Group { only_if: Vec::new(), changes }]).await;
    assert!(answers.iter().all(|answer| matches!(answer, Answer::Accepted)));
    assert_eq!(file.text(), format!("{}many\tTLSA\t3 1 1 {:08X}\n", HEAD.replace("41", "43"), 2999));
}

#[tokio::test]
async fn a_killed_program_leaves_the_file_whole() {
    // A file that takes a while to write.
    let filler = format!("; filler {}\n", "x".repeat(60_000)).repeat(20);
    let file = ZoneFile::with(format!("{HEAD}{filler}"));
    let is_whole = |text: &[u8]| {
        let start = text.iter().position(|octet| *octet == b';').unwrap_or_default();
        text[start..].starts_with(filler.as_bytes()) && text.ends_with(b"\n")
    };
    let mut before = file.list().await.records.len();
    for round in 0..100 {
        let mut killed = program(&file.path, &records(round, 1000)).spawn().unwrap();
        let answers = BufReader::new(killed.stdout.take().unwrap()).lines();
        let first = answers.map_while(Result::ok).find(|line| line.contains("Accepted"));
        assert!(first.is_some(), "the program ended before it was killed");
        // Each look is a moment at which it could have been killed, the last one the moment at which it is.
        for _ in 0..(round * 7) % 200 + 1 {
            assert!(is_whole(&file.bytes()), "round {round}: {}", file.bytes().len());
        }
        killed.kill().unwrap();
        killed.wait().unwrap();
        assert!(is_whole(&file.bytes()), "round {round}");
        let listing = file.provider.list(&Scope::Zone).await.unwrap();
        assert!(listing.records.len() > before, "round {round}: what was accepted is there");
        before = listing.records.len();
        assert!(fs::read_dir(file.folder.path()).unwrap().count() <= 2, "at most one unfinished file is left");
    }
    file.make(create("after A 10.0.0.1")).await;
    assert_eq!(fs::read_dir(file.folder.path()).unwrap().count(), 1, "the next change clears up");
}

#[tokio::test]
async fn a_full_file_system_leaves_the_old_file() {
    let text = format!("{HEAD}{}", "; filler\n".repeat(1000));
    let file = ZoneFile::with(&text);
    let mut shell = Command::new("sh");
    shell.args(["-c", "trap '' XFSZ; ulimit -f 4; exec \"$0\" \"$@\""]).arg(std::env::current_exe().unwrap());
    let output = become_program(shell, &file.path, "a A 10.0.0.1").output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(!output.status.success() && said.contains("make room on the file system"), "{said}");
    assert_eq!(file.text(), text);
    assert_eq!(fs::read_dir(file.folder.path()).unwrap().count(), 1);
}

#[tokio::test]
async fn what_is_not_ours_to_write_is_refused() {
    let file = ZoneFile::with(HEAD);
    let mode = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    let root = fs::metadata(&file.path).unwrap().uid() == 0;
    let nobody = |records: &str| {
        let mut command = program(&file.path, records);
        if root {
            command.uid(65534).gid(65534);
        }
        command.output().map(|output| String::from_utf8_lossy(&output.stdout).into_owned())
    };
    mode(file.folder.path(), 0o755);
    if nobody("").is_err() {
        eprintln!("SKIPPED: this test binary cannot be run by another user than root");
        return;
    }
    for (folder, mode_of_file, why) in [
        (0o555, 0o666, "must be able to read and write"),
        (0o777, 0o444, "Permission denied"),
        (0o777, 0o000, "Permission denied"),
        (0o777, 0o666, "its owner 0:0 cannot be kept"),
    ] {
        if !root && mode_of_file == 0o666 && folder == 0o777 {
            continue;
        }
        mode(file.folder.path(), folder);
        mode(&file.path, mode_of_file);
        let said = nobody("a A 10.0.0.1").unwrap();
        assert!(said.contains("Refused") && said.contains(why), "{folder:o} {mode_of_file:o}: {said}");
        let found = nobody("examine").unwrap();
        let is_seen = mode_of_file == 0o444 || folder == 0o555;
        assert_eq!(found.contains("cannot be changed: ") && found.contains("Permission denied"), is_seen, "{found}");
        mode(file.folder.path(), 0o755);
        mode(&file.path, 0o644);
        assert_eq!(file.text(), HEAD);
    }
}

/// Runs the other program where the shell command has mounted something; nothing where that is not allowed.
fn behind_mounts(mount: &str, file: &Path, records: &str) -> Option<String> {
    let root = fs::metadata(file).unwrap().uid() == 0;
    let namespaces = if root { "-m" } else { "-rm" };
    let allowed =
        Command::new("unshare").args([namespaces, "true"]).output().is_ok_and(|output| output.status.success());
    if !allowed {
        eprintln!("SKIPPED: this system does not let the test mount anything");
        return None;
    }
    let mut shell = Command::new("unshare");
    let script = format!("{mount} && exec \"$0\" \"$@\"");
    shell.args([namespaces, "sh", "-c", &script]).arg(std::env::current_exe().unwrap());
    let output = become_program(shell, file, records).output().unwrap();
    Some(format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr)))
}

#[tokio::test]
async fn a_file_that_is_mounted_by_itself_is_refused() {
    let file = ZoneFile::with(HEAD);
    let mount = format!("mount --bind {0} {0}", file.path.display());
    let Some(said) = behind_mounts(&mount, &file.path, "a A 10.0.0.1") else { return };
    assert!(said.contains("reaction: Refused") && said.contains("mount the folder"), "{said}");
    let found = behind_mounts(&mount, &file.path, "examine").unwrap();
    assert!(found.contains("mounted by itself") && found.contains("mount the folder"), "{found}");
    assert_eq!(file.text(), HEAD);
    assert_eq!(fs::read_dir(file.folder.path()).unwrap().count(), 1);
}

#[tokio::test]
async fn a_file_system_that_cannot_be_written_is_a_finding() {
    let file = ZoneFile::with(HEAD);
    let mount = format!("mount --bind {0} {0} && mount -o remount,ro,bind {0}", file.folder.path().display());
    let Some(found) = behind_mounts(&mount, &file.path, "examine") else { return };
    assert_eq!(found.matches("cannot be written (Read-only file system").count(), 2, "file and folder: {found}");
}
