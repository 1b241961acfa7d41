//! `dns-cleanup schedule`: what it writes, what systemd says to it, and what it leaves alone.

mod program;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use dnsmgmt_core::repository::DnsRepositoryManager;
use fixtures::dockerd::{Dockerd, Programs};
use fixtures::systemd::{self, Verdict};
use program::Place;

/// A machine whose root is a folder.
struct Machine {
    place: Place,
}

impl Machine {
    async fn new() -> Self {
        let place = Place::new().await;
        fs::create_dir(place.file("root")).unwrap();
        Self { place }
    }

    fn file(&self, path: &str) -> PathBuf {
        self.place.file("root").join(path)
    }

    fn text(&self, path: &str) -> String {
        fs::read_to_string(self.file(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    async fn schedule(&self, line: &str) -> program::Said {
        self.place.says(&format!("schedule {line} --dir {}", self.place.file("root").display())).await
    }

    fn files(&self) -> Vec<String> {
        let mut files = Vec::new();
        let root = self.place.file("root");
        collect(&root, &root, &mut files);
        files.sort();
        files
    }
}

fn collect(folder: &Path, root: &Path, files: &mut Vec<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => collect(&path, root, files),
            false => files.push(path.strip_prefix(root).unwrap().display().to_string()),
        }
    }
}

const UNITS: [&str; 2] = ["etc/systemd/system/dns-cleanup.service", "etc/systemd/system/dns-cleanup.timer"];

fn verify(machine: &Machine) -> Verdict {
    systemd::verify(&UNITS.map(|unit| machine.file(unit)), "dns-cleanup")
}

#[tokio::test]
async fn a_service_and_a_timer_are_written_after_a_dry_run_and_systemd_is_happy() {
    let machine = Machine::new().await;
    machine.place.unwanted(&["stale"]);
    let said = machine.schedule("install --every 6h --grace 0s --audit audit.log").await;
    assert_eq!(said.status, 0, "{said:?}");
    assert!(said.err.contains("would delete stale.example.com"), "the dry run is shown: {said:?}");
    assert_eq!(machine.files(), UNITS);
    assert_eq!(machine.place.held(), ["foreign", "stale"], "and was one");
    let (service, timer) = (machine.text(UNITS[0]), machine.text(UNITS[1]));
    for line in [
        "NoNewPrivileges=yes",
        "ProtectSystem=strict",
        "PrivateTmp=yes",
        "RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK",
        "SystemCallFilter=@system-service",
        "Environment=CLEANUP_INTERVAL_SECONDS=21600",
        "CapabilityBoundingSet=",
    ] {
        assert!(service.lines().any(|there| there == line), "{line}: {service}");
    }
    let folder = machine.place.folder.path().display();
    assert!(service.contains(&format!("Environment=DNSMGMT_DB={folder}/dnsmgmt.db\n")), "{service}");
    assert!(service.contains(&format!("ReadWritePaths={:?}\n", format!("-{folder}")).replace('"', "")), "{service}");
    let start = service.lines().find(|line| line.starts_with("ExecStart=")).unwrap();
    assert!(
        start.ends_with(&format!("--config {folder}/dnsmgmt.toml --grace 0 --audit {folder}/audit.log")),
        "{start}"
    );
    assert!(!start.contains("--force") && !start.contains("--approve"));
    for line in ["OnCalendar=*-*-* 00/6:00:00", "Persistent=true", "OnBootSec=2min"] {
        assert!(timer.lines().any(|there| there == line), "{line}: {timer}");
    }
    assert!(matches!(verify(&machine), Verdict::Happy | Verdict::Unknown), "{:?}", verify(&machine));
    let shown = machine.schedule("show").await;
    assert!(shown.status == 0 && shown.out.contains(&service) && shown.out.contains(&timer), "{shown:?}");
    let removed = machine.schedule("remove").await;
    assert_eq!(removed.status, 0, "{removed:?}");
    assert_eq!(machine.files(), [""; 0]);
    assert_eq!(machine.schedule("show").await.status, 5);
    let again = machine.schedule("remove").await;
    assert_eq!((again.status, again.out.as_str()), (0, "there was no schedule\n"), "{again:?}");
}

#[tokio::test]
async fn systemd_would_tell_if_the_units_were_wrong() {
    let machine = Machine::new().await;
    assert_eq!(machine.schedule("install").await.status, 0);
    let broken = machine.text(UNITS[0]).replace("ExecStart=/", "ExecStart=/nowhere/");
    fs::write(machine.file(UNITS[0]), broken).unwrap();
    assert!(matches!(verify(&machine), Verdict::Complains(_) | Verdict::Unknown));
}

#[tokio::test]
async fn every_period_is_one_that_systemd_reads() {
    for (every, calendar) in [("5m", "*-*-* *:00/5:00"), ("1h", "*-*-* *:00:00"), ("24h", "*-*-* 00:00:00")] {
        let machine = Machine::new().await;
        assert_eq!(machine.schedule(&format!("install --every {every}")).await.status, 0);
        assert!(machine.text(UNITS[1]).contains(&format!("OnCalendar={calendar}\n")));
        assert!(matches!(verify(&machine), Verdict::Happy | Verdict::Unknown), "{:?}", verify(&machine));
    }
    let said = Machine::new().await.schedule("install --every 7m").await;
    assert_eq!(said.status, 2, "{said:?}");
}

#[tokio::test]
async fn a_users_units_are_without_what_only_the_system_may() {
    let machine = Machine::new().await;
    let said = machine.schedule("install --user --every 15m").await;
    assert_eq!(said.status, 0, "{said:?}");
    let units = [".config/systemd/user/dns-cleanup.service", ".config/systemd/user/dns-cleanup.timer"];
    assert_eq!(machine.files(), units);
    let service = machine.text(units[0]);
    assert!(service.contains("DNSMGMT_DB=") && !service.contains("StateDirectory"), "{service}");
    assert_eq!(machine.schedule("remove --user").await.status, 0);
    assert_eq!(machine.files(), [""; 0]);
}

#[tokio::test]
async fn a_line_for_cron_has_a_log_file_that_is_rotated() {
    let machine = Machine::new().await;
    let said = machine.schedule("install --cron --every 30m").await;
    assert_eq!(said.status, 0, "{said:?}");
    assert_eq!(machine.files(), ["etc/cron.d/dns-cleanup", "etc/logrotate.d/dns-cleanup", "var/log/dns-cleanup.log"]);
    let cron = machine.text("etc/cron.d/dns-cleanup");
    let line = cron.lines().find(|line| line.starts_with("*/30 * * * * root ")).expect(&cron);
    assert!(line.contains("CLEANUP_INTERVAL_SECONDS=1800 DNSMGMT_DB=/"), "{line}");
    assert!(line.ends_with(">> /var/log/dns-cleanup.log 2>&1") && !line.contains("--force"), "{line}");
    assert!(cron.contains("\n@reboot root sleep 120; "), "{cron}");
    assert!(machine.text("etc/logrotate.d/dns-cleanup").contains("create 0640"));
    let mode = fs::metadata(machine.file("var/log/dns-cleanup.log")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777 & !0o640, 0, "{mode:o}");
    let both = machine.schedule("install").await;
    assert_eq!(both.status, 1, "{both:?}");
    assert!(both.err.contains("both would run"), "{both:?}");
    assert_eq!(machine.schedule("remove").await.status, 0);
    assert_eq!(machine.files(), ["var/log/dns-cleanup.log"], "what it did stays known");
}

/// The shell reads the line as it was meant, with an odd path in it.
#[tokio::test]
async fn the_line_for_cron_runs() {
    let machine = Machine::new().await;
    let odd = machine.place.file("it's 100%.db");
    drop(DnsRepositoryManager::open(&odd).unwrap());
    fs::rename(machine.place.file("dnsmgmt.toml"), machine.place.file("a b.toml")).unwrap();
    let mut command = program::dns_cleanup(machine.place.folder.path());
    command.env("DNSMGMT_DB", &odd).arg("--config").arg(machine.place.file("a b.toml"));
    command.args(["schedule", "install", "--cron", "--dir"]).arg(machine.place.file("root"));
    assert!(command.output().await.unwrap().status.success());
    let cron = machine.text("etc/cron.d/dns-cleanup");
    let line = cron.lines().find_map(|line| line.strip_prefix("0 */6 * * * root ")).unwrap();
    assert!(!line.replace("\\%", "").contains('%'), "cron ends a line there: {line}");
    let line = line.replace("\\%", "%").replace(">> /var/log/dns-cleanup.log 2>&1", "");
    let output = Command::new("/bin/sh").args(["-c", &line]).env_clear().output().unwrap();
    assert!(output.status.success(), "{output:?}");
}

#[tokio::test]
async fn runs_further_apart_than_a_lease_lasts_are_warned_about() {
    for cron in ["", " --cron"] {
        let machine = Machine::new().await;
        let install = async |every: &str| machine.schedule(&format!("install{cron} --every {every}")).await;
        assert!(!install("6h").await.err.contains("stay for"), "nothing is leased");
        machine.place.configure("", "[heartbeat]\ndomains = [\"all.example.com\"]");
        for every in ["5m", "15m"] {
            let said = install(every).await;
            assert!(said.status == 0 && !said.err.contains("stay for"), "{said:?}");
        }
        assert!(!machine.schedule("show").await.err.contains("stay for"));
        let late = "addresses of machines that are gone stay for up to 12 h where runs are 6 h apart, because a lease of 15 min ends at the second run \
                    that sees its last heartbeat: install it with --every 5m";
        for said in [install("6h").await, machine.schedule("show").await] {
            assert!(said.status == 0 && said.err.contains(late), "{said:?}");
        }
    }
}

#[tokio::test]
async fn what_others_wrote_is_neither_written_over_nor_removed() {
    for (path, install) in [(UNITS[1], "install"), ("etc/cron.d/dns-cleanup", "install --cron")] {
        let machine = Machine::new().await;
        fs::create_dir_all(machine.file(path).parent().unwrap()).unwrap();
        fs::write(machine.file(path), "# somebody's\n").unwrap();
        let said = machine.schedule(install).await;
        assert_eq!(said.status, 1, "{said:?}");
        assert!(said.err.contains("this program did not write it"), "{said:?}");
        assert_eq!(machine.schedule("remove").await.status, 0);
        assert_eq!(machine.files(), [path], "and nothing beside it");
        assert_eq!(machine.text(path), "# somebody's\n");
    }
}

#[tokio::test]
async fn who_watches_is_told_by_a_timer_too() {
    let machine = Machine::new().await;
    let folder = machine.place.folder.path().display().to_string();
    machine.place.configure("metrics = \"prom\"\nnotify = [\"mail\", \"root\"]", "");
    assert_eq!(machine.schedule("install").await.status, 0);
    let service = machine.text(UNITS[0]);
    assert!(service.contains(&format!("ReadWritePaths=-{folder}/prom\n")), "it may write there: {service}");
    let said = machine.schedule("install --metrics more --notify ./tell").await;
    assert_eq!(said.status, 0, "{said:?}");
    let service = machine.text(UNITS[0]);
    assert!(service.contains(&format!(" --metrics {folder}/more --notify {folder}/./tell\n")), "{service}");
    assert!(service.contains(&format!("ReadWritePaths=-{folder}/more\n")) && !service.contains("/prom\n"), "{service}");
    assert_eq!(machine.schedule("remove").await.status, 0);
    assert_eq!(machine.schedule("install --cron --notify tell").await.status, 0);
    assert!(machine.text("etc/cron.d/dns-cleanup").contains(" --notify tell "), "it is looked for where programs are");
}

#[tokio::test]
async fn its_own_files_are_written_anew() {
    let machine = Machine::new().await;
    assert_eq!(machine.schedule("install --every 6h").await.status, 0);
    assert_eq!(machine.schedule("install --every 1h").await.status, 0);
    assert!(machine.text(UNITS[0]).contains("CLEANUP_INTERVAL_SECONDS=3600"));
}

#[tokio::test]
async fn a_schedule_never_lifts_the_brake() {
    let machine = Machine::new().await;
    for wrong in ["install --force", "install --approve 7", "install --interval 5m", "install --dry-run"] {
        let said = machine.schedule(wrong).await;
        assert_eq!(said.status, 2, "{wrong}: {said:?}");
    }
    assert_eq!(machine.files(), [""; 0]);
}

#[tokio::test]
async fn a_dry_run_that_fails_installs_nothing() {
    let machine = Machine::new().await;
    machine.place.unwanted(&["stale"]);
    machine.place.fake.server.faults.always(fixtures::faults::On::Listing, fixtures::faults::Fault::Unauthorized);
    let said = machine.schedule("install --grace 0s").await;
    assert_eq!(said.status, 1, "{said:?}");
    assert!(said.err.contains("nothing was installed"), "{said:?}");
    assert_eq!(machine.files(), [""; 0]);
}

#[tokio::test]
async fn the_service_can_ask_docker_whoever_owns_its_socket() {
    let Some(programs) = Programs::find() else { return };
    let docker = Dockerd::start(programs).await;
    let machine = Machine::new().await;
    let hosts = format!("[docker]\nhosts = [{:?}]", docker.address());
    machine.place.configure("sources = [\"docker\"]", &hosts);
    docker.run("here", &[("dnsmgmt.name", "here.example.com")]).await;
    machine.place.ours(&["kept"], "lab.toml");
    for (owner, capabilities) in [(0, ""), (65534, "CAP_DAC_OVERRIDE")] {
        std::os::unix::fs::chown(docker.socket(), Some(owner), Some(owner)).unwrap();
        let said = machine.schedule("install").await;
        assert_eq!(said.status, 0, "{said:?}");
        let service = machine.text(UNITS[0]);
        for line in [
            &format!("CapabilityBoundingSet={capabilities}"),
            "After=network-online.target docker.service podman.socket",
            "# SupplementaryGroups=docker",
        ] {
            assert!(service.lines().any(|there| there == line), "{line}: {service}");
        }
        assert!(matches!(verify(&machine), Verdict::Happy | Verdict::Unknown), "{:?}", verify(&machine));
        // What the service runs, with no more than it may.
        let start = service.lines().find_map(|line| line.strip_prefix("ExecStart=")).unwrap();
        let dropped = format!("-all{}", if capabilities.is_empty() { "" } else { ",+dac_override" });
        let mut command = Command::new("setpriv");
        command
            .args([&format!("--bounding-set={dropped}"), "--inh-caps=-all", "--no-new-privs"])
            .args(start.split(' '));
        command.env_clear().env("PATH", "/usr/bin:/bin").env("DNSMGMT_DB", machine.place.file("dnsmgmt.db"));
        let output = command.output().unwrap();
        assert!(output.status.success(), "{owner}: {output:?}");
    }
}

#[tokio::test]
async fn variables_about_sources_that_a_timer_would_not_know_are_named() {
    let machine = Machine::new().await;
    let mut command = program::dns_cleanup(machine.place.folder.path());
    command
        .env("HOSTIP", "10.0.0.1")
        .env("DNSMGMT_SOURCES", "lab.toml")
        .arg("--config")
        .arg(machine.place.file("dnsmgmt.toml"));
    command.args(["schedule", "install", "--dir"]).arg(machine.place.file("root"));
    let said = String::from_utf8(command.output().await.unwrap().stderr).unwrap();
    assert!(
        said.contains("what DNSMGMT_SOURCES, HOSTIP says here is not known to a timer: write it into dnsmgmt.toml"),
        "{said}"
    );
    let said = machine.schedule("install").await;
    assert!(!said.err.contains("not known to a timer"), "{said:?}");
}

#[tokio::test]
async fn what_variables_alone_configure_is_not_left_to_a_timer_that_does_not_know_them() {
    let machine = Machine::new().await;
    let install = |cron: bool| {
        let mut command = program::dns_cleanup(machine.place.folder.path());
        command.env("CF_API_TOKEN", "t").env("CF_API_URL", machine.place.fake.url()).current_dir("/");
        command.args(["schedule", "install"]).args(cron.then_some("--cron"));
        command.arg("--dir").arg(machine.place.file("root"));
        command
    };
    for cron in [false, true] {
        let output = install(cron).output().await.unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{said}");
        for word in ["dnsmgmt.toml", "[providers.NAME]", "`sources`"] {
            assert!(said.contains(word), "{word}: {said}");
        }
        assert_eq!(said.contains("dns-cleanup.env"), !cron, "cron reads no such file: {said}");
        assert_eq!(machine.files(), [""; 0]);
    }
    fs::create_dir_all(machine.file("etc/dnsmgmt")).unwrap();
    fs::write(machine.file("etc/dnsmgmt/dns-cleanup.env"), "CF_API_TOKEN=t\n").unwrap();
    assert!(install(false).output().await.unwrap().status.success(), "the service reads them there");
}

/// The dry run of `install` may do what the service may not: it is root with all that root may.
#[tokio::test]
async fn the_service_can_use_what_another_user_keeps_to_themselves() {
    if !rustix::process::geteuid().is_root() {
        eprintln!("SKIPPED: only root can give files away, so what the service may do to others' is not known");
        return;
    }
    let give = |path: &Path| std::os::unix::fs::chown(path, Some(65534), Some(65534)).unwrap();
    // What belongs to the other user, beside the folder; and what the service keeps for it.
    for (theirs, kept) in [
        (&["dnsmgmt.toml", "token"][..], "CAP_DAC_READ_SEARCH"),
        (&["dnsmgmt.toml", "token", "dnsmgmt.db", "audit.log"], "CAP_CHOWN CAP_DAC_OVERRIDE"),
        (&[], ""),
    ] {
        let machine = Machine::new().await;
        machine.place.unwanted(&["stale"]);
        let config = fs::read_to_string(machine.place.file("dnsmgmt.toml")).unwrap();
        let token = format!("token = \"{}\"", machine.place.fake.token);
        fs::write(machine.place.file("dnsmgmt.toml"), config.replace(&token, "token_file = \"token\"")).unwrap();
        fs::write(machine.place.file("token"), &machine.place.fake.token).unwrap();
        fs::write(machine.place.file("audit.log"), "").unwrap();
        let folder = machine.place.file("home");
        fs::create_dir(&folder).unwrap();
        let path = |name: &str| if theirs.contains(&name) { folder.join(name) } else { machine.place.file(name) };
        for name in theirs {
            fs::rename(machine.place.file(name), path(name)).unwrap();
            fs::set_permissions(path(name), fs::Permissions::from_mode(0o600)).unwrap();
            give(&path(name));
        }
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o700)).unwrap();
        give(&folder);
        let mut command = program::dns_cleanup(machine.place.folder.path());
        command.env("DNSMGMT_DB", path("dnsmgmt.db")).arg("--config").arg(path("dnsmgmt.toml"));
        command.args(["--grace", "0s", "--audit"]).arg(path("audit.log"));
        let output =
            command.args(["schedule", "install", "--dir"]).arg(machine.place.file("root")).output().await.unwrap();
        assert!(output.status.success(), "{output:?}");
        let service = machine.text(UNITS[0]);
        assert!(service.lines().any(|line| line == format!("CapabilityBoundingSet={kept}")), "{theirs:?}: {service}");
        let said = String::from_utf8(output.stdout).unwrap();
        for capability in kept.split_whitespace() {
            assert!(said.contains(&format!("the service keeps {capability}: root could not use ")), "{said}");
        }
        let some: Vec<String> = kept.split_whitespace().map(|name| name.replace("CAP_", ",+").to_lowercase()).collect();
        let start = service.lines().find_map(|line| line.strip_prefix("ExecStart=")).unwrap();
        let mut command = tokio::process::Command::new("setpriv");
        command.arg(format!("--bounding-set=-all{}", some.concat())).args(["--inh-caps=-all", "--no-new-privs"]);
        command.args(start.split(' ')).env_clear().env("DNSMGMT_DB", path("dnsmgmt.db"));
        let output = command.env("PATH", "/usr/bin:/bin").output().await.unwrap();
        assert!(output.status.success(), "{theirs:?}: {output:?}");
        assert_eq!(machine.place.held(), ["foreign"], "{theirs:?}");
    }
}
