//! What is listed, and what is said about it.

use std::fs;

use dnsmgmt_core::name::Name;
use dnsmgmt_core::provider::{Answer, DnsProvider, Group, Reaction};
use dnsmgmt_core::record_set::Scope;
use dnsmgmt_providers::zonefile::{Zonefile, ZonefileConfig};

use super::file::{HEAD, ZoneFile, alone, change, condition, create, data, delete, name, record};

#[tokio::test]
async fn a_scope_is_kept_to_and_the_soa_is_not_a_record() {
    let file = ZoneFile::with(format!("{HEAD}a A 10.0.0.1\nb.a A 10.0.0.2\nc A 10.0.0.3\n"));
    assert_eq!(
        file.records().await,
        ["a 3600 A 10.0.0.1", "b.a 3600 A 10.0.0.2", "c 3600 A 10.0.0.3", "@ 3600 NS localhost"]
    );
    let under = file.provider.list(&Scope::Under(name("a.example.com"))).await.unwrap();
    assert_eq!(under.records.len(), 2);
    let one = file.provider.list(&Scope::from_iter([name("b.a.example.com")])).await.unwrap();
    assert_eq!(one.records.len(), 1);
}

#[tokio::test]
async fn spellings_of_one_record_are_one_and_go_together() {
    let copies = "a TXT \"xy\"\na TXT x\\121\na TXT \"x\" \"y\"\na TXT \"xyz\"\na AAAA FD00:0::1\nA AAAA fd00::1\n\
                  a TLSA 3 1 1 ABCD\na TLSA 3 1 1 abcd\na TYPE1 \\# 4 0a000001\na A 10.0.0.1\n";
    let file = ZoneFile::with(format!("{HEAD}{copies}"));
    let records = file.records().await;
    assert_eq!(records.len(), 6, "{records:?}");
    for gone in ["a TXT xy", "a AAAA fd00::1", "a TLSA 3 1 1 ABCD", "a A 10.0.0.1"] {
        file.make(delete(gone)).await;
    }
    assert_eq!(file.text(), format!("{}a TXT \"xyz\"\n", HEAD.replace("41", "45")));
}

#[tokio::test]
async fn what_is_there_in_another_spelling_is_there() {
    let text = format!("{HEAD}a TLSA 3 1 1 ABCD\nd DNAME Other.Example.\na TYPE65534 \\# 1 AB\n");
    let file = ZoneFile::with(&text);
    for (listed, named) in [
        ("a TLSA 3 1 1 ABCD", "a TLSA 3 1 1 ab cd"),
        ("a TLSA 3 1 1 ABCD", "a TYPE52 3 1 1 abcd"),
        ("a TLSA 3 1 1 ABCD", "a TYPE52 \\# 5 030101abcd"),
        ("d DNAME Other.Example.", "d DNAME other.example."),
        ("a TYPE65534 \\# 1 AB", "a TYPE65534 \\# 1 ab"),
    ] {
        let data = |text| record(text).key.data;
        assert!(file.provider.is_same(&data(listed), &data(named)), "{named}");
        let answers = file.apply(&[alone(create(named))]).await;
        assert!(matches!(answers[..], [Answer::AlreadySo]), "{named}: {answers:?}");
        assert_eq!(file.text(), text);
    }
    let (one, another) = (data("TLSA", "3 1 1 ABCD"), data("TLSA", "3 1 1 ABCE"));
    assert!(!file.provider.is_same(&one, &another));
}

#[tokio::test]
async fn a_condition_holds_in_any_spelling() {
    let file = ZoneFile::with(format!("{HEAD}a TLSA 3 1 1 ABCD\na TLSA 3 1 1 abcd\n"));
    let group =
        |rtype, value| Group { only_if: vec![condition("a", rtype, &[value])], changes: vec![create("a A 10.0.0.1")] };
    let answers = file.apply(&[group("TLSA", "3 1 1 ABCE"), group("TYPE52", "3 1 1 AbCd")]).await;
    assert!(matches!(answers[..], [Answer::ConditionFailed, Answer::Accepted]), "{answers:?}");
}

