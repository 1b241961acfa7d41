//! At which names the addresses of a machine are wanted: told from what was found, without asking anybody.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use dnsmgmt_core::heartbeat::Member;
use dnsmgmt_core::name::Name;
use ipnet::IpNet;

use super::{Chosen, Family, InterfaceAddress, is_private};

/// The names at which a machine registers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Domains {
    /// Private addresses of its interfaces.
    pub internal: Option<Name>,
    /// The IPv4 address by which others see it.
    pub external: Option<Name>,
    /// The IPv6 address by which others see it.
    pub ipv6: Option<Name>,
    /// All of these.
    pub combined: Option<Name>,
    /// An alias of the combined one.
    pub top_level: Option<Name>,
    /// Addresses of its interfaces within these networks.
    pub ranges: Vec<(IpNet, Name)>,
}

/// What was found of a machine's addresses.
#[derive(Debug, Clone, Default)]
pub struct Found {
    /// Those of its interfaces; nothing where the system does not say.
    pub interfaces: Option<Vec<InterfaceAddress>>,
    /// Those by which others see it, of the families that were asked for; nothing where it is not known.
    pub public: BTreeMap<Family, Option<IpAddr>>,
}

/// What a machine wants.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Assigned {
    /// The addresses, each with whether it is to be proxied, where that is said.
    pub wanted: BTreeMap<Member, Option<bool>>,
    /// At which names it is not known which addresses of a family are wanted: what is there stays, and is kept alive.
    pub undetermined: BTreeSet<(Name, Family)>,
    /// At which names no address of a family was found: what is there is neither kept alive nor withdrawn, because a network that is down for a
    /// moment looks the same.
    pub empty: BTreeSet<(Name, Family)>,
}

impl Domains {
    /// Returns the names at which addresses are registered.
    pub fn names(&self) -> BTreeSet<Name> {
        let named = [&self.internal, &self.external, &self.ipv6, &self.combined];
        let of_ranges = self.ranges.iter().map(|(_, name)| name);
        named.into_iter().flatten().chain(of_ranges).cloned().collect()
    }
}

/// Returns what is wanted at which name. Only public addresses can be `proxied`.
pub fn assign(domains: &Domains, chosen: &Chosen, proxied: Option<bool>, found: &Found) -> Assigned {
    let mut assigned = Assigned::default();
    for name in [&domains.internal, &domains.combined].into_iter().flatten() {
        let private = |own: &&InterfaceAddress| is_private(own.address) && chosen.counts(own);
        assigned.local(name, &[Family::Ipv4, Family::Ipv6], found, &private);
    }
    for (network, name) in &domains.ranges {
        let family = Family::of(network.addr());
        assigned.local(name, &[family], found, &|own| chosen.counts_within(own, network));
    }
    for (family, own) in [(Family::Ipv4, &domains.external), (Family::Ipv6, &domains.ipv6)] {
        let combined = domains.combined.as_ref().filter(|_| found.public.contains_key(&family));
        for name in own.iter().chain(combined) {
            match found.public.get(&family) {
                Some(Some(address)) => assigned.want(name, *address, proxied),
                Some(None) | None => assigned.unknown(name, family),
            }
        }
    }
    // One kind of address was found there, another may not have been.
    let has_some = |(name, family): &(Name, Family), wanted: &BTreeMap<Member, Option<bool>>| {
        wanted.keys().any(|member| member.domain == *name && Family::of(member.address) == *family)
    };
    let Assigned { wanted, undetermined, empty } = &mut assigned;
    empty.retain(|place| !has_some(place, wanted) && !undetermined.contains(place));
    assigned
}

impl Assigned {
    /// Returns what a machine that registered `before` keeps alive of it beside what it wants, because nobody knows better; and what it
    /// withdraws.
    pub fn compare(&self, before: &BTreeSet<Member>) -> (BTreeSet<Member>, BTreeSet<Member>) {
        let place = |member: &Member| (member.domain.clone(), Family::of(member.address));
        let old = before.iter().filter(|member| !self.wanted.contains_key(member));
        let (kept, rest): (BTreeSet<Member>, BTreeSet<Member>) =
            old.cloned().partition(|member| self.undetermined.contains(&place(member)));
        let withdrawn = rest.into_iter().filter(|member| !self.empty.contains(&place(member))).collect();
        (kept, withdrawn)
    }

    fn local(
        &mut self,
        name: &Name,
        families: &[Family],
        found: &Found,
        is_meant: &dyn Fn(&&InterfaceAddress) -> bool,
    ) {
        let Some(interfaces) = &found.interfaces else {
            return families.iter().for_each(|family| self.unknown(name, *family));
        };
        for own in interfaces.iter().filter(is_meant) {
            self.want(name, own.address, None);
        }
        self.empty.extend(families.iter().map(|family| (name.clone(), *family)));
    }

    fn want(&mut self, name: &Name, address: IpAddr, proxied: Option<bool>) {
        self.wanted.insert(Member { domain: name.clone(), address }, proxied);
    }

    fn unknown(&mut self, name: &Name, family: Family) {
        self.undetermined.insert((name.clone(), family));
    }
}

#[cfg(test)]
mod tests {
    use glob::Pattern;

    use super::*;

    fn name(text: &str) -> Name {
        Name::parse(text).unwrap()
    }

    fn domains() -> Domains {
        Domains {
            internal: Some(name("in.example")),
            external: Some(name("ext.example")),
            ipv6: Some(name("v6.example")),
            combined: Some(name("all.example")),
            top_level: None,
            ranges: vec![("10.8.0.0/16".parse().unwrap(), name("vpn.example"))],
        }
    }

