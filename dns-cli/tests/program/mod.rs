//! `dns-cli` as it was built, with nothing configured and a memory of its own.

use std::path::Path;
use std::process::Command;

/// Returns a command that knows nothing of whoever runs the tests. Its database is in `folder`.
pub(crate) fn dns_cli(folder: &Path) -> Command {
    alone(env!("CARGO_BIN_EXE_dns-cli"), folder)
}

/// Returns such a command of another program, which starts `dns-cli`.
pub(crate) fn alone(program: &str, folder: &Path) -> Command {
    let mut command = Command::new(program);
    command.env_clear().env("DNSMGMT_DB", folder.join("dnsmgmt.db"));
    command
}
