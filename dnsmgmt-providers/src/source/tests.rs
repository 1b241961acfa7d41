//! What a person gets for what they write.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use dnsmgmt_core::source::{Desired, RecordSource, SourceError};
use tempfile::TempDir;

use super::*;

/// A folder with sources in it.
struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    fn with(path: &str, text: impl AsRef<[u8]>) -> Self {
        let folder = Self::new();
        folder.write(path, text);
        folder
    }

    fn path(&self, path: &str) -> PathBuf {
        self.0.path().join(path)
    }

    fn write(&self, path: &str, text: impl AsRef<[u8]>) -> &Self {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
        self
    }

    fn open(&self, spec: &str) -> Result<Box<dyn RecordSource>, SourceError> {
        open(spec, self.0.path())
    }

    fn desired(&self, spec: &str) -> Result<Desired, SourceError> {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(self.open(spec)?.desired())
    }

    /// Returns what is wanted, a line each, as it would be at the root of a machine.
    fn wanted(&self, spec: &str) -> String {
        let desired = self.desired(spec).unwrap_or_else(|error| panic!("{error}"));
        self.at_root(&shown(&desired))
    }

    /// Returns an error's text as it would be at the root of a machine.
    fn error(&self, spec: &str) -> String {
        let error = self.desired(spec).expect_err(spec);
        let hint = error.hint.as_ref().map_or_else(String::new, |hint| format!("\n{hint}"));
        self.at_root(&format!("{error}{hint}"))
    }

    fn at_root(&self, text: &str) -> String {
        text.replace(self.0.path().to_str().unwrap(), "")
    }
}

fn shown(desired: &Desired) -> String {
    let mut text = String::new();
    for wanted in &desired.wanted {
        let (place, record) = (&wanted.place, &wanted.record);
        write!(text, "{}", record).unwrap();
        let ttl = record.ttl.map(|ttl| format!(" ttl={ttl}"));
        let proxied = record.proxied.map(|proxied| format!(" proxied={proxied}"));
        let comment = record.comment.as_ref().map(|comment| format!(" comment={comment}"));
        let provider = place.provider.as_ref().map(|provider| format!(" provider={provider}"));
        let zone = place.zone.as_ref().map(|zone| format!(" zone={zone}"));
        text.extend([ttl, proxied, comment, provider, zone].into_iter().flatten());
        writeln!(text, " <- {}", wanted.origin).unwrap();
    }
    desired.unreadable.iter().for_each(|(origin, why)| writeln!(text, "unreadable {origin}: {why}").unwrap());
    text
}

mod a_source {
    use super::*;

    #[test]
    fn is_told_by_what_it_is_or_by_what_is_said() {
        let folder = Folder::with("a.toml", "");
        folder.write("a.zone", "$ORIGIN a.example.\n").write("hosts.d/a.toml", "").write("b.toml/a", "");
        let origin = |spec: &str| {
            let desired = folder.desired(spec).unwrap_or_else(|error| panic!("{spec}: {error}"));
            folder.at_root(desired.read[0].as_str())
        };
        assert_eq!(origin("a.toml"), "file:/a.toml");
        assert_eq!(origin("a.zone"), "zone:/a.zone");
        assert_eq!(origin("hosts.d"), "hosts:/hosts.d");
        assert_eq!(origin("b.toml"), "hosts:/b.toml");
        folder.write("zone.toml", "$ORIGIN a.example.\n").write("records", "");
        assert_eq!(origin("zone:zone.toml"), "zone:/zone.toml");
        assert_eq!(origin("file:records"), "file:/records");
        assert_eq!(origin("hosts:hosts.d/"), "hosts:/hosts.d");
        assert!(folder.error("zone.toml").contains("not TOML"));
    }

    #[test]
    fn has_one_origin_however_its_path_is_written() {
        let folder = Folder::with("etc/a.toml", "");
        let absolute = folder.path("etc/a.toml");
        for spec in ["etc/a.toml", "./etc/../etc/./a.toml", "file:etc/a.toml", absolute.to_str().unwrap()] {
            assert_eq!(folder.at_root(folder.desired(spec).unwrap().read[0].as_str()), "file:/etc/a.toml", "{spec}");
        }
        let spec = within("zone:../a.toml", &folder.path("etc/x"));
        assert_eq!(spec, format!("zone:{}", folder.path("etc/x/../a.toml").display()));
    }

