//! Zones that are changed by DNS UPDATE.

use super::*;

const SECRET: &str = "aHVudGVyMmh1bnRlcjI=";
const TABLE: &str = "[providers.lab]\nkind = \"rfc2136\"\nserver = \"ns1.lab.example\"\nzone = \"Lab.Example.\"\n";

fn selected(machine: &Machine, variables: Variables<'_>) -> Result<String, Diagnostic> {
    machine.load(variables)?.select(None, None, None).map(|target| summary(&target))
}

#[test]
fn variables_alone_configure_one() {
    let machine = Machine::new("");
    let all = [
        ("RFC2136_SERVER", "192.0.2.1:5353"),
        ("RFC2136_ZONE", "lab.example"),
        ("RFC2136_TSIG_NAME", "key.lab.example"),
        ("RFC2136_TSIG_SECRET", SECRET),
        ("RFC2136_TSIG_ALGORITHM", "HMAC-SHA512"),
    ];
    assert_eq!(
        selected(&machine, &all).unwrap(),
        "rfc2136: 192.0.2.1:5353 lab.example TsigKey(key.lab.example hmac-sha512) Transfer"
    );
    let usual = selected(&machine, &all[..4]).unwrap();
    assert_eq!(usual, "rfc2136: 192.0.2.1:5353 lab.example TsigKey(key.lab.example hmac-sha256) Transfer");
    machine.write("secret", SECRET);
    let mut by_file = all;
    by_file[3] = ("RFC2136_TSIG_SECRET_FILE", "@secret");
    assert_eq!(selected(&machine, &by_file[..4]).unwrap(), usual);
    for missing in 1..4 {
        let but_one: Vec<(&str, &str)> =
            all.iter().enumerate().filter(|(at, _)| *at != missing).map(|(_, one)| *one).collect();
        let error = selected(&machine, &but_one).unwrap_err().to_string();
        assert!(error.contains(all[missing].0), "{error}");
    }
}

#[test]
fn the_key_may_be_a_file_of_bind_or_of_knot() {
    let bind = format!("key \"one\" {{ algorithm hmac-sha384; secret \"{SECRET}\"; }};");
    let knot = format!("key:\n  - id: one\n    algorithm: hmac-sha384\n    secret: {SECRET}\n");
    for text in [bind, knot] {
        let machine = Machine::new(&format!("{TABLE}tsig_key_file = \"tsig.key\"\nlisting = \"names\""));
        machine.write("etc/dnsmgmt/tsig.key", &text);
        let one = selected(&machine, &[]).unwrap();
        assert_eq!(one, "lab: ns1.lab.example:53 lab.example TsigKey(one hmac-sha384) Names");
    }
}

#[test]
fn the_secret_may_be_a_file_or_the_kinds_variable() {
    let machine = Machine::new(&format!("{TABLE}tsig_name = \"one\"\ntsig_secret_file = \"secret\""));
    machine.write("etc/dnsmgmt/secret", SECRET);
    let one = "lab: ns1.lab.example:53 lab.example TsigKey(one hmac-sha256) Transfer";
    assert_eq!(selected(&machine, &[]).unwrap(), one);
    let machine = Machine::new(&format!("{TABLE}tsig_name = \"one\""));
    assert_eq!(selected(&machine, &[("RFC2136_TSIG_SECRET", SECRET)]).unwrap(), one);
}

#[test]
fn its_mistakes_are_shown_without_the_secret() {
    let mut all = String::new();
    for rest in [
        "",
        "tsig_name = \"one\"",
        "tsig_name = \"one\"\ntsig_secret = \"hunter2!\"",
        "tsig_name = \"one\"\ntsig_secret = \"hunter2=\"\ntsig_algorithm = \"hmac-md5\"",
        "tsig_key_file = \"tsig.key\"\ntsig_secret = \"hunter2=\"",
        "tsig_key_file = \"tsig.key\"",
        "tsig_key_file = \"missing.key\"",
        "tsig_name = \"one\"\ntsig_secret = \"hunter2=\"\nlisting = \"axfr\"",
        "tsig_name = \"one\"\ntoken = \"hunter2=\"",
    ] {
        let machine = Machine::new(&format!("{TABLE}{rest}"));
        machine.write("etc/dnsmgmt/tsig.key", "key one { secret hunter2; };");
        let error = machine.shown(&selected(&machine, &[]).expect_err(rest));
        writeln!(all, "{error}\n").unwrap();
    }
    let machine = Machine::new(&TABLE.replace("ns1.lab.example", "https://ns1.lab.example"));
    writeln!(all, "{}", machine.shown(&selected(&machine, &[]).unwrap_err())).unwrap();
    assert!(!all.contains("hunter2"), "{all}");
    insta::assert_snapshot!(all);
}
