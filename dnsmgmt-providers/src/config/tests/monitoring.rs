//! `metrics`, `notify`, and the variables beside them.

use std::fmt::Write as _;
use std::path::Path;

use secrecy::ExposeSecret as _;

use super::{Machine, alone};
use crate::config::{Environment, NOTICE, Settings};

const URL: &str = "https://hc-ping.com/d1665499-e827-441f-bf13-8f15e8f4c0b9?create=1";

#[test]
fn nobody_is_told_of_anything_unless_that_is_said() {
    let (monitoring, wrong) = alone(&[]).monitoring();
    assert_eq!((monitoring.metrics, monitoring.notify.len(), monitoring.ping.is_none()), (None, 0, true));
    assert!(wrong.is_empty());
}

#[test]
fn variables_count_more_than_the_file() {
    let machine = Machine::new("metrics = \"prom\"\nnotify = [\"../bin/tell\", \"root\", \"./as it is\"]");
    let (said, _) = machine.load(&[]).unwrap().monitoring();
    assert_eq!(said.metrics, Some(machine.path("etc/dnsmgmt/prom")));
    let program = machine.path("etc/dnsmgmt/../bin/tell").display().to_string();
    assert_eq!(said.notify, [program.as_str(), "root", "./as it is"]);
    let variables = [("DNSMGMT_METRICS", "/srv/prom"), ("DNSMGMT_NOTIFY", "tell them"), ("DNSMGMT_PING_URL", URL)];
    let (said, wrong) = machine.load(&variables).unwrap().monitoring();
    assert_eq!(said.metrics.as_deref(), Some(Path::new("/srv/prom")));
    assert_eq!(said.notify, ["tell them"], "one program, whatever it is called");
    assert_eq!(said.ping.unwrap().expose_secret(), URL);
    assert!(wrong.is_empty());
    let path = Machine::new("notify = [\"mail\", \"root\"]").load(&[]).unwrap().monitoring().0.notify;
    assert_eq!(path, ["mail", "root"], "it is looked for where programs are");
}

#[test]
fn the_address_of_a_check_is_a_secret() {
    let machine = Machine::new("");
    machine.write("secret", &format!("{URL}\n")).write("credentials/dnsmgmt_ping_url", URL);
    for variables in [
        [("DNSMGMT_PING_URL", URL)],
        [("DNSMGMT_PING_URL_FILE", "@secret")],
        [("CREDENTIALS_DIRECTORY", "@credentials")],
    ] {
        let settings = machine.load(&variables).unwrap();
        let (monitoring, wrong) = settings.monitoring();
        assert!(!format!("{settings:?} {monitoring:?}").contains("d1665499"), "{variables:?}");
        assert!(wrong.is_empty() && monitoring.ping.unwrap().expose_secret() == URL, "{variables:?}");
    }
    let mut all = String::new();
    for wrong in ["hc-ping.com/d1665499", "ftp://hc-ping.com/d1665499", "https://hc-ping.com/d1665499#x", "https://"] {
        let (monitoring, problems) = alone(&[("DNSMGMT_PING_URL", wrong), ("DNSMGMT_NOTIFY", "tell")]).monitoring();
        assert!(monitoring.ping.is_none() && monitoring.notify.len() == 1, "what is wrong costs the others nothing");
        problems.iter().for_each(|problem| writeln!(all, "{problem}").unwrap());
    }
    assert!(!all.contains("d1665499"), "{all}");
    insta::assert_snapshot!(all);
}

#[test]
fn what_is_wrong_is_explained_at_the_key() {
    let mut all = String::new();
    for text in ["metrics = 7", "metrics = \"\"", "notify = \"mail root\"", "notify = [\"mail\", 7]", "ping = \"x\""] {
        let machine = Machine::new(text);
        writeln!(all, "{}\n", machine.shown(&machine.load(&[]).expect_err(text))).unwrap();
    }
    insta::assert_snapshot!(all);
}

#[test]
fn who_is_told_can_be_read_although_the_rest_is_wrong() {
    let read = |text: &str| {
        let machine = Machine::new(text);
        machine.load(&[]).expect_err("something is wrong");
        let environment: Environment = [("DNSMGMT_NOTIFY", "tell")].into_iter().collect();
        let settings = Settings::as_far_as_readable(environment, Some(&machine.path("etc/dnsmgmt/dnsmgmt.toml")));
        let (monitoring, _) = settings.monitoring();
        let database = settings.database().map(|database| database.path.ends_with("etc/dnsmgmt/d.db"));
        (monitoring.metrics == Some(machine.path("etc/dnsmgmt/prom")), monitoring.notify, database.ok())
    };
    let (tell, keys) = (vec!["tell".to_owned()], "metrics = \"prom\"\ndatabase = \"d.db\"");
    assert_eq!(read(&format!("{keys}\nmetrix = \"prom\"")), (true, tell.clone(), Some(true)));
    assert_eq!(read(&format!("{keys}\nnotify = 7")), (true, tell.clone(), Some(true)));
    assert_eq!(read(&format!("{keys}\nno TOML")).1, tell, "what variables say is known");
}

#[test]
fn what_a_notification_command_is_told_by_is_known() {
    let variables = NOTICE.map(|name| (name, "x"));
    assert!(alone(&variables).warnings().is_empty());
    assert_eq!(alone(&[("DNSMGMT_PINGURL", "x")]).warnings().len(), 1);
}
