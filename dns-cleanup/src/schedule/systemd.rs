//! A service and a timer for systemd.

use std::path::Path;

use anyhow::Result;

use super::files::MARK;
use super::job::{Job, Period};

pub(super) const SERVICE: &str = "dns-cleanup.service";
pub(super) const TIMER: &str = "dns-cleanup.timer";

/// What keeps a system's service from everything that it does not need (systemd.exec(5)).
const HARDENED: &str = "\
NoNewPrivileges=yes
ProtectSystem=strict
ProtectHome=read-only
PrivateTmp=yes
PrivateDevices=yes
ProtectClock=yes
ProtectHostname=yes
ProtectControlGroups=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
RestrictNamespaces=yes
RestrictSUIDSGID=yes
";

/// What a service needs no privileges for.
const FILTERED: &str = "\
LockPersonality=yes
MemoryDenyWriteExecute=yes
RestrictRealtime=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallErrorNumber=EPERM
";

/// Returns the texts of the service and of the timer.
pub(super) fn texts(job: &Job) -> Result<[String; 2]> {
    Ok([service(job), timer(job)])
}

fn service(job: &Job) -> String {
    let words = [job.program.display().to_string()].into_iter().chain(job.arguments.iter().cloned());
    let command: Vec<String> = words.map(|word| quoted(&word.replace('$', "$$"))).collect();
    let (file, seconds) = (job.environment_file(), job.period.every().as_secs());
    let mut text = format!(
        "{MARK}
# Change it with `systemctl edit {SERVICE}`, which writes beside it.
[Unit]
Description=Removal of stale DNS records
Wants=network-online.target
After=network-online.target{}

[Service]
Type=oneshot
ExecStart={}
Environment=CLEANUP_INTERVAL_SECONDS={seconds}
# Variables of docs/configuration.md, one in a line.
EnvironmentFile=-{file}
# Secrets, each from a file that only its owner can read:
# LoadCredential=cf_api_token:/etc/dnsmgmt/cloudflare.token
TimeoutStopSec=2min
UMask=0027
",
        // After a boot it is not asked before it can answer.
        if job.has_socket { " docker.service podman.socket" } else { "" },
        command.join(" ")
    );
    match &job.database {
        Some(path) => text.push_str(&format!("Environment={}\n", quoted(&format!("DNSMGMT_DB={}", path.display())))),
        None => text.push_str("StateDirectory=dnsmgmt\nStateDirectoryMode=0700\n"),
    }
    if job.has_socket && !job.user {
        text.push_str(
            "# Root owns Docker's socket. Another user uses it by its group:\n# SupplementaryGroups=docker\n",
        );
    }
    if !job.user {
        for folder in &job.writable {
            text.push_str(&format!("ReadWritePaths={}\n", quoted(&format!("-{}", shown(folder)))));
        }
        text.push_str(HARDENED);
        let capabilities: Vec<&str> = job.capabilities.keys().copied().collect();
        text.push_str(&format!("CapabilityBoundingSet={}\n", capabilities.join(" ")));
    }
    text + FILTERED
}

fn timer(job: &Job) -> String {
    let calendar = match job.period {
        Period::Minutes(minutes) => format!("*-*-* *:00/{minutes}:00"),
        Period::Hours(1) => "*-*-* *:00:00".into(),
        Period::Hours(hours) => format!("*-*-* 00/{hours}:00:00"),
        Period::Day => "*-*-* 00:00:00".into(),
    };
    // So that many machines do not ask at once, and each of them always after the same time.
    let delay = (job.period.every().as_secs() / 20).min(300);
    format!(
        "{MARK}
[Unit]
Description=Removal of stale DNS records, from time to time

[Timer]
OnCalendar={calendar}
OnBootSec=2min
Persistent=true
RandomizedDelaySec={delay}
FixedRandomDelay=true

[Install]
WantedBy=timers.target
"
    )
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}

/// Returns a word as systemd reads it (systemd.service(5), systemd.unit(5)).
fn quoted(word: &str) -> String {
    let plain = |character: char| character.is_ascii_alphanumeric() || "-_./:=@,+$".contains(character);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("\"{}\"", word.replace('\\', "\\\\").replace('"', "\\\"").replace('%', "%%"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_quoted_where_systemd_would_read_something_else() {
        assert_eq!(quoted("/usr/bin/dns-cleanup"), "/usr/bin/dns-cleanup");
        assert_eq!(quoted("/a b/100%\"\\"), "\"/a b/100%%\\\"\\\\\"");
        assert_eq!(quoted(""), "\"\"");
    }
}
