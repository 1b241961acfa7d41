//! Opening files and folders.

use std::io::{self, ErrorKind};
use std::path::{Component, Path, PathBuf};

use async_trait::async_trait;
use dnsmgmt_core::origin::Origin;
use dnsmgmt_core::source::{Desired, RecordSource, SourceError};

use super::{failed, file, hosts, zone_file};

/// Opens a source, by what it is: a folder is a hosts directory, `*.toml` a declarative file, anything else a zone file. A kind
/// before it (`hosts:`, `file:`, `zone:`) counts more. A relative path is one within `base`.
///
/// # Errors
/// If nothing is there. That it can be read shows when it is.
pub fn open(spec: &str, base: &Path) -> Result<Box<dyn RecordSource>, SourceError> {
    let (kind, path) = split(spec);
    if path.is_empty() {
        return Err(failed("a source", format!("`{spec}` names no file and no folder")));
    }
    let path = absolute(&base.join(path)).map_err(|error| unreadable(path, &error))?;
    let metadata = path.metadata().map_err(|error| unreadable(&path.to_string_lossy(), &error))?;
    let kind = kind.unwrap_or_else(|| match () {
        () if metadata.is_dir() => Kind::Hosts,
        () if path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("toml")) => Kind::File,
        () => Kind::Zone,
    });
    Ok(Box::new(Opened { kind, origin: Origin::of_source(kind.as_str(), &path.to_string_lossy()), path }))
}

/// Returns whether a source is no file and no folder: Docker, or Traefik.
pub(crate) fn is_live(spec: &str) -> bool {
    matches!(spec.split_once(':').map_or(spec, |(kind, _)| kind), "docker" | "traefik")
}

/// Returns the path of a source that is a file or a folder.
pub(crate) fn path(spec: &str) -> Option<&str> {
    (!is_live(spec)).then(|| split(spec).1)
}

/// Returns the same source for any other base: its relative path is one within `base` from now on.
pub(crate) fn within(spec: &str, base: &Path) -> String {
    if is_live(spec) {
        return spec.into();
    }
    let (kind, path) = split(spec);
    let path = base.join(path);
    kind.map_or_else(String::new, |kind| format!("{}:", kind.as_str())) + &path.to_string_lossy()
}

/// What a source is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    File,
    Hosts,
    Zone,
}

impl Kind {
    fn as_str(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Hosts => "hosts",
            Self::Zone => "zone",
        }
    }
}

#[derive(Debug)]
struct Opened {
    kind: Kind,
    path: PathBuf,
    origin: Origin,
}

#[async_trait]
impl RecordSource for Opened {
    async fn desired(&self) -> Result<Desired, SourceError> {
        let (path, origin) = (self.path.clone(), self.origin.clone());
        let read = match self.kind {
            Kind::File => file::read,
            Kind::Hosts => hosts::read,
            Kind::Zone => zone_file::read,
        };
        match tokio::task::spawn_blocking(move || read(&path, &origin)).await {
            Ok(desired) => desired,
            Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
            Err(_) => Err(failed(&self.path.to_string_lossy(), "the runtime is shutting down")),
        }
    }
}

/// Splits the kind off, where one is given.
fn split(spec: &str) -> (Option<Kind>, &str) {
    let kinds = [Kind::File, Kind::Hosts, Kind::Zone];
    let given = spec.split_once(':').and_then(|(word, path)| {
        let kind = kinds.into_iter().find(|kind| kind.as_str() == word)?;
        Some((kind, path))
    });
    given.map_or((None, spec), |(kind, path)| (Some(kind), path))
}

/// Returns the path without `.` and `..`. Links are not followed: the path is what a source is remembered by, and where files are
/// deployed as links (Kubernetes, NixOS) what is behind them has another path each time.
fn absolute(path: &Path) -> io::Result<PathBuf> {
    let mut plain = PathBuf::new();
    for component in std::path::absolute(path)?.components() {
        match component {
            Component::ParentDir => {
                plain.pop();
            }
            component => plain.push(component),
        }
    }
    Ok(plain)
}

pub(super) fn unreadable(source: &str, error: &io::Error) -> SourceError {
    let hint = match error.kind() {
        ErrorKind::NotFound | ErrorKind::NotADirectory => "check the path, and that what it lies on is mounted",
        ErrorKind::PermissionDenied => "this program's user must be able to read it",
        _ => return failed(source, error),
    };
    SourceError { hint: Some(hint.into()), ..failed(source, error) }
}
