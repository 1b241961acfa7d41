//! What would keep a zone file from being changed, seen before it is tried.

use std::io;
use std::path::Path;

use rustix::fs::{Access, AtFlags, CWD, accessat};
use rustix::io::Errno;

use super::replace;
use super::trouble::Trouble;

/// Returns what would keep the file from being replaced.
pub(super) fn find(path: &Path) -> io::Result<Vec<Trouble>> {
    let place = replace::place_of_temporary(path)?;
    let file = if path.exists() { not_writable(path, Access::WRITE_OK) } else { None };
    let folder = not_writable(replace::folder(path), Access::WRITE_OK | Access::EXEC_OK);
    let mounted = is_mounted_alone(path).then_some(Trouble::MountedAlone);
    let in_the_way = place.is_dir().then_some(Trouble::InTheWay(place));
    Ok([file, folder, mounted, in_the_way].into_iter().flatten().collect())
}

fn not_writable(path: &Path, access: Access) -> Option<Trouble> {
    match accessat(CWD, path, access, AtFlags::EACCESS) {
        Err(why @ (Errno::ACCESS | Errno::PERM | Errno::ROFS)) => {
            Some(Trouble::NotWritable { path: path.to_owned(), why: why.into() })
        }
        // What cannot be asked shows when it is tried.
        Ok(()) | Err(_) => None,
    }
}

/// Linux tells since 5.8.
#[cfg(target_os = "linux")]
fn is_mounted_alone(path: &Path) -> bool {
    use rustix::fs::{StatxAttributes, StatxFlags, statx};

    let status = statx(CWD, path, AtFlags::empty(), StatxFlags::empty());
    status.is_ok_and(|status| status.stx_attributes.contains(StatxAttributes::MOUNT_ROOT))
}

#[cfg(not(target_os = "linux"))]
fn is_mounted_alone(_path: &Path) -> bool {
    false
}
