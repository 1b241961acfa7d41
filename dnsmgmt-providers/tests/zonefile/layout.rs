//! What is not changed stays byte for byte.

use dnsmgmt_core::provider::{Answer, Change, Group};

use super::file::{ZoneFile, alone, change, create, delete};

/// The bottom of this file holds one of everything that is easy to spoil.
const NASTY: &str = r#"; Zone of example.com   -*- mode: zone -*-
$ORIGIN com.	; relative ones come below
$TTL 1h30m
example	IN 2H SOA ns1.example hostmaster.example. (
		  4294967294 ; serial  (do not touch)
		  1w2d       ; refresh
		  15M ; retry
		  1000h ; expire
		  5m )       ; minimum
	IN	NS	ns1.example
	NS	ns2.example	; two
	MX	10 mail.example
$ORIGIN example ; relative to com.

@	TXT	( "v=spf1 ; not a comment ("
		  ") -all" ) ; but this is
ns1	A	10.0.0.1
ns2	300	in	a	10.0.0.2
	IN 300 AAAA fd00::2
www	CNAME	web	; see below
web	60	A	10.0.0.3
	60	A	10.0.0.4

	; a comment between entries of one owner
	60	AAAA	FD00:0::3
Big\.Dot	TXT	unquoted\;text "and \"quoted\"" \065
*.wild	A	10.0.0.5
_dmarc TXT "v=DMARC1\; p=none"
$TTL 300
$ORIGIN sub
host	A	10.0.1.1
@	TYPE65534 \# 4 ( 0a00
	0001 )
	TLSA	3 1 1 (
	  ABCD ; half
	  EF01 )
_sip._tcp SRV 0 5 5060 host.sub.example.com.
$ORIGIN example.com.
	LOC	52 22 23.000 N 4 53 32.000 E -2.00m 0.00m 10000m 10m
last	CAA	0 issue "ca.example; policy=ev""#;

/// Makes the changes in one go and returns the text that they leave.
async fn after(text: &str, changes: Vec<Change>) -> String {
    let file = ZoneFile::with(text);
    let answers = file.apply(&[Group { only_if: Vec::new(), changes }]).await;
    assert!(answers.iter().all(|answer| matches!(answer, Answer::Accepted)), "{answers:?}");
    file.text()
}

fn bumped(text: &str) -> String {
    text.replace("4294967294", "4294967295")
}

#[tokio::test]
async fn adding_and_removing_leaves_the_file_as_it_was_but_for_the_serial() {
    let ends = NASTY.to_owned() + "\r\n";
    for text in [NASTY.to_owned() + "\n", NASTY.replace('\n', "\r\n") + "\r\n", ends] {
        let file = ZoneFile::with(&text);
        file.make(create("web TXT \"a\"")).await;
        file.make(create("new.sub A 10.0.0.9")).await;
        file.make(delete("web TXT a")).await;
        file.make(delete("new.sub A 10.0.0.9")).await;
        // Past the largest serial comes 0 (RFC 1982).
        assert_eq!(file.text(), text.replace("4294967294", "2"));
    }
}

#[tokio::test]
async fn a_file_without_a_last_line_end_gets_one_when_something_follows() {
    let file = ZoneFile::with(NASTY);
    file.make(create("new A 10.0.0.9")).await;
    assert_eq!(file.text(), format!("{}\nnew\tA\t10.0.0.9\n", bumped(NASTY)));
    file.make(delete("last CAA 0 issue \"ca.example; policy=ev\"")).await;
    assert!(file.text().ends_with("10m\nnew\tA\t10.0.0.9\n"), "{}", file.text());
    let file = ZoneFile::with(NASTY);
    file.make(delete("web A 10.0.0.4")).await;
    assert_eq!(file.text(), bumped(NASTY).replace("\t60\tA\t10.0.0.4\n", ""));
}

