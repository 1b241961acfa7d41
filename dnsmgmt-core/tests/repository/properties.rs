//! What holds for every listing.

use dnsmgmt_core::name::Name;
use dnsmgmt_core::record::{Handle, Record, RecordType, Ttl};
use dnsmgmt_core::record_set::{Listing, Opaque, Scope};
use dnsmgmt_core::repository::DnsRepositoryManager;
use fixtures::generate;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use super::{home, noon_and};

fn dressed(record: impl Strategy<Value = Record>) -> impl Strategy<Value = Record> {
    let ttl = prop_oneof![Just(Ttl::Automatic), (0..=i32::MAX as u32).prop_map(Ttl::Seconds)];
    let ids = vec("\\PC{0,6}", 0..4);
    let attributes = (option::of(ttl), any::<Option<bool>>(), any::<Option<bool>>(), option::of("\\PC{0,9}"), ids);
    (record, attributes).prop_map(|(mut record, (ttl, proxied, enabled, comment, ids))| {
        (record.ttl, record.proxied, record.enabled, record.comment) = (ttl, proxied, enabled, comment);
        record.handles = ids.into_iter().map(|id| Handle(id.into())).collect();
        record
    })
}

fn any_record() -> impl Strategy<Value = Record> {
    (generate::any_name(), generate::any_data()).prop_map(|(name, data)| Record::new(name, data))
}

fn opaque() -> impl Strategy<Value = Opaque> {
    let rtype = prop_oneof![Just(RecordType::A), Just(RecordType::parse("HTTPS").unwrap())];
    let name = prop_oneof![generate::any_name(), crowded_name()];
    (option::of(name), option::of(rtype), "\\PC{0,20}", "[a-z ]{1,9}").prop_map(|(name, rtype, text, why)| Opaque {
        name,
        rtype,
        text,
        why: why.into(),
    })
}

fn any_listing() -> impl Strategy<Value = Listing> {
    let record = prop_oneof![dressed(any_record()), dressed(generate::crowded_record())];
    (vec(record, 0..12), vec(opaque(), 0..4)).prop_map(|(records, opaque)| Listing {
        records: records.into_iter().collect(),
        opaque,
        provider_time: None,
    })
}

fn crowded_name() -> impl Strategy<Value = Name> {
    generate::crowded_record().prop_map(|record| record.name().clone())
}

fn scope() -> impl Strategy<Value = Scope> {
    let under = prop_oneof![
        crowded_name(),
        Just(Name::root()),
        Just(Name::parse("example").unwrap()),
        Just(Name::parse("ample").unwrap()),
    ];
    prop_oneof![
        1 => Just(Scope::Zone),
        2 => under.prop_map(Scope::Under),
        2 => vec(crowded_name(), 0..4).prop_map(|names| names.into_iter().collect()),
    ]
}

/// Returns the part of a listing that a scope covers.
fn within(listing: &Listing, scope: &Scope, inside: bool) -> Listing {
    let named = |name: &Name| scope.covers(name) == inside;
    let unnamed = (*scope == Scope::Zone) == inside;
    Listing {
        records: listing.records.iter().filter(|record| named(record.name())).cloned().collect(),
        opaque: listing.opaque.iter().filter(|entry| entry.name.as_ref().map_or(unnamed, named)).cloned().collect(),
        provider_time: None,
    }
}

proptest! {
    #![proptest_config(generate::config())]

    #[test]
    fn the_cache_gives_back_every_listing_as_it_was(before in any_listing(), listing in any_listing()) {
        let mut repository = DnsRepositoryManager::in_memory().unwrap();
        repository.refresh(&home(), &Scope::Zone, &before, noon_and(0)).unwrap();
        repository.refresh(&home(), &Scope::Zone, &listing, noon_and(0)).unwrap();
        prop_assert_eq!(repository.provider_cache().get_records(&home()).unwrap().unwrap().listing, listing);
    }

    #[test]
    fn a_scoped_listing_replaces_its_scope_and_nothing_else(
        before in any_listing(), listing in any_listing(), scope in scope(),
    ) {
        let mut repository = DnsRepositoryManager::in_memory().unwrap();
        repository.refresh(&home(), &Scope::Zone, &before, noon_and(0)).unwrap();
        repository.refresh(&home(), &scope, &listing, noon_and(1)).unwrap();
        let cached = repository.provider_cache().get_records(&home()).unwrap().unwrap();
        prop_assert_eq!(within(&cached.listing, &scope, false), within(&before, &scope, false));
        prop_assert_eq!(within(&cached.listing, &scope, true), within(&listing, &scope, true));
        let whole = scope == Scope::Zone;
        prop_assert_eq!(cached.refreshed_at, Some(noon_and(whole.into())));
    }
}
