//! Who wants a record.

use std::fmt;
use std::sync::Arc;

/// Which piece of a source wants a record: a zone block of a file, a file of a hosts directory, a container of a Docker daemon, a
/// person.
///
/// The text is the source, and behind a `#` the piece, where the source has pieces: `file:/etc/dnsmgmt/lab.toml#lab.example`.
/// It is what stands in the database, so it must be the same in every run.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Origin(Arc<str>);

impl Origin {
    /// Returns the origin of what a person asked for by name. Such a claim never becomes an orphan.
    pub fn by_hand() -> Self {
        Self("by hand".into())
    }

    /// Returns the origin of what was there and a person adopted. The first source that wants the record takes its place.
    pub fn adopted() -> Self {
        Self("adopted".into())
    }

    /// Returns the origin that is a whole source, known by its kind and by what names it within that kind, such as a path.
    pub fn of_source(kind: &str, name: &str) -> Self {
        Self(format!("{kind}:{}", name.replace('%', "%25").replace('#', "%23")).into())
    }

    /// Returns the kind of the source, nothing for a person.
    pub fn kind(&self) -> Option<&str> {
        self.0.split_once(':').map(|(kind, _)| kind)
    }

    /// Returns the origin that is a piece of this source.
    #[must_use]
    pub fn piece(&self, piece: &str) -> Self {
        Self(format!("{}#{piece}", self.source_text()).into())
    }

    /// Returns how the piece is called, nothing for a whole source.
    pub fn piece_name(&self) -> Option<&str> {
        self.0.split_once('#').map(|(_, piece)| piece)
    }

    /// Reads an origin as it is written.
    pub fn from_text(text: &str) -> Self {
        Self(text.into())
    }

    /// Returns the text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the source that the origin is a piece of: itself where it is no piece.
    pub fn source(&self) -> Self {
        Self(self.source_text().into())
    }

    /// Returns whether the origin is that source or a piece of it, or that very piece.
    pub fn is_within(&self, other: &Self) -> bool {
        self == other || (!other.0.contains('#') && self.source_text() == &*other.0)
    }

    /// Returns whether a person and no source wants it, so that no run can say that it is wanted no more.
    pub fn is_a_person(&self) -> bool {
        self.kind().is_none()
    }

    fn source_text(&self) -> &str {
        self.0.split_once('#').map_or(&*self.0, |(source, _)| source)
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_piece_is_within_its_source_alone() {
        let file = Origin::of_source("file", "/etc/a#b.toml");
        let block = file.piece("lab.example");
        assert_eq!(block.as_str(), "file:/etc/a%23b.toml#lab.example");
        assert!(block.is_within(&file) && block.is_within(&block) && file.is_within(&file));
        assert!(!file.is_within(&block), "a source is more than one of its pieces");
        assert!(!Origin::of_source("file", "/etc/a").is_within(&file));
        assert_eq!((block.source(), block.piece_name(), file.piece_name()), (file.clone(), Some("lab.example"), None));
    }

    #[test]
    fn persons_are_no_sources() {
        assert!(Origin::by_hand().is_a_person() && Origin::adopted().is_a_person());
        let source = Origin::of_source("hosts", "/etc/hosts.d");
        assert!(!source.is_a_person() && source.piece("a").kind() == Some("hosts"));
    }
}
