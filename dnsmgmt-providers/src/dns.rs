//! DNS as a client speaks it: a server, a question, an exchange of messages. It knows no key and no configuration.

mod query;
mod server;
mod transport;

pub(crate) use query::{Question, Reply, name_to_wire, question};
pub use server::{Server, ServerError};
pub(crate) use transport::{Connection, Trouble, exchange};
