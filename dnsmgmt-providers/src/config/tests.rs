//! What a person gets for what they configure.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use dnsmgmt_core::name::Name;
use secrecy::ExposeSecret as _;
use tempfile::TempDir;

use super::diagnostic::Source;
use super::docker::{DOCKER, HOST};
use super::file::{self, CLOUDFLARE_ZONE, TOP_LEVEL, ZONEFILE_ZONE};
use super::heartbeat::{HEARTBEAT, RANGE};
use super::traefik::TRAEFIK;
use super::whole::WHOLE;
use super::{Bound, Diagnostic, Environment, Kind, Settings, Target, VARIABLES};
use crate::cloudflare::CloudflareZone;

mod heartbeat;
mod live;
mod monitoring;

/// Every secret in these tests has it, and no text that is shown may.
const SECRET: &str = "hunter2";
const ID: &str = "023e105f4ecef8ad9ca31a8372d0c353";
const HOUSE: &str = r#"
[providers.home]
kind = "adguard"
url = "http://192.168.1.2"

[providers.public]
kind = "cloudflare"
token = "hunter2-token"
zones = ["example.com", { name = "sub.example.com", id = "023e105f4ecef8ad9ca31a8372d0c353" }]

[providers.lab]
kind = "zonefile"
zones = [{ name = "lab.example", path = "zones/lab" }, { name = "b.lab.example", path = "/srv/b" }]
"#;

type Variables<'a> = &'a [(&'a str, &'a str)];

fn name(text: &str) -> Name {
    Name::parse(text).unwrap()
}

/// A folder with a configuration.
struct Machine(TempDir);

impl Machine {
    fn new(configuration: &str) -> Self {
        let machine = Self(TempDir::new().unwrap());
        if !configuration.is_empty() {
            machine.write("etc/dnsmgmt/dnsmgmt.toml", configuration);
        }
        machine
    }

    fn path(&self, path: &str) -> PathBuf {
        self.0.path().join(path)
    }

    fn write(&self, path: &str, text: &str) -> &Self {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
        self
    }

    /// `@` at the start of a value is the machine's folder.
    fn load(&self, variables: Variables<'_>) -> Result<Settings, Diagnostic> {
        let place = |value: &str| match value.strip_prefix('@') {
            Some(path) => self.path(path).into_os_string(),
            None => value.into(),
        };
        let environment = variables.iter().map(|(name, value)| (*name, place(value))).collect();
        Settings::load_from(environment, None, &self.path("etc"))
    }

    /// Returns an error's text as it would be at the root of a machine.
    fn shown(&self, error: &Diagnostic) -> String {
        error.to_string().replace(self.0.path().to_str().unwrap(), "")
    }
}

fn alone(variables: Variables<'_>) -> Settings {
    Machine::new("").load(variables).unwrap()
}

fn house() -> (Machine, Settings) {
    let machine = Machine::new(HOUSE);
    let settings = machine.load(&[]).unwrap();
    (machine, settings)
}

/// Says in one line what a target leads to.
fn summary(target: &Target) -> String {
    let name = target.provider();
    match &target.service {
        Bound::Zonefile(config) => format!("{name}: {} {:?}", config.path.display(), config.origin),
        Bound::AdGuard(config) => {
            let login = config.credentials.as_ref();
            let login = login.map(|login| format!(" as {}:{}", login.username, login.password.expose_secret()));
            format!("{name}: {}{}", config.url, login.unwrap_or_default())
        }
        Bound::Cloudflare(config) => {
            let zone = match &config.zone {
                CloudflareZone::Id(id) => format!("#{id}"),
                CloudflareZone::Name(name) => name.to_string(),
                CloudflareZone::IdAndName { id, name } => format!("{name} #{id}"),
            };
            format!("{name}: {} {} {zone} {}", config.url, config.token.expose_secret(), config.batch)
        }
        Bound::CloudflareToken(token) => format!("{name}: {} {} ?", token.url, token.token.expose_secret()),
        Bound::Rfc2136(config) => {
            format!("{name}: {} {} {:?} {:?}", config.server, config.zone, config.key, config.listing)
        }
        Bound::PowerDns(config) => {
            format!("{name}: {} {} {} {}", config.url, config.api_key.expose_secret(), config.server_id, config.zone)
        }
        Bound::Webhook(config) => format!("{name}: {} {:?}", config.url, config.zone),
    }
}

mod rfc2136;

mod variables {
    use super::*;