#[tokio::test]
async fn every_entry_can_be_removed_and_takes_its_comment_along() {
    for (record, lines, instead) in [
        ("@ NS ns2.example.com", "\tNS\tns2.example\t; two\n", ""),
        (
            "@ TXT \"v=spf1 ; not a comment () -all\"",
            "@\tTXT\t( \"v=spf1 ; not a comment (\"\n\t\t  \") -all\" ) ; but this is\n",
            "",
        ),
        ("ns1 TXT x", "", ""),
        ("www CNAME web.example.com", "www\tCNAME\tweb\t; see below\n", ""),
        ("web A 10.0.0.3", "web\t60\tA\t10.0.0.3\n\t60\tA\t10.0.0.4\n", "web\t60\tA\t10.0.0.4\n"),
        ("web AAAA fd00::3", "\t60\tAAAA\tFD00:0::3\n", ""),
        ("*.wild A 10.0.0.5", "*.wild\tA\t10.0.0.5\n", ""),
        (
            "big\\.dot TXT \"unquoted;textand \\\"quoted\\\"A\"",
            "Big\\.Dot\tTXT\tunquoted\\;text \"and \\\"quoted\\\"\" \\065\n",
            "",
        ),
        ("sub TYPE65534 \\# 4 0a00 0001", "@\tTYPE65534 \\# 4 ( 0a00\n\t0001 )\n\tTLSA", "@\tTLSA"),
        ("sub TLSA 3 1 1 ABCD EF01", "\tTLSA\t3 1 1 (\n\t  ABCD ; half\n\t  EF01 )\n", ""),
        (
            "_sip._tcp.sub SRV 0 5 5060 host.sub.example.com",
            "_sip._tcp SRV 0 5 5060 host.sub.example.com.\n$ORIGIN example.com.\n\tLOC",
            "$ORIGIN example.com.\n_sip._tcp.sub\tLOC",
        ),
    ] {
        assert!(NASTY.contains(lines), "{lines}");
        let file = ZoneFile::with(NASTY);
        let answers = file.apply(&[alone(delete(record))]).await;
        if lines.is_empty() {
            assert!(matches!(answers[..], [Answer::AlreadySo]), "{record}: {answers:?}");
            assert_eq!(file.text(), NASTY);
        } else {
            assert!(matches!(answers[..], [Answer::Accepted]), "{record}: {answers:?}");
            assert_eq!(file.text(), bumped(NASTY).replace(lines, instead), "{record}");
        }
    }
}

#[tokio::test]
async fn a_new_entry_stands_beside_its_siblings() {
    for (record, behind, line) in [
        ("web A 10.0.0.9", "\t60\tA\t10.0.0.4\n", "web\t60\tA\t10.0.0.9\n"),
        ("web 61 A 10.0.0.9", "\t60\tA\t10.0.0.4\n", "web\t61\tA\t10.0.0.9\n"),
        ("web TXT x", "\t60\tAAAA\tFD00:0::3\n", "web\tTXT\t\"x\"\n"),
        ("ns2 AAAA fd00::9", "\tIN 300 AAAA fd00::2\n", "ns2\t300\tIN\tAAAA\tfd00::9\n"),
        ("@ MX 20 mail.example.com", "\tMX\t10 mail.example\n", "example\tMX\t20 mail.example.com.\n"),
        ("sub TXT x", "\t  EF01 )\n", "@\tTXT\t\"x\"\n"),
        ("*.wild TXT x", "*.wild\tA\t10.0.0.5\n", "*.wild\tTXT\t\"x\"\n"),
        ("big\\.dot TXT x", "\\065\n", "big\\046dot\tTXT\t\"x\"\n"),
    ] {
        let expected = bumped(NASTY).replace(behind, &format!("{behind}{line}"));
        assert_eq!(after(NASTY, vec![create(record)]).await, expected, "{record}");
    }
}

