//! Putting a new text in the place of a file, so that whoever reads sees the old one or the new one, and a crash leaves one of
//! them whole.

use std::ffi::OsString;
use std::fs::{self, File, Metadata, OpenOptions, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{Gid, Uid, fchown};
use tempfile::NamedTempFile;

/// Which writing of a file was read.
#[derive(Debug)]
pub(super) struct Version(Metadata);

/// Returns the path behind all symbolic links; that of a file which does not exist yet has its folder resolved.
pub(super) fn resolve(path: &Path) -> io::Result<PathBuf> {
    match fs::canonicalize(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound && path.symlink_metadata().is_err() => {
            let name = path.file_name().ok_or(error)?;
            Ok(fs::canonicalize(folder(path))?.join(name))
        }
        resolved => resolved,
    }
}

/// Returns the folder in which the file stands.
pub(super) fn folder(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."))
}

/// Reads a file; nothing if there is none.
pub(super) fn read(path: &Path) -> io::Result<Option<(Vec<u8>, Version)>> {
    let mut file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        opened => opened?,
    };
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not a regular file"));
    }
    let mut text = Vec::new();
    file.read_to_end(&mut text)?;
    Ok(Some((text, Version(metadata))))
}

/// Writes the file anew, with the mode and the owner that it had.
///
/// # Errors
/// [`io::ErrorKind::ResourceBusy`] if it is another file than `before`: an editor saved it meanwhile. Except for an error while
/// the folder is synchronised at the end, nothing was changed.
pub(super) fn replace(path: &Path, before: Option<&Version>, text: &[u8]) -> io::Result<()> {
    let mut temporary = temporary(path, before.is_none())?;
    temporary.write_all(text)?;
    if let Some(before) = before {
        // A file that we may not write is not ours to replace either, which a writable folder would allow.
        drop(OpenOptions::new().write(true).open(path)?);
        keep_owner_and_mode(temporary.as_file(), &before.0)?;
    }
    temporary.as_file().sync_all()?;
    require_unchanged(path, before)?;
    temporary.persist(path).map_err(|error| error.error)?;
    File::open(folder(path))?.sync_all()
}

/// Makes the temporary file. Its name is always the same, so that what a killed program left is removed by the next one; whoever
/// gets here holds the lock.
fn temporary(path: &Path, new: bool) -> io::Result<NamedTempFile> {
    let mut name = OsString::from(".");
    name.push(path.file_name().ok_or(io::ErrorKind::InvalidInput)?);
    name.push(".new");
    match fs::remove_file(folder(path).join(&name)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    // A new file is as readable as the process's mask allows: a name server runs as somebody else.
    let mode = if new { 0o666 } else { 0o600 };
    tempfile::Builder::new()
        .prefix(&name)
        .rand_bytes(0)
        .permissions(Permissions::from_mode(mode))
        .tempfile_in(folder(path))
}

fn keep_owner_and_mode(file: &File, before: &Metadata) -> io::Result<()> {
    let own = file.metadata()?;
    let uid = (own.uid() != before.uid()).then(|| Uid::from_raw(before.uid()));
    let gid = (own.gid() != before.gid()).then(|| Gid::from_raw(before.gid()));
    if uid.is_some() || gid.is_some() {
        fchown(file, uid, gid).map_err(|error| owner_lost(before, &error))?;
    }
    // After the owner, because a change of owner may take bits from the mode.
    file.set_permissions(Permissions::from_mode(before.mode() & 0o7777))
}

fn owner_lost(before: &Metadata, error: &rustix::io::Errno) -> io::Error {
    let (uid, gid) = (before.uid(), before.gid());
    let text = format!("its owner {uid}:{gid} cannot be kept ({error}); run as user {uid} or as root");
    io::Error::new(io::ErrorKind::PermissionDenied, text)
}

fn require_unchanged(path: &Path, before: Option<&Version>) -> io::Result<()> {
    let identity = |metadata: &Metadata| {
        (metadata.dev(), metadata.ino(), metadata.size(), metadata.mtime(), metadata.mtime_nsec())
    };
    let now = match fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        metadata => Some(identity(&metadata?)),
    };
    if now == before.map(|before| identity(&before.0)) {
        return Ok(());
    }
    Err(io::Error::new(io::ErrorKind::ResourceBusy, "somebody else wrote the file at the same moment"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_here(path: &Path) -> (Vec<u8>, Version) {
        read(path).unwrap().unwrap()
    }

    fn names(folder: &Path) -> Vec<OsString> {
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name()).collect()
    }

    #[test]
    fn mode_and_owner_are_kept_and_nothing_is_left() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("zone");
        fs::write(&path, "old").unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o640)).unwrap();
        // Only root can give a file away; who is not still sees its own kept.
        let given = std::os::unix::fs::chown(&path, Some(12345), Some(12346)).is_ok();
        fs::write(folder.path().join(".zone.new"), "what a killed one left").unwrap();
        let before = read_here(&path);
        replace(&path, Some(&before.1), b"new").unwrap();
        let after = read_here(&path);
        assert_eq!(after.0, b"new");
        assert_eq!(after.1.0.mode() & 0o7777, 0o640);
        assert_eq!((after.1.0.uid(), after.1.0.gid()), (before.1.0.uid(), before.1.0.gid()));
        assert_eq!(given, after.1.0.uid() == 12345);
        assert_ne!(after.1.0.ino(), before.1.0.ino());
        assert_eq!(names(folder.path()), ["zone"]);
    }

    #[test]
    fn a_new_file_is_as_readable_as_any() {
        let folder = tempfile::tempdir().unwrap();
        let (path, any) = (folder.path().join("zone"), folder.path().join("any"));
        fs::write(&any, "").unwrap();
        replace(&path, None, b"new").unwrap();
        assert_eq!(fs::metadata(&path).unwrap().mode(), fs::metadata(&any).unwrap().mode());
    }

    #[test]
    fn a_link_stays_and_its_target_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let (target, link) = (folder.path().join("target"), folder.path().join("link"));
        fs::write(&target, "old").unwrap();
        std::os::unix::fs::symlink("target", &link).unwrap();
        let path = resolve(&link).unwrap();
        replace(&path, Some(&read_here(&path).1), b"new").unwrap();
        assert_eq!(fs::read(&target).unwrap(), b"new");
        assert!(link.symlink_metadata().unwrap().is_symlink());
        fs::remove_file(&target).unwrap();
        assert!(resolve(&link).is_err(), "a link to nowhere is not a file to be made");
        assert!(resolve(&folder.path().join("new")).is_ok());
        assert!(resolve(&folder.path().join("no/such")).is_err());
    }

    #[test]
    fn what_an_editor_saved_meanwhile_is_not_lost() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("zone");
        fs::write(&path, "old").unwrap();
        let before = read_here(&path);
        fs::write(&path, "edited").unwrap();
        let error = replace(&path, Some(&before.1), b"new").unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ResourceBusy);
        assert_eq!(replace(&path, None, b"new").unwrap_err().kind(), io::ErrorKind::ResourceBusy);
        assert_eq!(fs::read(&path).unwrap(), b"edited");
        assert_eq!(names(folder.path()), ["zone"]);
    }

    #[test]
    fn only_files_are_read() {
        let folder = tempfile::tempdir().unwrap();
        assert!(read(folder.path()).is_err());
        assert!(read(&folder.path().join("none")).unwrap().is_none());
    }
}
