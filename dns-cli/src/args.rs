//! What can be said on the command line.

mod adopt;
mod containers;
mod leases;
mod named;
mod orphans;
mod rebuild;
mod release;
mod switch;
mod sync;
mod trust;
mod undo;
mod watch;
mod why;

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, CommandFactory, Parser, Subcommand, ValueEnum};
use dnsmgmt_core::provider::RunId;
use dnsmgmt_core::record::{RecordType, Ttl};
use dnsmgmt_program::args::{Global, ReportFormat, duration};
use dnsmgmt_program::completions::Completions;
use dnsmgmt_program::man::Man;

pub(crate) use adopt::Adopt;
pub(crate) use containers::Containers;
pub(crate) use leases::Leases;
pub(crate) use named::{Agreement, Named};
pub(crate) use orphans::{Orphans, OrphansDelete, OrphansDisown, OrphansList, OrphansRestore};
pub(crate) use rebuild::DbRebuild;
pub(crate) use release::Release;
pub(crate) use switch::Switch;
pub(crate) use sync::{Plan, Sync, Wishes};
pub(crate) use trust::Trust;
pub(crate) use undo::{Undo, Undone};
pub(crate) use watch::Watch;
pub(crate) use why::Why;

/// Lists and changes DNS records, and proves each change.
///
/// A change counts only when a listing taken afterwards shows it. Where the records are is said by dnsmgmt.toml or by
/// variables; see `docs/configuration.md`.
#[derive(Debug, Parser)]
#[command(name = "dns-cli", version, max_term_width = 100, after_help = EXIT_STATUS)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

const EXIT_STATUS: &str = "Exit status:
  0  done and verified
  1  could not run
  2  wrong usage
  3  something is unconfirmed, refused, skipped or still there
  4  `sync` would delete so much that a person should look first
  5  asked, and the answer is no (`get` finds nothing, `plan` is not in sync)";

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    List(List),
    Get(Get),
    Add(Add),
    Update(Update),
    Delete(Delete),
    Sync(Sync),
    Plan(Plan),
    Watch(Watch),
    Containers(Containers),
    Leases(Leases),
    Why(Why),
    Adopt(Adopt),
    Release(Release),
    #[command(subcommand)]
    Orphans(Orphans),
    Undo(Undo),
    #[command(subcommand)]
    Provider(Provider),
    Export(Export),
    Import(Import),
    History(History),
    #[command(subcommand)]
    Cache(Cache),
    #[command(subcommand)]
    Db(Db),
    Completions(Completions),
    Man(Man),
}

/// Lists the records
#[derive(Debug, Args)]
pub(crate) struct List {
    /// Only names like this; `*` and `?` stand for anything
    #[arg(value_name = "NAME")]
    pub(crate) pattern: Option<String>,
    /// Only names like this; `*` and `?` stand for anything
    #[arg(long, visible_alias = "domain", value_name = "GLOB", conflicts_with = "pattern")]
    pub(crate) name: Option<String>,
    /// Only records of this type
    #[arg(long = "type", short = 't', value_name = "TYPE")]
    pub(crate) rtype: Option<RecordType>,
    /// Only values like this; `*` and `?` stand for anything
    #[arg(long, visible_alias = "answer", value_name = "GLOB")]
    pub(crate) value: Option<String>,
    /// Answers from the cache if it was refreshed less than so long ago, such as 5m, and says how old it is
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub(crate) max_age: Option<Duration>,
    /// How to print them
    #[arg(long, short = 'o', value_name = "FORMAT", default_value = "table")]
    pub(crate) output: ListFormat,
}

/// Shows the records of one name
///
/// Exits with 5 if there are none.
#[derive(Debug, Args)]
pub(crate) struct Get {
    #[command(flatten)]
    pub(crate) domain: Domain,
    /// Only this value
    #[arg(value_name = "ANSWER")]
    pub(crate) value: Vec<String>,
    /// Only records of this type
    #[arg(long = "type", short = 't', value_name = "TYPE")]
    pub(crate) rtype: Option<RecordType>,
    /// Only this value
    #[arg(long, value_name = "VALUE", allow_hyphen_values = true)]
    pub(crate) answer: Option<String>,
    /// Answers from the cache if it was refreshed less than so long ago, such as 5m, and says how old it is
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub(crate) max_age: Option<Duration>,
    /// How to print them
    #[arg(long, short = 'o', value_name = "FORMAT", default_value = "table")]
    pub(crate) output: ListFormat,
}

