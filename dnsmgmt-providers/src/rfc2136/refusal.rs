//! What went wrong between us and the server, in words that say what to do next.

use std::fmt;

use dnsmgmt_core::name::Name;
use dnsmgmt_core::provider::{ProviderError, Reaction};
use domain::base::iana::Rcode;
use jiff::Timestamp;

use super::TsigKey;
use crate::dns::{Server, Trouble};

/// What was asked of the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asked {
    Query,
    Transfer,
    Update {
        /// Whether an MX is to be added.
        adds_mx: bool,
        /// Whether an address is to be added at a name with `_`.
        adds_no_host: bool,
    },
}

/// An answer that is not what was asked for.
#[derive(Debug)]
pub(super) enum Refusal {
    /// The server does not know the key.
    BadKey,
    /// The server's key has another secret.
    BadSignature,
    /// The clocks are too far apart.
    BadTime { ours: Timestamp, theirs: Timestamp },
    /// It says no; whether that is signed.
    Rcode { rcode: Rcode, signed: bool },
    /// Its answer is not signed as it must be.
    Unverified(String),
    /// Its answer is not what the protocol asks for.
    Unfit(String),
    /// No answer came.
    Trouble(Trouble),
}

impl From<Trouble> for Refusal {
    fn from(trouble: Trouble) -> Self {
        Self::Trouble(trouble)
    }
}

impl Refusal {
    /// Returns whether any other request would be answered the same.
    pub(super) fn ends_all(&self) -> bool {
        matches!(self, Self::BadKey | Self::BadSignature | Self::BadTime { .. } | Self::Trouble(_))
            || matches!(self, Self::Rcode { rcode: Rcode::NOTAUTH | Rcode::NOTIMP, .. })
            || matches!(self, Self::Rcode { rcode: Rcode::REFUSED, signed: false })
    }

    /// Returns whether the server failed over the request, and may not over the same one alone.
    pub(super) fn is_failure(&self) -> bool {
        matches!(self, Self::Rcode { rcode: Rcode::SERVFAIL, .. })
    }

    /// Returns whether it says that a prerequisite did not hold (RFC 2136 section 3.2).
    pub(super) fn is_prerequisite(&self) -> bool {
        let failed = [Rcode::YXDOMAIN, Rcode::YXRRSET, Rcode::NXRRSET, Rcode::NXDOMAIN];
        matches!(self, Self::Rcode { rcode, signed: true } if failed.contains(rcode))
    }

    fn reaction(&self) -> Reaction {
        match self {
            Self::BadKey | Self::BadSignature | Self::BadTime { .. } => Reaction::Unauthorized,
            Self::Unverified(_) | Self::Unfit(_) | Self::Trouble(Trouble::NoMessage) => Reaction::Malformed,
            Self::Rcode { rcode: Rcode::SERVFAIL, .. } | Self::Trouble(_) => Reaction::Unreachable,
            Self::Rcode { .. } => Reaction::Refused,
        }
    }
}

/// Who was asked for what, to be told beside what came of it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Context<'a> {
    pub(super) server: &'a Server,
    pub(super) zone: &'a Name,
    pub(super) key: &'a TsigKey,
    pub(super) asked: Asked,
}

