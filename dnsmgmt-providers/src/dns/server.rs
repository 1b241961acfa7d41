//! Where a DNS server is.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

/// The port of DNS (RFC 1035 section 4.2).
const PORT: u16 = 53;

/// A DNS server: a name or an address, and a port.
///
/// It is read from `HOST` or `HOST:PORT`; an IPv6 address with a port stands in brackets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    host: String,
    port: u16,
}

/// A text that is not a server.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "a server is a host name or an address, with a port after a colon if it is not 53; an IPv6 address then stands in brackets"
)]
pub struct ServerError;

impl Server {
    pub(crate) fn host(&self) -> &str {
        &self.host
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }
}

impl FromStr for Server {
    type Err = ServerError;

    fn from_str(text: &str) -> Result<Self, ServerError> {
        let text = text.trim();
        if let Ok(address) = text.parse::<SocketAddr>() {
            return Ok(Self { host: address.ip().to_string(), port: checked(address.port())? });
        }
        let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
        if let Ok(address) = bare.parse::<IpAddr>() {
            return Ok(Self { host: address.to_string(), port: PORT });
        }
        let (host, port) = match text.rsplit_once(':') {
            Some((host, port)) => (host, checked(port.parse().map_err(|_| ServerError)?)?),
            None => (text, PORT),
        };
        let plain = |octet: u8| octet.is_ascii_alphanumeric() || matches!(octet, b'.' | b'-' | b'_');
        let is_host = !host.is_empty() && host.bytes().all(plain);
        is_host.then(|| Self { host: host.trim_end_matches('.').to_ascii_lowercase(), port }).ok_or(ServerError)
    }
}

fn checked(port: u16) -> Result<u16, ServerError> {
    if port == 0 { Err(ServerError) } else { Ok(port) }
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.parse::<Ipv6Addr>().is_ok() {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_are_hosts_with_or_without_a_port() {
        for (text, shown) in [
            ("192.0.2.1", "192.0.2.1:53"),
            ("192.0.2.1:5353", "192.0.2.1:5353"),
            ("Ns1.Example.COM.", "ns1.example.com:53"),
            ("ns1.example.com:5300", "ns1.example.com:5300"),
            ("2001:DB8::1", "[2001:db8::1]:53"),
            ("[2001:db8::1]", "[2001:db8::1]:53"),
            ("[2001:db8::1]:5300", "[2001:db8::1]:5300"),
        ] {
            let server: Server = text.parse().unwrap();
            assert_eq!(server.to_string(), shown);
            assert_eq!(shown.parse(), Ok(server), "it is read as it is written");
        }
        for bad in ["", ":53", "ns1:", "ns1:0", "ns1:65536", "ns1:53:53", "https://ns1", "a b", "ns1/24"] {
            assert_eq!(bad.parse::<Server>(), Err(ServerError), "{bad}");
        }
    }
}
