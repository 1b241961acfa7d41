//! Listings: pages read to their end, and the signs that a record slipped from one to another meanwhile.

use std::collections::HashSet;
use std::sync::Arc;

use dnsmgmt_core::name::Name;
use dnsmgmt_core::provider::{ProviderError, Reaction};
use dnsmgmt_core::record::Record;
use dnsmgmt_core::record_set::{Listing, Opaque, Scope};
use reqwest::header::HeaderMap;
use reqwest::{Method, StatusCode};
use serde_json::value::RawValue;

use super::Cloudflare;
use super::{envelope, record};
use crate::http::Answered;

/// How many records a page is asked to have. The server may answer with fewer.
const PAGE: usize = 5000;
/// How often a zone is listed that changes while its pages are read.
const ROUNDS: usize = 3;

impl Cloudflare {
    /// Lists a scope, again where it changed meanwhile; an error rather than a listing that may lack a record.
    pub(super) async fn list_settled(&self, scope: &Scope) -> Result<Listing, ProviderError> {
        let doing = format!("list {scope} of {} {}", self.id, self.api.place());
        for _ in 0..ROUNDS {
            if let Some(listing) = self.list_once(scope, &doing).await? {
                return Ok(listing);
            }
        }
        let answered = format!("records came or went while the pages were read, {ROUNDS} times in a row");
        Err(ProviderError::new(Reaction::Unreachable, doing, answered)
            .hint("try again when no other program is changing the zone"))
    }

    /// Reads the pages of a scope; nothing if the zone changed meanwhile, so that a record may have been missed.
    ///
    /// They come in the order of the names, which no other change upsets as long as nothing comes or goes.
    async fn list_once(&self, scope: &Scope, doing: &str) -> Result<Option<Listing>, ProviderError> {
        let filter = only_name(scope).map(|name| ("name", name.as_str()));
        let mut gathered = Gathered::default();
        for page in 1.. {
            let request = self
                .api
                .request(Method::GET, &self.records_path())
                .query(&[("page", page), ("per_page", PAGE)])
                .query(&[("order", "name"), ("direction", "asc")])
                .query(filter.as_slice());
            let answered = self.api.send(request, doing).await?;
            if gathered.add(&answered, scope, page, doing)? == Page::Last {
                return Ok(gathered.listing(page > 1 && filter.is_none()));
            }
        }
        unreachable!("pages are counted without end")
    }
}

/// Returns the listing that one page holds, as the API sends it: for benchmarks, and for answers that were kept.
pub fn read_page(body: String) -> Result<Listing, ProviderError> {
    let mut gathered = Gathered::default();
    let answered = Answered { status: StatusCode::OK, headers: HeaderMap::new(), body };
    gathered.add(&answered, &Scope::Zone, 1, "read a page of a listing")?;
    Ok(gathered.listing(false).expect("a single page cannot drift"))
}

/// Returns the name of a scope that has just one: the API's filter takes no more.
fn only_name(scope: &Scope) -> Option<&Name> {
    match scope {
        Scope::Names(names) if names.len() == 1 => names.first(),
        _ => None,
    }
}

#[derive(PartialEq)]
enum Page {
    Last,
    Inner,
}

/// What the pages of one round held.
#[derive(Default)]
struct Gathered {
    seen: HashSet<Arc<str>>,
    records: Vec<Record>,
    opaque: Vec<Opaque>,
    total: Option<usize>,
    drifted: bool,
    time: Option<jiff::Timestamp>,
}

impl Gathered {
    /// Adds the entries of a page that were not on an earlier one.
    fn add(&mut self, answered: &Answered, scope: &Scope, page: usize, doing: &str) -> Result<Page, ProviderError> {
        let malformed = |why: String| envelope::malformed(answered, doing, why);
        let envelope = envelope::open::<Vec<&RawValue>>(answered, doing)?;
        let (Some(entries), Some(info)) = (envelope.result, envelope.result_info) else {
            return Err(malformed("`result` or `result_info` is missing".into()));
        };
        let last = info.ends(page, PAGE, entries.len()).map_err(malformed)?;
        self.drifted |= page > 1 && info.total_count != self.total;
        self.total = info.total_count;
        self.time = answered.date();
        let before = self.seen.len();
        entries.into_iter().for_each(|entry| self.add_entry(record::read(entry), scope));
        match last {
            true => Ok(Page::Last),
            false if self.seen.len() == before => Err(malformed(format!("page {page} repeats earlier ones"))),
            false => Ok(Page::Inner),
        }
    }

    fn add_entry(&mut self, entry: record::Entry, scope: &Scope) {
        if !self.seen.insert(entry.id) {
            return;
        }
        match entry.record {
            Ok(record) if scope.covers(record.name()) => self.records.push(record),
            Err(opaque) if opaque.name.as_ref().is_none_or(|name| scope.covers(name)) => self.opaque.push(opaque),
            _ => {}
        }
    }

    /// Returns the listing unless the pages drifted. The server's count tells of a record that slipped from one page to an
    /// earlier one; it means something only where nothing was filtered.
    fn listing(self, counted: bool) -> Option<Listing> {
        let missed = counted && self.total.is_some_and(|total| self.seen.len() < total);
        (!self.drifted && !missed).then(|| Listing {
            records: self.records.into_iter().collect(),
            opaque: self.opaque,
            provider_time: self.time,
        })
    }
}
