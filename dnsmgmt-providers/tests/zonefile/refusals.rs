//! What is not done, and why.

use dnsmgmt_core::provider::{Answer, Change, DnsProvider, Group, Reaction};
use dnsmgmt_core::record::{Record, Ttl};

use super::file::{HEAD, ZoneFile, change, create, data, delete, name};

#[tokio::test]
async fn a_zone_that_servers_would_not_load_is_not_made() {
    let text =
        format!("{HEAD}@ NS ns\nns A 10.0.0.1\nc CNAME x\na A 10.0.0.1\nd DNAME x.example.org.\nlow.e A 10.0.0.1\n");
    let file = ZoneFile::with(&text);
    for (change, why) in [
        (create("c A 10.0.0.1"), "c.example.com would have a CNAME beside A"),
        (create("c CNAME y.example"), "two CNAME"),
        (create("a CNAME y.example"), "CNAME beside A"),
        (create("@ CNAME y.example"), "CNAME beside"),
        (create("d DNAME y.example."), "two DNAME"),
        (create("x.d A 10.0.0.1"), "below the DNAME of d.example.com"),
        (create("e DNAME y.example."), "low.e.example.com would be below"),
        (delete("ns A 10.0.0.1"), "ns.example.com would have no address"),
        (change("ns A 10.0.0.1", "ns CNAME y.example"), "ns.example.com would have no address"),
        (create("@ NS ns2.example.com"), "ns2.example.com would have no address"),
    ] {
        let error = file.refusal(change.clone()).await;
        assert_eq!(error.reaction, Reaction::Refused, "{change}");
        assert!(error.to_string().contains(why), "{change}: {error}");
        assert_eq!(file.text(), text);
    }
    let changes = [delete("@ NS ns.example.com"), delete("@ NS localhost.")];
    let answers = file.apply(&[Group { only_if: Vec::new(), changes: changes[1..].to_vec() }]).await;
    assert!(matches!(answers[..], [Answer::Accepted]), "{answers:?}");
    assert!(file.refusal(changes[0].clone()).await.to_string().contains("no NS record"));
}

#[tokio::test]
async fn what_a_group_makes_in_the_end_is_what_counts() {
    let file = ZoneFile::with(format!("{HEAD}a A 10.0.0.1\na AAAA fd00::1\n"));
    let changes = vec![create("a CNAME b.example.com"), delete("a A 10.0.0.1"), delete("a AAAA fd00::1")];
    let answers = file.apply(&[Group { only_if: Vec::new(), changes }]).await;
    assert!(answers.iter().all(|answer| matches!(answer, Answer::Accepted)), "{answers:?}");
    assert_eq!(file.records().await, ["a 3600 CNAME b.example.com", "@ 3600 NS localhost"]);
}

#[tokio::test]
async fn a_refused_group_leaves_no_trace_and_lets_others_be() {
    let file = ZoneFile::with(format!("{HEAD}c CNAME x\n"));
    let work = [
        Group {
            only_if: vec![],
            changes: vec![create("a A 10.0.0.1"), delete("c CNAME x.example.com"), create("a CNAME b")],
        },
        Group { only_if: vec![], changes: vec![create("b A 10.0.0.1")] },
    ];
    let answers = file.apply(&work).await;
    assert!(
        matches!(answers[..], [Answer::Failed(_), Answer::Failed(_), Answer::Failed(_), Answer::Accepted]),
        "{answers:?}"
    );
    assert_eq!(file.text(), format!("{}c CNAME x\nb\tA\t10.0.0.1\n", HEAD.replace("41", "42")));
}

#[tokio::test]
async fn what_was_broken_before_can_be_mended_a_step_at_a_time() {
    let file = ZoneFile::with(format!("{HEAD}c CNAME x\nc A 10.0.0.1\nc TXT y\n"));
    file.make(delete("c TXT y")).await;
    file.make(delete("c CNAME x.example.com")).await;
    file.make(create("c A 10.0.0.2")).await;
}

#[tokio::test]
async fn the_zones_machinery_and_other_zones_are_none_of_ours() {
    let file = ZoneFile::with(HEAD);
    let outside = |text: &str| Record::new(name(text), data("A", "10.0.0.1"));
    for (change, why) in [
        (create("@ SOA localhost. hm. 1 2 3 4 5"), "SOA"),
        (delete("@ SOA localhost. hm. 1 2 3 4 5"), "SOA"),
        (create("@ TYPE46 \\# 0"), "RRSIG"),
        (delete("a NSEC b."), "NSEC"),
        (change("a A 10.0.0.1", "a CDS 0 0 0 00"), "CDS"),
        (Change::Create(outside("a.example.org")), "a.example.org is not in the zone"),
        (Change::Delete(outside("example.comx")), "not in the zone"),
        (Change::Replace { old: outside("a.example.com"), new: outside("b.example.com") }, "another name"),
    ] {
        let error = file.refusal(change.clone()).await;
        assert_eq!(error.reaction, Reaction::Refused, "{change}");
        assert!(error.to_string().contains(why), "{change}: {error}");
        assert_eq!(file.provider.objection(&change), Some(error.answered), "{change}");
    }
    assert_eq!(file.text(), HEAD);
    assert_eq!(file.provider.objection(&create("a TYPE64 1 . alpn=h2")), None);
}

#[tokio::test]
async fn a_value_that_would_be_read_as_another_is_not_written() {
    let file = ZoneFile::with(format!("{HEAD}a TLSA 3 1 1 ABCD\n"));
    let mut record = super::file::record("a A 10.0.0.1");
    record.ttl = Some(Ttl::Seconds(u32::MAX));
    for (change, why) in [
        (create("a TLSA 3 1 1 XY"), "servers would not take"),
        (create("a LOC 1 N 1 E 1m ; x"), "read back as"),
        (create("a LOC 1 ( N"), "never closed"),
        (create("a LOC 1 \"N"), "not closed"),
        (create("a DNAME b.example"), "with a dot at its end"),
        (create("a HTTPS 1 web alpn=h2"), "with a dot at its end"),
        (create("a TYPE52 3 1 1 AB ; x"), "read back as"),
        (Change::Create(record), "2147483647"),
    ] {
        let error = file.refusal(change.clone()).await;
        assert_eq!(error.reaction, Reaction::Refused, "{change}");
        assert!(error.to_string().contains(why), "{change}: {error}");
        assert_eq!(file.provider.objection(&change), Some(error.answered), "{change}");
    }
}