    #[cfg(unix)]
    #[test]
    fn that_is_a_link_is_known_by_the_links_path() {
        let folder = Folder::with("v1/a.toml", "[[zones]]\nname = \"a.example\"\nrecords.a = \"10.0.0.1\"");
        std::os::unix::fs::symlink(folder.path("v1/a.toml"), folder.path("a.toml")).unwrap();
        assert_eq!(folder.wanted("a.toml"), "a.a.example A 10.0.0.1 zone=a.example <- file:/a.toml#a.example\n");
    }

    #[test]
    fn that_is_not_there_is_an_error_and_never_empty() {
        let folder = Folder::with("file", "");
        let mut all = String::new();
        for spec in
            ["nowhere.toml", "nowhere/", "file/under", "zone:nowhere", "hosts:file", "file:.", "zone:.", "", "hosts:"]
        {
            writeln!(all, "# {spec}\n{}\n", folder.error(spec)).unwrap();
        }
        insta::assert_snapshot!(all);
    }
}

mod a_declarative_file {
    use super::*;

    fn wanted(text: &str) -> String {
        Folder::with("lab.toml", text).wanted("lab.toml")
    }

    #[test]
    fn says_records_in_every_form_of_its_documentation() {
        insta::assert_snapshot!(wanted(documented("```toml\n")[0]));
    }

