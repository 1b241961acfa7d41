//! What root may do to files without root's capabilities: what their modes let its user and its group do.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    Read,
    Write,
}

/// Returns whether root may not do that without a capability, on its way there or there. Of what is not there yet it is the folder that
/// counts.
pub(super) fn is_closed(path: &Path, access: Access) -> bool {
    let real = path.canonicalize();
    let mut folders = path.ancestors().skip(1).chain(real.iter().flat_map(|real| real.ancestors().skip(1)));
    let cannot_be_passed = folders.any(|folder| folder.metadata().is_ok_and(|folder| !lets(&folder, SEARCH)));
    let there = path.ancestors().find_map(|path| path.metadata().ok());
    cannot_be_passed || there.is_some_and(|there| !lets(&there, bits(access, there.is_dir())))
}

const READ: u32 = 4;
const WRITE: u32 = 2;
const SEARCH: u32 = 1;

fn bits(access: Access, is_folder: bool) -> u32 {
    match (access, is_folder) {
        (Access::Read, false) => READ,
        (Access::Read, true) => READ | SEARCH,
        (Access::Write, false) => READ | WRITE,
        (Access::Write, true) => READ | WRITE | SEARCH,
    }
}

fn lets(file: &Metadata, bits: u32) -> bool {
    let mode = match (file.uid(), file.gid()) {
        (0, _) => file.mode() >> 6,
        (_, 0) => file.mode() >> 3,
        _ => file.mode(),
    };
    mode & bits == bits
}
