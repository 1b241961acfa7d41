//! The addresses of this machine's interfaces.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::{fs, io};

use glob::Pattern;
use ipnet::IpNet;

/// Where Linux says what is special about IPv6 addresses (`include/uapi/linux/if_addr.h` has the flags).
const IPV6_FLAGS: &str = "/proc/net/if_inet6";
/// `IFA_F_TEMPORARY`: for outgoing connections, and another one tomorrow (RFC 8981).
const TEMPORARY: u8 = 0x01;
/// `IFA_F_DADFAILED`: somebody else has it.
const DUPLICATE: u8 = 0x08;
/// `IFA_F_DEPRECATED`: on its way out (RFC 4862 section 5.5.4).
const DEPRECATED: u8 = 0x20;
/// `IFA_F_TENTATIVE`: not known to be ours alone yet.
const TENTATIVE: u8 = 0x40;

/// The interfaces of containers, virtual machines and their networks, by how their names begin. Their addresses are known to this machine
/// alone.
const VIRTUAL: [&str; 12] =
    ["docker", "veth", "podman", "cni", "virbr", "vnet", "lxcbr", "lxdbr", "flannel", "cali", "kube-", "nodelocaldns"];

/// An address of an interface.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct InterfaceAddress {
    /// The interface's name.
    pub interface: String,
    /// The address.
    pub address: IpAddr,
}

/// Which addresses of the interfaces count.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Chosen {
    /// The interfaces that count; without any, all but loopback and those of containers and virtual machines.
    pub interfaces: Vec<Pattern>,
    /// Interfaces that do not count.
    pub exclude_interfaces: Vec<Pattern>,
    /// The networks whose addresses count; without any, all.
    pub networks: Vec<IpNet>,
    /// Networks whose addresses do not count.
    pub exclude_networks: Vec<IpNet>,
}

/// Returns the addresses of this machine's interfaces that are up, in their order: but none of loopback's own (127.0.0.0/8 and ::1), of a
/// link alone, or temporary.
///
/// # Errors
/// If the system does not say them: then nothing is known.
pub fn of_interfaces() -> io::Result<Vec<InterfaceAddress>> {
    let flags = ipv6_flags(&fs::read_to_string(IPV6_FLAGS).unwrap_or_default());
    let is_lasting = |address: IpAddr| match address {
        IpAddr::V4(address) => !address.is_link_local(),
        IpAddr::V6(address) => {
            let flags = flags.get(&address).copied().unwrap_or_default();
            !address.is_unicast_link_local() && flags & (TEMPORARY | DUPLICATE | DEPRECATED | TENTATIVE) == 0
        }
    };
    let mut addresses: Vec<InterfaceAddress> = if_addrs::get_if_addrs()?
        .into_iter()
        .filter(|interface| !interface.is_loopback() && interface.is_oper_up() && is_lasting(interface.ip()))
        .map(|interface| InterfaceAddress { address: interface.ip(), interface: interface.name })
        .collect();
    addresses.sort();
    Ok(addresses)
}

/// Reads lines of address, index, length of the prefix, scope, flags and name, the numbers in hexadecimal digits.
fn ipv6_flags(text: &str) -> HashMap<Ipv6Addr, u8> {
    let read = |line: &str| {
        let mut words = line.split_whitespace();
        let address = Ipv6Addr::from(u128::from_str_radix(words.next()?, 16).ok()?);
        Some((address, u8::from_str_radix(words.nth(3)?, 16).ok()?))
    };
    text.lines().filter_map(read).collect()
}

impl Chosen {
    /// Returns whether an address counts.
    pub fn counts(&self, own: &InterfaceAddress) -> bool {
        let is_within = |network: &IpNet| network.contains(&own.address);
        (self.networks.is_empty() || self.networks.iter().any(is_within)) && self.may_count(own)
    }

    /// Returns whether an address counts at a name that has those of this network, whichever networks count elsewhere.
    pub fn counts_within(&self, own: &InterfaceAddress, network: &IpNet) -> bool {
        network.contains(&own.address) && self.may_count(own)
    }

