//! Which addresses this machine has: those of its interfaces, and those that others see it by; and at which names they are wanted.

mod assign;
mod interfaces;
mod public;

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

pub use assign::{Assigned, Domains, Found, assign};
pub use interfaces::{Chosen, InterfaceAddress, of_interfaces};
pub use ipnet::IpNet;
pub use public::{Service, ServiceError, Undetermined, ask};

/// IPv4 or IPv6.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Family {
    Ipv4,
    Ipv6,
}

impl Family {
    /// Returns the family of an address.
    pub fn of(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(_) => Self::Ipv4,
            IpAddr::V6(_) => Self::Ipv6,
        }
    }

    /// Returns the address that stands for any of this machine's.
    fn unspecified(self) -> IpAddr {
        match self {
            Self::Ipv4 => Ipv4Addr::UNSPECIFIED.into(),
            Self::Ipv6 => Ipv6Addr::UNSPECIFIED.into(),
        }
    }
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Ipv4 => "IPv4",
            Self::Ipv6 => "IPv6",
        })
    }
}

/// Returns whether an address is one of a private network: of RFC 1918 section 3, or a unique local one of RFC 4193 section 3.1.
pub fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => address.is_private(),
        IpAddr::V6(address) => address.is_unique_local(),
    }
}

/// Returns whether an address can be one by which others reach a machine from anywhere.
fn may_be_public(address: IpAddr) -> bool {
    let is_reachable = match address {
        IpAddr::V4(address) => !address.is_link_local() && !address.is_broadcast(),
        IpAddr::V6(address) => !address.is_unicast_link_local() && address.to_ipv4_mapped().is_none(),
    };
    is_reachable
        && !is_private(address)
        && !address.is_loopback()
        && !address.is_unspecified()
        && !address.is_multicast()
}
