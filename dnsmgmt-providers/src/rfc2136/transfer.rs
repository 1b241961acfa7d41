//! Listing a whole zone by its transfer (RFC 5936), which counts only when it is whole and signed.

use dnsmgmt_core::name::Name;
use dnsmgmt_core::record::{Record, Ttl};
use dnsmgmt_core::record_set::{Listing, Opaque, Scope};
use domain::base::iana::{Class, Rtype};
use domain::base::name::ParsedName;
use domain::base::{Message, ParsedRecord};
use domain::rdata::Soa;
use jiff::Timestamp;

use super::is_machinery;
use super::refusal::Refusal;
use super::signer::Signer;
use crate::dns::{Connection, Question, Server, question};
use crate::rdata::wire::{decode, handle, rtype_of};

/// Transfers the zone and returns what of it is in `scope`.
pub(super) async fn transfer(server: &Server, zone: &Name, signer: &Signer, scope: &Scope) -> Result<Listing, Refusal> {
    let asked = Question::new(zone, Rtype::AXFR);
    let mut request = question(&asked);
    let id = request.header().id();
    let mut sequence = signer.sign_transfer(&mut request);
    let mut connection = Connection::open(server).await?;
    connection.send(request.as_slice()).await?;
    let mut zone = Transfer::new(zone, scope);
    while !zone.is_complete() {
        let mut message = connection.receive().await?;
        if message.header().id() != id {
            return Err(Refusal::Unfit("it sent a message that belongs to no request of ours".into()));
        }
        let time = signer.check_next(&mut sequence, &mut message)?;
        zone.provider_time = time.or(zone.provider_time);
        zone.take(&message)?;
    }
    sequence.done().map_err(|_| Refusal::Unverified("the last message of the transfer has no signature".into()))?;
    Ok(zone.listing())
}

/// A zone while it comes in.
struct Transfer<'a> {
    zone: &'a Name,
    scope: &'a Scope,
    /// The serial that the transfer began with.
    opened: Option<u32>,
    closed: bool,
    records: Vec<Record>,
    opaque: Vec<Opaque>,
    provider_time: Option<Timestamp>,
}

impl<'a> Transfer<'a> {
    fn new(zone: &'a Name, scope: &'a Scope) -> Self {
        let (records, opaque) = (Vec::new(), Vec::new());
        Self { zone, scope, opened: None, closed: false, records, opaque, provider_time: None }
    }

    fn is_complete(&self) -> bool {
        self.closed
    }

    /// Takes in a message of the transfer.
    fn take(&mut self, message: &Message<Vec<u8>>) -> Result<(), Refusal> {
        let unreadable = |_| Refusal::Unfit("it sent a transfer that cannot be read".into());
        let mut section = message.answer().map_err(unreadable)?.peekable();
        if section.peek().is_none() {
            return Err(Refusal::Unfit("it sent an empty message in the place of a transfer".into()));
        }
        for record in section {
            if self.closed {
                return Err(Refusal::Unfit("its transfer goes on after its end".into()));
            }
            self.take_record(&record.map_err(unreadable)?)?;
        }
        Ok(())
    }

    fn take_record(&mut self, record: &ParsedRecord<'_, Vec<u8>>) -> Result<(), Refusal> {
        let name = name_of(record)?;
        if !name.is_within(self.zone) || record.class() != Class::IN {
            return Err(Refusal::Unfit(format!("its transfer holds {name}, which is not in the zone {}", self.zone)));
        }
        if record.rtype() == Rtype::SOA && name == *self.zone {
            return self.take_end(serial(record)?);
        }
        if self.opened.is_none() {
            return Err(Refusal::Unfit("its transfer does not begin with the zone's SOA".into()));
        }
        if self.scope.covers(&name) {
            match read(name, record) {
                Ok(record) if is_machinery(&record.rtype()) => {}
                Ok(record) => self.records.push(record),
                Err(opaque) if opaque.rtype.as_ref().is_some_and(is_machinery) => {}
                Err(opaque) => self.opaque.push(opaque),
            }
        }
        Ok(())
    }

    fn take_end(&mut self, serial: u32) -> Result<(), Refusal> {
        match self.opened {
            None => self.opened = Some(serial),
            Some(opened) if opened == serial => self.closed = true,
            Some(opened) => {
                let changed = format!("its transfer began with the serial {opened} and ended with {serial}");
                return Err(Refusal::Unfit(changed));
            }
        }
        Ok(())
    }

    fn listing(self) -> Listing {
        Listing { records: self.records.into_iter().collect(), opaque: self.opaque, provider_time: self.provider_time }
    }
}

fn serial(record: &ParsedRecord<'_, Vec<u8>>) -> Result<u32, Refusal> {
    let unreadable = || Refusal::Unfit("its SOA cannot be read".into());
    let soa = record.to_record::<Soa<ParsedName<_>>>().map_err(|_| unreadable())?.ok_or_else(unreadable)?;
    Ok(soa.data().serial().0)
}

fn name_of(record: &ParsedRecord<'_, Vec<u8>>) -> Result<Name, Refusal> {
    let owner = record.owner();
    let labels: Vec<&[u8]> = owner.iter().filter(|label| !label.is_root()).map(|label| label.as_slice()).collect();
    Name::from_labels(labels).map_err(|why| Refusal::Unfit(format!("it sent a name that cannot be held: {why}")))
}

/// Returns the record; an entry where its value is none that we can hold.
pub(super) fn read(name: Name, record: &ParsedRecord<'_, Vec<u8>>) -> Result<Record, Opaque> {
    match decode(record) {
        Ok(data) => {
            let handle = handle(record, &data);
            let mut read = Record::new(name, data);
            read.handles.extend(handle);
            read.ttl = Some(Ttl::Seconds(record.ttl().as_secs()));
            Ok(read)
        }
        Err(why) => {
            let rtype = rtype_of(record.rtype());
            Err(Opaque { text: format!("{name} {rtype}"), name: Some(name), rtype: Some(rtype), why: why.into() })
        }
    }
}
