//! What BIND, Knot and NSD say of what we write, and read in what we read.

use std::collections::BTreeSet;

use dnsmgmt_core::record::{Record, RecordData};
use fixtures::checkers::{Checker, read_by_bind, read_by_nsd};

use super::file::{HEAD, ZoneFile, alone, change, create, delete, name, shown};

fn accepted(file: &ZoneFile) {
    for checker in Checker::installed() {
        assert_eq!(checker.objection(&name("example.com"), &file.path), None, "{}", file.text());
    }
}

/// One of every type, as a person would give it.
const RECORDS: [&str; 22] = [
    "a A 10.0.0.1",
    "a 60 AAAA fd00::1",
    "*.w CNAME a.example.com",
    "a TXT \"quotes \\\" and \\\\ ; ( \\195\\188\"",
    "@ MX 10 a.example.com",
    "_sip._tcp SRV 0 5 5060 a.example.com",
    "@ CAA 0 issue \"ca.example; policy=ev\"",
    "@ NS ns.example.org",
    "ptr PTR host.example.org",
    "_443._tcp TLSA 3 1 1 0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
    "https HTTPS 1 . alpn=h2,h3 port=8443",
    "dname DNAME example.org.",
    "loc LOC 52 22 23.000 N 4 53 32.000 E -2.00m 0.00m 10000m 10m",
    "sshfp SSHFP 1 1 0123456789abcdef0123456789abcdef01234567",
    "naptr NAPTR 100 10 \"u\" \"E2U+sip\" \"!^.*$!sip:a@b!\" .",
    "hinfo HINFO \"PC\" \"Linux\"",
    "rp RP mail.example.org. txt.example.org.",
    "uri URI 10 1 \"https://example.org/\"",
    "generic TYPE65534 \\# 4 0A000001",
    "ds DS 60485 5 1 2BB183AF5F22588179A53B0A98631FAD1A292118",
    "ds NS ns.example.org",
    "big\\.dot.\\000x A 10.0.0.1",
];

#[tokio::test]
async fn a_file_made_by_us_is_loaded_by_all_servers() {
    let file = ZoneFile::missing();
    for record in RECORDS {
        file.make(create(record)).await;
    }
    file.make(create(&format!("long TXT {}", "x".repeat(300)))).await;
    accepted(&file);
    let listed: BTreeSet<String> = file.list().await.records.iter().map(|record| format!("{}", record.key)).collect();
    for record in RECORDS {
        assert!(listed.contains(&super::file::record(record).key.to_string()), "{record}: {listed:#?}");
    }
    for record in RECORDS {
        file.make(delete(record)).await;
        accepted(&file);
    }
}

#[tokio::test]
async fn a_file_that_had_no_entries_is_loaded_by_all_servers() {
    for text in ["", "; ours", "$ORIGIN org.\n$TTL 60\n"] {
        let file = ZoneFile::with(text);
        file.make(create("a A 10.0.0.1")).await;
        accepted(&file);
    }
}

#[tokio::test]
async fn types_given_by_their_numbers_are_loaded() {
    let file = ZoneFile::with(HEAD);
    for record in
        ["a TYPE64 1 . alpn=h2", "a TYPE52 \\# 5 030101abcd", "a TLSA \\# 5 030101abce", "a TYPE65534 \\# 1 AB"]
    {
        file.make(create(record)).await;
        accepted(&file);
    }
}

#[tokio::test]
async fn different_ttls_in_one_rrset_are_loaded() {
    let file = ZoneFile::with(format!("{HEAD}a 60 A 10.0.0.1\na 60 A 10.0.0.2\n"));
    file.make(create("a 300 A 10.0.0.3")).await;
    file.make(change("a A 10.0.0.1", "a 61 A 10.0.0.1")).await;
    accepted(&file);
    assert_eq!(file.records().await[..3], ["a 61 A 10.0.0.1", "a 60 A 10.0.0.2", "a 300 A 10.0.0.3"]);
}

