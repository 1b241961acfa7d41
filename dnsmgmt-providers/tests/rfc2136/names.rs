//! Listing by names, where the zone cannot be transferred.

use dnsmgmt_core::name::Name;
use dnsmgmt_core::provider::{Answer, Change, DnsProvider as _};
use dnsmgmt_core::record_set::{Listing, Scope};
use dnsmgmt_providers::rfc2136::Rfc2136;
use fixtures::conformance;
use fixtures::primary::{Primary, Software, Zone};

use crate::world::{ask, by_names, connect, name, record};

async fn at(provider: &Rfc2136, names: &[&str]) -> Listing {
    let names: Scope = names.iter().map(|text| name(text)).collect();
    provider.list(&names).await.unwrap_or_else(|error| panic!("{names} are listed: {error}"))
}

fn shown(listing: &Listing) -> Vec<String> {
    listing.records.iter().map(ToString::to_string).collect()
}

#[tokio::test]
async fn the_contract_is_kept_for_names_alone() {
    for software in Software::installed() {
        let zone = Zone { transfer: Vec::new(), ..Zone::new("example.test", "") };
        let server = Primary::start(software, &[zone]).await;
        conformance::check(&by_names(server.address(), "example.test")).await;
    }
}

#[tokio::test]
async fn a_name_is_listed_as_a_transfer_shows_it() {
    let many: String = (0..60).map(|n| format!("many TXT \"{n:040}\"\n")).collect();
    let entries = format!(
        "*.wild A 10.0.0.1\nhere.wild TXT \"own\"\nalias CNAME www\nwww A 10.0.0.2\nwww AAAA fd00::2\nempty.below A 10.0.0.3\n\
         sub NS ns.sub\nsub NS ns.elsewhere.test.\nns.sub A 10.0.0.4\n{many}"
    );
    for software in Software::installed() {
        let server = Primary::start(software, &[Zone::new("example.test", &entries)]).await;
        let (by_names, whole) = (by_names(server.address(), "example.test"), connect(server.address(), "example.test"));
        let labels = ["a.wild", "*.wild", "here.wild", "alias", "www", "below", "nothing", "many", "sub"];
        let names: Vec<String> = labels.iter().map(|label| format!("{label}.example.test")).collect();
        let scope: Scope = names.iter().map(|text| Name::parse(text).unwrap()).collect();
        let (seen, transferred) = (by_names.list(&scope).await.unwrap(), whole.list(&scope).await.unwrap());
        assert_eq!(shown(&seen), shown(&transferred), "{software:?}");
        assert_eq!(shown(&seen).len(), 1 + 1 + 1 + 2 + 60 + 2, "{software:?}: what a wildcard makes up is not there");
        assert!(seen.provider_time.is_some());

        let hidden = at(&by_names, &["ns.sub.example.test"]).await;
        assert!(hidden.records.is_empty() && hidden.opaque.len() == 1, "{software:?}: {hidden:?}");
        let record = record("ns.sub.example.test", "A", "10.0.0.9");
        assert!(hidden.opaque[0].occupies(record.name(), &record.rtype()), "what cannot be seen is not written over");
    }
}

#[tokio::test]
async fn names_can_be_changed_without_a_transfer() {
    for software in Software::installed() {
        let zone = Zone { transfer: Vec::new(), ..Zone::new("example.test", "") };
        let server = Primary::start(software, &[zone]).await;
        let provider = by_names(server.address(), "example.test");
        let (old, new) = (record("a.example.test", "A", "10.0.0.1"), record("a.example.test", "A", "10.0.0.2"));
        let answers = ask(&provider, [Change::Create(old.clone())]).await;
        assert!(matches!(answers[..], [Answer::Accepted]), "{software:?}: {answers:?}");
        ask(&provider, [Change::Replace { old, new: new.clone() }]).await;
        assert_eq!(shown(&at(&provider, &["a.example.test"]).await), [new.to_string()], "{software:?}");
    }
}

#[tokio::test]
async fn a_name_below_a_dname_does_not_stop_the_others() {
    for software in Software::installed() {
        let entries = "dn DNAME elsewhere.example.\nwww A 10.0.0.1\n";
        let server = Primary::start(software, &[Zone::new("example.test", entries)]).await;
        let provider = by_names(server.address(), "example.test");
        let seen = at(&provider, &["dn.example.test", "x.dn.example.test", "www.example.test"]).await;
        assert_eq!(shown(&seen).len(), 1, "{software:?}: what a DNAME makes up is not there: {seen:?}");
        let below = record("x.dn.example.test", "A", "10.0.0.9");
        let is_hidden = |name: &Name| seen.opaque.iter().any(|entry| entry.occupies(name, &below.rtype()));
        assert!(is_hidden(below.name()), "{software:?}: what would not be answered is not created: {seen:?}");
        assert!(!is_hidden(&name("dn.example.test")), "{software:?}: beside a DNAME there may be others: {seen:?}");
    }
}

#[tokio::test]
async fn a_name_that_a_dname_came_to_hide_can_be_asked_for() {
    for software in Software::installed() {
        let server = Primary::start(software, &[Zone::new("example.test", "")]).await;
        let (by_names, whole) = (by_names(server.address(), "example.test"), connect(server.address(), "example.test"));
        let hidden = record("x.dn.example.test", "A", "10.0.0.9");
        ask(&whole, [Change::Create(hidden.clone())]).await;
        let alias = record("dn.example.test", "DNAME", "elsewhere.example.");
        let answers = ask(&whole, [Change::Create(alias)]).await;
        let is_made = matches!(answers[..], [Answer::Accepted]);
        assert!(is_made || software == Software::Knot, "{software:?}: {answers:?}");
        let seen = at(&by_names, &["x.dn.example.test"]).await;
        let is_hidden = seen.opaque.iter().any(|entry| entry.occupies(hidden.name(), &hidden.rtype()));
        assert_eq!(is_hidden, is_made, "{software:?}: {seen:?}");
    }
}
