//! Permissions that the mode does not hold: access control lists and SELinux labels.
//!
//! With an access control list the group's bits of the mode are its mask (acl(5)): a copy of the mode alone would give the group
//! what the list gives the name server, and the name server nothing.

use std::fs::File;

use super::trouble::Trouble;

/// Gives the new file what the original has.
#[cfg(target_os = "linux")]
pub(super) fn keep(original: &File, new: &File) -> Result<(), Trouble> {
    use rustix::fs::{XattrFlags, fremovexattr, fsetxattr};
    use rustix::io::Errno;

    const ACCESS_CONTROL_LIST: &str = "system.posix_acl_access";
    const LABEL: &str = "security.selinux";
    for (name, what) in [(ACCESS_CONTROL_LIST, "access control list"), (LABEL, "SELinux label")] {
        let not_kept = |why: Errno| Trouble::NotKept { what, why: why.into() };
        let wanted = read(original, name).map_err(not_kept)?;
        if wanted == read(new, name).map_err(not_kept)? {
            continue;
        }
        match wanted {
            Some(value) => fsetxattr(new, name, &value, XattrFlags::empty()).map_err(not_kept)?,
            // The folder gives one to new files, which would let others in.
            None if name == ACCESS_CONTROL_LIST => fremovexattr(new, name).map_err(not_kept)?,
            None => {}
        }
    }
    Ok(())
}

#[cfg(target_os = "linux")]
fn read(file: &File, name: &str) -> Result<Option<Vec<u8>>, rustix::io::Errno> {
    use rustix::io::Errno;

    /// The most octets that an attribute has (xattr(7)).
    const LARGEST: usize = 65_536;
    let mut value = vec![0; LARGEST];
    match rustix::fs::fgetxattr(file, name, &mut value) {
        Ok(length) => {
            value.truncate(length);
            Ok(Some(value))
        }
        Err(Errno::NODATA | Errno::NOTSUP) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Other systems have other names for them.
#[cfg(not(target_os = "linux"))]
pub(super) fn keep(_original: &File, _new: &File) -> Result<(), Trouble> {
    Ok(())
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::fs;
    use std::os::unix::fs::MetadataExt;
    use std::path::Path;

    use rustix::fs::{XattrFlags, setxattr};

    use super::super::replace;
    use super::*;

    const LIST: &str = "system.posix_acl_access";
    const LABEL: &str = "security.selinux";

    /// Returns a list (linux/posix_acl_xattr.h) that lets a user read, and the group do nothing.
    fn list(user: u32) -> Vec<u8> {
        const NOBODY: u32 = u32::MAX;
        let entries: [(u16, u16, u32); 5] =
            [(0x01, 6, NOBODY), (0x02, 4, user), (0x04, 0, NOBODY), (0x10, 4, NOBODY), (0x20, 0, NOBODY)];
        let entry = |(tag, permissions, id): (u16, u16, u32)| {
            [&tag.to_le_bytes()[..], &permissions.to_le_bytes(), &id.to_le_bytes()].concat()
        };
        [2_u32.to_le_bytes().to_vec(), entries.into_iter().flat_map(entry).collect()].concat()
    }

    /// Replaces a file and returns the new one.
    fn replaced(path: &Path) -> File {
        let (_, before) = replace::read(path).unwrap().unwrap();
        replace::replace(path, Some(&before), b"new").unwrap();
        File::open(path).unwrap()
    }

    fn set(path: &Path, name: &str, value: &[u8]) -> bool {
        let set = setxattr(path, name, value, XattrFlags::empty());
        if let Err(error) = set {
            eprintln!("SKIPPED: {name} cannot be set on {} ({error})", path.display());
        }
        set.is_ok()
    }

    #[test]
    fn an_access_control_list_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("zone");
        fs::write(&path, "old").unwrap();
        if set(&path, LIST, &list(105)) {
            let new = replaced(&path);
            assert_eq!(read(&new, LIST).unwrap(), Some(list(105)));
            assert_eq!(new.metadata().unwrap().mode() & 0o7777, 0o640, "the group's bits are the mask");
        }
    }

    #[test]
    fn a_list_that_the_folder_gives_is_not_added() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("zone");
        fs::write(&path, "old").unwrap();
        if set(folder.path(), "system.posix_acl_default", &list(105)) {
            assert!(read(&File::create(folder.path().join("other")).unwrap(), LIST).unwrap().is_some());
            assert_eq!(read(&replaced(&path), LIST).unwrap(), None);
        }
    }

    #[test]
    fn a_label_is_kept_or_the_file_is_not_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("zone");
        fs::write(&path, "old").unwrap();
        let label = b"system_u:object_r:named_zone_t:s0\0";
        if set(&path, LABEL, label) {
            let new = replaced(&path);
            assert_eq!(read(&new, LABEL).unwrap().as_deref(), Some(&label[..]));
            let without_attributes = File::open("/proc/self/status").unwrap();
            let error = keep(&new, &without_attributes).unwrap_err();
            assert!(error.to_string().starts_with("its SELinux label cannot be kept ("), "{error}");
        }
    }
}
