//! How messages get to a server and back: UDP first, TCP where an answer does not fit (RFC 1035 section 4.2, RFC 7766).

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use domain::base::Message;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpStream, UdpSocket, lookup_host};
use tokio::time::timeout;

use super::Server;

/// How long a connection may take to be made.
const CONNECT: Duration = Duration::from_secs(10);
/// How long a server may take to answer, or to send the next message of a transfer.
const ANSWER: Duration = Duration::from_secs(30);
/// How long an answer over UDP is waited for before TCP is tried: a datagram may be lost.
const UDP_ANSWER: Duration = Duration::from_secs(3);

/// Why a message did not come back.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// The server's name leads to no address.
    NoAddress(io::Error),
    /// There is nobody at its address, or nothing gets there.
    NoConnection(SocketAddr, io::Error),
    /// No answer came in time.
    Silent(Duration),
    /// The connection ended: before the answer, or in the middle of it.
    Cut {
        in_a_message: bool,
    },
    Io(io::Error),
    /// What came is no DNS message.
    NoMessage,
}

impl std::fmt::Display for Trouble {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NoAddress(error) => write!(f, "its name has no address: {error}"),
            Self::NoConnection(address, error) => write!(f, "no connection to {address} over TCP: {error}"),
            Self::Silent(patience) => write!(f, "no answer within {} seconds", patience.as_secs()),
            Self::Cut { in_a_message: true } => f.write_str("the connection was cut in the middle of a message"),
            Self::Cut { in_a_message: false } => {
                f.write_str("the connection was closed before the answer was complete")
            }
            Self::Io(error) => write!(f, "the connection broke: {error}"),
            Self::NoMessage => f.write_str("what it answered is no DNS message"),
        }
    }
}

/// Sends a question and returns the message that answers to it: over UDP, and where the answer does not fit into a datagram, or none
/// comes, over TCP.
pub(crate) async fn exchange(server: &Server, question: &[u8]) -> Result<Message<Vec<u8>>, Trouble> {
    match timeout(UDP_ANSWER, datagram(server, question)).await {
        Ok(Ok(answer)) if !answer.header().tc() => return Ok(answer),
        Ok(Err(Trouble::NoAddress(error))) => return Err(Trouble::NoAddress(error)),
        Ok(Ok(_) | Err(_)) | Err(_) => {}
    }
    let mut connection = Connection::open(server).await?;
    connection.send(question).await?;
    let answer = connection.receive().await?;
    if is_answer_to(&answer, question) { Ok(answer) } else { Err(Trouble::NoMessage) }
}

/// What is not an answer to the question is from somebody else, and waited on from.
async fn datagram(server: &Server, question: &[u8]) -> Result<Message<Vec<u8>>, Trouble> {
    let address = *addresses(server).await?.first().ok_or_else(no_address)?;
    let any: SocketAddr =
        if address.is_ipv4() { (Ipv4Addr::UNSPECIFIED, 0).into() } else { (Ipv6Addr::UNSPECIFIED, 0).into() };
    let socket = UdpSocket::bind(any).await.map_err(Trouble::Io)?;
    socket.connect(address).await.map_err(Trouble::Io)?;
    socket.send(question).await.map_err(Trouble::Io)?;
    loop {
        let mut octets = vec![0; usize::from(u16::MAX)];
        let length = socket.recv(&mut octets).await.map_err(Trouble::Io)?;
        octets.truncate(length);
        match Message::from_octets(octets) {
            Ok(message) if is_answer_to(&message, question) => return Ok(message),
            Ok(_) | Err(_) => {}
        }
    }
}

fn is_answer_to(answer: &Message<Vec<u8>>, question: &[u8]) -> bool {
    answer.header().qr() && answer.as_slice().get(..2) == question.get(..2)
}

/// A connection over TCP, on which each message has its length before it (RFC 1035 section 4.2.2).
#[derive(Debug)]
pub(crate) struct Connection(TcpStream);

impl Connection {
    /// Connects to the first of the server's addresses that answers.
    pub(crate) async fn open(server: &Server) -> Result<Self, Trouble> {
        let mut failure = no_address();
        for address in addresses(server).await? {
            match timeout(CONNECT, TcpStream::connect(address)).await {
                Ok(Ok(stream)) => {
                    stream.set_nodelay(true).map_err(Trouble::Io)?;
                    return Ok(Self(stream));
                }
                Ok(Err(error)) => failure = Trouble::NoConnection(address, error),
                Err(_) => failure = Trouble::NoConnection(address, io::ErrorKind::TimedOut.into()),
            }
        }
        Err(failure)
    }

    /// Sends a message of at most 65535 octets.
    pub(crate) async fn send(&mut self, message: &[u8]) -> Result<(), Trouble> {
        let length = u16::try_from(message.len()).map_err(|_| Trouble::NoMessage)?;
        let mut framed = Vec::with_capacity(message.len() + 2);
        framed.extend(length.to_be_bytes());
        framed.extend(message);
        in_time(self.0.write_all(&framed)).await
    }

    /// Returns the next message.
    pub(crate) async fn receive(&mut self) -> Result<Message<Vec<u8>>, Trouble> {
        let mut length = [0; 2];
        in_time(self.0.read_exact(&mut length)).await?;
        let mut octets = vec![0; usize::from(u16::from_be_bytes(length))];
        in_time(self.0.read_exact(&mut octets)).await.map_err(|trouble| match trouble {
            Trouble::Cut { .. } => Trouble::Cut { in_a_message: true },
            other => other,
        })?;
        Message::from_octets(octets).map_err(|_| Trouble::NoMessage)
    }
}

async fn in_time<T>(work: impl Future<Output = io::Result<T>>) -> Result<(), Trouble> {
    match timeout(ANSWER, work).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(error)) => Err(match error.kind() {
            io::ErrorKind::UnexpectedEof
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::BrokenPipe => Trouble::Cut { in_a_message: false },
            _ => Trouble::Io(error),
        }),
        Err(_) => Err(Trouble::Silent(ANSWER)),
    }
}

async fn addresses(server: &Server) -> Result<Vec<SocketAddr>, Trouble> {
    let found = timeout(CONNECT, lookup_host((server.host(), server.port()))).await;
    let found = found.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())).map_err(Trouble::NoAddress)?;
    let addresses: Vec<SocketAddr> = found.collect();
    if addresses.is_empty() { Err(no_address()) } else { Ok(addresses) }
}

fn no_address() -> Trouble {
    Trouble::NoAddress(io::ErrorKind::NotFound.into())
}
