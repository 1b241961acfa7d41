//! Signing what is sent, and checking the signature of what comes back (RFC 8945).

use std::sync::Arc;

use domain::base::Message;
use domain::base::iana::{Rcode, TsigRcode};
use domain::base::message_builder::AdditionalBuilder;
use domain::base::name::ParsedName;
use domain::rdata::tsig::{Time48, Tsig};
use domain::tsig::{ClientSequence, ClientTransaction, Key, ValidationError};
use jiff::Timestamp;

use super::refusal::Refusal;
use super::{Clock, TsigKey};

/// What signs messages with one key at the time of one clock.
#[derive(Debug, Clone)]
pub(super) struct Signer {
    pub(super) key: TsigKey,
    pub(super) clock: Clock,
}

/// A request that was signed, against which its one answer is checked.
pub(super) type Transaction = ClientTransaction<Arc<Key>>;
/// A request that was signed, against which the messages of a transfer are checked.
pub(super) type Sequence = ClientSequence<Arc<Key>>;

type MessageBuilder = AdditionalBuilder<Vec<u8>>;

impl Signer {
    pub(super) fn sign(&self, message: &mut MessageBuilder) -> Transaction {
        Transaction::request(self.key.key(), message, self.now()).expect("a vector takes a signature")
    }

    pub(super) fn sign_transfer(&self, message: &mut MessageBuilder) -> Sequence {
        Sequence::request(self.key.key(), message, self.now()).expect("a vector takes a signature")
    }

    /// Returns the server's time, if the answer is good: signed, in time, and without an error.
    pub(super) fn check(&self, sent: &Transaction, answer: &mut Message<Vec<u8>>) -> Result<Timestamp, Refusal> {
        let (said, rcode) = (Said::by(answer), answer.header().rcode());
        sent.answer(answer, self.now()).map_err(|error| self.refusal(&error, rcode, &said))?;
        match rcode {
            Rcode::NOERROR => Ok(said.time.unwrap_or_else(self.clock)),
            rcode => Err(Refusal::Rcode { rcode, signed: true }),
        }
    }

    /// Returns the server's time, where the message is signed, which those in the middle of a transfer need not be.
    pub(super) fn check_next(
        &self,
        sent: &mut Sequence,
        next: &mut Message<Vec<u8>>,
    ) -> Result<Option<Timestamp>, Refusal> {
        let (said, rcode) = (Said::by(next), next.header().rcode());
        sent.answer(next, self.now()).map_err(|error| self.refusal(&error, rcode, &said))?;
        match rcode {
            Rcode::NOERROR => Ok(said.time),
            rcode => Err(Refusal::Rcode { rcode, signed: said.time.is_some() }),
        }
    }

    fn refusal(&self, error: &ValidationError, rcode: Rcode, said: &Said) -> Refusal {
        if let Some(theirs) = said.bad_time {
            return Refusal::BadTime { ours: (self.clock)(), theirs };
        }
        match error {
            ValidationError::ServerBadKey => Refusal::BadKey,
            ValidationError::ServerBadSig => Refusal::BadSignature,
            ValidationError::ServerBadTime { server, .. } => {
                Refusal::BadTime { ours: (self.clock)(), theirs: timestamp(*server) }
            }
            ValidationError::BadTime => {
                Refusal::BadTime { ours: (self.clock)(), theirs: said.time.unwrap_or_default() }
            }
            ValidationError::ServerUnsigned if rcode != Rcode::NOERROR => Refusal::Rcode { rcode, signed: false },
            error => Refusal::Unverified(error.to_string()),
        }
    }

    fn now(&self) -> Time48 {
        Time48::from_u64(u64::try_from((self.clock)().as_second()).unwrap_or_default())
    }
}

/// What a message says of its signature, which nobody has checked yet.
#[derive(Default)]
struct Said {
    /// When it was signed.
    time: Option<Timestamp>,
    /// The server's clock, where it finds ours too far from it. The library does not find the signature of that answer right, from
    /// BIND as from Knot.
    bad_time: Option<Timestamp>,
}

impl Said {
    fn by(message: &Message<Vec<u8>>) -> Self {
        let signatures = message.additional().ok().map(|section| section.limit_to::<Tsig<_, ParsedName<_>>>());
        let Some(Ok(record)) = signatures.and_then(|mut signatures| signatures.next()) else { return Self::default() };
        let signature = record.data();
        let is_refused = message.header().rcode() == Rcode::NOTAUTH && signature.error() == TsigRcode::BADTIME;
        let bad_time = signature.other_time().filter(|_| is_refused).map(timestamp);
        Self { time: Some(timestamp(signature.time_signed())), bad_time }
    }
}

fn timestamp(time: Time48) -> Timestamp {
    i64::try_from(u64::from(time)).ok().and_then(|seconds| Timestamp::from_second(seconds).ok()).unwrap_or_default()
}