#[tokio::test]
async fn a_type_given_by_its_number_is_the_type_of_that_number() {
    let file = ZoneFile::with(HEAD);
    file.make(create("a TYPE64 1 . alpn=h2")).await;
    file.make(create("a TYPE52 \\# 5 030101abcd")).await;
    file.make(create("a TYPE39 b.example.")).await;
    let added = "a\tSVCB\t1 . alpn=h2\na\tTYPE52\t\\# 5 030101abcd\na\tDNAME\tb.example.\n";
    assert_eq!(file.text(), HEAD.replace("41", "44") + added);
    let listed = file.list().await.records;
    for named in ["a SVCB 1 . alpn=h2", "a TLSA \\# 5 030101abcd", "a DNAME b.example."] {
        assert!(listed.contains(&record(named).key), "{named}: {listed:?}");
    }
    let error = file.refusal(create("a TYPE39 c.example.")).await;
    assert!(error.to_string().contains("two DNAME"), "{error}");
    file.make(change("a TYPE52 3 1 1 abcd", "a TYPE52 3 1 1 abce")).await;
    file.make(delete("a TYPE64 1 . alpn=\"h2\"")).await;
}

#[tokio::test]
async fn what_lies_outside_the_zone_is_opaque() {
    let file = ZoneFile::with(format!("{HEAD}a.example.org. A 10.0.0.1\n  TXT x ; c\nb A 10.0.0.2\nempty APL\n"));
    let listing = file.list().await;
    assert_eq!(listing.records.len(), 2);
    let texts: Vec<&str> = listing.opaque.iter().map(|opaque| opaque.text.as_str()).collect();
    assert_eq!(texts, ["a.example.org. A 10.0.0.1", "TXT x ; c", "empty APL"]);
    assert!(listing.opaque[1].occupies(&name("a.example.org"), &"TXT".parse().unwrap()));
}

#[tokio::test]
async fn a_condition_decides_for_its_group_alone() {
    let file = ZoneFile::with(format!("{HEAD}a A 10.0.0.1\na A 10.0.0.2\n"));
    let group = |only_if, changes| Group { only_if, changes };
    let work = [
        group(vec![condition("a", "A", &["10.0.0.1"])], vec![create("x A 10.0.0.9"), create("y A 10.0.0.9")]),
        group(vec![condition("a", "A", &["10.0.0.2", "10.0.0.1"])], vec![create("b A 10.0.0.9")]),
        group(vec![condition("b", "A", &[])], vec![create("x A 10.0.0.9")]),
        group(vec![condition("c", "A", &[])], vec![create("c A 10.0.0.9"), change("d A 10.0.0.1", "d A 10.0.0.2")]),
        group(vec![condition("c", "A", &[])], vec![delete("a A 10.0.0.1"), delete("c A 10.0.0.9")]),
    ];
    let answers: Vec<&str> = file
        .apply(&work)
        .await
        .iter()
        .map(|answer| match answer {
            Answer::Accepted => "accepted",
            Answer::AlreadySo => "already so",
            Answer::ConditionFailed => "condition failed",
            Answer::Failed(_) => "failed",
        })
        .collect();
    let failed = "condition failed";
    assert_eq!(answers, [failed, failed, "accepted", failed, failed, failed, "accepted", "already so"]);
    assert_eq!(file.records().await, ["a 3600 A 10.0.0.2", "b 3600 A 10.0.0.9", "@ 3600 NS localhost"]);
}

#[tokio::test]
async fn what_is_so_already_does_not_touch_the_file() {
    let file = ZoneFile::with(format!("{HEAD}a 60 A 10.0.0.1\n"));
    for change in [create("a A 10.0.0.1"), create("a 300 A 10.0.0.1"), delete("a A 10.0.0.2"), delete("b A 10.0.0.1")] {
        let before = fs::metadata(&file.path).unwrap().modified().unwrap();
        let answers = file.apply(&[alone(change.clone())]).await;
        assert!(matches!(answers[..], [Answer::AlreadySo]), "{change}: {answers:?}");
        assert_eq!(fs::metadata(&file.path).unwrap().modified().unwrap(), before);
    }
    let answers = file.apply(&[alone(change("b A 10.0.0.1", "b A 10.0.0.2"))]).await;
    assert!(matches!(answers[..], [Answer::ConditionFailed]), "{answers:?}");
}

#[tokio::test]
async fn the_serial_goes_up_once_for_all_groups() {
    let file = ZoneFile::with(HEAD);
    let work: Vec<Group> = (0..20).map(|number| alone(create(&format!("a{number} A 10.0.0.1")))).collect();
    file.apply(&work).await;
    assert!(file.text().contains("hostmaster 42 1h"), "{}", file.text());
    assert_eq!(file.list().await.records.len(), 21);
}

