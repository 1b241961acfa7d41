//! Listing by names, where the zone cannot be transferred.
//!
//! A name is asked for each type. What a wildcard makes up looks the same as what is there, so the server is then asked, by an UPDATE
//! of conditions alone, whether the name holds exactly this.

use std::collections::BTreeSet;

use dnsmgmt_core::name::Name;
use dnsmgmt_core::provider::{ProviderError, Reaction};
use dnsmgmt_core::record::{Record, RecordType};
use dnsmgmt_core::record_set::{Listing, Opaque, Scope};
use domain::base::iana::Rcode;
use domain::base::name::ToLabelIter as _;
use jiff::Timestamp;

use super::Rfc2136;
use super::refusal::{Asked, Refusal};
use super::transfer::read;
use super::update::Update;
use crate::dns::{Question, Reply, exchange, question};
use crate::rdata::wire::number;

/// The types that a name is asked for.
pub(super) const TYPES: [RecordType; 9] = [
    RecordType::A,
    RecordType::Aaaa,
    RecordType::Caa,
    RecordType::Cname,
    RecordType::Mx,
    RecordType::Ns,
    RecordType::Ptr,
    RecordType::Srv,
    RecordType::Txt,
];

/// What a name holds.
#[derive(Default)]
struct Held {
    records: Vec<Record>,
    opaque: Vec<Opaque>,
    time: Option<Timestamp>,
}

impl Rfc2136 {
    /// Lists names; a scope that is not one of names is an error, because it cannot be listed completely.
    pub(super) async fn by_names(&self, scope: &Scope) -> Result<Listing, ProviderError> {
        let Scope::Names(names) = scope else {
            let doing = format!("list {scope} at {}", self.server);
            let why = "it is listed by names alone (`listing = \"names\"`)";
            return Err(ProviderError::new(Reaction::Refused, doing, why)
                .hint("name what is meant; or let the key transfer the zone and leave `listing` out"));
        };
        let (mut records, mut opaque, mut provider_time) = (Vec::new(), Vec::new(), None);
        for name in within(names, &self.id.zone) {
            let held = self
                .at(name)
                .await
                .map_err(|refusal| self.context(Asked::Query).error(format_args!("ask for {name}"), &refusal))?;
            records.extend(held.records);
            opaque.extend(held.opaque);
            provider_time = held.time.or(provider_time);
        }
        Ok(Listing { records: records.into_iter().collect(), opaque, provider_time })
    }

    async fn at(&self, name: &Name) -> Result<Held, Refusal> {
        // Somebody may change the name while it is being asked for; what does not fit twice is no such change.
        let mut held = self.look(name).await?;
        if !self.is_so(name, &mut held).await? {
            held = self.look(name).await?;
            if !self.is_so(name, &mut held).await? {
                held.opaque.push(Opaque {
                    name: Some(name.clone()),
                    rtype: None,
                    text: format!("{name} holds neither what is answered for it nor nothing"),
                    why: "the server says so itself, so what it holds here cannot be seen".into(),
                });
            }
        }
        Ok(held)
    }

    async fn look(&self, name: &Name) -> Result<Held, Refusal> {
        let mut held = Held::default();
        for rtype in &TYPES {
            if !self.ask(name, rtype, &mut held).await? {
                break;
            }
        }
        Ok(held)
    }

    /// Returns whether the name holds what was answered; what a wildcard made up is taken away.
    async fn is_so(&self, name: &Name, held: &mut Held) -> Result<bool, Refusal> {
        let is_unseen = |rtype: &RecordType| {
            held.opaque.iter().any(|entry| entry.rtype.as_ref().is_none_or(|unread| unread == rtype))
        };
        let seen: Vec<RecordType> = TYPES.iter().filter(|rtype| !is_unseen(rtype)).cloned().collect();
        if seen.is_empty() || (held.records.is_empty() && held.opaque.is_empty()) {
            return Ok(true);
        }
        if self.holds(name, &held.records, &seen).await? {
            return Ok(true);
        }
        let is_made_up = self.holds(name, &[], &TYPES).await?;
        if is_made_up {
            *held = Held { time: held.time, ..Held::default() };
        }
        Ok(is_made_up)
    }

