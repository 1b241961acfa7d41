//! What the program calls itself.

use std::sync::OnceLock;

static NAME: OnceLock<&str> = OnceLock::new();

/// Says which program this is; the first one to say it is right.
pub fn announce(name: &'static str) {
    NAME.get_or_init(|| name);
}

/// Returns what the program calls itself in its messages and in locks.
pub fn name() -> &'static str {
    NAME.get().copied().unwrap_or("dnsmgmt")
}