#[tokio::test]
async fn a_missing_file_that_may_be_made_is_an_empty_zone_until_the_first_creation() {
    let file = ZoneFile::missing();
    assert!(file.list().await.records.is_empty());
    assert!(file.provider.examine().await.unwrap()[0].contains("does not exist yet"));
    let answers = file.apply(&[alone(delete("a A 10.0.0.1"))]).await;
    assert!(matches!(answers[..], [Answer::AlreadySo]), "{answers:?}");
    assert!(!file.path.exists());
    file.make(create("a A 10.0.0.1")).await;
    assert_eq!(
        file.text(),
        "$ORIGIN example.com.\n$TTL 1h\n@\tSOA\tlocalhost. hostmaster.example.com. 1 1d 2h 1000h 5m\n\
         @\tNS\tlocalhost.\na\tA\t10.0.0.1\n"
    );
    assert_eq!(file.provider.examine().await.unwrap(), [""; 0]);
    assert_eq!(fs::read_dir(file.folder.path()).unwrap().count(), 1, "nothing else was left in the folder");
}

#[tokio::test]
async fn a_missing_file_that_may_not_be_made_is_never_an_empty_zone() {
    let file = ZoneFile::missing();
    let provider = super::file::open_existing(&file.path);
    let mut errors = vec![provider.list(&Scope::Zone).await.unwrap_err(), provider.examine().await.unwrap_err()];
    for change in [create("a A 10.0.0.1"), delete("a A 10.0.0.1"), change("a A 10.0.0.1", "a A 10.0.0.2")] {
        match &super::file::apply(&provider, &[alone(change)]).await[..] {
            [Answer::Failed(error)] => errors.push(error.clone()),
            answers => panic!("{answers:?}"),
        }
    }
    for error in errors {
        assert_eq!(error.reaction, Reaction::Refused);
        assert!(error.answered.ends_with("does not exist") && error.hint.unwrap().contains("check the path"));
    }
    assert!(!file.path.exists());
}

#[tokio::test]
async fn a_file_without_entries_gets_what_a_zone_begins_with() {
    let soa = "@\tSOA\tlocalhost. hostmaster.example.com. 1 1d 2h 1000h 5m";
    for (text, head) in [
        ("", "$ORIGIN example.com.\n$TTL 1h\n"),
        ("\n; ours\n\n", "$ORIGIN example.com.\n$TTL 1h\n"),
        ("; ours", "\n$ORIGIN example.com.\n$TTL 1h\n"),
        ("; ours\r\n", "$ORIGIN example.com.\r\n$TTL 1h\r\n"),
        ("$TTL 60\n$ORIGIN org.\n", "$ORIGIN example.com.\n"),
        ("$ORIGIN org.\n$ORIGIN example.com.\n", "$TTL 1h\n"),
    ] {
        let file = ZoneFile::with(text);
        let answers = file.apply(&[alone(delete("a A 10.0.0.1"))]).await;
        assert!(matches!(answers[..], [Answer::AlreadySo]), "{answers:?}");
        assert_eq!(file.text(), text);
        file.make(create("a A 10.0.0.1")).await;
        let end = if text.contains('\r') { "\r\n" } else { "\n" };
        let expected = format!("{text}{head}{soa}{end}@\tNS\tlocalhost.{end}a\tA\t10.0.0.1{end}");
        assert_eq!(file.text(), expected);
    }
}

#[tokio::test]
async fn what_the_head_brings_along_is_there_afterwards() {
    let file = ZoneFile::missing();
    file.apply(&[alone(create("@ NS localhost"))]).await;
    assert_eq!(file.records().await, ["@ 3600 NS localhost"]);
}

#[tokio::test]
async fn a_pipe_is_not_waited_for() {
    let file = ZoneFile::missing();
    assert!(std::process::Command::new("mkfifo").arg(&file.path).status().unwrap().success());
    let error = file.provider.list(&Scope::Zone).await.unwrap_err();
    assert_eq!(error.reaction, Reaction::Refused);
    assert!(error.to_string().contains("not a regular file"), "{error}");
    assert!(file.refusal(create("a A 10.0.0.1")).await.to_string().contains("not a regular file"));
}

#[tokio::test]
async fn what_stands_in_the_way_is_said_with_what_to_do() {
    let file = ZoneFile::with(HEAD);
    fs::create_dir(file.folder.path().join(".example.com.zone.new")).unwrap();
    let error = file.refusal(create("a A 10.0.0.1")).await;
    assert_eq!(error.reaction, Reaction::Refused);
    assert!(error.to_string().contains("/.example.com.zone.new"), "{error}");
    assert!(error.hint.unwrap().contains("move the folder away"));
    let found = file.provider.examine().await.unwrap().join("\n");
    assert!(found.contains("/.example.com.zone.new") && found.contains("move the folder away"), "{found}");

    let file = ZoneFile::missing();
    std::os::unix::fs::symlink("nowhere.zone", &file.path).unwrap();
    let error = file.provider.list(&Scope::Zone).await.unwrap_err();
    assert!(error.to_string().contains("a link to nowhere.zone, which does not exist"), "{error}");
    assert!(error.hint.unwrap().contains("mend the link"));
}

