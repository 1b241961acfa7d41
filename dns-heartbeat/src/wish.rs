//! What this machine wants: told from what was found and what it registered before.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::time::Duration;

use dnsmgmt_core::heartbeat::Member;
use dnsmgmt_core::name::Name;
use dnsmgmt_core::provider::ProviderId;
use dnsmgmt_providers::addresses::{Assigned, Family, Found, assign};
use dnsmgmt_providers::config::Heartbeat;

/// What a machine registered, by the zones.
pub(crate) type Registrations = BTreeMap<ProviderId, BTreeSet<Member>>;

/// What a machine wants.
#[derive(Debug, Default)]
pub(crate) struct Wish {
    /// The addresses that are kept alive, each with whether it is to be proxied, where that is said.
    pub(crate) wanted: BTreeMap<Member, Option<bool>>,
    /// What was registered, and is withdrawn.
    pub(crate) withdrawn: BTreeSet<Member>,
    /// At which names everything is withdrawn that has a heartbeat of this machine.
    pub(crate) searched: BTreeSet<Name>,
    /// At which names it is not known which addresses of a family are wanted.
    pub(crate) undetermined: BTreeSet<(Name, Family)>,
    /// Names for which no address was found at all.
    pub(crate) bare: BTreeSet<Name>,
    /// Names that are to be aliases.
    pub(crate) aliases: BTreeMap<Name, Name>,
}

impl Wish {
    /// Returns what a machine with these addresses wants that registered `before`.
    pub(crate) fn of(heartbeat: &Heartbeat, found: &Found, before: &Registrations) -> Self {
        let assigned = assign(&heartbeat.domains, &heartbeat.chosen, heartbeat.proxied, found);
        let before: BTreeSet<Member> = before.values().flatten().cloned().collect();
        let (kept, withdrawn) = assigned.compare(&before);
        let Assigned { mut wanted, undetermined, .. } = assigned;
        wanted.extend(kept.into_iter().map(|member| (member, None)));
        let domains = &heartbeat.domains;
        let has_none = |name: &Name| {
            wanted.keys().all(|member| member.domain != *name) && undetermined.iter().all(|(other, _)| other != name)
        };
        let bare = domains.names().into_iter().filter(has_none).collect();
        let alias = domains.top_level.clone().zip(domains.combined.clone());
        let aliases = alias.into_iter().collect();
        Self { wanted, withdrawn, undetermined, bare, aliases, ..Self::default() }
    }

    /// Returns the wish of a machine that ends: everything goes that it registered. Which addresses it has does not matter, so nobody is asked;
    /// without a memory its own heartbeats tell.
    pub(crate) fn ended(heartbeat: &Heartbeat, before: &Registrations) -> Self {
        let withdrawn: BTreeSet<Member> = before.values().flatten().cloned().collect();
        let searched = if withdrawn.is_empty() { heartbeat.domains.names() } else { BTreeSet::new() };
        Self { withdrawn, searched, ..Self::default() }
    }

    /// Returns every name that is written at, or may have to be.
    pub(crate) fn names(&self) -> BTreeSet<Name> {
        let withdrawn = self.withdrawn.iter().map(|member| &member.domain);
        self.wanted_names().chain(withdrawn).chain(&self.searched).cloned().collect()
    }

    /// Returns whether this machine registered at a name and wants nothing there any more.
    pub(crate) fn is_only_withdrawn(&self, name: &Name) -> bool {
        self.wanted_names().all(|wanted| wanted != name)
    }

    fn wanted_names(&self) -> impl Iterator<Item = &Name> {
        let undetermined = self.undetermined.iter().map(|(name, _)| name);
        self.wanted.keys().map(|member| &member.domain).chain(undetermined).chain(self.aliases.keys())
    }

    /// Returns what is the same as long as the same is wanted in the same way at the same places: what is compared with the last run.
    pub(crate) fn mark(&self, heartbeat: &Heartbeat, lease: Duration, places: &[String]) -> String {
        let mut hash = DefaultHasher::new();
        let text = format!("{:?} {:?}", self.wanted, self.aliases);
        (text, heartbeat.ttl.to_string(), lease, heartbeat.adopt, places).hash(&mut hash);
        format!("{:016x}", hash.finish())
    }
}