    fn may_count(&self, InterfaceAddress { interface, address }: &InterfaceAddress) -> bool {
        let is_named = |patterns: &[Pattern]| patterns.iter().any(|pattern| pattern.matches(interface));
        let is_chosen = match self.interfaces.is_empty() {
            true => !is_loopback(interface) && !is_virtual(interface),
            false => is_named(&self.interfaces),
        };
        let is_excluded = || self.exclude_networks.iter().any(|network| network.contains(address));
        is_chosen && !is_named(&self.exclude_interfaces) && !is_excluded()
    }
}

/// What stands on it beside loopback's own addresses, as a service does that several machines announce, is not this machine's. A second address
/// may have a label, `lo:1`.
fn is_loopback(interface: &str) -> bool {
    interface.split(':').next() == Some("lo")
}

/// Docker calls the bridges of its networks `br-` and twelve digits of their ids.
fn is_virtual(interface: &str) -> bool {
    let is_bridge = |id: &str| id.len() == 12 && id.bytes().all(|octet| octet.is_ascii_hexdigit());
    VIRTUAL.iter().any(|prefix| interface.starts_with(prefix)) || interface.strip_prefix("br-").is_some_and(is_bridge)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(chosen: &Chosen, interface: &str, address: &str) -> bool {
        chosen.counts(&InterfaceAddress { interface: interface.into(), address: address.parse().unwrap() })
    }

    fn pattern(text: &str) -> Pattern {
        Pattern::new(text).unwrap()
    }

    #[test]
    fn loopback_and_interfaces_of_containers_do_not_count_unless_they_are_named() {
        let usual = Chosen::default();
        for interface in ["eth0", "enp3s0", "wlan0", "br0", "br-lan", "tun0", "bond0.7"] {
            assert!(counts(&usual, interface, "10.0.0.1"), "{interface}");
        }
        for interface in
            ["lo", "lo:1", "docker0", "docker_gwbridge", "br-1f2e3d4c5b6a", "veth12ab", "cni0", "virbr0", "cali12"]
        {
            assert!(!counts(&usual, interface, "172.17.0.1"), "{interface}");
        }
        let named = Chosen { interfaces: vec![pattern("docker*")], ..Chosen::default() };
        assert!(counts(&named, "docker0", "172.17.0.1") && !counts(&named, "eth0", "10.0.0.1"));
        let but =
            Chosen { interfaces: vec![pattern("e*")], exclude_interfaces: vec![pattern("*1")], ..Chosen::default() };
        assert!(counts(&but, "eth0", "10.0.0.1") && !counts(&but, "eth1", "10.0.0.1"));
    }

    #[test]
    fn networks_choose_addresses() {
        let net = |text: &str| text.parse::<IpNet>().unwrap();
        let chosen = Chosen {
            networks: vec![net("10.0.0.0/8"), net("fd00::/8")],
            exclude_networks: vec![net("10.9.0.0/16")],
            ..Chosen::default()
        };
        assert!(counts(&chosen, "eth0", "10.0.0.1") && counts(&chosen, "eth0", "fd00::1"));
        assert!(!counts(&chosen, "eth0", "10.9.0.1") && !counts(&chosen, "eth0", "192.168.0.1"));
    }

    #[test]
    fn temporary_and_deprecated_addresses_are_told_by_their_flags() {
        let text = "fd000000000000000000000000000001 02 40 00 80     eth0\n\
                    fd0000000000000000000000000000a2 02 40 00 01     eth0\n\
                    00000000000000000000000000000001 01 80 10 80       lo\nnonsense\n";
        let flags = ipv6_flags(text);
        assert_eq!(flags.len(), 3);
        assert_eq!(flags[&"fd00::a2".parse().unwrap()] & TEMPORARY, TEMPORARY);
        assert_eq!(flags[&"fd00::1".parse().unwrap()] & (TEMPORARY | DEPRECATED | TENTATIVE), 0);
    }

    #[test]
    fn this_machines_own_are_listed_without_loopback() {
        let own = of_interfaces().unwrap();
        assert!(own.iter().all(|own| !own.address.is_loopback()), "{own:?}");
    }
}