/// Files that all three load; the last field says whether NSD knows what they mean, too.
const FILES: [(&str, bool); 6] = [
    (
        "$TTL 1h\n@ IN SOA ns hm ( 1 ; (\n 1h 15m\n 1w 5m ) ; )\n  NS ns\nns A 10.0.0.1\n\tIN 3600 A 10.0.0.2\n 60 IN AAAA FD00::1\r\n",
        true,
    ),
    (
        "@ 7200 SOA ns hm 1 1h 15m 1w 5m\n@ NS ns\nns 60 A 10.0.0.1\nx A 10.0.0.2\n$TTL 900\ny 30 A 10.0.0.3\nz A 10.0.0.4\n",
        false,
    ),
    ("@ SOA ns hm 1 1h 15m 1w 5m\n@ NS ns\nns 60 A 10.0.0.1\nx A 10.0.0.2\n", false),
    (
        "$TTL 1d\n@ SOA ns hm 1 1h 15m 1w 5m\n NS ns\n$ORIGIN sub.example.com.\n A 10.0.0.9\nns.example.com. A 10.0.0.1\na\\.b.C A 10.0.0.2\n\
      x\\040y TXT a\\;b \"c;\\\"\" \\100\n*.w MX 5 ns.example.com.\n",
        true,
    ),
    (
        "$TTL 1d\n@ SOA ns hm 1 1h 15m 1w 5m\n NS ns\nns A 10.0.0.1\nt TXT ( \"a\" ; c\n \"b\" )(\n\"c\"\n)\n type1 \\# 4 0a000001\n \
      TYPE65534 \\# 0\n CAA 128 issue \"x\"\n SRV 1 2 3 ns\n HTTPS 1 ns alpn=\"h2,h3\"\n",
        true,
    ),
    ("$TTL 1w2d3h4m5s\n@ SOA ns hm 1 1H 15M 1W 5M\n NS ns\nns A 10.0.0.1\rlone A 10.0.0.2\rcr TXT \"\u{fc}\t\"", true),
];

/// What examine says of them was seen, and is still so.
#[tokio::test]
async fn line_ends_are_read_as_examine_says() {
    for (text, loaded_by_knot) in [
        (HEAD.replace('\n', "\r\n"), false),
        (format!("{HEAD}a A 10.0.0.1\rb A 10.0.0.2\n"), false),
        (format!("{HEAD}; c\r\na A 10.0.0.1 ; c\r\n"), true),
    ] {
        let file = ZoneFile::with(&text);
        for checker in Checker::installed() {
            let loaded = checker.objection(&name("example.com"), &file.path).is_none();
            assert_eq!(loaded, checker != Checker::Knot || loaded_by_knot, "{checker:?}: {text:?}");
        }
    }
}

#[tokio::test]
async fn what_we_read_is_what_servers_read() {
    for (text, nsd) in FILES {
        let file = ZoneFile::with(text);
        let zone = name("example.com");
        let ours = comparable(file.list().await.records.iter());
        let theirs = [read_by_bind(&zone, &file.path), if nsd { read_by_nsd(&zone, &file.path) } else { None }];
        for theirs in theirs.into_iter().flatten() {
            let theirs = ZoneFile::with(theirs);
            assert_eq!(comparable(theirs.list().await.records.iter()), ours, "{text}\n{}", theirs.text());
        }
    }
}

/// Servers print the types that we do not model in their own ways.
fn comparable<'a>(records: impl Iterator<Item = &'a Record>) -> Vec<String> {
    let comparable = |record: &Record| match record.key.data {
        RecordData::Other { .. } => format!("{} {:?} {}", record.name(), record.ttl, record.rtype()),
        _ => shown(record),
    };
    records.map(comparable).collect()
}

#[tokio::test]
async fn what_we_refuse_is_what_a_server_would_not_load() {
    for line in [
        "a A 10.0.0.1\na CNAME b\n",
        "a CNAME b\na CNAME c\n",
        "a DNAME b\na DNAME c\n",
        "a DNAME b\nx.a A 10.0.0.1\n",
        "@ NS ns\n",
    ] {
        let file = ZoneFile::with(format!("{HEAD}{line}"));
        let zone = name("example.com");
        let checkers = Checker::installed();
        let refused = checkers.iter().any(|checker| checker.objection(&zone, &file.path).is_some());
        assert!(refused || checkers.len() < 3, "{line}");
    }
    let file = ZoneFile::with(HEAD);
    file.apply(&[alone(create("a A 10.0.0.1"))]).await;
    accepted(&file);
}
