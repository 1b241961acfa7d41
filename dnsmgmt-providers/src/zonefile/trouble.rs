//! What keeps a zone file from being read or written, and what a person can do.

use std::io;
use std::path::{Path, PathBuf};

use dnsmgmt_core::provider::{ProviderError, Reaction};

/// What keeps a file from being read or written.
#[derive(Debug, thiserror::Error)]
pub(super) enum Trouble {
    #[error(transparent)]
    System(#[from] io::Error),
    #[error("it does not exist")]
    Missing,
    #[error("it is not a regular file")]
    NotAFile,
    #[error("it is a link to {}, which does not exist", .0.display())]
    DanglingLink(PathBuf),
    #[error("a folder stands at {}, where the new text is written first", .0.display())]
    InTheWay(PathBuf),
    #[error("it is mounted by itself, so no other file can take its place")]
    MountedAlone,
    #[error("{} cannot be written ({why})", path.display())]
    NotWritable { path: PathBuf, why: io::Error },
    #[error("its {what} cannot be kept ({why})")]
    NotKept { what: &'static str, why: io::Error },
    #[error("its owner {uid}:{gid} cannot be kept ({why}); run as user {uid} or as root")]
    OwnerNotKept { uid: u32, gid: u32, why: io::Error },
    #[error("somebody else wrote the file at the same moment")]
    WrittenMeanwhile,
}

impl Trouble {
    /// Says what was being done when it came.
    pub(super) fn while_doing(self, doing: impl Into<String>) -> ProviderError {
        let (reaction, hint) = self.reaction();
        ProviderError::new(reaction, doing, self.to_string()).hint(hint)
    }

    pub(super) fn while_reading(self, path: &Path) -> ProviderError {
        self.while_doing(format!("read the zone file {}", path.display()))
    }

    /// Returns what the caller and what a person can do.
    pub(super) fn reaction(&self) -> (Reaction, &'static str) {
        let hint = match self {
            Self::System(error) => return reaction(error),
            Self::WrittenMeanwhile => {
                return (Reaction::Busy { retry_after: None }, "try again; nothing was changed");
            }
            Self::Missing => {
                "check the path, and that what it lies on is mounted; only an `add` makes the file, if the zone's \
                              origin is configured"
            }
            Self::NotAFile => "check the path of the zone file",
            Self::DanglingLink(_) => "mend the link, or make the file that it leads to",
            Self::InTheWay(_) => "move the folder away",
            Self::MountedAlone => "mount the folder in which the file lies, not the file",
            Self::NotWritable { .. } | Self::OwnerNotKept { .. } => PERMISSIONS,
            Self::NotKept { .. } => "run as the file's owner or as root; the file is as it was",
        };
        (Reaction::Refused, hint)
    }
}

const PERMISSIONS: &str = "this program's user must be able to read and write the file and its folder";

fn reaction(error: &io::Error) -> (Reaction, &'static str) {
    use io::ErrorKind as Kind;
    match error.kind() {
        Kind::PermissionDenied | Kind::ReadOnlyFilesystem => (Reaction::Refused, PERMISSIONS),
        Kind::NotFound | Kind::NotADirectory | Kind::IsADirectory | Kind::InvalidInput | Kind::InvalidFilename => {
            (Reaction::Refused, "check the path of the zone file; its folder must exist")
        }
        Kind::ResourceBusy => (Reaction::Busy { retry_after: None }, "try again; nothing was changed"),
        Kind::StorageFull | Kind::QuotaExceeded | Kind::FileTooLarge => {
            (Reaction::Unreachable, "make room on the file system; the file is as it was")
        }
        _ => (Reaction::Unreachable, "check the file system on which the zone file is"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_says_what_a_person_can_do() {
        let busy = Reaction::Busy { retry_after: None };
        let system = |kind: io::ErrorKind| Trouble::System(kind.into());
        for (trouble, reaction, hint) in [
            (system(io::ErrorKind::PermissionDenied), Reaction::Refused, "user"),
            (system(io::ErrorKind::NotFound), Reaction::Refused, "path"),
            (system(io::ErrorKind::StorageFull), Reaction::Unreachable, "room"),
            (system(io::ErrorKind::ResourceBusy), busy, "again"),
            (system(io::ErrorKind::Other), Reaction::Unreachable, "file system"),
            (Trouble::WrittenMeanwhile, busy, "again"),
            (Trouble::MountedAlone, Reaction::Refused, "mount the folder"),
            (Trouble::InTheWay("x".into()), Reaction::Refused, "move the folder"),
            (Trouble::DanglingLink("x".into()), Reaction::Refused, "link"),
            (Trouble::Missing, Reaction::Refused, "mounted"),
        ] {
            let error = trouble.while_doing("write the zone file x");
            assert_eq!(error.reaction, reaction);
            assert!(error.hint.as_deref().unwrap().contains(hint), "{error}");
        }
    }
}
