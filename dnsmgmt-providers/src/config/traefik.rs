//! The table `[traefik]`: where Traefik's API is, and what stands behind the names of its routers.

use std::net::IpAddr;

use dnsmgmt_core::record::Ttl;

use super::diagnostic::Diagnostic;
use super::docker::{addresses, provider};
use super::file::{url, user};
use super::provider::{Login, TRAEFIK_PASSWORD};
use super::table::Table;
use crate::duration;

/// The keys of the table.
pub(crate) const TRAEFIK: [&str; 7] = ["url", "username", "password", "password_file", "host_ip", "provider", "ttl"];

/// What the file says.
#[derive(Debug)]
pub(crate) struct Traefik {
    pub(crate) url: String,
    pub(crate) login: Option<Login>,
    pub(crate) answer: Vec<IpAddr>,
    pub(crate) provider: Option<String>,
    pub(crate) ttl: Option<Ttl>,
}

pub(crate) fn read(top: &Table<'_>, inline: &mut Vec<Diagnostic>) -> Result<Option<Traefik>, Diagnostic> {
    let Some(table) = top.table("traefik")? else { return Ok(None) };
    table.only(&TRAEFIK)?;
    let ttl = table.text("ttl")?.map(|text| duration::ttl(text.text).map_err(|why| table.source.wrong(text.at, why)));
    Ok(Some(Traefik {
        url: url(&table, table.required("url")?)?,
        login: user(&table, &TRAEFIK_PASSWORD, inline)?,
        answer: addresses(&table, "host_ip")?,
        provider: provider(&table)?,
        ttl: ttl.transpose()?,
    }))
}