#[tokio::test]
async fn the_zone_comes_from_the_file_where_it_is_not_given() {
    let open = |path: &std::path::Path| {
        Zonefile::open(ZonefileConfig { name: "z".into(), path: path.into(), origin: None, make_missing: false })
    };
    let file = ZoneFile::with(format!("$ORIGIN example.org.\n{HEAD}"));
    assert_eq!(open(&file.path).unwrap().id().zone, name("example.org"));
    let error = open(&file.folder.path().join("none")).unwrap_err();
    assert!(error.hint.unwrap().contains("origin"));
    let error = open(&ZoneFile::with("a.b. A 10.0.0.1\n").path).unwrap_err();
    assert!(error.hint.unwrap().contains("$ORIGIN"));
    let error = file.provider.list(&Scope::Zone).await.unwrap_err();
    assert!(error.to_string().contains("the SOA of example.org"), "{error}");
}

#[tokio::test]
async fn examine_says_what_would_surprise() {
    let file = ZoneFile::with("a A 10.0.0.1\n");
    let found = file.provider.examine().await.unwrap().join("\n");
    for part in ["no SOA", "no NS", "line 1: an entry without a TTL"] {
        assert!(found.contains(part), "{found}");
    }
    let text =
        "@ NS ns\na CNAME b\na TXT x\nc CNAME b\nc CNAME d\ne 60 A 10.0.0.1\ne 61 A 10.0.0.2\nf.org. A 10.0.0.1\n";
    let found = ZoneFile::with(format!("{HEAD}{text}")).provider.examine().await.unwrap();
    assert_eq!(found.len(), 5, "{found:?}");
    let found = found.join("\n");
    for part in [
        "ns.example.com has no address",
        "a.example.com has a CNAME beside TXT",
        "c.example.com has more than one CNAME",
        "A records of e.example.com have different TTLs (60, 61)",
        "line 11: f.org A lies outside example.com",
    ] {
        assert!(found.contains(part), "{part}: {found}");
    }
}

#[tokio::test]
async fn examine_says_which_line_ends_knot_does_not_read() {
    let found = |text: String| async move { ZoneFile::with(text).provider.examine().await.unwrap() };
    assert_eq!(found(format!("; c\r\n{HEAD}a A 10.0.0.1 ; c\r\n")).await, [""; 0]);
    let crlf = found(format!("; c\r\n{}", HEAD.replace('\n', "\r\n"))).await.join("\n");
    assert!(crlf.contains("line 2 ends with CR LF; Knot does not load the zone"), "{crlf}");
    let lone = found(format!("{HEAD}a A 10.0.0.1\rb A 10.0.0.1\n")).await.join("\n");
    assert!(lone.contains("line 4 ends with a lone CR"), "{lone}");
}

#[tokio::test]
async fn the_root_can_be_a_zone() {
    let file = ZoneFile::missing();
    let config =
        ZonefileConfig { name: "z".into(), path: file.path.clone(), origin: Some(Name::root()), make_missing: true };
    let root = Zonefile::open(config).unwrap();
    let example = dnsmgmt_core::record::Record::new(name("example"), data("A", "10.0.0.1"));
    let work = [alone(dnsmgmt_core::provider::Change::Create(example))];
    assert!(matches!(super::file::apply(&root, &work).await[..], [Answer::Accepted]));
    assert_eq!(root.list(&Scope::Zone).await.unwrap().records.len(), 2);
}

#[tokio::test]
async fn an_unreadable_file_is_never_an_empty_zone() {
    for (text, reaction, place) in [
        ("a A 10.0.0.300\n", Reaction::Malformed, ".zone:1:5: "),
        ("$TTL 1h\n\n$INCLUDE other.zone\n", Reaction::Refused, ".zone:3:1: $INCLUDE"),
        ("a A 10.0.0.1\n$GENERATE 1-2 b A 10.0.0.$\n", Reaction::Refused, ".zone:2:1: $GENERATE"),
    ] {
        let file = ZoneFile::with(text);
        let error = file.provider.list(&Scope::Zone).await.unwrap_err();
        assert_eq!(error.reaction, reaction, "{error}");
        assert!(error.to_string().contains(place), "{error}");
        let error = file.refusal(create("x A 10.0.0.1")).await;
        assert!(error.to_string().contains(place), "{error}");
        assert_eq!(file.text(), text);
    }
    let nowhere = super::file::open(std::path::Path::new("/nonexistent/folder/zone"));
    assert_eq!(nowhere.list(&Scope::Zone).await.unwrap_err().reaction, Reaction::Refused);
}