#[tokio::test]
async fn a_value_is_replaced_in_its_place() {
    for (old, new, text, instead) in [
        (
            "www CNAME web.example.com",
            "www CNAME ns1.example.com",
            "CNAME\tweb\t; see",
            "CNAME\tns1.example.com.\t; see",
        ),
        ("ns2 A 10.0.0.2", "ns2 60 A 10.0.0.9", "ns2\t300\tin\ta\t10.0.0.2", "ns2\t60\tin\ta\t10.0.0.9"),
        ("ns1 A 10.0.0.1", "ns1 60 A 10.0.0.9", "ns1\tA\t10.0.0.1", "ns1\t60 A\t10.0.0.9"),
        ("ns1 A 10.0.0.1", "ns1 5400 A 10.0.0.1", "", ""),
        ("ns1 A 10.0.0.1", "ns1 AAAA fd00::9", "ns1\tA\t10.0.0.1", "ns1\tAAAA\tfd00::9"),
        ("web AAAA fd00::3", "web 60 AAAA fd00::3", "", ""),
        ("web AAAA fd00::3", "web 61 AAAA fd00::3", "\t60\tAAAA\tFD00:0::3", "\t61\tAAAA\tFD00:0::3"),
        ("web A 10.0.0.3", "web A 10.0.0.4", "web\t60\tA\t10.0.0.3\n\t60\tA", "web\t60\tA"),
        (
            "@ TXT \"v=spf1 ; not a comment () -all\"",
            "@ TXT v=spf1",
            "( \"v=spf1 ; not a comment (\"\n\t\t  \") -all\" )",
            "( \"v=spf1\" )",
        ),
        (
            "sub TLSA 3 1 1 ABCD EF01",
            "sub TLSA 3 1 1 AB",
            "\tTLSA\t3 1 1 (\n\t  ABCD ; half\n\t  EF01 )\n",
            "@\tTLSA\t3 1 1 AB\n",
        ),
    ] {
        let file = ZoneFile::with(NASTY);
        let answers = file.apply(&[alone(change(old, new))]).await;
        if text.is_empty() {
            assert!(matches!(answers[..], [Answer::AlreadySo]), "{new}: {answers:?}");
            assert_eq!(file.text(), NASTY);
        } else {
            assert!(matches!(answers[..], [Answer::Accepted]), "{new}: {answers:?}");
            assert_eq!(file.text(), bumped(NASTY).replace(text, instead), "{new}");
        }
    }
}

#[tokio::test]
async fn who_inherited_from_a_removed_entry_keeps_owner_and_ttl() {
    let head = "@ 1h SOA localhost. hm 1 2 3 4 5\n@ NS localhost.\n";
    let text =
        format!("{head}a 60 A 10.0.0.1\n  A 10.0.0.2 ; x\n  IN TXT y\n$ORIGIN sub\n  A 10.0.0.3\nb A 10.0.0.4\n");
    let left = after(&text, vec![delete("a A 10.0.0.1")]).await;
    let expected = text.replace("hm 1 ", "hm 2 ").replace("a 60 A 10.0.0.1\n  A 10.0.0.2", "a  60 A 10.0.0.2");
    assert_eq!(left, expected);
    let left = after(&text, vec![delete("a A 10.0.0.1"), delete("a A 10.0.0.2"), delete("a TXT y")]).await;
    let expected =
        format!("{head}$ORIGIN sub\na.example.com.  60 A 10.0.0.3\nb A 10.0.0.4\n").replace("hm 1 ", "hm 2 ");
    assert_eq!(left, expected);
}

#[tokio::test]
async fn a_stated_ttl_is_not_handed_on_to_the_next_entry() {
    let text = "@ 1h SOA localhost. hm 1 2 3 4 5\n@ NS localhost.\nb A 10.0.0.4\nc A 10.0.0.5\n";
    let left = after(text, vec![create("b 60 A 10.0.0.9")]).await;
    let expected = text.replace("hm 1 ", "hm 2 ").replace("c A", "b\t60\tA\t10.0.0.9\nc 3600 A");
    assert_eq!(left, expected);
    let left = after(text, vec![change("b A 10.0.0.4", "b 60 A 10.0.0.4")]).await;
    assert_eq!(left, text.replace("hm 1 ", "hm 2 ").replace("b A", "b 60 A").replace("c A", "c 3600 A"));
}

#[tokio::test]
async fn octets_that_are_no_text_survive() {
    let mut text = super::file::HEAD.as_bytes().to_vec();
    text.extend_from_slice(b"a TXT \"\xff\xfe\" ; caf\xe9\r\n; \x00\xff\r\nb A 10.0.0.1");
    let file = ZoneFile::with(&text);
    assert!(file.records().await.contains(&"a 3600 TXT \"\\255\\254\"".to_owned()));
    file.make(delete("b A 10.0.0.1")).await;
    let length = text.len() - "b A 10.0.0.1".len();
    assert_eq!(file.bytes(), replace_serial(&text[..length]));
}

fn replace_serial(text: &[u8]) -> Vec<u8> {
    let at = text.windows(4).position(|four| four == b" 41 ").unwrap();
    [&text[..at], b" 42 ", &text[at + 4..]].concat()
}
