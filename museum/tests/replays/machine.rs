//! A machine on which the programs run: a folder, with a memory of its own.

use std::collections::BTreeMap;
use std::fs::{self, File, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use fixtures::program::program;
use rusqlite::Connection;
use tokio::process::{Child, Command};

use crate::PROGRAMS;
use crate::outage;
use crate::world::World;

/// Where the configuration is.
const CONFIG: &str = "dnsmgmt.toml";
/// Where the database is.
const DATABASE: &str = "dnsmgmt.db";
/// What a command that goes on has said so far.
const SAID: &str = "said";

/// A machine, and the command that goes on there, if one does.
pub(crate) struct Machine {
    folder: PathBuf,
    /// What stands for `{NAME}` in files.
    addresses: BTreeMap<String, String>,
    /// The providers' tables, for a configuration that has none.
    tables: String,
    going_on: Option<(String, Child)>,
}

/// What a command said, on standard output and then on standard error, and its exit status.
pub(crate) struct Said {
    pub(crate) text: String,
    pub(crate) status: Option<i32>,
}

impl Machine {
    pub(crate) fn new(folder: PathBuf, told: &outage::Machine, world: &World) -> Self {
        fs::create_dir(&folder).expect("a folder is made");
        let tables = world.providers.iter().map(|(name, provider)| provider.table(name)).collect();
        let machine = Self { folder, addresses: world.addresses(), tables, going_on: None };
        machine.write(CONFIG, &told.config);
        // It holds a secret.
        fs::set_permissions(machine.folder.join(CONFIG), Permissions::from_mode(0o600)).expect("a mode is set");
        told.files.iter().for_each(|(name, text)| machine.write(name, text));
        machine
    }

    /// Writes a file.
    pub(crate) fn write(&self, name: &str, text: &str) {
        let mut text = text.to_owned();
        if name == CONFIG && !text.contains("[providers.") {
            text.push_str(&self.tables);
        }
        for (name, address) in &self.addresses {
            text = text.replace(&format!("{{{name}}}"), address);
        }
        fs::write(self.folder.join(name), text).expect("a file is written");
    }

    /// Lets so much time pass in which the programs looked as often as they do.
    pub(crate) fn pass(&self, time: Duration) {
        let milliseconds = i64::try_from(time.as_millis()).expect("hours, or days");
        self.change_looks("observed_ms = observed_ms + ?1", &milliseconds);
    }

    /// Boots the machine.
    pub(crate) fn boot(&self) {
        self.change_looks("boot_id = ?1", &"the boot before");
    }

    /// Changes what is remembered of when the programs looked: nobody waits for hours here.
    fn change_looks(&self, change: &str, value: &dyn rusqlite::ToSql) {
        let database = Connection::open(self.folder.join(DATABASE)).expect("a database");
        database.execute(&format!("UPDATE dns_looks SET {change}"), [value]).expect("a table of looks");
    }

    /// Runs a command to its end.
    pub(crate) async fn run(&self, line: &str) -> Said {
        let output = self.command(line).output().await.unwrap_or_else(|error| panic!("`{line}`: {error}"));
        let text = [output.stdout, output.stderr].map(|octets| String::from_utf8_lossy(&octets).into_owned()).concat();
        Said { text, status: output.status.code() }
    }

    /// Starts a command that goes on.
    pub(crate) fn start(&mut self, line: &str) {
        let said = File::create(self.folder.join(SAID)).expect("a file is made");
        let also = said.try_clone().expect("a file is opened again");
        let child = self.command(line).stdout(Stdio::from(said)).stderr(Stdio::from(also)).spawn();
        self.going_on = Some((line.to_owned(), child.unwrap_or_else(|error| panic!("`{line}`: {error}"))));
    }

    /// Returns whether a command goes on.
    pub(crate) fn is_busy(&self) -> bool {
        self.going_on.is_some()
    }

    /// Returns whether that is one which follows events.
    pub(crate) fn is_watching(&self) -> bool {
        self.going_on.as_ref().is_some_and(|(line, _)| line.contains(" watch"))
    }

    /// Returns what the command that goes on has said so far.
    pub(crate) fn said_so_far(&self) -> String {
        fs::read_to_string(self.folder.join(SAID)).unwrap_or_default()
    }

    /// Ends the command that goes on.
    pub(crate) async fn end(&mut self, how: outage::End) -> (String, Said) {
        let (line, mut child) = self.going_on.take().expect("a command goes on");
        match how {
            outage::End::Told => {
                let id = child.id().expect("it runs").to_string();
                let told = Command::new("kill").args(["-TERM", &id]).status().await.expect("kill starts");
                assert!(told.success(), "`{line}` has ended");
            }
            outage::End::Killed => child.start_kill().expect("it runs"),
            outage::End::Itself => {}
        }
        let status = child.wait().await.expect("it ends");
        (line, Said { text: self.said_so_far(), status: status.code() })
    }

    /// Returns a command that knows nothing of whoever runs it. Words are divided by blanks; there are no quotes.
    fn command(&self, line: &str) -> Command {
        let mut words = line.split(' ');
        let name = words.next().unwrap_or_default();
        let mut command = Command::new(if PROGRAMS.contains(&name) { program(name) } else { name.into() });
        let environment = BTreeMap::from([
            ("PATH", "/usr/bin:/bin".into()),
            ("DNSMGMT_CONFIG", self.folder.join(CONFIG)),
            ("DNSMGMT_DB", self.folder.join(DATABASE)),
        ]);
        command.args(words).current_dir(&self.folder).env_clear().envs(environment);
        command.stdin(Stdio::null()).kill_on_drop(true);
        command
    }
}
