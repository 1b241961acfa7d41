//! An outage as its file tells it.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use fixtures::faults::{Fault, On};
use serde::Deserialize;

use crate::records::Records;

/// An outage, and how it is replayed.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Outage {
    pub(crate) title: String,
    /// Where it was reported.
    pub(crate) reported: Vec<String>,
    /// What happened there.
    pub(crate) happened: String,
    /// What it comes to here, and why.
    pub(crate) here: String,
    /// The DNS services, by the names that machines configure.
    pub(crate) providers: BTreeMap<String, Provider>,
    /// The Docker daemons.
    #[serde(default)]
    pub(crate) daemons: BTreeMap<String, Daemon>,
    /// The routers of a Traefik.
    pub(crate) traefik: Option<Traefik>,
    /// The services that tell a machine its address, by what they tell.
    #[serde(default)]
    pub(crate) addresses: BTreeMap<String, String>,
    /// Where the programs run, each with a memory of its own.
    pub(crate) machines: BTreeMap<String, Machine>,
    pub(crate) steps: Vec<Step>,
}

/// A DNS service.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Provider {
    pub(crate) kind: Kind,
    /// The zone; `.` for a service without zones.
    pub(crate) zone: String,
    /// What other people keep there.
    #[serde(default)]
    pub(crate) holds: Records,
    /// How many records a page of Cloudflare's has at most.
    pub(crate) page: Option<usize>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    AdGuard,
    Cloudflare,
    PowerDns,
    Webhook,
    ZoneFile,
}

/// A Docker daemon.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Daemon {
    #[serde(default)]
    pub(crate) containers: Vec<Container>,
}

/// A container: `NAME ADDRESS`, or that with a label behind it, or all of it.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub(crate) enum Container {
    Line(String),
    #[serde(rename_all = "kebab-case")]
    Whole {
        name: String,
        address: String,
        #[serde(default)]
        labels: BTreeMap<String, String>,
        state: Option<String>,
    },
}

/// The routers of a Traefik, each `NAME RULE`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Traefik {
    #[serde(default)]
    pub(crate) http: Vec<String>,
    #[serde(default)]
    pub(crate) tcp: Vec<String>,
}

/// A machine on which the programs run.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Machine {
    /// Its dnsmgmt.toml. In all its files `{NAME}` is where that service or daemon is reached; without providers this one has those of the
    /// outage.
    pub(crate) config: String,
    /// Other files of its folder.
    #[serde(default)]
    pub(crate) files: BTreeMap<String, String>,
}

/// A step: first the world changes, then time passes, then a command runs; and then the providers hold what the steps so far have said,
/// and nothing else.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Step {
    pub(crate) what: String,
    /// The machine on which it is, where there are several.
    pub(crate) on: Option<String>,
    /// What becomes of daemons.
    #[serde(default)]
    pub(crate) daemons: BTreeMap<String, DaemonChange>,
    /// The routers from now on.
    pub(crate) traefik: Option<Traefik>,
    /// What the services answer from now on that tell addresses.
    #[serde(default)]
    pub(crate) addresses: BTreeMap<String, Answer>,
    /// What other people do at the providers.
    #[serde(default)]
    pub(crate) others: Others,
    /// Files of the machine's folder that are written.
    #[serde(default)]
    pub(crate) files: BTreeMap<String, String>,
    /// What goes wrong in this step.
    #[serde(default)]
    pub(crate) faults: Vec<Struck>,
    /// For how long the machine runs on before the command, and its programs look as often as they always do.
    pub(crate) passes: Option<jiff::SignedDuration>,
    /// Whether the machine is booted before the command.
    #[serde(default)]
    pub(crate) boots: bool,
    /// A command that runs to its end, in the machine's folder. `{id}` is the id that a command said last, of a plan or a run.
    pub(crate) run: Option<String>,
    /// How often it runs.
    pub(crate) times: Option<usize>,
    /// A command that goes on.
    pub(crate) starts: Option<String>,
    /// Daemons whose containers it has asked for in this step.
    #[serde(default)]
    pub(crate) asks: Vec<String>,
    /// How the command that goes on ends, after all else that this step expects.
    pub(crate) ends: Option<End>,
    /// The exit status: 0 if it is not said.
    #[serde(default)]
    pub(crate) exit: i32,
    /// What it has to say.
    #[serde(default)]
    pub(crate) says: Vec<String>,
    /// What it must not say.
    #[serde(default)]
    pub(crate) never_says: Vec<String>,
    /// How many requests for changes reach the providers.
    pub(crate) requests: Option<usize>,
    /// Records that are there from now on, beside those that were.
    #[serde(default)]
    pub(crate) there: Records,
    /// Records that are gone from now on.
    #[serde(default)]
    pub(crate) gone: Records,
}

/// What becomes of a daemon.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct DaemonChange {
    /// Another daemon answers there.
    pub(crate) becomes: Option<String>,
    /// Its containers from now on.
    pub(crate) containers: Option<Vec<Container>>,
    /// How many it says to have, however many it lists.
    pub(crate) counts: Option<usize>,
    /// The connections of those who follow its events end.
    #[serde(default)]
    pub(crate) cuts_events: bool,
    /// The events that it tells, one piece of the stream after the other; with commas, several in one piece.
    #[serde(default)]
    pub(crate) tells: Vec<String>,
}

/// What a service answers that is asked for an address.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum Answer {
    Text(String),
    #[serde(rename_all = "kebab-case")]
    Whole {
        status: u16,
        text: String,
    },
}

/// What other people do, with their own tools.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Others {
    #[serde(default)]
    pub(crate) put: Records,
    #[serde(default)]
    pub(crate) take: Records,
}

/// A fault that is switched on for one step.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Struck {
    /// The provider or daemon, or `traefik`.
    pub(crate) at: String,
    pub(crate) on: On,
    pub(crate) fault: Fault,
    /// How many such calls pass before it.
    #[serde(default)]
    pub(crate) after: u32,
    /// How many it strikes: all, if it is not said.
    pub(crate) times: Option<u32>,
}

/// How a command ends that goes on.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum End {
    /// It is told to.
    Told,
    /// It is killed.
    Killed,
    /// It has done its work.
    Itself,
}

impl Outage {
    /// Reads a file.
    pub(crate) fn read(file: &Path) -> Result<Self, String> {
        let text = fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))?;
        let outage: Self = toml::from_str(&text).map_err(|error| format!("{}: {error}", file.display()))?;
        if outage.reported.is_empty() {
            return Err(format!("{}: nothing says where it was reported", file.display()));
        }
        Ok(outage)
    }
}
