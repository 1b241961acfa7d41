//! A line for cron, and what rotates its log.

use anyhow::Result;

use super::files::{LOG, MARK};
use super::job::{Job, Period};

/// Returns the texts of the line for cron and of the snippet for logrotate.
pub(super) fn texts(job: &Job) -> Result<[String; 2]> {
    let words = [job.program.display().to_string()].into_iter().chain(job.arguments.iter().cloned());
    let mut words: Vec<String> = words.map(|word| quoted(&word)).collect();
    if let Some(path) = &job.database {
        words.insert(0, format!("DNSMGMT_DB={}", quoted(&path.display().to_string())));
    }
    words.insert(0, format!("CLEANUP_INTERVAL_SECONDS={}", job.period.every().as_secs()));
    // Cron takes a percent sign for the end of a line (crontab(5)).
    let command = format!("{} >> /{LOG} 2>&1", words.join(" ")).replace('%', "\\%");
    let when = match job.period {
        Period::Minutes(minutes) => format!("*/{minutes} * * * *"),
        Period::Hours(1) => "0 * * * *".into(),
        Period::Hours(hours) => format!("0 */{hours} * * *"),
        Period::Day => "0 0 * * *".into(),
    };
    let cron = format!("{MARK}\nSHELL=/bin/sh\n{when} root {command}\n@reboot root sleep 120; {command}\n");
    let rotate = format!(
        "{MARK}\n/{LOG} {{\n    weekly\n    rotate 8\n    compress\n    missingok\n    notifempty\n    create 0640 root root\n}}\n"
    );
    Ok([cron, rotate])
}

/// Returns a word as the shell reads it.
fn quoted(word: &str) -> String {
    let plain = |character: char| character.is_ascii_alphanumeric() || "-_./:=@,+".contains(character);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_quoted_where_the_shell_would_read_something_else() {
        assert_eq!(quoted("/usr/bin/dns-cleanup"), "/usr/bin/dns-cleanup");
        assert_eq!(quoted("it's $HOME"), "'it'\\''s $HOME'");
    }
}
