//! Names whose records stay, wanted or not.

use std::collections::HashSet;

use crate::name::{Name, NameError};

/// Names whose records are never marked as orphans.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Preserved {
    exact: HashSet<Name>,
    /// The names below which everything is preserved, they themselves not.
    above: HashSet<Name>,
}

impl Preserved {
    /// Reads names as people write them: `vpn.example` is that name alone, `*.infra.example` everything below `infra.example`, itself
    /// not.
    pub fn parse<'a>(entries: impl IntoIterator<Item = &'a str>) -> Result<Self, NameError> {
        entries.into_iter().map(Name::parse).collect()
    }

    /// Returns whether the records at `name` stay.
    pub fn covers(&self, name: &Name) -> bool {
        let within = |above: Name| self.above.contains(&above);
        self.exact.contains(name)
            || !self.above.is_empty() && std::iter::successors(name.parent(), Name::parent).any(within)
    }
}

/// A wildcard stands for everything below its parent.
impl FromIterator<Name> for Preserved {
    fn from_iter<I: IntoIterator<Item = Name>>(names: I) -> Self {
        let mut preserved = Self::default();
        for name in names {
            match name.parent() {
                Some(above) if name.is_wildcard() => preserved.above.insert(above),
                _ => preserved.exact.insert(name),
            };
        }
        preserved
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn covers(entries: &[&str], name: &str) -> bool {
        Preserved::parse(entries.iter().copied()).unwrap().covers(&Name::parse(name).unwrap())
    }

    #[test]
    fn a_name_covers_itself_alone() {
        assert!(covers(&["VPN.Example."], "vpn.example"));
        assert!(!covers(&["vpn.example"], "a.vpn.example"));
        assert!(!covers(&["vpn.example"], "xvpn.example"));
        assert!(!covers(&[], "vpn.example"));
    }

    #[test]
    fn a_wildcard_covers_what_is_below_label_by_label() {
        assert!(covers(&["a.b", "*.x.y"], "foo.x.y"));
        assert!(covers(&["*.x.y"], "a.foo.x.y"));
        assert!(covers(&["*.x.y"], "*.x.y"), "the wildcard record itself is below as well");
        assert!(!covers(&["*.x.y"], "foox.y"));
        assert!(!covers(&["*.x.y"], "x.y"));
        assert!(!covers(&["*.x.y"], "y"));
        assert!(covers(&["*"], "y"));
    }

    #[test]
    fn what_is_no_name_is_an_error() {
        assert!(Preserved::parse(["a.example", "x*.example"]).is_err());
    }
}