/// Adds records
///
/// A value beside others is added to them. What exists already is a success. With `-` for the domain, records are read from
/// standard input: a name, a type and a value a line, or what `list` prints as JSON, CSV or zone text.
#[derive(Debug, Args)]
pub(crate) struct Add {
    #[command(flatten)]
    pub(crate) domain: Domain,
    /// The values
    #[arg(value_name = "ANSWER")]
    pub(crate) values: Vec<String>,
    /// A value; can be given several times
    #[arg(long, value_name = "VALUE", allow_hyphen_values = true)]
    pub(crate) answer: Vec<String>,
    /// The type; told from the value if not given
    #[arg(long = "type", short = 't', value_name = "TYPE")]
    pub(crate) rtype: Option<RecordType>,
    #[command(flatten)]
    pub(crate) attributes: Attributes,
    #[command(flatten)]
    pub(crate) change: Change,
}

/// Changes a record in one step
///
/// Where the name has one value of the type, that one is replaced; where it has several, `--old` says which.
#[derive(Debug, Args)]
pub(crate) struct Update {
    #[command(flatten)]
    pub(crate) domain: Domain,
    /// The new value; left out to change attributes alone
    #[arg(value_name = "ANSWER")]
    pub(crate) value: Vec<String>,
    /// The new value; left out to change attributes alone
    #[arg(long, value_name = "VALUE", allow_hyphen_values = true)]
    pub(crate) answer: Option<String>,
    /// The value that is replaced
    #[arg(long, value_name = "VALUE", allow_hyphen_values = true)]
    pub(crate) old: Option<String>,
    /// The type; told from the value if not given
    #[arg(long = "type", short = 't', value_name = "TYPE")]
    pub(crate) rtype: Option<RecordType>,
    #[command(flatten)]
    pub(crate) attributes: Attributes,
    #[command(flatten)]
    pub(crate) change: Change,
}

/// Deletes records and proves that they are gone
///
/// A name with several values asks on a terminal, and elsewhere needs `--answer` or `--all`. What is not there is a success.
/// With `-` for the domain, records are read from standard input: a name a line, optionally with type and value, or what
/// `list` prints as JSON, CSV or zone text.
#[derive(Debug, Args)]
pub(crate) struct Delete {
    #[command(flatten)]
    pub(crate) domain: Domain,
    /// The values; all of the name if none is given
    #[arg(value_name = "ANSWER")]
    pub(crate) values: Vec<String>,
    /// A value; can be given several times
    #[arg(long, value_name = "VALUE", allow_hyphen_values = true)]
    pub(crate) answer: Vec<String>,
    /// Only records of this type
    #[arg(long = "type", short = 't', value_name = "TYPE")]
    pub(crate) rtype: Option<RecordType>,
    /// Deletes all values of a name without asking
    #[arg(long)]
    pub(crate) all: bool,
    #[command(flatten)]
    pub(crate) change: Change,
}

/// The domain, in its place or by name.
#[derive(Debug, Args)]
pub(crate) struct Domain {
    /// The domain name
    #[arg(value_name = "DOMAIN", required_unless_present = "named")]
    positional: Option<String>,
    /// The domain name
    #[arg(id = "named", long = "domain", value_name = "DOMAIN")]
    named: Option<String>,
}

impl Domain {
    /// Returns the domain as given.
    pub(crate) fn as_given(&self) -> &str {
        // Clap requires one of them.
        self.named.as_deref().or(self.positional.as_deref()).unwrap_or_default()
    }

