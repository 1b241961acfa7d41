//! What is written, as the system reads it that kept addresses alive before.

mod program;

use std::fs;

use fixtures::address_service::{AddressService, has_ipv6};
use fixtures::dynipupdate::{Held, Verdict, judge, written_by_us};
use program::{Host, Zone};

/// What a machine left in the zone, and when: its heartbeats' time is that of the golden file.
async fn written() -> (Vec<Held>, i64) {
    let zone = Zone::new().await;
    let ipv6 = AddressService::start("2001:db8::10").await;
    let host = Host::new(&zone, "web-01", "203.0.113.7").await;
    let file = host.file("dnsmgmt.toml");
    let combined = format!(
        "combined = \"combined.example.com\"\nexclude_interfaces = [\"*\"]\npublic_ipv6 = [\"{}\"]\n",
        ipv6.url()
    );
    fs::write(&file, fs::read_to_string(&file).unwrap().replace("external = \"all.example.com\"\n", &combined))
        .unwrap();
    host.beats("").await;
    let held = zone.fake.records(&zone.id).into_iter().filter(|record| record.name != "foreign.example.com");
    let mut held: Vec<Held> =
        held.map(|record| Held { name: record.name, rtype: record.rtype, content: record.content }).collect();
    let mut time = None;
    for record in held.iter_mut().filter(|record| record.rtype == "TXT") {
        let stamp = record.content.trim_matches('"').split(',').next().unwrap().to_owned();
        record.content = record.content.replace(&stamp, "1699564820");
        time = Some(stamp.parse().unwrap());
    }
    held.sort();
    (held, time.expect("a heartbeat"))
}

#[tokio::test]
async fn heartbeats_are_written_as_ever() {
    if !has_ipv6() {
        return;
    }
    let (held, time) = written().await;
    assert_eq!(held, written_by_us());
    assert!(time > 1_700_000_000, "seconds since 1970, not of the golden file");
}

#[test]
fn the_prior_clean_up_keeps_what_we_keep_alive_and_deletes_what_we_left() {
    let judged = |age: i64| judge(&written_by_us(), "combined.example.com", "203.0.113.7", 1_699_564_820 + age, 900);
    assert_eq!([0, 900, 901].map(judged), [Verdict::Kept, Verdict::Kept, Verdict::Deleted]);
}
