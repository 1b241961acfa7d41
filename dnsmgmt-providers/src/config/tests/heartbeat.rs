//! `[heartbeat]` and the variables beside it.

use std::fmt::Write as _;
use std::time::Duration;

use dnsmgmt_core::record::Ttl;

use super::{Machine, alone, name};
use crate::addresses::Family;
use crate::config::Heartbeat;

const WHOLE: &str = r#"
[heartbeat]
instance = "Web-01"
internal = "internal.example.com"
external = "ext.example.com"
ipv6 = "v6.example.com"
combined = "all.example.com"
top_level = "www.example.com"
ranges = [{ network = "10.8.0.0/16", domain = "vpn.example.com" }]
proxied = true
ttl = "1m"
threshold = "10m"
interval = "1m"
interfaces = ["eth*"]
exclude_interfaces = ["eth9"]
networks = ["10.0.0.0/8"]
exclude_networks = ["10.9.0.0/16"]
public_ipv4 = ["https://ip.example.com"]
public_ipv6 = ["dns://ns.example.com/myip.example.com", "https://ip.example.com"]
agree = 1
adopt = true
domains = ["more.example.com"]
own_whole_name = ["whole.example.com"]
keep_last_member = true
"#;

fn heartbeat(variables: &[(&str, &str)]) -> Heartbeat {
    alone(variables).heartbeat().unwrap()
}

#[test]
fn every_key_is_read() {
    let read = Machine::new(WHOLE).load(&[("HOSTNAME", "other")]).unwrap().heartbeat().unwrap();
    assert_eq!(
        read.instance.as_ref().map(|id| id.as_str()),
        Some("Web-01"),
        "what the file says is more than a host's name"
    );
    let leased =
        ["all", "ext", "internal", "more", "v6", "vpn", "whole"].map(|label| name(&format!("{label}.example.com")));
    assert_eq!(read.leased().into_iter().collect::<Vec<_>>(), leased);
    assert_eq!(read.domains.top_level, Some(name("www.example.com")));
    assert_eq!((read.proxied, read.ttl, read.adopt, read.keep_last_member), (Some(true), Ttl::Seconds(60), true, true));
    let minutes = |minutes: u64| Duration::from_secs(60 * minutes);
    assert_eq!((read.threshold, read.interval), (minutes(10), Some(minutes(1))));
    assert_eq!((read.chosen.interfaces.len(), read.chosen.exclude_networks.len()), (1, 1));
    assert_eq!((read.services(Family::Ipv4).len(), read.services(Family::Ipv6).len(), read.agree), (1, 2, 1));
}

#[test]
fn variables_say_the_same_and_count_more() {
    let variables = [
        ("INSTANCE_ID", "db-01"),
        ("HOSTNAME", "host"),
        ("INTERNAL_DOMAIN", "in.example.org."),
        ("COMBINED_DOMAIN", "all.example.org"),
        ("TOP_LEVEL_DOMAIN", "top.example.org"),
        ("CF_PROXIED", "TRUE"),
        ("UPDATE_INTERVAL", "60"),
        ("STALE_THRESHOLD_SECONDS", "1800"),
        ("IPV4_RANGE_2", "10.2.0.0/16"),
        ("IPV4_RANGE_2_DOMAIN", "two.example.org"),
        ("IPV4_RANGE_10", "10.10.0.0/16"),
        ("IPV4_RANGE_10_DOMAIN", "ten.example.org"),
        ("IPV6_RANGE_1", "fd01::/16"),
        ("IPV6_RANGE_1_DOMAIN", "six.example.org"),
    ];
    for read in [heartbeat(&variables), Machine::new(WHOLE).load(&variables).unwrap().heartbeat().unwrap()] {
        assert_eq!(read.instance.as_ref().map(|id| id.as_str()), Some("db-01"));
        assert_eq!(read.domains.internal, Some(name("in.example.org")));
        assert_eq!((read.proxied, read.interval.unwrap().as_secs(), read.threshold.as_secs()), (Some(true), 60, 1800));
        let ranges = ["two", "ten", "six"].map(|label| name(&format!("{label}.example.org")));
        assert_eq!(read.domains.ranges.iter().map(|(_, name)| name.clone()).collect::<Vec<_>>(), ranges);
    }
    assert_eq!(heartbeat(&[("HOSTNAME", "host-7")]).instance.unwrap().as_str(), "host-7");
    assert_eq!(heartbeat(&[]).instance, None);
}