    #[test]
    fn has_names_of_zones_and_of_none() {
        let text = r#"
            [[zones]]
            name = "."
            [zones.records]
            nas = "10.0.0.1"
            "a.b" = "nas"
            "c.d." = { type = "SRV", value = "0 0 1 nas" }
            [[zones]]
            name = "Bücher.Example."
            provider = "one"
            [zones.records]
            "@" = { values = ["10.0.0.1", "fd00::1"], ttl = "auto" }
            "Straße" = "10.0.0.1"
            "a.b" = { type = "CNAME", value = "top." }
            "no-mail" = { type = "MX", value = "0 ." }
            sub = { type = "ns", value = "ns.bücher.example" }
            "x.xn--bcher-kva.example。" = "10.0.0.1"
            'a\.' = "10.0.0.1"
        "#;
        insta::assert_snapshot!(wanted(text), @r"
        nas A 10.0.0.1 zone=. <- file:/lab.toml#.
        a.b CNAME nas zone=. <- file:/lab.toml#.
        c.d SRV 0 0 1 nas zone=. <- file:/lab.toml#.
        xn--bcher-kva.example A 10.0.0.1 ttl=auto provider=one zone=xn--bcher-kva.example <- file:/lab.toml#xn--bcher-kva.example
        xn--bcher-kva.example AAAA fd00::1 ttl=auto provider=one zone=xn--bcher-kva.example <- file:/lab.toml#xn--bcher-kva.example
        xn--strae-oqa.xn--bcher-kva.example A 10.0.0.1 provider=one zone=xn--bcher-kva.example <- file:/lab.toml#xn--bcher-kva.example
        a.b.xn--bcher-kva.example CNAME top provider=one zone=xn--bcher-kva.example <- file:/lab.toml#xn--bcher-kva.example
        no-mail.xn--bcher-kva.example MX 0 . provider=one zone=xn--bcher-kva.example <- file:/lab.toml#xn--bcher-kva.example
        sub.xn--bcher-kva.example NS ns.xn--bcher-kva.example provider=one zone=xn--bcher-kva.example <- file:/lab.toml#xn--bcher-kva.example
        x.xn--bcher-kva.example A 10.0.0.1 provider=one zone=xn--bcher-kva.example <- file:/lab.toml#xn--bcher-kva.example
        a\046.xn--bcher-kva.example A 10.0.0.1 provider=one zone=xn--bcher-kva.example <- file:/lab.toml#xn--bcher-kva.example
        ");
    }

    #[test]
    fn may_want_one_zone_at_several_providers() {
        let block = |provider: &str, wildcard_dns: bool| {
            format!(
                "[[zones]]\nname = \"a.example\"\nprovider = \"{provider}\"\nwildcard_dns = {wildcard_dns}\nrecords.a = \"10.0.0.1\"\n"
            )
        };
        let folder = Folder::with("a.toml", block("one", true) + &block("two", false));
        let desired = folder.desired("a.toml").unwrap();
        let rules: Vec<_> =
            desired.zones.iter().map(|rules| (rules.place.provider.as_deref().unwrap(), rules.wildcard_dns)).collect();
        assert_eq!(rules, [("one", true), ("two", false)]);
        assert_eq!(desired.wanted[0].origin, desired.wanted[1].origin, "the zone is the piece, wherever it is kept");
        assert!(desired.judges(&desired.wanted[0].origin));
    }

    #[test]
    fn that_is_empty_wants_nothing() {
        for text in
            ["", "# nothing\n", "[[zones]]\nname = \"a.example\"", "[[zones]]\nname = \"a.example\"\n[zones.records]"]
        {
            let desired = Folder::with("a.toml", text).desired("a.toml").unwrap();
            assert!(desired.wanted.is_empty() && desired.read.len() == 1, "{text}");
        }
    }

    #[test]
    fn that_is_wrong_is_explained_at_the_key() {
        let record = |text: &str| format!("[[zones]]\nname = \"lab.example\"\n[zones.records]\n{text}\n");
        let zone = |text: &str| format!("[[zones]]\n{text}\n");
        let table = [
            "zones = 1".into(),
            "zones = []".into(),
            "zone = []".into(),
            "[zones]\nname = \"lab.example\"".into(),
            zone("name = \"lab.example"),
            zone("nam = \"lab.example\""),
            zone("provider = \"home\""),
            zone("name = \"*.lab.example\""),
            zone("name = \"lab.example\"\nprovider = \"my home\""),
            zone("name = \"lab.example\"\nttl = -1"),
            zone("name = \"lab.example\"\nttl = 2147483648"),
            zone("name = \"lab.example\"\nttl = \"5 apples\""),
            zone("name = \"lab.example\"\nttl = 1.5"),
            zone("name = \"lab.example\"\nwildcard_dns = \"yes\""),
            zone("name = \"lab.example\"\n[[zones]]\nname = \"Lab.Example.\""),
            zone("name = \"lab.example\"\nrecords = [\"10.0.0.1\"]"),
            zone("name = \".\"\n[zones.records]\n\"@\" = \"10.0.0.1\""),
            zone("name = \".\"\n[zones.records]\n\".\" = \"10.0.0.1\""),
            record("@ = \"10.0.0.1\""),
            record("web = 10"),
            record("web = []"),
            record("web = [\"10.0.0.1\", true]"),
            record("web = \"10.0.0.300\""),
            record("web = \"\""),
            record("web = \"a b\""),
            record("\"w b\" = \"10.0.0.1\""),
            record("web.a = \"10.0.0.1\""),
            record("web = { value = \"10.0.0.1\", tll = 60 }"),
            record("web = { type = \"A\" }"),
            record("web = { type = \"A\", value = \"10.0.0.1\", values = [\"10.0.0.2\"] }"),
            record("web = { type = \"A\", value = \"fd00::1\" }"),
            record("web = { type = \"A\", value = 1 }"),
            record("web = { type = \"A\", values = [] }"),
            record("web = { type = \"TXT\", values = [\"a\", 1] }"),
            record("web = { type = \"AA\", value = \"10.0.0.1\" }"),
            record("web = { type = \"CNAME\", value = \"a..b\" }"),
            record("web = { type = \"RRSIG\", value = \"x\" }"),
            record("\"@\" = { type = \"SOA\", value = \"x\" }"),
            record("\"@\" = { type = \"NS\", value = \"ns.lab.example\" }"),
            record("www = \"web\"    # where it is"),
            record("mail = { type = \"MX\", value = \"10 mx\" }"),
            record("\"web.lab.example\" = \"10.0.0.1\""),
            record("\"lab.example\" = \"10.0.0.1\""),
            record("\"web.lab.org.\" = \"10.0.0.1\""),
            record("web = [\"fd00::1\", \"fd00:0::1\"]"),
            record("web = \"10.0.0.1\"\nWEB = { value = \"10.0.0.1\", ttl = 60 }"),
            record("web = \"10.0.0.1\"\n\"web.lab.example.\" = \"10.0.0.1\""),
        ];
        let mut all = String::new();
        for text in table {
            write!(all, "{text}\n\n{}\n\n\n", Folder::with("lab.toml", &text).error("lab.toml")).unwrap();
        }
        insta::assert_snapshot!(all);
    }

    #[test]
    fn that_is_no_text_is_an_error() {
        assert!(Folder::with("a.toml", b"a = \"\xff\"").error("a.toml").contains("UTF-8"));
    }
}

mod a_zone_file {
    use super::*;