impl Context<'_> {
    /// Returns the error of what was being done.
    pub(super) fn error(self, doing: impl fmt::Display, refusal: &Refusal) -> ProviderError {
        let doing = format!("{doing} at {}", self.server);
        let error = ProviderError::new(refusal.reaction(), doing, self.answered(refusal));
        match self.hint(refusal) {
            Some(hint) => error.hint(hint),
            None => error,
        }
    }

    fn answered(self, refusal: &Refusal) -> String {
        let Self { zone, key, .. } = self;
        match refusal {
            Refusal::BadKey => {
                format!("it does not know the key `{}` for {} (BADKEY)", key.name(), key.algorithm())
            }
            Refusal::BadSignature => format!("the signature is not that of its key `{}` (BADSIG)", key.name()),
            Refusal::BadTime { ours, theirs } => {
                format!(
                    "its clock says {theirs:.0} and ours {ours:.0}, further apart than a signature may be (BADTIME)"
                )
            }
            Refusal::Rcode { rcode, signed } => {
                let unsigned = if *signed { "" } else { ", not signed" };
                match *rcode {
                    Rcode::NOTAUTH if *signed => format!("it is not authoritative for {zone} (NOTAUTH)"),
                    Rcode::NOTAUTH => {
                        format!("it is not authoritative for {zone}, or does not let the key in (NOTAUTH{unsigned})")
                    }
                    Rcode::NOTZONE => format!("a name is not in its zone {zone} (NOTZONE{unsigned})"),
                    Rcode::NOTIMP => format!("it does not do this at all (NOTIMP{unsigned})"),
                    Rcode::SERVFAIL => format!("it failed (SERVFAIL{unsigned})"),
                    rcode => format!("{rcode}{unsigned}"),
                }
            }
            Refusal::Unverified(why) => format!("its answer is not signed as it must be: {why}"),
            Refusal::Unfit(why) => why.clone(),
            Refusal::Trouble(trouble) => trouble.to_string(),
        }
    }

    fn hint(self, refusal: &Refusal) -> Option<String> {
        let key = self.key.name();
        Some(match refusal {
            Refusal::BadKey => "name and algorithm of the key must be as the server has them; Knot says so, too, where no acl lets the key do this".into(),
            Refusal::BadSignature => "the secret must be as the server has it".into(),
            Refusal::BadTime { .. } => "set the clock that is wrong; nothing was changed".into(),
            Refusal::Rcode { rcode: Rcode::NOTAUTH, signed } => {
                let is_primary = format!("is it the primary server of a zone that is spelled so, {}?", self.zone);
                let powerdns = format!(
                    " PowerDNS says so, too, where the key `{key}` or its secret is not as the server has it, and where the zone does \
                     not name the key in TSIG-ALLOW-AXFR, to be listed, and in TSIG-ALLOW-DNSUPDATE, to be changed"
                );
                if *signed { is_primary } else { is_primary + &powerdns }
            }
            Refusal::Rcode { rcode: Rcode::REFUSED, signed } => {
                let allow = match self.asked {
                    Asked::Query => format!(
                        "is it the primary server of {}? then let the key `{key}` ask: `allow-query` in BIND", self.zone
                    ),
                    Asked::Transfer => format!(
                        "let the key `{key}` transfer the zone: `allow-transfer` in BIND, `action: transfer` of an acl in Knot, \
                         TSIG-ALLOW-AXFR in PowerDNS; or list by names with `listing = \"names\"`"
                    ),
                    Asked::Update { adds_mx, adds_no_host } => format!(
                        "{}let the key `{key}` change the zone: `allow-update` in BIND, `action: update` of an acl in Knot, \
                         `dnsupdate=yes` and TSIG-ALLOW-DNSUPDATE in PowerDNS; if it may, the server's log says what it has against \
                         this one{}",
                        if adds_no_host {
                            "BIND refuses addresses at a name with `_` unless the zone has `check-names ignore`; else "
                        } else {
                            ""
                        },
                        if adds_mx { ": BIND refuses an MX whose host is in the zone and has no address" } else { "" }
                    ),
                };
                let powerdns = "; PowerDNS says so, too, where the key, its secret or the clock is wrong";
                if *signed { allow } else { format!("{allow}{powerdns}") }
            }
            Refusal::Rcode { rcode: Rcode::NOTIMP, .. } => "is this a server that takes changes (RFC 2136)?".into(),
            Refusal::Rcode { rcode: Rcode::SERVFAIL, .. } => "its log says why".into(),
            Refusal::Rcode { .. } => return None,
            Refusal::Unverified(_) => format!("somebody on the way may have changed it, or the server does not sign with `{key}`"),
            Refusal::Unfit(_) => return None,
            Refusal::Trouble(Trouble::NoMessage) => "is this a DNS server?".into(),
            Refusal::Trouble(Trouble::NoAddress(_)) => "is the server's name spelled right?".into(),
            Refusal::Trouble(Trouble::NoConnection(..)) => "is the server there, and does it take TCP as well as UDP?".into(),
            Refusal::Trouble(_) => "its log may say why".into(),
        })
    }
}
