//! What this machine is called.

use rustix::system::uname;

/// Returns the host name that the kernel knows (uname(2)): cron and systemd export none.
pub fn host_name() -> String {
    uname().nodename().to_string_lossy().into_owned()
}
