//! A DNS server that is asked what it answers, beside what a provider lists.

use dnsmgmt_core::name::Name;
use dnsmgmt_core::provider::{ProviderError, Reaction};
use dnsmgmt_core::record::RecordType;
use dnsmgmt_core::witness::Answered;
use domain::base::name::ToLabelIter;
use domain::base::{Message, ParsedRecord};
use tokio::sync::Mutex;

use crate::dns::{Connection, Question, Reply, Server, Trouble, question};
use crate::rdata::octets;
use crate::rdata::wire::{decode, number};

/// A DNS server that is asked what it answers. Recursion is desired, so that a resolver will do.
///
/// It is asked over one TCP connection: servers that limit how often a client may ask drop datagrams without a word.
#[derive(Debug)]
pub struct Witness {
    server: Server,
    connection: Mutex<Option<Connection>>,
}

impl Witness {
    /// Makes a witness of a server. Nothing is asked yet.
    pub fn new(server: Server) -> Self {
        Self { server, connection: Mutex::new(None) }
    }

    /// Returns the server.
    pub fn server(&self) -> &Server {
        &self.server
    }

    /// Returns the values of exactly that type at exactly that name: none for an empty answer, for a name that does not exist, and for
    /// an alias alike. The name servers of a delegation are those that the server refers to.
    pub async fn ask(&self, name: &Name, rtype: &RecordType) -> Result<Answered, ProviderError> {
        let failed = |reaction, why: String| {
            ProviderError::new(reaction, format!("ask {} for {name} {rtype}", self.server), why)
                .hint("name the DNS server that answers for the zone with `witness`, and see that this machine may ask it over TCP")
        };
        let number = number(rtype).map_err(|why| failed(Reaction::Refused, why))?;
        let asked = Question::new(name, number);
        let message = self.exchange(&asked).await.map_err(|why| failed(Reaction::Unreachable, why.to_string()))?;
        let unreadable = || failed(Reaction::Malformed, "its answer cannot be read".into());
        let reply = Reply::to(&asked, message).map_err(|_| unreadable())?;
        if let Some(rcode) = reply.refusal() {
            return Err(failed(Reaction::Unreachable, rcode.to_string()));
        }
        let mut answers = reply.answers(&asked).map_err(|_| unreadable())?;
        if answers.is_empty() && !reply.is_authoritative() {
            answers = reply.referral().map_err(|_| unreadable())?;
            match answers.first().map(ParsedRecord::owner) {
                Some(cut) if cut != asked.name || *rtype != RecordType::Ns => {
                    return Ok(Answered::Elsewhere(cut_of(&cut).ok_or_else(unreadable)?));
                }
                _ => {}
            }
        }
        let values = answers.iter().map(|record| decode(record).map_err(|_| unreadable()));
        Ok(Answered::Values(values.collect::<Result<_, _>>()?))
    }

    /// A server may have closed the connection since the last question, so one that fails is tried anew.
    async fn exchange(&self, asked: &Question) -> Result<Message<Vec<u8>>, Trouble> {
        let mut message = question(asked);
        message.header_mut().set_rd(true);
        let message = message.finish();
        let mut connection = self.connection.lock().await;
        if let Some(mut open) = connection.take()
            && open.send(&message).await.is_ok()
            && let Ok(answer) = open.receive().await
        {
            *connection = Some(open);
            return Ok(answer);
        }
        let mut open = Connection::open(&self.server).await?;
        open.send(&message).await?;
        let answer = open.receive().await?;
        *connection = Some(open);
        Ok(answer)
    }
}

fn cut_of(name: &impl ToLabelIter) -> Option<Name> {
    let labels = octets(name);
    Name::from_labels(labels.iter().map(Vec::as_slice)).ok()
}