    /// Asks for one type. Returns whether there is sense in asking for the others.
    async fn ask(&self, name: &Name, rtype: &RecordType, held: &mut Held) -> Result<bool, Refusal> {
        let unreadable = |_| Refusal::Unfit("its answer cannot be read".into());
        let asked = Question::new(name, number(rtype).map_err(Refusal::Unfit)?);
        let mut request = question(&asked);
        let transaction = self.signer.sign(&mut request);
        let mut answer = exchange(&self.server, request.as_slice()).await?;
        match self.signer.check(&transaction, &mut answer) {
            Ok(time) => held.time = Some(time),
            Err(Refusal::Rcode { rcode: Rcode::NXDOMAIN, signed: true }) => {}
            Err(refusal) => return Err(refusal),
        }
        let reply = Reply::to(&asked, answer).map_err(unreadable)?;
        if let Some(above) = reply.alias_above(&asked).map_err(unreadable)? {
            held.opaque.push(Opaque {
                name: Some(name.clone()),
                rtype: None,
                text: format!("{name} is below the DNAME of {above}"),
                why: "the server answers only with what the DNAME leads to, so what it holds here cannot be seen"
                    .into(),
            });
            return Ok(false);
        }
        if reply.is_authoritative() {
            for record in reply.answers(&asked).map_err(unreadable)? {
                match read(name.clone(), &record) {
                    Ok(record) => held.records.push(record),
                    Err(opaque) => held.opaque.push(opaque),
                }
            }
            return Ok(!reply.is_no_name());
        }
        self.take_referral(name, &asked, &reply, held)
    }

    /// What lies below another zone's beginning is not answered for; its name servers are ours.
    fn take_referral(&self, name: &Name, asked: &Question, reply: &Reply, held: &mut Held) -> Result<bool, Refusal> {
        let unreadable = |_| Refusal::Unfit("its answer cannot be read".into());
        let referral = reply.referral().map_err(unreadable)?;
        let Some(first) = referral.first() else {
            return Err(Refusal::Rcode { rcode: Rcode::NOTAUTH, signed: true });
        };
        let cut = first.owner();
        let is_in_zone = cut.iter_labels().count() > crate::dns::name_to_wire(&self.id.zone).iter_labels().count();
        if !is_in_zone {
            return Err(Refusal::Rcode { rcode: Rcode::NOTAUTH, signed: true });
        }
        let is_here = cut == asked.name;
        for record in referral.iter().filter(|_| is_here) {
            match read(name.clone(), record) {
                Ok(record) => held.records.push(record),
                Err(opaque) => held.opaque.push(opaque),
            }
        }
        held.opaque.push(Opaque {
            name: Some(name.clone()),
            rtype: None,
            text: format!("{name} belongs to the zone {cut}"),
            why: "the server answers only with where that zone is, so what it holds here cannot be seen".into(),
        });
        Ok(false)
    }

    /// Returns whether the name holds exactly these records of these types, by asking for a change of nothing under that
    /// condition.
    async fn holds(&self, name: &Name, records: &[Record], types: &[RecordType]) -> Result<bool, Refusal> {
        match self.ask_one(&Update::question(name, records, types)).await {
            Ok(()) => Ok(true),
            Err(refusal) if refusal.is_prerequisite() => Ok(false),
            Err(refusal) => Err(refusal),
        }
    }
}

/// What is outside the zone holds nothing in it.
fn within<'a>(names: &'a BTreeSet<Name>, zone: &Name) -> impl Iterator<Item = &'a Name> {
    names.iter().filter(move |name| name.is_within(zone))
}
