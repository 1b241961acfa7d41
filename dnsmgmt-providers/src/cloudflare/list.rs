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
use super::pages::Pages;
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
        let mut gathered = Gathered { zone: self.zone_name().cloned(), ..Gathered::new(filter.is_some()) };
        for page in 1.. {
            let request = self
                .api
                .request(Method::GET, &self.records_path())
                .query(&[("page", page), ("per_page", PAGE)])
                .query(&[("order", "name"), ("direction", "asc")])
                .query(filter.as_slice());
            let answered = self.api.send(request, doing).await?;
            if gathered.add(&answered, scope, doing)? == Page::Last {
                self.is_as_named(&gathered, doing)?;
                return Ok(gathered.listing());
            }
        }
        unreachable!("pages are counted without end")
    }

    /// Tells an id and a name that do not belong together by what is in the zone, which costs no call.
    fn is_as_named(&self, gathered: &Gathered, doing: &str) -> Result<(), ProviderError> {
        match (&gathered.outside, gathered.is_within) {
            (Some(outside), false) => {
                let answered =
                    format!("the zone of the id {} holds {outside}, which is not in {}", self.zone, self.id.zone);
                Err(ProviderError::new(Reaction::Refused, doing, answered).hint(
                    "the zone's id is not the one of the zone's name: give the right one, or leave one of them out",
                ))
            }
            _ => Ok(()),
        }
    }
}

/// Returns the listing that one page holds, as the API sends it: for benchmarks, and for answers that were kept.
pub fn read_page(body: String) -> Result<Listing, ProviderError> {
    // A single page says nothing about the list that it is from, as little as a filtered one.
    let mut gathered = Gathered::new(true);
    let answered = Answered { status: StatusCode::OK, headers: HeaderMap::new(), body, is_to_question: true };
    gathered.add(&answered, &Scope::Zone, "read a page of a listing")?;
    Ok(gathered.listing().expect("a single page cannot drift"))
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
struct Gathered {
    pages: Pages,
    /// The zone's name, where it was given.
    zone: Option<Name>,
    /// Whether a record's name is within the zone, and one that is not.
    is_within: bool,
    outside: Option<Name>,
    seen: HashSet<Arc<str>>,
    records: Vec<Record>,
    opaque: Vec<Opaque>,
    time: Option<jiff::Timestamp>,
}

impl Gathered {
    fn new(filtered: bool) -> Self {
        let pages = Pages::new(PAGE, filtered);
        Self {
            pages,
            zone: None,
            is_within: false,
            outside: None,
            seen: HashSet::new(),
            records: Vec::new(),
            opaque: Vec::new(),
            time: None,
        }
    }

    /// Adds the entries of a page that were not on an earlier one.
    fn add(&mut self, answered: &Answered, scope: &Scope, doing: &str) -> Result<Page, ProviderError> {
        let malformed = |why: String| envelope::malformed(answered, doing, why);
        let envelope = envelope::open::<Vec<&RawValue>>(answered, doing)?;
        let (Some(entries), Some(info)) = (envelope.result, envelope.result_info) else {
            return Err(malformed("`result` or `result_info` is missing".into()));
        };
        let last = self.pages.ends(&info, entries.len()).map_err(malformed)?;
        self.time = answered.date();
        let before = self.seen.len();
        entries.into_iter().for_each(|entry| self.add_entry(record::read(entry), scope));
        match last {
            true => Ok(Page::Last),
            false if self.seen.len() == before => Err(malformed("the page repeats earlier ones".into())),
            false => Ok(Page::Inner),
        }
    }

    fn add_entry(&mut self, entry: record::Entry, scope: &Scope) {
        if !self.seen.insert(entry.id) {
            return;
        }
        if let (Some(zone), Ok(record)) = (&self.zone, &entry.record) {
            match record.name().is_within(zone) {
                true => self.is_within = true,
                false => self.outside = self.outside.take().or_else(|| Some(record.name().clone())),
            }
        }
        match entry.record {
            Ok(record) if scope.covers(record.name()) => self.records.push(record),
            Err(opaque) if opaque.name.as_ref().is_none_or(|name| scope.covers(name)) => self.opaque.push(opaque),
            _ => {}
        }
    }

    /// Returns the listing unless the pages drifted. The server's count tells of a record that slipped from one page to an
    /// earlier one.
    fn listing(self) -> Option<Listing> {
        (!self.pages.drifted() && !self.pages.lacks(self.seen.len())).then(|| Listing {
            records: self.records.into_iter().collect(),
            opaque: self.opaque,
            provider_time: self.time,
        })
    }
}
