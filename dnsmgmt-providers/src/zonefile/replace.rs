//! Putting a new text in the place of a file, so that whoever reads sees the old one or the new one, and a crash leaves one of
//! them whole.

use std::ffi::OsString;
use std::fs::{self, File, Metadata, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{Gid, Mode, OFlags, Uid, fchown};
use rustix::io::Errno;
use tempfile::NamedTempFile;

use super::attributes;
use super::trouble::Trouble;

/// Which writing of a file was read.
#[derive(Debug)]
pub(super) struct Version(Metadata);

/// Returns the path behind all symbolic links; that of a file which does not exist yet has its folder resolved.
pub(super) fn resolve(path: &Path) -> Result<PathBuf, Trouble> {
    match fs::canonicalize(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => match fs::read_link(path) {
            Ok(target) => Err(Trouble::DanglingLink(target)),
            Err(_) => {
                let name = path.file_name().ok_or(error)?;
                Ok(fs::canonicalize(folder(path))?.join(name))
            }
        },
        resolved => Ok(resolved?),
    }
}

/// Returns the folder in which the file stands.
pub(super) fn folder(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."))
}

/// Reads a file; nothing if there is none.
pub(super) fn read(path: &Path) -> Result<Option<(Vec<u8>, Version)>, Trouble> {
    let mut file = match open(path, OFlags::RDONLY) {
        Err(Trouble::System(error)) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        opened => opened?,
    };
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(Trouble::NotAFile);
    }
    let mut text = Vec::new();
    file.read_to_end(&mut text)?;
    Ok(Some((text, Version(metadata))))
}

/// Opens a file, and never waits for the other end of what turns out to be a pipe.
fn open(path: &Path, how: OFlags) -> Result<File, Trouble> {
    match rustix::fs::open(path, how | OFlags::NONBLOCK | OFlags::CLOEXEC, Mode::empty()) {
        Ok(file) => Ok(file.into()),
        // A socket, or a device that is not there.
        Err(Errno::NXIO) => Err(Trouble::NotAFile),
        Err(error) => Err(Trouble::System(error.into())),
    }
}

/// Writes the file anew, with the owner and the permissions that it had.
///
/// # Errors
/// [`Trouble::WrittenMeanwhile`] if it is another file than `before`: an editor saved it. Except for an error while the folder is
/// synchronised at the end, nothing was changed.
pub(super) fn replace(path: &Path, before: Option<&Version>, text: &[u8]) -> Result<(), Trouble> {
    let mut temporary = temporary(path, before.is_none())?;
    temporary.write_all(text)?;
    if let Some(before) = before {
        // A file that we may not write is not ours to replace either, which a writable folder would allow.
        let original = open(path, OFlags::WRONLY)?;
        keep_owner(temporary.as_file(), &before.0)?;
        attributes::keep(&original, temporary.as_file())?;
        // Last, because a change of owner or access control list may take bits from the mode.
        temporary.as_file().set_permissions(Permissions::from_mode(before.0.mode() & 0o7777))?;
    }
    temporary.as_file().sync_all()?;
    require_unchanged(path, before)?;
    temporary.persist(path).map_err(|error| not_replaced(error.error))?;
    File::open(folder(path))?.sync_all()?;
    Ok(())
}

/// Makes the temporary file. Its name is always the same, so that what a killed program left is removed by the next one; whoever
/// gets here holds the lock.
fn temporary(path: &Path, new: bool) -> Result<NamedTempFile, Trouble> {
    let place = place_of_temporary(path)?;
    match fs::remove_file(&place) {
        Err(_) if place.is_dir() => return Err(Trouble::InTheWay(place)),
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
        _ => {}
    }
    // A new file is as readable as the process's mask allows: a name server runs as somebody else.
    let mode = if new { 0o666 } else { 0o600 };
    let name = place.file_name().unwrap_or_default();
    let temporary = tempfile::Builder::new()
        .prefix(name)
        .rand_bytes(0)
        .permissions(Permissions::from_mode(mode))
        .tempfile_in(folder(path))?;
    Ok(temporary)
}

/// Returns where the new text is written first.
pub(super) fn place_of_temporary(path: &Path) -> io::Result<PathBuf> {
    let mut name = OsString::from(".");
    name.push(path.file_name().ok_or(io::ErrorKind::InvalidInput)?);
    name.push(".new");
    Ok(folder(path).join(name))
}

fn keep_owner(file: &File, before: &Metadata) -> Result<(), Trouble> {
    let own = file.metadata()?;
    let uid = (own.uid() != before.uid()).then(|| Uid::from_raw(before.uid()));
    let gid = (own.gid() != before.gid()).then(|| Gid::from_raw(before.gid()));
    if uid.is_some() || gid.is_some() {
        let not_kept = |why: Errno| Trouble::OwnerNotKept { uid: before.uid(), gid: before.gid(), why: why.into() };
        fchown(file, uid, gid).map_err(not_kept)?;
    }
    Ok(())
}

fn require_unchanged(path: &Path, before: Option<&Version>) -> Result<(), Trouble> {
    let identity = |metadata: &Metadata| {
        (metadata.dev(), metadata.ino(), metadata.size(), metadata.mtime(), metadata.mtime_nsec())
    };
    let now = match fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        metadata => Some(identity(&metadata?)),
    };
    if now == before.map(|before| identity(&before.0)) { Ok(()) } else { Err(Trouble::WrittenMeanwhile) }
}

/// A mount point is busy, and a file beside it in another mount lies across devices.
fn not_replaced(error: io::Error) -> Trouble {
    match error.kind() {
        io::ErrorKind::ResourceBusy | io::ErrorKind::CrossesDevices => Trouble::MountedAlone,
        _ => Trouble::System(error),
    }
}

#[cfg(test)]
mod tests {
    use super::super::obstacles;
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
        let error = resolve(&link).unwrap_err();
        assert!(
            matches!(&error, Trouble::DanglingLink(to) if to == Path::new("target")),
            "not a file to be made: {error}"
        );
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
        for before in [Some(&before.1), None] {
            let error = replace(&path, before, b"new").unwrap_err();
            assert!(matches!(error, Trouble::WrittenMeanwhile), "{error}");
        }
        assert_eq!(fs::read(&path).unwrap(), b"edited");
        assert_eq!(names(folder.path()), ["zone"]);
    }

    #[test]
    fn a_folder_in_the_way_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("zone");
        fs::write(&path, "old").unwrap();
        assert!(obstacles::find(&path).unwrap().is_empty());
        fs::create_dir(folder.path().join(".zone.new")).unwrap();
        for trouble in [replace(&path, None, b"new").unwrap_err(), obstacles::find(&path).unwrap().remove(0)] {
            assert!(trouble.to_string().contains("/.zone.new"), "{trouble}");
        }
    }

    #[test]
    fn only_files_are_read() {
        let folder = tempfile::tempdir().unwrap();
        let (pipe, socket) = (folder.path().join("pipe"), folder.path().join("socket"));
        rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, Mode::RWXU, 0).unwrap();
        let _socket = std::os::unix::net::UnixListener::bind(&socket).unwrap();
        for path in [folder.path(), &pipe, &socket] {
            assert!(matches!(read(path), Err(Trouble::NotAFile)), "{}", path.display());
        }
        assert!(read(&folder.path().join("none")).unwrap().is_none());
    }
}