    #[test]
    fn alone_configure_a_provider() {
        let table: &[(Variables<'_>, &str)] = &[
            (&[("ZONEFILE_PATH", "a.zone")], "zonefile: a.zone None"),
            (
                &[("ZONEFILE_PATH", "a.zone"), ("ZONEFILE_ORIGIN", "Lab.Example.")],
                "zonefile: a.zone Some(Name(lab.example))",
            ),
            (&[("ADGUARD_URL", "http://dns:3000")], "adguard: http://dns:3000"),
            (&[("ADGUARD_HOST", "dns:3000")], "adguard: http://dns:3000"),
            (&[("ADGUARD_HOST", "fd00::1")], "adguard: http://[fd00::1]"),
            (&[("ADGUARD_HOST", "dns"), ("ADGUARD_PROTOCOL", "https")], "adguard: https://dns"),
            (&[("ADGUARD_HOST", "dns"), ("ADGUARD_URL", ""), ("ADGUARD_USERNAME", "")], "adguard: http://dns"),
            (
                &[("ADGUARD_URL", "http://dns"), ("ADGUARD_USERNAME", "admin"), ("ADGUARD_PASSWORD", "x y ")],
                "adguard: http://dns as admin:x y ",
            ),
            (&[("CF_API_TOKEN", "t")], "cloudflare: https://api.cloudflare.com/client/v4 t ?"),
            (
                &[("CF_API_TOKEN", "t"), ("CF_ZONE", "a.example"), ("CF_API_URL", "http://[::1]:1/v4")],
                "cloudflare: http://[::1]:1/v4 t a.example 200",
            ),
            (
                &[("CF_API_TOKEN", "t"), ("CF_ZONE_ID", ID)],
                "cloudflare: https://api.cloudflare.com/client/v4 t #023e105f4ecef8ad9ca31a8372d0c353 200",
            ),
            (
                &[("CF_API_TOKEN", "t"), ("CF_ZONE_ID", ID), ("CF_ZONE", "a.example")],
                "cloudflare: https://api.cloudflare.com/client/v4 t a.example #023e105f4ecef8ad9ca31a8372d0c353 200",
            ),
            (
                &[("PDNS_API_URL", "http://dns:8081"), ("PDNS_API_KEY", "k"), ("PDNS_ZONE", "A.Example.")],
                "powerdns: http://dns:8081 k localhost a.example",
            ),
            (
                &[
                    ("PDNS_API_URL", "http://dns"),
                    ("PDNS_API_KEY", "k"),
                    ("PDNS_ZONE", "a.example"),
                    ("PDNS_SERVER_ID", "two"),
                ],
                "powerdns: http://dns k two a.example",
            ),
            (&[("WEBHOOK_URL", "http://[::1]:8888")], "webhook: http://[::1]:8888 None"),
            (
                &[("WEBHOOK_URL", "http://[::1]:8888"), ("WEBHOOK_ZONE", "Lab.Example.")],
                "webhook: http://[::1]:8888 Some(Name(lab.example))",
            ),
        ];
        for (variables, expected) in table {
            let target = alone(variables).select(None, None, None).unwrap();
            assert_eq!(summary(&target), *expected, "{variables:?}");
        }
    }

    #[test]
    fn come_from_the_variable_or_a_file_or_a_credential() {
        let machine = Machine::new("");
        machine.write("token", "from-file\r\n").write("credentials/cf_api_token", "from-credential\n");
        machine.write("empty-credential/CF_API_TOKEN", "\n").write("upper/CF_API_TOKEN", "upper");
        machine.write("upper/cf_api_token", "lower").write("mark", "\u{feff}marked\n");
        machine.write("half/CF_API_TOKEN", " \n").write("half/cf_api_token", "lower");
        let credentials = ("CREDENTIALS_DIRECTORY", "@credentials");
        let table: &[(Variables<'_>, Option<&str>)] = &[
            (&[("CF_API_TOKEN", "set"), credentials], Some("set")),
            (&[("CF_API_TOKEN_FILE", "@token"), credentials], Some("from-file")),
            (&[("CF_API_TOKEN_FILE", "@token"), ("CF_API_TOKEN", ""), credentials], Some("from-file")),
            (&[credentials], Some("from-credential")),
            (&[("CREDENTIALS_DIRECTORY", "@upper")], Some("upper")),
            (&[("CREDENTIALS_DIRECTORY", "@half")], Some("lower")),
            (&[("CF_API_TOKEN_FILE", "@mark")], Some("marked")),
            (&[("CREDENTIALS_DIRECTORY", "credentials")], None),
            (&[("CREDENTIALS_DIRECTORY", "@nowhere")], None),
        ];
        for (variables, expected) in table {
            let settings = machine.load(variables).unwrap();
            let token = settings.select(None, None, None).ok().map(|target| match target.service {
                Bound::CloudflareToken(token) => token.token.expose_secret().to_owned(),
                other => panic!("{other:?}"),
            });
            assert_eq!(token.as_deref(), *expected, "{variables:?}");
        }
        let empty = machine.load(&[("CREDENTIALS_DIRECTORY", "@empty-credential")]).unwrap();
        assert!(empty.select(None, None, None).is_err(), "an empty credential is none");
        let other = machine.load(&[("CREDENTIALS_DIRECTORY", "@empty-credential"), ("ZONEFILE_PATH", "lab")]).unwrap();
        assert_eq!(other.select(None, None, None).unwrap().provider(), "zonefile", "nor one beside another");
    }

    #[test]
    fn that_are_wrong_stop_only_the_provider_that_they_configure() {
        let machine = Machine::new(HOUSE);
        let variables = [
            ("CF_API_TOKEN", "x"),
            ("CF_ZONE_FILE", "@nowhere"),
            ("ADGUARD_URL", "x"),
            ("ADGUARD_URL_FILE", "@nowhere"),
        ];
        let settings = machine.load(&variables).unwrap();
        assert_eq!(settings.select(None, None, Some(&name("a.lab.example"))).unwrap().provider(), "lab");
        let error = settings.select(Some("cloudflare"), None, None).unwrap_err();
        assert_eq!(
            machine.shown(&error),
            "could not read the file /nowhere (`CF_ZONE_FILE`): No such file or directory (os error 2)"
        );
        let error = settings.select(Some("adguard"), None, None).unwrap_err();
        assert!(error.to_string().starts_with("both `ADGUARD_URL` and `ADGUARD_URL_FILE` are set"), "{error}");
        let alone = Machine::new("");
        let settings = alone.load(&[&variables[..], &[("ZONEFILE_PATH", "lab")]].concat()).unwrap();
        assert_eq!(settings.select(Some("zonefile"), None, None).unwrap().provider(), "zonefile");
        let all: Vec<_> = settings.every_target(None).unwrap().collect();
        let usable: Vec<_> = all.iter().map(|(provider, target)| (provider.name(), target.is_ok())).collect();
        assert_eq!(usable, [("zonefile", true), ("adguard", false), ("cloudflare", false)]);
    }

    #[test]
    fn can_each_be_given_as_a_file() {
        let machine = Machine::new("");
        for variable in VARIABLES {
            let file = format!("{}_FILE", variable.name);
            machine.write("value", "some value\n");
            let environment: Environment = [(file, machine.path("value"))].into_iter().collect();
            assert_eq!(environment.value(variable).unwrap().unwrap().text, "some value");
        }
    }

    #[test]
    fn name_the_zone_whose_id_is_given() {
        let settings = alone(&[("CF_API_TOKEN", "t"), ("CF_ZONE_ID", ID)]);
        let target = settings.select(None, Some(&name("a.example")), None).unwrap();
        assert!(summary(&target).contains("a.example #023e"), "{target:?}");
    }

    #[test]
    fn leave_the_files_providers_alone_unless_asked_for() {
        let machine = Machine::new(HOUSE);
        let variables = [("ADGUARD_URL", "http://other"), ("CF_API_TOKEN", "other")];
        let settings = machine.load(&variables).unwrap();
        let names: Vec<String> =
            settings.providers().map(|provider| format!("{} {}", provider.name(), provider.origin())).collect();
        let etc = machine.path("etc/dnsmgmt/dnsmgmt.toml");
        let line = |name: &str, line: usize| format!("{name} {}:{line}", etc.display());
        let expected = [line("home", 2), line("public", 6), line("lab", 11)];
        assert_eq!(names[..3], expected);
        assert_eq!(names[3..], ["adguard ADGUARD_URL", "cloudflare CF_API_TOKEN"]);
        let www = name("www.example.com");
        assert_eq!(settings.select(None, None, Some(&www)).unwrap().provider(), "public");
        assert_eq!(summary(&settings.select(Some("adguard"), None, Some(&www)).unwrap()), "adguard: http://other");
        let named = machine.load(&[&variables[..], &[("DNSMGMT_PROVIDER", "adguard")]].concat()).unwrap();
        assert_eq!(summary(&named.select(None, None, Some(&www)).unwrap()), "adguard: http://other");
        assert_eq!(named.select(Some("public"), None, Some(&www)).unwrap().provider(), "public", "a flag comes first");
    }

    #[test]
    fn fill_the_secrets_that_the_file_leaves_out() {
        let machine = Machine::new(
            r#"
            [providers.public]
            kind = "cloudflare"
            zones = ["example.com"]
            [providers.home]
            kind = "adguard"
            url = "http://dns"
            username = "admin"
            [providers.open]
            kind = "adguard"
            url = "http://open"
            "#,
        );
        let settings = machine.load(&[("CF_API_TOKEN", "t"), ("ADGUARD_PASSWORD", "p")]).unwrap();
        let of = |name| summary(&settings.select(Some(name), None, None).unwrap());
        assert!(of("public").contains(" t example.com"), "{}", of("public"));
        assert_eq!(of("home"), "home: http://dns as admin:p");
        assert_eq!(of("open"), "open: http://open", "no user, no authentication");
    }

    #[test]
    fn that_are_wrong_are_explained() {
        let machine = Machine::new("");
        machine.write("two-lines", "hunter2\nhunter2\n").write("empty", "\n").write("zone", "a..b\n");
        let token = ("CF_API_TOKEN", "hunter2");
        let adguard = ("ADGUARD_URL", "http://dns");
        let table: &[Variables<'_>] = &[
            &[("CF_API_TOKEN", "hunter2"), ("CF_API_TOKEN_FILE", "@token")],
            &[("CF_API_TOKEN_FILE", "@nowhere")],
            &[("CF_API_TOKEN_FILE", "@two-lines")],
            &[("CF_API_TOKEN_FILE", "@empty")],
            &[token, ("CF_ZONE", "a.example, b c")],
            &[token, ("CF_ZONE_FILE", "@zone")],
            &[token, ("CF_ZONE", "a.example,A.example.")],
            &[token, ("CF_ZONE_ID", "example.com")],
            &[token, ("CF_ZONE_ID", "hunter2-zxcvbnmasdfghjklqwertyuiop")],
            &[("CF_API_TOKEN_FILE", "hunter2-zxcvbnmasdfghjklqwertyuiop")],
            &[("CF_API_TOKEN_FILE", "hunter2/zxcvbnmasdfghjklqwertyuiop")],
            &[token, ("CF_ZONE_ID", ID), ("CF_ZONE", "a.example,b.example")],
            &[token, ("CF_API_URL", "api.example")],
            &[("ADGUARD_URL", "ftp://dns")],
            &[("ADGUARD_URL", "http://admin:hunter2@dns")],
            &[("ADGUARD_URL", "http://dns:99999")],
            &[("ADGUARD_URL", "http://dns/?x=1")],
            &[adguard, ("ADGUARD_HOST", "dns")],
            &[("ADGUARD_HOST", "http://dns")],
            &[("ADGUARD_HOST", "dns"), ("ADGUARD_PROTOCOL", "ftp")],
            &[("ADGUARD_HOST", "d ns")],
            &[adguard, ("ADGUARD_USERNAME", "admin")],
            &[adguard, ("ADGUARD_PASSWORD", "hunter2")],
            &[("ZONEFILE_PATH", "a"), ("ZONEFILE_ORIGIN", ".")],
            &[("ZONEFILE_PATH", "a"), ("ZONEFILE_ORIGIN", "*.example")],
            &[("WEBHOOK_URL", "localhost:8888")],
            &[("WEBHOOK_URL", "http://localhost:8888"), ("WEBHOOK_ZONE", ".")],
            &[("WEBHOOK_ZONE", "lab.example")],
            &[("DNSMGMT_CONFIG", "@nowhere.toml")],
            &[],
            &[("HOME", "@home")],
            &[("CF_ZONE_ID", ID), ("ADGUARD_USERNAME", "admin")],
            &[("DNSMGMT_PROVIDER", "adguard")],
            &[("DNSMGMT_PROVIDER", "home")],
            &[token, adguard],
            &[token, ("DNSMGMT_PROVIDER", "home")],
        ];
        let mut all = String::new();
        for variables in table {
            let error = machine.load(variables).and_then(|settings| settings.select(None, None, None)).unwrap_err();
            let set: Vec<String> = variables.iter().map(|(name, value)| format!("{name}={value}")).collect();
            write!(all, "{}\n{}\n\n", set.join(" ").replace(SECRET, "SECRET"), machine.shown(&error)).unwrap();
        }
        assert!(!all.contains(SECRET), "{all}");
        insta::assert_snapshot!(all);
    }

    #[cfg(unix)]
    #[test]
    fn that_are_not_text_are_an_error_and_not_ignored() {
        use std::os::unix::ffi::OsStringExt as _;
        let environment = [("DNSMGMT_PROVIDER", std::ffi::OsString::from_vec(vec![0xff]))].into_iter().collect();
        let error = Settings::load_from(environment, None, Path::new("/nowhere")).unwrap_err();
        assert_eq!(error.to_string(), "`DNSMGMT_PROVIDER` is not UTF-8");
    }
}

mod the_file {
    use super::*;

    fn read(text: &str) -> Result<file::File, Diagnostic> {
        file::read(&Source { path: "/etc/dnsmgmt/dnsmgmt.toml".into(), text: text.into(), secretive: true })
    }

    #[test]
    fn is_looked_for_with_the_user_and_then_in_etc() {
        let machine = Machine::new("default = \"etc\"\nproviders.etc = { kind = \"adguard\", url = \"http://etc\" }");
        let file = |name: &str| format!("[providers.{name}]\nkind = \"adguard\"\nurl = \"http://{name}\"\n");
        machine.write("home/.config/dnsmgmt/dnsmgmt.toml", &file("home"));
        machine.write("xdg/dnsmgmt/dnsmgmt.toml", &file("xdg")).write("named.toml", &file("named"));
        let first =
            |variables: &[(&str, &str)]| machine.load(variables).unwrap().providers().next().unwrap().name().to_owned();
        assert_eq!(first(&[]), "etc");
        assert_eq!(first(&[("HOME", "@nobody")]), "etc");
        assert_eq!(first(&[("HOME", "@named.toml")]), "etc", "a home that is a file has no configuration");
        assert_eq!(first(&[("HOME", "@home")]), "home");
        assert_eq!(first(&[("HOME", "@home"), ("XDG_CONFIG_HOME", "@xdg")]), "xdg");
        assert_eq!(first(&[("HOME", "@home"), ("XDG_CONFIG_HOME", "relative")]), "home");
        assert_eq!(first(&[("HOME", "@home"), ("DNSMGMT_CONFIG", "@named.toml")]), "named");
        let environment: Environment = [("DNSMGMT_CONFIG", machine.path("nowhere"))].into_iter().collect();
        let settings = Settings::load(environment, Some(&machine.path("named.toml"))).unwrap();
        assert_eq!(settings.path(), Some(&*machine.path("named.toml")));
    }

    #[test]
    fn that_is_named_must_exist() {
        let error = Settings::load(Environment::default(), Some(Path::new("/nowhere.toml"))).unwrap_err();
        insta::assert_snapshot!(error, @"could not read the configuration /nowhere.toml: No such file or directory (os error 2)");
    }

    #[test]
    fn has_paths_that_are_relative_to_it() {
        let (machine, settings) = house();
        let of = |zone: &str| summary(&settings.select(None, Some(&name(zone)), None).unwrap());
        let expected = machine.path("etc/dnsmgmt/zones/lab");
        assert_eq!(of("lab.example"), format!("lab: {} Some(Name(lab.example))", expected.display()));
        assert_eq!(of("b.lab.example"), "lab: /srv/b Some(Name(b.lab.example))");
    }

    #[test]
    fn may_name_a_secrets_file_beside_it() {
        let machine = Machine::new(
            "[providers.p]\nkind = \"cloudflare\"\ntoken_file = \"token\"\nzones = [\"a.example\"]\nbatch = 3_500",
        );
        machine.write("etc/dnsmgmt/token", "from-file\n");
        let target = machine.load(&[]).unwrap().select(None, None, None).unwrap();
        assert_eq!(summary(&target), "p: https://api.cloudflare.com/client/v4 from-file a.example 3500");
    }

    #[cfg(unix)]
    #[test]
    fn that_all_can_read_is_warned_about_only_with_a_secret_in_it() {
        use std::os::unix::fs::PermissionsExt as _;
        let (machine, _) = house();
        let warnings = |mode: u32| {
            let path = machine.path("etc/dnsmgmt/dnsmgmt.toml");
            fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
            let settings = machine.load(&[]).unwrap();
            settings.warnings().iter().map(|warning| machine.shown(warning)).collect::<Vec<_>>().join("\n")
        };
        assert_eq!(warnings(0o640), "");
        insta::assert_snapshot!(warnings(0o644), @r"
        everybody on this machine can read the API token in this file
         --> /etc/dnsmgmt/dnsmgmt.toml:8:1
          |
        8 | token = ...
          | ^^^^^
          |
          = help: move it to a file of its own and name that with `token_file`, or `chmod o-r` this one
        ");
        machine.write("etc/dnsmgmt/dnsmgmt.toml", &HOUSE.replace("token =", "token_file ="));
        assert_eq!(warnings(0o644), "");
        machine.write("etc/dnsmgmt/hunter2-token", "secret");
        let path = machine.path("etc/dnsmgmt/hunter2-token");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        assert_eq!(warnings(0o644), "");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        insta::assert_snapshot!(warnings(0o640));
    }

    #[test]
    fn may_name_a_hundred_thousand_zones() {
        let zones: String = (0..100_000).map(|number| format!("\"z{number}.example\",")).collect();
        let file = read(&format!("[providers.p]\nkind = \"cloudflare\"\nzones = [{zones}]")).unwrap();
        assert_eq!(file.providers[0].zones().len(), 100_000);
    }

    #[test]
    fn that_is_wrong_is_explained_at_the_key() {
        let table = [
            "kind = ",
            "token = \"hunter2",
            "[providers.x]\npassword = \"\"\"\nhunter2\n\"\"",
            "[providers.x]\ntoken = hunter2",
            "[providers.x\nkind = \"adguard\"",
            "[providers.x]\nkind = \"adguard\"\n[providers.x]\n",
            "[provider.home]\nkind = \"adguard\"",
            "default = \"hom\"\n[providers.home]\nkind = \"adguard\"\nurl = \"http://dns\"",
            "default = \"home\"",
            "default = 1",
            "providers = 1",
            "providers.home = \"adguard\"",
            "[providers.\"my home\"]\nkind = \"adguard\"",
            "[providers.home]\nurl = \"http://dns\"",
            "[providers.home]\nkind = \"adgaurd\"",
            "[providers.home]\nkind = \"adguard\"",
            "[providers.home]\nkind = \"adguard\"\nurll = \"http://dns\"",
            "[providers.home]\nkind = \"adguard\"\nurl = \"http://dns\"\nzones = [\"example.com\"]",
            "[providers.home]\nkind = \"adguard\"\nurl = \"dns:3000\"",
            "[providers.home]\nkind = \"adguard\"\nurl = \"http://admin:hunter2@dns\"",
            "[providers.home]\nkind = \"adguard\"\nurl = \"admin:hunter2@192.168.1.2\"",
            "[providers.home]\nkind = \"adguard\"\nurl = \"//admin:hunter2@dns\"",
            "[providers.home]\nkind = \"adguard\"\nurl = \"http:/admin:hunter2@dns\"",
            "[providers.home]\nkind = \"adguard\"\nurl = \"//admin:hunter2\\u0040dns\"",
            "[providers.home]\nkind = \"adguard\"\nurl = \"http://dns\"\npassword = \"hunter2\"",
            "[providers.home]\nkind = \"adguard\"\nurl = \"http://dns\"\nusername = \"a\"\npassword = 22",
            "[providers.home]\nkind = \"adguard\"\nurl = \"http://dns\"\nusername = \"a\"\npasswort = \"hunter2\"",
            "[providers.home]\nkind = \"adguard\"\nurl = \"http://dns\"\nusername = \"a\"\npassword = \"hunter2\"\npassword_file = \"p\"",
            "[providers]\nhome = { kind = \"adguard\", url = \"http://dns\", password = \"hunter2\", user = \"a\" }",
            "[providers.public]\nkind = \"cloudflare\"\ntoken = \"\"",
            "[providers.public]\nkind = \"cloudflare\"\nzones = []",
            "[providers.public]\nkind = \"cloudflare\"\nzones = \"example.com\"",
            "[providers.public]\nkind = \"cloudflare\"\nzones = [\n  \"example.com\",\n  \"exa mple.com\",\n]",
            "[providers.public]\nkind = \"cloudflare\"\nzones = [\"example.com\", \"Example.com.\"]",
            "[providers.public]\nkind = \"cloudflare\"\nzones = [1]",
            "[providers.public]\nkind = \"cloudflare\"\nzones = [{ id = \"023e105f4ecef8ad9ca31a8372d0c353\" }]",
            "[providers.public]\nkind = \"cloudflare\"\nzones = [{ name = \"example.com\", id = \"023e\" }]",
            "[providers.public]\nkind = \"cloudflare\"\nzones = [{ name = \"example.com\", id = \"hunter2\" }]",
            "[providers.public]\nkind = \"cloudflare\"\nzones = [{ name = \"example.com\", path = \"x\" }]",
            "[providers.public]\nkind = \"cloudflare\"\nbatch = 5000",
            "[providers.public]\nkind = \"cloudflare\"\nbatch = \"200\"",
            "[providers.public]\nkind = \"cloudflare\"\ncomment = \"ours\"",
            "[providers.public]\nkind = \"cloudflare\"\ncomment = \"{owner}, {owner}\"",
            "[providers.public]\nkind = \"cloudflare\"\ncomment = \"{owner} 345678901234567890123456789012345678901234567890123456789012345678901234567890123456\"",
            "[providers.home]\nkind = \"adguard\"\nurl = \"http://dns\"\ncomment = \"{owner}\"",
            "[providers.racks]\nkind = \"powerdns\"\nurl = \"http://dns:8081\"",
            "[providers.racks]\nkind = \"powerdns\"\nzone = \"a.example\"",
            "[providers.racks]\nkind = \"powerdns\"\nurl = \"http://dns:8081\"\nzone = \"*.example\"",
            "[providers.racks]\nkind = \"powerdns\"\nurl = \"http://dns:8081\"\nzone = \"a.example\"\napi_key = \"hunter2\"\napi_key_file = \"k\"",
            "[providers.lab]\nkind = \"zonefile\"",
            "[providers.lab]\nkind = \"zonefile\"\nzones = [{ name = \"lab.example\" }]",
            "[providers.lab]\nkind = \"zonefile\"\nzones = [\"lab.example\"]",
            "[[providers.lab.zones]]\nname = \"lab.example\"\npath = \"a\"\n[[providers.lab.zones]]\npath = \"b\"\n[providers.lab2]\nkind = \"zonefile\"",
            "[providers.lab]\nkind = \"zonefile\"\nzones = [{ name = \"*.example\", path = \"a\" }]",
        ];
        let mut all = String::new();
        for text in table {
            let error = read(text).expect_err(text).to_string();
            write!(all, "{}\n\n{error}\n\n\n", text.replace(SECRET, "SECRET")).unwrap();
            assert!(!error.contains(SECRET), "{error}");
        }
        insta::assert_snapshot!(all);
    }

    #[test]
    fn shows_no_secret_wherever_it_is_broken() {
        let whole = HOUSE.replace("zones = [\"", "# hunter2\nzones = [\"").replace(
            "url = \"http://192.168.1.2\"",
            "url = \"http://192.168.1.2\" # hunter2\nusername = \"a\"\n\"password\" = '''\nhunter2\n'''",
        );
        assert!(read(&whole).is_ok());
        let mut broken = 0;
        for (at, _) in whole.char_indices() {
            for foreign in ["\"", "=", "[", "\n", "x", "'''"] {
                let text = format!("{}{foreign}{}", &whole[..at], &whole[at..]);
                if let Err(error) = read(&text) {
                    broken += 1;
                    let shown = error.to_string();
                    assert!(!shown.contains("hunter2") && !shown.contains("unter2"), "{text}\n\n{shown}");
                }
            }
        }
        assert!(broken > 1000, "{broken}");
    }
}

mod selection {
    use super::*;

    #[test]
    fn takes_the_provider_with_the_longest_suffix() {
        let (_machine, settings) = house();
        let table = [
            ("www.example.com", "public: https://api.cloudflare.com/client/v4 hunter2-token example.com 200"),
            (
                "www.sub.example.com",
                "public: https://api.cloudflare.com/client/v4 hunter2-token sub.example.com #023e105f4ecef8ad9ca31a8372d0c353 200",
            ),
            ("x.b.lab.example", "lab: /srv/b Some(Name(b.lab.example))"),
            ("nas.docker", "home: http://192.168.1.2"),
            ("notexample.com", "home: http://192.168.1.2"),
        ];
        for (domain, expected) in table {
            assert_eq!(summary(&settings.select(None, None, Some(&name(domain))).unwrap()), expected, "{domain}");
        }
    }

    #[test]
    fn prefers_the_named_then_the_only_then_the_default() {
        let (machine, settings) = house();
        let www = name("www.example.com");
        assert_eq!(settings.select(Some("home"), None, Some(&www)).unwrap().provider(), "home");
        assert_eq!(
            settings.select(Some("adguard"), None, Some(&www)).unwrap().provider(),
            "home",
            "the only one of its kind"
        );
        machine.write("etc/dnsmgmt/dnsmgmt.toml", &format!("default = \"home\"\n{HOUSE}"));
        let settings = machine.load(&[]).unwrap();
        assert_eq!(settings.select(None, None, Some(&www)).unwrap().provider(), "home");
        let settings = machine.load(&[("DNSMGMT_PROVIDER", "public")]).unwrap();
        assert_eq!(settings.select(None, None, Some(&www)).unwrap().provider(), "public");
    }

    #[test]
    fn groups_many_names_by_zone() {
        let (_machine, settings) = house();
        let names: Vec<Name> =
            ["a.example.com", "a.docker", "b.example.com", "a.sub.example.com"].iter().map(|text| name(text)).collect();
        let targets = settings.targets_for(None, None, &names).unwrap();
        let groups: Vec<String> =
            targets.iter().map(|target| format!("{} {:?}", target.provider(), target.names())).collect();
        assert_eq!(
            groups,
            [
                "public [Name(a.example.com), Name(b.example.com)]",
                "home [Name(a.docker)]",
                "public [Name(a.sub.example.com)]"
            ]
        );
    }

    #[test]
    fn of_everything_is_every_zone() {
        let (_machine, settings) = house();
        let zones = |provider| {
            let targets = settings.every_target(provider).unwrap();
            targets.map(|(_, target)| target.unwrap().zone().unwrap().to_string()).collect::<Vec<_>>()
        };
        assert_eq!(zones(None), [".", "example.com", "sub.example.com", "lab.example", "b.lab.example"]);
        assert_eq!(zones(Some("lab")), ["lab.example", "b.lab.example"]);
    }

    #[test]
    fn reads_only_the_secrets_of_what_it_takes() {
        let machine = Machine::new(&HOUSE.replace("token = ", "token_file = "));
        let settings = machine.load(&[]).unwrap();
        let error = settings.select(Some("public"), Some(&name("example.com")), None).unwrap_err();
        assert!(!error.to_string().contains(SECRET), "a token in its file's place: {error}");
        let good = settings.every_target(None).unwrap().filter(|(_, target)| target.is_ok());
        assert_eq!(good.map(|(provider, _)| provider.name()).collect::<Vec<_>>(), ["home", "lab", "lab"]);
        assert_eq!(settings.select(Some("home"), None, None).unwrap().provider(), "home");
        assert!(settings.select(Some("public"), Some(&name("example.com")), None).is_err());
    }

    #[test]
    fn that_fails_says_what_there_is() {
        let machine = Machine::new("");
        machine.write("etc/dnsmgmt/empty", "");
        let (two, _) = HOUSE.split_once("[providers.lab]").unwrap();
        let twice = format!("{HOUSE}\n[providers.inside]\nkind = \"cloudflare\"\nzones = [\"example.com\"]");
        let lazy = format!("{HOUSE}\n[providers.any]\nkind = \"cloudflare\"\nurl = \"http://dns\"");
        let default = format!("default = \"lab\"\n{HOUSE}");
        let no_file = HOUSE.replace("token = ", "token_file = ");
        let empty = no_file.replace("hunter2-token", "empty");
        let no_password = "[providers.home]\nkind = \"adguard\"\nurl = \"http://dns\"\nusername = \"a\"";
        let bare = "# nothing yet\n";
        #[rustfmt::skip]
        let table = [
            // what, configuration, provider, zone, domain
            ("several", HOUSE, None, None, None),
            ("several, one with a deeper zone", two, None, None, None),
            ("unknown provider", HOUSE, Some("publik"), None, None),
            ("two of a kind", &twice, Some("cloudflare"), None, None),
            ("several zones", HOUSE, Some("public"), None, None),
            ("zone not configured", HOUSE, Some("public"), Some("example.org"), None),
            ("zone of nobody", HOUSE, None, Some("example.org"), None),
            ("zone of a provider without zones", HOUSE, Some("home"), Some("example.com"), None),
            ("domain outside the zone", HOUSE, None, Some("example.com"), Some("a.example.org")),
            ("domain outside the zones", HOUSE, Some("lab"), None, Some("a.example.com")),
            ("domain outside the default", &default, None, None, Some("a.example.com")),
            ("domain of two", &twice, None, None, Some("a.example.com")),
            ("zone of two", &twice, None, Some("example.com"), None),
            ("domain of two without zones", &lazy, None, None, Some("a.docker")),
            ("secret without a file", &no_file, None, Some("example.com"), None),
            ("secret in an empty file", &empty, None, Some("example.com"), None),
            ("secret left out", &twice, Some("inside"), None, None),
            ("password left out", no_password, None, None, None),
            ("no provider", bare, None, None, None),
        ];
        let mut all = String::new();
        for (what, configuration, provider, zone, domain) in table {
            machine.write("etc/dnsmgmt/dnsmgmt.toml", configuration);
            let (zone, domain) = (zone.map(name), domain.map(name));
            let settings = machine.load(&[]).unwrap();
            let error = settings.select(provider, zone.as_ref(), domain.as_ref()).expect_err(what);
            write!(all, "# {what}\n{}\n\n", machine.shown(&error)).unwrap();
        }
        let shown = all.replace("hunter2-token", "TOKEN-FILE");
        insta::assert_snapshot!(shown);
    }
}

mod the_comment {
    use super::*;

    #[test]
    fn is_the_configured_one_or_the_default_where_there_are_comments() {
        let text = HOUSE.replace("token = \"hunter2-token\"", "token = \"t\"\ncomment = \"by {owner}\"");
        let (of_house, own) = (house().1, Machine::new(&text).load(&[]).unwrap());
        let of = |settings: &Settings, provider| {
            let target = settings
                .select(Some(provider), None, Some(&name("a.lab.example")))
                .or_else(|_| settings.select(Some(provider), None, Some(&name("a.example.com"))));
            target.unwrap().comment_template().map(str::to_owned)
        };
        assert_eq!(of(&of_house, "public").as_deref(), Some("managed by dnsmgmt, owner {owner}"));
        assert_eq!(of(&own, "public").as_deref(), Some("by {owner}"));
        assert_eq!((of(&own, "home"), of(&own, "lab")), (None, None));
        let token_alone = alone(&[("CF_API_TOKEN", "t")]).select(None, None, None).unwrap();
        assert_eq!(token_alone.comment_template(), Some("managed by dnsmgmt, owner {owner}"));
    }

    #[test]
    fn has_its_owner_id_within_what_every_plan_takes() {
        let fits = format!("{}{{owner}}", "x".repeat(84));
        let read = |comment: &str| {
            let text = format!("[providers.public]\nkind = \"cloudflare\"\ntoken = \"t\"\ncomment = \"{comment}\"");
            Machine::new(&text).load(&[]).map(drop)
        };
        read(&fits).unwrap();
        read(&format!("x{fits}")).unwrap_err();
    }
}

mod the_endpoint {
    use super::*;

    fn of(variables: Variables<'_>) -> String {
        alone(variables).select(None, None, None).unwrap().endpoint(Path::new("/srv/here"))
    }

    #[test]
    fn of_a_server_is_its_address_in_one_spelling() {
        for url in ["http://Dns.Example", "HTTP://dns.example:80/", "http://dns.example"] {
            assert_eq!(of(&[("ADGUARD_URL", url)]), "http://dns.example");
        }
        assert_eq!(of(&[("ADGUARD_URL", "https://dns:8443/Home/")]), "https://dns:8443/Home");
        assert_eq!(of(&[("ADGUARD_HOST", "fd00:0::1")]), "http://[fd00::1]");
        assert_eq!(of(&[("CF_API_TOKEN", "hunter2")]), "https://api.cloudflare.com/client/v4");
        assert_eq!(
            of(&[("CF_API_TOKEN", "hunter2"), ("CF_ZONE_ID", ID), ("CF_API_URL", "http://[::1]:9/v4/")]),
            "http://[::1]:9/v4"
        );
        assert_eq!(of(&[("WEBHOOK_URL", "http://Localhost:8888/")]), "http://localhost:8888");
        let login = [("ADGUARD_URL", "http://dns"), ("ADGUARD_USERNAME", "admin"), ("ADGUARD_PASSWORD", "hunter2")];
        assert_eq!(of(&login), "http://dns", "another password is no other server");
    }

    #[cfg(unix)]
    #[test]
    fn of_a_zone_file_is_its_absolute_path() {
        assert_eq!(of(&[("ZONEFILE_PATH", "zones/./lab")]), "file:/srv/here/zones/lab");
        assert_eq!(of(&[("ZONEFILE_PATH", "/etc//lab")]), "file:/etc/lab");
        let (machine, settings) = house();
        let lab = settings.select(Some("lab"), Some(&name("lab.example")), None).unwrap();
        let expected = format!("file:{}", machine.path("etc/dnsmgmt/zones/lab").display());
        assert_eq!(lab.endpoint(Path::new("/srv/here")), expected, "relative to the file that names it");
    }
}

mod secrets {
    use super::*;

    #[test]
    fn do_not_reach_debug() {
        let machine = Machine::new(&HOUSE.replace("\"http://192.168.1.2\"", "\"http://dns\"\nusername = \"admin\""));
        let settings = machine.load(&[("ADGUARD_PASSWORD", "hunter2"), ("DNSMGMT_PROVIDER", "home")]).unwrap();
        let shown = format!(
            "{settings:?} {:?}",
            settings.every_target(None).unwrap().map(|(_, target)| target.unwrap()).collect::<Vec<_>>()
        );
        assert!(shown.contains("ADGUARD_PASSWORD") && shown.contains("admin"), "{shown}");
        assert!(!shown.contains(SECRET), "{shown}");
        let target = settings.select(None, None, None).unwrap();
        assert_eq!(summary(&target), "home: http://dns as admin:hunter2");
    }
}

mod the_policy {
    use std::time::Duration;

    use super::*;
    use crate::config::Policy;

    #[test]
    fn has_defaults_without_a_file() {
        let minutes = |minutes: u64| Duration::from_secs(60 * minutes);
        let policy = alone(&[]).policy().clone();
        assert_eq!(policy, Policy::default());
        assert_eq!((policy.grace, policy.max_delete), (minutes(15), 30));
        assert_eq!((policy.journal_keep, policy.cache_ttl), (minutes(90 * 24 * 60), minutes(60)));
        assert!(policy.sources.is_empty());
    }

    #[test]
    fn is_what_the_file_says() {
        let machine = Machine::new(
            "sources = [\"records.toml\", \"hosts:/etc/hosts.d\"]\ngrace = \"2s\"\nmax_delete = 0\n\
             preserved = [\"vpn.example.com\", \"*.Infra.example.com\"]\njournal_keep = \"1w\"\ncache_ttl = \"90\"",
        );
        let settings = machine.load(&[]).unwrap();
        let policy = settings.policy();
        let records = machine.path("etc/dnsmgmt/records.toml");
        assert_eq!(policy.sources, [records.to_str().unwrap(), "hosts:/etc/hosts.d"]);
        assert_eq!((policy.grace, policy.max_delete), (Duration::from_secs(2), 0));
        assert_eq!((policy.journal_keep, policy.cache_ttl), (Duration::from_secs(604_800), Duration::from_secs(90)));
        assert!(
            policy.preserved.covers(&name("a.infra.example.com")) && policy.preserved.covers(&name("vpn.example.com"))
        );
        assert!(!policy.preserved.covers(&name("infra.example.com")));
    }

    #[test]
    fn takes_the_sources_of_the_variable_instead_of_the_files() {
        let machine = Machine::new("sources = [\"records.toml\"]\ngrace = \"1m\"");
        let settings = machine.load(&[("DNSMGMT_SOURCES", "a.toml, zone:/srv/b ,")]).unwrap();
        assert_eq!(settings.policy().sources, ["a.toml", "zone:/srv/b"]);
        assert_eq!(settings.policy().grace, Duration::from_secs(60));
        assert_eq!(alone(&[("DNSMGMT_SOURCES", "a.toml")]).policy().sources, ["a.toml"]);
    }

    #[test]
    fn say_how_far_apart_clean_ups_are() {
        let interval = |text| alone(&[("CLEANUP_INTERVAL_SECONDS", text)]).policy().cleanup_interval;
        assert_eq!(interval("900"), Some(Duration::from_secs(900)));
        assert_eq!(alone(&[]).policy().cleanup_interval, None);
        for wrong in ["0", "-1", "5m"] {
            let error = Machine::new("").load(&[("CLEANUP_INTERVAL_SECONDS", wrong)]).unwrap_err();
            assert!(error.to_string().contains("is not a number of seconds"), "{error}");
        }
    }

    #[test]
    fn that_is_wrong_is_explained_at_the_key() {
        let mut all = String::new();
        for text in [
            "sources = \"records.toml\"",
            "sources = [\"records.toml\", \"\"]",
            "sources = [1]",
            "grace = 15",
            "grace = \"15 apples\"",
            "grace = \"-15m\"",
            "journal_keep = \"3 months\"",
            "max_delete = 101",
            "max_delete = -1",
            "max_delete = \"30%\"",
            "preserved = [\"vpn.example.com\", \"vpn*.example.com\"]",
        ] {
            let machine = Machine::new(text);
            writeln!(all, "{}\n", machine.shown(&machine.load(&[]).expect_err(text))).unwrap();
        }
        insta::assert_snapshot!(all);
    }
}

mod the_documentation {
    use super::*;

    const TEXT: &str = include_str!("../../../docs/configuration.md");

    #[test]
    fn names_every_variable_and_every_key() {
        for variable in VARIABLES {
            assert!(TEXT.contains(&format!("`{}`", variable.name)), "{} is missing", variable.name);
        }
        let keys = Kind::ALL.into_iter().flat_map(file::keys).chain(&ZONEFILE_ZONE).chain(&CLOUDFLARE_ZONE);
        let keys = keys.chain(&DOCKER).chain(&HOST).chain(&WHOLE).chain(&TRAEFIK).chain(&HEARTBEAT).chain(&RANGE);
        for key in keys.chain(&TOP_LEVEL) {
            assert!(
                TEXT.contains(&format!("`{key}`")) || TEXT.contains(&format!("`[{key}.NAME]`")),
                "{key} is missing"
            );
        }
    }

    #[test]
    fn has_an_example_that_is_understood() {
        let example = TEXT.split("```toml\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
        let file = file::read(&Source { path: "docs/configuration.md".into(), text: example.into(), secretive: true })
            .unwrap();
        let said = crate::config::Policy { sources: Vec::new(), preserved: Default::default(), ..file.policy.clone() };
        assert_eq!(said, crate::config::Policy::default(), "it says what counts anyway");
        assert_eq!((file.policy.sources.len(), file.policy.preserved.covers(&name("vpn.example.com"))), (2, true));
        let kinds: Vec<Kind> = file.providers.iter().map(super::super::Provider::kind).collect();
        let all = [Kind::AdGuard, Kind::Cloudflare, Kind::Rfc2136, Kind::Zonefile, Kind::PowerDns, Kind::Webhook];
        assert_eq!(kinds, all);
    }
}

mod the_database {
    use super::*;
    use crate::config::NamedBy;

    fn place(machine: &Machine, variables: Variables<'_>) -> Result<(String, NamedBy), Diagnostic> {
        let database = machine.load(variables)?.database_within(&machine.path("var/lib"))?;
        let path = database.path.to_str().unwrap().replace(machine.0.path().to_str().unwrap(), "");
        Ok((path, database.named_by))
    }

    #[test]
    fn is_named_or_in_the_first_state_folder_there_is() {
        let machine = Machine::new("database = \"memory/d.db\"");
        let file = NamedBy::File(machine.path("etc/dnsmgmt/dnsmgmt.toml"));
        let all = [("DNSMGMT_DB", "@x.db"), ("STATE_DIRECTORY", "@one:/two"), ("HOME", "@home")];
        let variable = NamedBy::Variable("`DNSMGMT_DB`".into());
        assert_eq!(place(&machine, &all).unwrap(), ("/x.db".into(), variable));
        assert_eq!(place(&machine, &all[1..]).unwrap(), ("/etc/dnsmgmt/memory/d.db".into(), file));
        let machine = Machine::new("");
        assert_eq!(place(&machine, &all[1..]).unwrap(), ("/one/dnsmgmt.db".into(), NamedBy::StateDirectory));
        let home = ("/home/.local/state/dnsmgmt/dnsmgmt.db".to_owned(), NamedBy::User);
        assert_eq!(place(&machine, &all[2..]).unwrap(), home);
        let xdg = [("HOME", "@home"), ("XDG_STATE_HOME", "@state")];
        assert_eq!(place(&machine, &xdg).unwrap().0, "/state/dnsmgmt/dnsmgmt.db");
        machine.write("var/lib/dnsmgmt/anything", "");
        assert_eq!(place(&machine, &xdg).unwrap(), ("/var/lib/dnsmgmt/dnsmgmt.db".into(), NamedBy::System));
    }

    #[cfg(unix)]
    #[test]
    fn is_the_systems_even_where_the_user_may_not_follow() {
        let machine = Machine::new("");
        fs::create_dir_all(machine.path("var/lib")).unwrap();
        std::os::unix::fs::symlink(machine.path("private/dnsmgmt"), machine.path("var/lib/dnsmgmt")).unwrap();
        assert_eq!(place(&machine, &[("HOME", "@home")]).unwrap().1, NamedBy::System);
    }

    #[test]
    fn has_to_be_somewhere() {
        let error = place(&Machine::new(""), &[]).unwrap_err();
        assert!(error.to_string().contains("DNSMGMT_DB"), "{error}");
    }
}
