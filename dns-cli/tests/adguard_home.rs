//! `dns-cli` against real AdGuard Homes, the newest one and one with the older API.

mod program;

use std::net::IpAddr;
use std::process::Output;

use fixtures::adguard_home::{AdGuardHome, Release, USER, Users};
use tempfile::TempDir;
use tokio::process::Command;

/// A running server and the program that speaks to it.
struct Home {
    server: AdGuardHome,
    user: bool,
    folder: TempDir,
}

impl Home {
    async fn all(users: Users) -> Vec<Self> {
        let user = matches!(users, Users::One);
        let mut homes = Vec::new();
        for program in Release::ALL.into_iter().filter_map(Release::program) {
            let users = if user { Users::One } else { Users::None };
            let server = AdGuardHome::start(&program, users).await;
            homes.push(Self { server, user, folder: TempDir::new().unwrap() });
        }
        homes
    }

    /// Runs a line as a person types it.
    async fn run(&self, line: &str) -> Output {
        let arguments = line.strip_prefix("dns-cli ").expect("a line of dns-cli").split(' ');
        let mut command = self.dns_cli();
        command.args(arguments);
        if self.user {
            command.env("ADGUARD_USERNAME", USER.0).env("ADGUARD_PASSWORD", USER.1);
        }
        command.output().await.expect("dns-cli starts")
    }

    fn dns_cli(&self) -> Command {
        let mut command = Command::from(program::dns_cli(self.folder.path()));
        command.env("ADGUARD_URL", self.server.url());
        command
    }

    async fn succeeds(&self, line: &str) -> String {
        let output = self.run(line).await;
        assert!(output.status.success(), "{line}: {output:?}");
        String::from_utf8(output.stdout).expect("UTF-8")
    }
}

#[tokio::test]
async fn the_four_lines_that_people_know_work_as_they_are() {
    for users in [Users::None, Users::One] {
        for home in Home::all(users).await {
            assert_eq!(home.succeeds("dns-cli list").await, "");
            let added = home.succeeds("dns-cli add -domain example.docker -answer 10.1.2.3").await;
            assert!(added.contains("created example.docker A 10.1.2.3\nverified"), "{added}");
            let got = home.succeeds("dns-cli get -domain example.docker").await;
            assert!(got.contains("example.docker  A     10.1.2.3"), "{got}");
            let deleted = home.succeeds("dns-cli delete -domain example.docker").await;
            assert!(deleted.contains("deleted example.docker A 10.1.2.3\nverified"), "{deleted}");
            assert_eq!(home.run("dns-cli get -domain example.docker").await.status.code(), Some(5));
            let again = home.succeeds("dns-cli delete -domain example.docker").await;
            assert!(again.contains("already gone example.docker"), "{again}");
        }
    }
}

#[tokio::test]
async fn what_is_spelled_otherwise_or_stored_twice_is_deleted_completely() {
    for home in Home::all(Users::None).await {
        for (domain, answer) in [
            ("v6.docker", "FD00:0::1"),
            ("v6.docker", "fd00::1"),
            ("v6.docker", "fd00::2"),
            ("twice.docker", "10.0.0.1"),
            ("twice.docker", "10.0.0.1"),
        ] {
            home.server.put(domain, answer).await;
        }
        home.succeeds("dns-cli delete V6.Docker. fd00:0:0::1").await;
        home.succeeds("dns-cli delete TWICE.docker").await;
        assert_eq!(home.server.pairs().await, ["v6.docker -> fd00::2"]);
        let siblings = home.server.addresses("v6.docker", 28).await.unwrap();
        assert_eq!(siblings, ["fd00::2".parse::<IpAddr>().unwrap()]);
    }
}

#[tokio::test]
async fn a_value_is_updated_in_one_step_and_siblings_stay() {
    for home in Home::all(Users::None).await {
        home.succeeds("dns-cli add web.docker 10.0.0.1 10.0.0.2").await;
        let output = home.run("dns-cli update web.docker 10.0.0.3").await;
        assert_eq!(output.status.code(), Some(2), "which of two values? {output:?}");
        home.succeeds("dns-cli update web.docker 10.0.0.3 --old 10.0.0.1").await;
        assert_eq!(home.server.pairs().await, ["web.docker -> 10.0.0.3", "web.docker -> 10.0.0.2"]);
        let refused = home.run("dns-cli add web.docker other.docker").await;
        assert_eq!(refused.status.code(), Some(3), "a CNAME would silence the addresses: {refused:?}");
        assert_eq!(home.server.pairs().await.len(), 2);
    }
}

#[tokio::test]
async fn many_records_go_in_and_out_through_standard_input() {
    use tokio::io::AsyncWriteExt;
    for home in Home::all(Users::None).await {
        let lines: String = (0..100).map(|index| format!("n{index}.docker 10.0.0.{index}\n")).collect();
        for arguments in [["add", "-"], ["delete", "-"]] {
            let mut child = home
                .dns_cli()
                .args(arguments)
                .stdin(std::process::Stdio::piped())
                .stdout(std::process::Stdio::piped())
                .spawn()
                .expect("dns-cli starts");
            child.stdin.take().expect("piped").write_all(lines.as_bytes()).await.unwrap();
            let output = child.wait_with_output().await.unwrap();
            assert!(output.status.success(), "{output:?}");
            assert_eq!(home.server.pairs().await.len(), if arguments[0] == "add" { 100 } else { 0 });
        }
    }
}
