//! Every outage in `fixtures/data/outages` as a test of its name: the programs as they are built, against the fakes of what they talk to.
//!
//! `cargo test -p museum -- --nocapture NAME` tells one as it is replayed.

mod machine;
mod outage;
mod provider;
mod records;
mod replay;
mod tale;
mod world;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use fixtures::program::program;
use libtest_mimic::{Arguments, Failed, Trial};
use outage::Outage;
use tale::Tale;

const PROGRAMS: [&str; 3] = ["dns-cli", "dns-cleanup", "dns-heartbeat"];
const OUTAGES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../fixtures/data/outages");
const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/outages.md");

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    let is_aloud = arguments.nocapture;
    if is_aloud {
        // One tale after the other.
        arguments.test_threads = Some(1);
    }
    let files = files(Path::new(OUTAGES));
    if !arguments.list {
        // Whatever has to be built is built before the first of them begins.
        PROGRAMS.iter().for_each(|name| drop(program(name)));
    }
    let mut trials: Vec<Trial> = files
        .iter()
        .map(|file| {
            let file = file.clone();
            Trial::test(name(&file), move || replay(&file, is_aloud))
        })
        .collect();
    trials.push(Trial::test("the_page_names_every_outage_and_no_other", move || compare(&files)));
    libtest_mimic::run(&arguments, trials).exit_code()
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry of the folder").path()).collect();
    files.sort();
    files
}

fn name(file: &Path) -> String {
    file.file_stem().expect("a file has a name").to_string_lossy().into_owned()
}

fn replay(file: &Path, is_aloud: bool) -> Result<(), Failed> {
    let outage = Outage::read(file)?;
    let mut tale = Tale::new(is_aloud);
    match replay::replay(&outage, &mut tale) {
        Ok(()) => Ok(()),
        Err(why) => Err(format!("{}\n{}\n\n{why}", file.display(), tale.told()).into()),
    }
}

/// Expects a row for each file on the page, and a file for each row.
fn compare(files: &[PathBuf]) -> Result<(), Failed> {
    let page = fs::read_to_string(PAGE)?;
    let rows = page.lines().filter_map(|line| line.strip_prefix("| [")?.split_once("](../fixtures/data/outages/"));
    let mut rows: Vec<&str> = rows.filter_map(|(_, link)| Some(link.split_once(".toml)")?.0)).collect();
    rows.sort_unstable();
    let names: Vec<String> = files.iter().map(|file| name(file)).collect();
    if rows == names {
        return Ok(());
    }
    let missing: Vec<_> = names.iter().filter(|name| !rows.contains(&name.as_str())).collect();
    let unknown: Vec<_> = rows.iter().filter(|row| !names.iter().any(|name| name == *row)).collect();
    Err(format!("docs/outages.md: no row for {missing:?}; rows without a file, or twice: {unknown:?}").into())
}