    const ZONE: &str = "$ORIGIN lab.example.\n$TTL 1h\n@ SOA ns hm 1 1h 15m 1w 5m\n@ NS ns\n\
        ns A 10.0.0.1\nwww 60 CNAME ns\nsub NS ns\n@ TXT \"a b\" c\nwww.lab.example. 60 CNAME ns\n\
        ns RRSIG A 13 3 300 20260101000000 20250101000000 1 lab.example. AAAA\n";

    #[test]
    fn wants_all_that_does_not_belong_to_the_zone_itself() {
        insta::assert_snapshot!(Folder::with("lab.zone", ZONE).wanted("lab.zone"), @r#"
        ns.lab.example A 10.0.0.1 ttl=3600 zone=lab.example <- zone:/lab.zone
        www.lab.example CNAME ns.lab.example ttl=60 zone=lab.example <- zone:/lab.zone
        sub.lab.example NS ns.lab.example ttl=3600 zone=lab.example <- zone:/lab.zone
        lab.example TXT "a bc" ttl=3600 zone=lab.example <- zone:/lab.zone
        "#);
    }

    #[test]
    fn leaves_open_what_it_does_not_say() {
        let folder = Folder::with("lab.zone", "$ORIGIN lab.example.\na A 10.0.0.1\nb 60 A 10.0.0.2\nc A 10.0.0.3\n");
        insta::assert_snapshot!(folder.wanted("lab.zone"), @r"
        a.lab.example A 10.0.0.1 zone=lab.example <- zone:/lab.zone
        b.lab.example A 10.0.0.2 ttl=60 zone=lab.example <- zone:/lab.zone
        c.lab.example A 10.0.0.3 ttl=60 zone=lab.example <- zone:/lab.zone
        ");
    }

    #[test]
    fn is_read_completely_or_not_at_all() {
        let mut all = String::new();
        for text in [
            "",
            "www.lab.example. A 10.0.0.1\n",
            &format!("{ZONE}$INCLUDE other\n"),
            &format!("{ZONE}$GENERATE 1-2 a$ A 10.0.0.$\n"),
            &format!("{ZONE}a A 10.0.0.300\n"),
            &format!("{ZONE}a CH A 10.0.0.1\n"),
            &format!("{ZONE}other.example. A 10.0.0.1\n"),
            &format!("{ZONE}a APL\n"),
        ] {
            let last = text.lines().last().unwrap_or_default();
            writeln!(all, "{last}\n{}\n", Folder::with("lab.zone", text).error("lab.zone")).unwrap();
        }
        insta::assert_snapshot!(all);
    }
}

mod a_hosts_directory {
    use super::*;

    #[test]
    fn wants_every_name_of_every_line() {
        let folder =
            Folder::with("d/b", "\u{feff}10.0.0.1\tnas NAS.lab.example. # the nas\r\n\r\n# c\n  fd00::1 nas\n");
        folder.write(
            "d/a",
            "10.0.0.1 nas\n10.0.0.1 nas nas\n127.0.0.1 localhost dev\n0.0.0.0 ads.example\nfe80::1 link#x",
        );
        insta::assert_snapshot!(folder.wanted("d"), @r"
        nas A 10.0.0.1 <- hosts:/d#a
        dev A 127.0.0.1 <- hosts:/d#a
        ads.example A 0.0.0.0 <- hosts:/d#a
        link AAAA fe80::1 <- hosts:/d#a
        nas A 10.0.0.1 <- hosts:/d#b
        nas.lab.example A 10.0.0.1 <- hosts:/d#b
        nas AAAA fd00::1 <- hosts:/d#b
        ");
    }

    #[test]
    fn leaves_out_what_a_systems_own_file_says_about_the_machine() {
        let system = "127.0.0.1 localhost localhost.localdomain localhost4 db.localhost\n::1 localhost ip6-localhost ip6-loopback localhost6\n\
            fe00::0 ip6-localnet\nff00::0 ip6-mcastprefix\nff02::1 ip6-allnodes\nff02::2 ip6-allrouters\n\
            255.255.255.255 broadcasthost\nfe80::1%lo0 localhost\n127.0.1.1 host\n";
        assert_eq!(Folder::with("d/hosts", system).wanted("d"), "host A 127.0.1.1 <- hosts:/d#hosts\n");
    }

    #[test]
    fn names_the_files_that_it_cannot_read_and_reads_the_others() {
        let folder = Folder::with("d/good", "10.0.0.1 good");
        for (name, text) in [
            ("no-address", &b"10.0.0.1 a\nnas 10.0.0.1"[..]),
            ("no-name", b"10.0.0.1 # nas"),
            ("bad-name", b"10.0.0.1 a..b"),
            ("scope", b"fe80::1%eth0 nas"),
            ("octets", b"10.0.0.1 a\n10.0.0.1 b\xff"),
            (".hidden", b"x"),
            ("old~", b"x"),
            ("folder/file", b"x"),
        ] {
            folder.write(&format!("d/{name}"), text);
        }
        insta::assert_snapshot!(folder.wanted("d"), @r"
        good A 10.0.0.1 <- hosts:/d#good
        unreadable hosts:/d#bad-name: line 1: `a..b` has an empty label: two dots in a row, or a dot at the start
        unreadable hosts:/d#no-address: line 2: `nas` is not an IP address
        unreadable hosts:/d#no-name: line 1: no name stands behind 10.0.0.1
        unreadable hosts:/d#octets: line 2: not UTF-8
        unreadable hosts:/d#scope: line 1: `fe80::1%eth0` means something on one machine alone, and no record can hold the `%eth0`
        ");
        let desired = folder.desired("d").unwrap();
        assert!(desired.judges(&desired.wanted[0].origin));
        assert!(desired.judges(&desired.read[0].piece("gone")), "a file that is no longer there wants nothing");
        assert!(!desired.judges(&desired.read[0].piece("scope")), "nobody knows what it wants");
    }

    #[cfg(unix)]
    #[test]
    fn follows_links_and_never_takes_a_file_that_vanished_for_an_empty_one() {
        use std::os::unix::ffi::OsStrExt as _;
        let folder = Folder::with("d/..v1/a", "10.0.0.1 a");
        std::os::unix::fs::symlink("..v1/a", folder.path("d/a")).unwrap();
        std::os::unix::fs::symlink("..v1/b", folder.path("d/b")).unwrap();
        fs::write(folder.path("d").join(std::ffi::OsStr::from_bytes(b"c\xff")), "10.0.0.1 c").unwrap();
        insta::assert_snapshot!(folder.wanted("d"), @r"
        a A 10.0.0.1 <- hosts:/d#a
        unreadable hosts:/d#b: No such file or directory (os error 2)
        unreadable hosts:/d#c�: its name is not UTF-8
        ");
    }
}

mod the_documentation {
    use super::*;

    #[test]
    fn has_files_that_are_understood() {
        for text in documented("```toml\n") {
            assert!(Folder::with("a.toml", text).desired("a.toml").unwrap().wanted.len() > 1);
        }
        for (fence, spec, path) in [("```zone\n", "a.zone", "a.zone"), ("```hosts\n", "d", "d/a")] {
            let [text] = documented(fence)[..] else { panic!("{fence}") };
            let desired = Folder::with(path, text).desired(spec).unwrap();
            assert!(desired.wanted.len() > 1 && desired.unreadable.is_empty(), "{desired:?}");
        }
        let lab = open("examples/lab.toml", &Path::new(env!("CARGO_MANIFEST_DIR")).join(".."));
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let desired = runtime.block_on(lab.unwrap().desired()).unwrap();
        let types: Vec<String> = desired.wanted.iter().map(|wanted| wanted.record.rtype().to_string()).collect();
        assert!(
            ["A", "AAAA", "CNAME", "TXT"].iter().all(|rtype| types.iter().any(|found| found == rtype)),
            "{types:?}"
        );
    }
}

/// Returns the blocks of docs/records.md behind that fence.
fn documented(fence: &str) -> Vec<&'static str> {
    let blocks = include_str!("../../../docs/records.md").split(fence).skip(1);
    blocks.map(|rest| rest.split("```").next().unwrap()).collect()
}
