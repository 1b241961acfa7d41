//! The edge to where wanted records come from.

use std::collections::BTreeSet;

use async_trait::async_trait;

use crate::name::Name;
use crate::origin::Origin;
use crate::record::Record;

/// Something that says which records there should be: a file, a hosts directory, the labels of containers.
#[async_trait]
pub trait RecordSource: Send + Sync {
    /// Returns what the source wants now: all of it, or an error; what of it could not be read is named.
    async fn desired(&self) -> Result<Desired, SourceError>;
}

/// What sources want.
#[derive(Debug, Clone, Default)]
pub struct Desired {
    /// The records, in the order of the source.
    pub wanted: Vec<Wanted>,
    /// What was read completely: whole sources, or files of a hosts directory. Of their origins alone can be said that they
    /// want something no more; a piece that is no longer in there wants nothing.
    pub read: Vec<Origin>,
    /// Pieces of what was read that could not be read themselves: nothing of them is judged.
    pub unreadable: Vec<(Origin, String)>,
    /// Pieces that were read and are there, and want nothing: they may have been cut short.
    pub empty: Vec<Origin>,
    /// What of what was read answers from memory and not from a file: a daemon, a proxy. That it wants nothing any more is
    /// believed after it has been so for a while, because such a thing forgets when it starts.
    pub live: Vec<Origin>,
    /// The daemons that were read, each with the address at which it was asked. Their pieces are containers, which come and go.
    pub daemons: Vec<(String, Origin)>,
    /// Daemons that a person said are gone for good: they want nothing.
    pub gone: Vec<Origin>,
    /// The containers of these daemons that count, whether they want anything or not.
    pub containers: Vec<Origin>,
    /// Which names containers that count speak of beside those that they want: in a dialect that is switched off, or with an address that is
    /// not known. They are for somebody else to give, or for later. A sentence where that cannot be read.
    pub spoken: Vec<(Origin, Result<BTreeSet<Name>, String>)>,
    /// What was read and cannot be told at present, or is not believed yet. Nothing is wrong with it, and nothing of it is judged.
    pub undecided: Vec<(Origin, String)>,
    /// Whole sources of which nothing could be read, while others were: they are not in `read`.
    pub failed: Vec<SourceError>,
    /// What the source says about zones.
    pub zones: Vec<ZoneRules>,
}

/// A record that is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// Who wants it.
    pub origin: Origin,
    /// Where.
    pub place: Place,
    /// The record; what it leaves open is not compared.
    pub record: Record,
}

/// Where a record is wanted, as far as its source says; the rest is told from its name, as for every command.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// The configured name of the provider.
    pub provider: Option<String>,
    /// The zone.
    pub zone: Option<Name>,
}

/// What a source says about a zone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ZoneRules {
    /// The zone, and the provider where the source names it.
    pub place: Place,
    /// Whether names that a wildcard in the zone answers for as wanted are left to it.
    pub wildcard_dns: bool,
}

impl Desired {
    /// Takes in what another source wants.
    pub fn extend(&mut self, other: Self) {
        self.wanted.extend(other.wanted);
        self.read.extend(other.read);
        self.unreadable.extend(other.unreadable);
        self.empty.extend(other.empty);
        self.live.extend(other.live);
        self.daemons.extend(other.daemons);
        self.gone.extend(other.gone);
        self.containers.extend(other.containers);
        self.spoken.extend(other.spoken);
        self.undecided.extend(other.undecided);
        self.failed.extend(other.failed);
        self.zones.extend(other.zones);
    }

    /// Returns whether an origin is a daemon that was read or is gone for good, or a container of one.
    pub fn is_of_daemons(&self, origin: &Origin) -> bool {
        self.daemons.iter().map(|(_, daemon)| daemon).chain(&self.gone).any(|daemon| origin.is_within(daemon))
    }

    /// Lets nothing count that was read of a daemon.
    pub fn leave_out(&mut self, daemon: &Origin) {
        self.wanted.retain(|wanted| !wanted.origin.is_within(daemon));
        self.read.retain(|read| read != daemon);
        self.live.retain(|live| live != daemon);
        self.daemons.retain(|(_, read)| read != daemon);
        self.containers.retain(|container| !container.is_within(daemon));
        self.spoken.retain(|(container, _)| !container.is_within(daemon));
        self.unreadable.retain(|(piece, _)| !piece.is_within(daemon));
        self.undecided.retain(|(piece, _)| !piece.is_within(daemon));
    }

    /// Returns whether it was read completely what this origin wants.
    pub fn judges(&self, origin: &Origin) -> bool {
        let mut left_out = self.unreadable.iter().chain(&self.undecided);
        self.read.iter().chain(&self.gone).any(|read| origin.is_within(read))
            && !left_out.any(|(piece, _)| origin.is_within(piece))
    }
}

/// Why a source could not be read. Nothing can be concluded from it then.
#[derive(Debug, Clone, thiserror::Error)]
#[error("could not read {source_name}: {problem}")]
pub struct SourceError {
    /// The source, as a person names it.
    pub source_name: String,
    /// What went wrong, with the place where there is one.
    pub problem: String,
    /// What a person can do next.
    pub hint: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_read_is_judged() {
        let file = Origin::of_source("file", "/etc/lab.toml");
        let (good, bad) = (file.piece("a.example"), file.piece("b.example"));
        let open = file.piece("c.example");
        let desired = Desired {
            read: vec![file],
            unreadable: vec![(bad.clone(), "broken".into())],
            undecided: vec![(open.clone(), "not now".into())],
            ..Desired::default()
        };
        assert!(desired.judges(&good));
        assert!(!desired.judges(&bad), "what could not be read wants nobody knows what");
        assert!(!desired.judges(&open), "and so does what cannot be told now");
        assert!(!desired.judges(&Origin::of_source("file", "/etc/other.toml").piece("a.example")));
        assert!(!desired.judges(&Origin::by_hand()));
    }
}