#[test]
fn a_lease_that_is_said_only_to_the_clean_up_is_taken_to_be_three_intervals() {
    let lease = |variables: &[(&str, &str)], interval: Option<u64>| {
        heartbeat(variables).lease(interval.map(Duration::from_secs)).as_secs()
    };
    assert_eq!((lease(&[], None), lease(&[], Some(60)), lease(&[], Some(600))), (900, 180, 900));
    assert_eq!(lease(&[("STALE_THRESHOLD_SECONDS", "900")], Some(60)), 900, "what is said counts");
    let said = Machine::new(WHOLE).load(&[]).unwrap().heartbeat().unwrap();
    assert_eq!(said.lease(said.interval).as_secs(), 600, "in the file too");
}

#[test]
fn nobody_is_asked_for_an_address_that_no_name_is_to_have() {
    let asked = |variables: &[(&str, &str)]| {
        let read = heartbeat(variables);
        (read.public_ipv4.len() >= 3, read.public_ipv6.len() >= 3, read.agree)
    };
    assert_eq!(asked(&[("COMBINED_DOMAIN", "all.example"), ("INTERNAL_DOMAIN", "in.example")]), (false, false, 2));
    assert_eq!(asked(&[("EXTERNAL_DOMAIN", "ext.example")]), (true, false, 2));
    assert_eq!(asked(&[("IPV6_DOMAIN", "v6.example")]), (false, true, 2));
}

#[test]
fn what_makes_no_sense_is_said_with_its_place() {
    let mut all = String::new();
    for (file, variables) in [
        ("[heartbeat]\ninstance = \"a b\"", &[][..]),
        ("[heartbeat]\ninternal = \"*.example\"", &[]),
        ("[heartbeat]\nranges = [{ network = \"10.0.0.0/33\", domain = \"a.example\" }]", &[]),
        ("[heartbeat]\nranges = [{ network = \"10.0.0.0/8\" }]", &[]),
        ("[heartbeat]\nthreshold = \"0s\"", &[]),
        ("[heartbeat]\npublic_ipv4 = [\"api.ipify.org\"]", &[]),
        ("[heartbeat]\npublic_ipv4 = [\"https://a\"]\nagree = 2", &[]),
        ("[heartbeat]\nagree = 0", &[]),
        ("[heartbeat]\ntop_level = \"a.example\"", &[]),
        ("[heartbeat]\ntop_level = \"a.example\"\ncombined = \"a.example\"", &[]),
        ("[heartbeat]\nlease = \"15m\"", &[]),
        ("", &[("INSTANCE_ID", "a b")]),
        ("", &[("INTERNAL_DOMAIN", "..")]),
        ("", &[("STALE_THRESHOLD_SECONDS", "15m")]),
        ("", &[("CF_PROXIED", "maybe")]),
        ("", &[("IPV4_RANGE_1", "10.0.0.0/8")]),
        ("", &[("IPV4_RANGE_1", "fd00::/8"), ("IPV4_RANGE_1_DOMAIN", "a.example")]),
        ("", &[("TOP_LEVEL_DOMAIN", "a.example")]),
    ] {
        let machine = Machine::new(file);
        let error = machine.load(variables).and_then(|settings| settings.heartbeat().map(drop)).expect_err(file);
        writeln!(all, "{}\n", machine.shown(&error)).unwrap();
    }
    insta::assert_snapshot!(all);
}

#[test]
fn variables_that_look_like_ours_and_are_not_are_pointed_out() {
    let warnings = |name: &str| {
        let settings = alone(&[(name, "x"), ("ZONEFILE_PATH", "/x")]);
        settings.warnings().iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    let said = warnings("DNSMGMT_SOURCE");
    assert!(said.len() == 1 && said[0].contains("DNSMGMT_SOURCE`") && said[0].contains("DNSMGMT_SOURCES"), "{said:?}");
    assert!(warnings("DNSMGMT_PROVIDER").is_empty() && warnings("OTHER").is_empty());
}