    fn found(interfaces: &[(&str, &str)], v4: Option<&str>, v6: Option<&str>) -> Found {
        let own = |(interface, address): &(&str, &str)| InterfaceAddress {
            interface: (*interface).into(),
            address: address.parse().unwrap(),
        };
        let address = |text: &str| text.parse().unwrap();
        Found {
            interfaces: Some(interfaces.iter().map(own).collect()),
            public: [(Family::Ipv4, v4.map(address)), (Family::Ipv6, v6.map(address))].into(),
        }
    }

    fn shown(assigned: &Assigned) -> Vec<String> {
        assigned.wanted.keys().map(ToString::to_string).collect()
    }

    #[test]
    fn each_kind_of_address_has_its_name_and_the_combined_one_has_all() {
        let own = [("eth0", "192.168.1.10"), ("eth0", "fd00::10"), ("docker0", "172.17.0.1"), ("tun0", "10.8.0.2")];
        let found = found(&own, Some("203.0.113.7"), Some("2001:db8::10"));
        let assigned = assign(&domains(), &Chosen::default(), Some(true), &found);
        assert_eq!(
            shown(&assigned),
            [
                "10.8.0.2 at all.example",
                "192.168.1.10 at all.example",
                "203.0.113.7 at all.example",
                "2001:db8::10 at all.example",
                "fd00::10 at all.example",
                "203.0.113.7 at ext.example",
                "10.8.0.2 at in.example",
                "192.168.1.10 at in.example",
                "fd00::10 at in.example",
                "2001:db8::10 at v6.example",
                "10.8.0.2 at vpn.example",
            ]
        );
        assert!(
            assigned.undetermined.is_empty() && assigned.empty.iter().all(|(name, _)| name.as_str() != "all.example")
        );
        for (member, proxied) in &assigned.wanted {
            assert_eq!(proxied.is_some(), !is_private(member.address), "{member}: private addresses are never proxied");
        }
    }

    #[test]
    fn a_range_has_no_address_that_is_excluded_and_none_of_an_interface_that_does_not_count() {
        let ranges = ["10.0.0.0/8", "172.16.0.0/12"].map(|network| (network.parse().unwrap(), name("vpn.example")));
        let domains = Domains { ranges: ranges.into(), ..Domains::default() };
        let own = [("docker0", "172.17.0.1"), ("lo", "10.9.9.9"), ("tun0", "10.8.0.2"), ("tun1", "10.8.1.2")];
        let found = found(&own, None, None);
        let shown = |chosen: &Chosen| shown(&assign(&domains, chosen, None, &found));
        let usual = Chosen::default();
        assert_eq!(shown(&usual), ["10.8.0.2 at vpn.example", "10.8.1.2 at vpn.example"]);
        let not_named = Chosen { exclude_interfaces: vec![Pattern::new("*1").unwrap()], ..usual.clone() };
        assert_eq!(shown(&not_named), ["10.8.0.2 at vpn.example"]);
        let not_within = Chosen { exclude_networks: vec!["10.8.0.0/24".parse().unwrap()], ..usual.clone() };
        assert_eq!(shown(&not_within), ["10.8.1.2 at vpn.example"]);
        let named = Chosen { interfaces: vec![Pattern::new("docker*").unwrap()], ..usual.clone() };
        assert_eq!(shown(&named), ["172.17.0.1 at vpn.example"]);
        let elsewhere = Chosen { networks: vec!["192.168.0.0/16".parse().unwrap()], ..usual.clone() };
        assert_eq!(shown(&elsewhere), shown(&usual), "a range names its own network");
    }

    #[test]
    fn the_combined_name_has_the_public_addresses_that_were_asked_for() {
        let domains = Domains { combined: Some(name("all.example")), ..Domains::default() };
        let mut found = found(&[("eth0", "10.0.0.1")], None, Some("2001:db8::1"));
        found.public.remove(&Family::Ipv4);
        let assigned = assign(&domains, &Chosen::default(), None, &found);
        assert_eq!(shown(&assigned), ["10.0.0.1 at all.example", "2001:db8::1 at all.example"]);
        assert!(assigned.undetermined.is_empty(), "nobody asked for the other one");
    }

    #[test]
    fn what_is_not_known_is_kept_and_what_was_not_found_is_let_go_by_itself() {
        let before = |members: &[(&str, &str)]| -> BTreeSet<Member> {
            members.iter().map(|(at, address)| Member { domain: name(at), address: address.parse().unwrap() }).collect()
        };
        let registered =
            before(&[("ext.example", "203.0.113.7"), ("in.example", "10.0.0.1"), ("old.example", "10.0.0.1")]);
        let nothing = assign(&domains(), &Chosen::default(), None, &found(&[("eth0", "10.0.0.2")], None, None));
        let (kept, withdrawn) = nothing.compare(&registered);
        assert_eq!(kept, before(&[("ext.example", "203.0.113.7")]), "an outage of an address service deletes nothing");
        assert_eq!(withdrawn, before(&[("in.example", "10.0.0.1"), ("old.example", "10.0.0.1")]));

        let down = assign(&domains(), &Chosen::default(), None, &found(&[], Some("203.0.113.8"), None));
        let (kept, withdrawn) = down.compare(&registered);
        assert_eq!(
            (kept.len(), withdrawn),
            (0, before(&[("ext.example", "203.0.113.7"), ("old.example", "10.0.0.1")]))
        );

        let blind = Found { interfaces: None, ..found(&[], Some("203.0.113.7"), None) };
        let (kept, withdrawn) = assign(&domains(), &Chosen::default(), None, &blind).compare(&registered);
        assert_eq!((kept, withdrawn), (before(&[("in.example", "10.0.0.1")]), before(&[("old.example", "10.0.0.1")])));
    }
}
