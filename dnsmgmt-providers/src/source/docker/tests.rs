use super::*;
use crate::source::labels::State;

#[test]
fn addresses_of_daemons() {
    for good in [
        "unix:///var/run/docker.sock",
        "unix:///run/user/1000/podman/podman.sock",
        "tcp://10.0.0.5:2375",
        "tcp://[fd00::5]:2376/",
        "tcp://rack1.example",
        "http://rack1:2375",
    ] {
        assert_eq!(Host::check(good), Ok(()), "{good}");
    }
    for bad in
        ["", "docker.sock", "unix://docker.sock", "ssh://rack1", "tcp://", "tcp://me:word@rack1", "tcp://rack1/v1"]
    {
        assert!(Host::check(bad).is_err(), "{bad}");
    }
}

#[test]
fn a_daemon_elsewhere_does_not_have_the_address_of_this_machine() {
    let rules = Rules { host: vec!["192.168.1.2".parse().unwrap()], ..Rules::default() };
    let at = |address: &str| Host { address: address.into(), ..Host::default() };
    let ours = rules.host.clone();
    assert_eq!(at(DEFAULT_HOST).machine(&rules, false), ours);
    assert_eq!(at("tcp://rack1:2375").machine(&rules, true), ours, "the only one that can be meant");
    assert_eq!(at("tcp://rack1:2375").machine(&rules, false), Vec::<IpAddr>::new());
    assert_eq!(at("tcp://10.0.0.5:2375").machine(&rules, false), ["10.0.0.5".parse::<IpAddr>().unwrap()]);
    assert_eq!(at("tcp://[fd00::5]:2375").machine(&rules, false), ["fd00::5".parse::<IpAddr>().unwrap()]);
    assert_eq!(at("tcp://127.0.0.1:2375").machine(&rules, false), Vec::<IpAddr>::new());
    let given = Host { addresses: vec!["10.9.9.9".parse().unwrap()], ..at("tcp://10.0.0.5:2375") };
    assert_eq!(given.machine(&rules, true), given.addresses);
}

#[test]
fn a_container_is_known_by_what_stays_when_it_is_made_anew() {
    let named = |name: &str, task: Option<&str>| {
        let labels = task.map(|id| (TASK_ID.to_owned(), id.to_owned())).into_iter().collect();
        Container { id: "f00d".into(), name: name.into(), state: State::Running, labels, ..Container::default() }
    };
    assert_eq!(piece(&named("lab-web-1", None)), "lab-web-1");
    assert_eq!(piece(&named("web.1.x2y3", Some("x2y3"))), "web.1");
    assert_eq!(piece(&named("web.1.x2y3", Some("other"))), "web.1.x2y3");
    assert_eq!(piece(&named(".x2y3", Some("x2y3"))), ".x2y3");
    assert_eq!(piece(&named("", None)), "f00d");
}