    /// Returns the type and the values: `positional` stand behind the domain, and in its place where that is given by name;
    /// `answers` were given as options. A type may stand before the values, as `list` prints it: in capitals, because `ns`
    /// could be the name of a host.
    pub(crate) fn values<'a>(
        &'a self,
        rtype: Option<&RecordType>,
        positional: &'a [String],
        answers: impl IntoIterator<Item = &'a String>,
    ) -> (Option<RecordType>, Vec<String>) {
        let in_its_place = self.named.is_some().then_some(self.positional.as_ref()).flatten();
        let mut positional = in_its_place.into_iter().chain(positional).peekable();
        let is_type =
            |text: &&&String| rtype.is_none() && !text.chars().any(|character| character.is_ascii_lowercase());
        let first = positional.peek().filter(is_type).and_then(|first| RecordType::parse(first).ok());
        let skip = usize::from(first.is_some());
        (first.or_else(|| rtype.cloned()), positional.skip(skip).chain(answers).cloned().collect())
    }
}

#[derive(Debug, Default, Args)]
pub(crate) struct Attributes {
    /// How long answers may be cached, in seconds, or `auto`
    #[arg(long, value_name = "SECONDS", value_parser = ttl)]
    pub(crate) ttl: Option<Ttl>,
    /// Answers with the provider's own addresses and forwards
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true", require_equals = true)]
    pub(crate) proxied: Option<bool>,
    /// Whether the provider answers with it
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true", require_equals = true)]
    pub(crate) enabled: Option<bool>,
    /// A note beside the record
    #[arg(long, value_name = "TEXT")]
    pub(crate) comment: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Change {
    /// Shows what would be done and does nothing
    #[arg(long, short = 'n')]
    pub(crate) dry_run: bool,
    /// How to print the report
    #[arg(long, short = 'o', value_name = "FORMAT", default_value = "table")]
    pub(crate) output: ReportFormat,
}

/// Looks at the providers themselves
#[derive(Debug, Subcommand)]
pub(crate) enum Provider {
    /// Lists the configured providers
    List(ProviderList),
    /// Asks a provider and tells what would surprise you there
    Test(ProviderList),
    /// Lists the zones of a provider
    Zones(ProviderList),
    /// Tells what a provider can and cannot do
    Capabilities(ProviderList),
    /// Believes that a provider which is another server or file now holds there what it held before
    ///
    /// Without that, nothing is concluded or changed in a zone that is held elsewhere than where sources made their claims on it.
    Trust(Trust),
    /// Moves what is ours from one provider to another
    ///
    /// Everything is created and verified at the new one first; only then what is ours is removed from the old one.
    Switch(Switch),
}

#[derive(Debug, Args)]
pub(crate) struct ProviderList {
    /// How to print it
    #[arg(long, short = 'o', value_name = "FORMAT", default_value = "table")]
    pub(crate) output: ReportFormat,
}

/// Writes a zone as a zone file, or what `list` prints as JSON
///
/// What a zone file cannot say stands in comments. The SOA is the server's own and is not in it. A file is written whole or not at
/// all.
#[derive(Debug, Args)]
pub(crate) struct Export {
    /// The file; standard output if none is given
    #[arg(value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
    /// What to write
    #[arg(long, short = 'f', value_name = "FORMAT", default_value = "zone")]
    pub(crate) format: ExportFormat,
}

/// Adds what a file holds and a provider lacks
///
/// The file is a zone file, or what `add -` reads: lines of name, type and value, JSON or CSV. A file with a line that begins with
/// `$`, or with an SOA, is read as a zone file. Nothing is deleted, and what is there stays as it is; SOA, the zone's own NS and
/// DNSSEC's types are left out.
#[derive(Debug, Args)]
pub(crate) struct Import {
    /// The file
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    #[command(flatten)]
    pub(crate) change: Change,
}

/// Shows what was changed, from the journal: the newest change last
///
/// A change without a fate is `open`: the program that asked for it ended before a listing could tell.
#[derive(Debug, Args)]
pub(crate) struct History {
    /// Only changes of this name
    #[arg(value_name = "NAME")]
    pub(crate) name: Option<String>,
    /// Only changes of this run
    #[arg(long, value_name = "RUN", value_parser = run_id)]
    pub(crate) run: Option<RunId>,
    /// At most so many, the last ones
    #[arg(long, value_name = "N", default_value = "50")]
    pub(crate) limit: usize,
    /// How to print it
    #[arg(long, short = 'o', value_name = "FORMAT", default_value = "table")]
    pub(crate) output: ReportFormat,
}

/// Looks after the provider cache: what the providers held when they were last listed
#[derive(Debug, Subcommand)]
pub(crate) enum Cache {
    /// Tells what the cache holds and how old it is
    ///
    /// What was listed as a whole within the last hour is fresh.
    Status(CacheOutput),
    /// Lists the zones and puts that into the cache, however fresh it is
    Refresh(CacheOutput),
}

#[derive(Debug, Args)]
pub(crate) struct CacheOutput {
    /// How to print it
    #[arg(long, short = 'o', value_name = "FORMAT", default_value = "table")]
    pub(crate) output: ReportFormat,
}

/// Looks after the database, the memory of what is ours
#[derive(Debug, Subcommand)]
pub(crate) enum Db {
    /// Checks that the database is whole, and completes its schema
    ///
    /// Exits with 1 if it is damaged, and then writes nothing to it.
    Check(DbOutput),
    /// Copies the database into a file, which must not exist, and checks the copy
    ///
    /// Other programs may go on writing: the copy is of one moment.
    Backup(DbBackup),
    /// Finds what was ours again after the database was lost, by the marks in the comments of records
    ///
    /// Only marks of one owner id count: the database's own, or the one of `--owner`. Nothing is changed at the providers.
    Rebuild(DbRebuild),
    /// Prints where the database is
    Path(DbOutput),
}

#[derive(Debug, Args)]
pub(crate) struct DbOutput {
    /// How to print it
    #[arg(long, short = 'o', value_name = "FORMAT", default_value = "table")]
    pub(crate) output: ReportFormat,
}

#[derive(Debug, Args)]
pub(crate) struct DbBackup {
    /// The file to write
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// How to print it
    #[arg(long, short = 'o', value_name = "FORMAT", default_value = "table")]
    pub(crate) output: ReportFormat,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ListFormat {
    Table,
    Json,
    Csv,
    Zone,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ExportFormat {
    Zone,
    Json,
}

/// Reads the arguments; long options may have a single dash, as Go programs have them (`-domain example.docker`).
pub(crate) fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Cli, clap::Error> {
    let command = Cli::command();
    let mut verbatim = false;
    let mut options_end = false;
    let doubled = arguments.into_iter().map(|argument| {
        options_end |= argument == "--";
        // What follows an option that takes a value is that value, whatever it looks like.
        let is_value = std::mem::take(&mut verbatim);
        let doubled = match argument.to_str() {
            Some(text) if !options_end && !is_value && is_single_dashed(text, &command) => format!("-{text}").into(),
            _ => argument,
        };
        verbatim = !is_value && doubled.to_str().is_some_and(|text| wants_value(text, &command));
        doubled
    });
    Cli::try_parse_from(doubled)
}

fn is_single_dashed(argument: &str, command: &clap::Command) -> bool {
    let Some(option) = argument.strip_prefix('-').and_then(|rest| rest.split('=').next()) else { return false };
    option.len() > 1 && !option.starts_with('-') && has_long(command, option)
}

fn wants_value(argument: &str, command: &clap::Command) -> bool {
    let Some(option) = argument.strip_prefix("--") else { return false };
    let here = |argument: &clap::Arg| {
        argument.get_long() == Some(option) && argument.get_action().takes_values() && !argument.is_require_equals_set()
    };
    command.get_arguments().any(here) || command.get_subcommands().any(|inner| wants_value(argument, inner))
}

fn has_long(command: &clap::Command, option: &str) -> bool {
    matches!(option, "help" | "version")
        || command.get_arguments().any(|argument| {
            argument.get_long() == Some(option)
                || argument.get_all_aliases().is_some_and(|aliases| aliases.contains(&option))
        })
        || command.get_subcommands().any(|inner| has_long(inner, option))
}

/// Reads a run as `history` prints it.
fn run_id(text: &str) -> Result<RunId, String> {
    u64::from_str_radix(text, 16).map(RunId).map_err(|_| "a run is up to 16 hexadecimal digits".into())
}

fn ttl(text: &str) -> Result<Ttl, String> {
    if text.eq_ignore_ascii_case("auto") {
        return Ok(Ttl::Automatic);
    }
    // RFC 2181 section 8.
    let seconds = duration(text)?.as_secs();
    u32::try_from(seconds)
        .ok()
        .filter(|seconds| *seconds <= i32::MAX as u32)
        .map(Ttl::Seconds)
        .ok_or_else(|| format!("a TTL is at most {} seconds", i32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cli(line: &str) -> Cli {
        parse(line.split(' ').map(OsString::from)).unwrap_or_else(|error| panic!("{error}"))
    }

    #[test]
    fn the_definition_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn the_readme_knows_every_command() {
        let readme = include_str!("../../README.md");
        for command in Cli::command().get_subcommands() {
            assert!(readme.contains(&format!("`{}`", command.get_name())), "{}", command.get_name());
            assert!(command.get_about().is_some(), "{}", command.get_name());
        }
    }

    #[test]
    fn long_options_may_have_one_dash() {
        let Command::Add(add) = cli("dns-cli add -domain example.docker -answer 10.1.2.3").command else { panic!() };
        assert_eq!(add.domain.as_given(), "example.docker");
        assert_eq!(add.answer, ["10.1.2.3"]);
        let Command::Delete(delete) = cli("dns-cli delete -domain=example.docker -all").command else { panic!() };
        assert_eq!(delete.domain.as_given(), "example.docker");
        assert!(delete.all);
        let Command::Get(get) = cli("dns-cli get example.docker -t A").command else { panic!() };
        assert_eq!(get.rtype, Some(RecordType::A));
    }

    #[test]
    fn the_value_of_an_option_is_left_alone() {
        let Command::Add(add) = cli("dns-cli add q.example -t TXT -answer -domain").command else { panic!() };
        assert_eq!(add.answer, ["-domain"]);
    }

    #[test]
    fn a_type_may_stand_between_the_name_and_the_values() {
        let values = |line: &str| {
            let Command::Delete(delete) = cli(line).command else { panic!() };
            let (rtype, values) = delete.domain.values(delete.rtype.as_ref(), &delete.values, &delete.answer);
            (rtype.map(|rtype| rtype.to_string()), values.join(","))
        };
        let typed = |rtype: &str, text: &str| (Some(rtype.to_owned()), text.to_owned());
        assert_eq!(values("dns-cli delete x TXT a b"), typed("TXT", "a,b"));
        assert_eq!(values("dns-cli delete x TLSA"), typed("TLSA", ""));
        assert_eq!(values("dns-cli delete x ns"), (None, "ns".into()));
        assert_eq!(values("dns-cli delete x 10.0.0.1 -answer NS"), (None, "10.0.0.1,NS".into()));
        assert_eq!(values("dns-cli delete -domain x A 10.0.0.1"), typed("A", "10.0.0.1"));
        assert_eq!(values("dns-cli delete x -t TXT TXT"), typed("TXT", "TXT"));
    }

    #[test]
    fn a_dash_stands_for_standard_input() {
        let Command::Delete(delete) = cli("dns-cli delete - -n").command else { panic!() };
        assert_eq!(delete.domain.as_given(), "-");
        assert!(delete.change.dry_run);
    }

    #[test]
    fn durations_and_ttls_have_units() {
        assert_eq!(duration("90"), Ok(Duration::from_secs(90)));
        assert_eq!(duration("5m"), Ok(Duration::from_secs(300)));
        assert!(duration("-5m").is_err());
        assert_eq!(ttl("auto"), Ok(Ttl::Automatic));
        assert_eq!(ttl("1h"), Ok(Ttl::Seconds(3600)));
        assert!(ttl("9999999999").is_err());
    }
}
