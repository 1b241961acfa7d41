//! A question to a person.

use std::io::{self, IsTerminal, Write};

use anyhow::{Result, bail};

use dnsmgmt_program::exit::UsageError;

/// Returns whether there is a person to ask.
pub(crate) fn can_ask() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

/// Asks on standard error; anything but a yes is a no.
pub(crate) fn confirm(question: &str) -> Result<bool> {
    eprint!("{question} [y/N] ");
    io::stderr().flush()?;
    let mut answer = String::new();
    io::stdin().read_line(&mut answer)?;
    Ok(matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes"))
}

/// Shows what would be done and asks whether it is meant, unless that was said with `--yes`. An error if it is not, which
/// says `nothing` was done.
pub(crate) fn agree(yes: bool, preview: &str, nothing: &str) -> Result<()> {
    if yes {
        return Ok(());
    }
    anstream::eprint!("{preview}");
    if !can_ask() {
        bail!(UsageError(format!("{nothing}, because there is nobody here to ask; if it is meant, say --yes")));
    }
    if !confirm("Is that meant?")? {
        bail!(UsageError(nothing.into()));
    }
    Ok(())
}
