//! What containers want, as tables: labels on the left, records on the right.

use proptest::prelude::*;

use super::*;

const HOST: [&str; 2] = ["192.168.1.2", "fd00::2"];

fn rules() -> Rules {
    Rules {
        dialects: BTreeSet::from(Dialect::ALL),
        host: HOST.iter().map(|text| text.parse().unwrap()).collect(),
        ..Rules::default()
    }
}

/// A running container `web` at 10.0.0.5, with labels as `key=value`.
fn container(labels: &[&str]) -> Container {
    let pair = |label: &&str| label.split_once('=').map(|(key, value)| (key.to_owned(), value.to_owned())).unwrap();
    Container {
        id: "f00d".into(),
        name: "web".into(),
        state: State::Running,
        labels: labels.iter().map(pair).collect(),
        network: Network::Own(BTreeMap::from([("lab".into(), vec!["10.0.0.5".parse().unwrap()])])),
        ..Container::default()
    }
}

/// Returns the records with their attributes and providers, each on a line.
fn told(wishes: &[Wish]) -> Vec<String> {
    let tell = |wish: &Wish| {
        let ttl = wish.record.ttl.map(|ttl| match ttl {
            Ttl::Seconds(seconds) => format!(" ttl={seconds}"),
            Ttl::Automatic => " ttl=auto".into(),
        });
        let proxied = wish.record.proxied.map(|proxied| format!(" proxied={proxied}"));
        let provider = wish.provider.as_ref().map(|provider| format!(" at {provider}"));
        [Some(wish.record.to_string()), ttl, proxied, provider].into_iter().flatten().collect::<String>()
    };
    wishes.iter().map(tell).collect()
}

fn wants(labels: &[&str], expected: &[&str]) {
    wants_by(&rules(), labels, expected);
}

fn wants_by(rules: &Rules, labels: &[&str], expected: &[&str]) {
    let wishes = wishes(&container(labels), rules).unwrap_or_else(|problem| panic!("{labels:?}: {problem:?}"));
    assert_eq!(told(&wishes), expected, "{labels:?}");
}

/// Returns why nothing is known of the container.
fn refused(labels: &[&str]) -> String {
    match wishes(&container(labels), &rules()) {
        Err(Problem::Unreadable(why)) => why,
        other => panic!("{labels:?}: {other:?}"),
    }
}

#[test]
fn our_own_labels() {
    for (labels, expected) in [
        (&["dnsmgmt.name=a.example"][..], &["a.example A 10.0.0.5"][..]),
        (&["dnsmgmt.name= A.example. , b.example,"], &["a.example A 10.0.0.5", "b.example A 10.0.0.5"]),
        (&["dnsmgmt.name=a.example", "dnsmgmt.content=10.9.9.9"], &["a.example A 10.9.9.9"]),
        (&["dnsmgmt.name=a.example", "dnsmgmt.content=fd00::9"], &["a.example AAAA fd00::9"]),
        (&["dnsmgmt.name=a.example", "dnsmgmt.content=b.example"], &["a.example CNAME b.example"]),
        (&["dnsmgmt.name=a.example", "dnsmgmt.content=host"], &["a.example A 192.168.1.2", "a.example AAAA fd00::2"]),
        (&["dnsmgmt.name=a.example", "dnsmgmt.content=host", "dnsmgmt.type=AAAA"], &["a.example AAAA fd00::2"]),
        (&["dnsmgmt.name=a.example", "dnsmgmt.content=container"], &["a.example A 10.0.0.5"]),
        (
            &["dnsmgmt.name=a.example", "dnsmgmt.ttl=5m", "dnsmgmt.proxied=True", "dnsmgmt.provider=home, public"],
            &[
                "a.example A 10.0.0.5 ttl=300 proxied=true at home",
                "a.example A 10.0.0.5 ttl=300 proxied=true at public",
            ],
        ),
        (
            &["dnsmgmt.name=a.example", "dnsmgmt.type=mx", "dnsmgmt.content=10 m.example"],
            &["a.example MX 10 m.example"],
        ),
        (&["dnsmgmt.name=*.a.example"], &["*.a.example A 10.0.0.5"]),
        (&["dnsmgmt.name=bücher.example"], &["xn--bcher-kva.example A 10.0.0.5"]),
        (&["dnsmgmt.name=xn--bcher-kva.example"], &["xn--bcher-kva.example A 10.0.0.5"]),
        (&["dnsmgmt.name=a.example", "dnsmgmt.skip=true"], &[]),
        (&["dnsmgmt.name=a.example", "dnsmgmt.skip=false"], &["a.example A 10.0.0.5"]),
        (&["dnsmgmt.ttl=60"], &[]),
        (&["other.name=a.example"], &[]),
    ] {
        wants(labels, expected);
    }
}

#[test]
fn joyrides_labels_are_names_of_the_host() {
    let both = ["a.example A 192.168.1.2", "a.example AAAA fd00::2"];
    wants(&["joyride.host.name=a.example"], &both);
    wants(&["coredns.host.name=a.example"], &both);
    wants(&["joyride.host.name=a.example", "coredns.host.name=a.example"], &both);
    wants(&["joyride.host.name=a.example,A.EXAMPLE"], &both);
    assert!(refused(&["joyride.host.name="]).contains("names nothing"));
    assert!(refused(&["joyride.host.name=*.example"]).contains("wildcard"));
    let unknown = Rules { host: Vec::new(), ..rules() };
    let problem = wishes(&container(&["joyride.host.name=a.example"]), &unknown).unwrap_err();
    assert!(problem.why().contains("host_ip") && problem.why().contains("HOSTIP"), "{problem:?}");
}

#[test]
fn trafegos_labels() {
    let host = ["a.example A 192.168.1.2", "a.example AAAA fd00::2"];
    for (labels, expected) in [
        (&["dns.hostname=a.example"][..], &host[..]),
        (&["dns.host.1=a.example"], &host),
        (&["dns.domain=example", "dns.subdomain=a"], &host),
        (&["dns.domain=a.example", "dns.use_apex=true"], &host),
        (&["dns.hostname=a.example", "dns.type=A"], &host[..1]),
        (&["dns.hostname=a.example", "dns.content=10.9.9.9"], &["a.example A 10.9.9.9"]),
        (&["dns.hostname=a.example", "dns.content=fd00::9"], &["a.example AAAA fd00::9"]),
        (&["dns.hostname=a.example", "dns.content=b.example"], &["a.example CNAME b.example"]),
        (&["dns.domain=example.org", "dns.subdomain=a", "dns.type=CNAME"], &["a.example.org CNAME example.org"]),
        (
            &["dns.domain=example.org", "dns.subdomain=a,b", "dns.content=10.9.9.9"],
            &["a.example.org A 10.9.9.9", "b.example.org A 10.9.9.9"],
        ),
        (&["dns.domain=example.org", "dns.content=10.9.9.9"], &["web.example.org A 10.9.9.9"]),
        (&["dns.hostname=a.example", "dns.type=MX", "dns.content=m.example"], &["a.example MX 10 m.example"]),
        (
            &["dns.hostname=a.example", "dns.type=MX", "dns.content=m.example", "dns.priority=5"],
            &["a.example MX 5 m.example"],
        ),
        (
            &["dns.hostname=_x._tcp.example", "dns.type=SRV", "dns.content=m.example"],
            &["_x._tcp.example SRV 1 1 80 m.example"],
        ),
        (
            &[
                "dns.hostname=_x._tcp.example",
                "dns.type=SRV",
                "dns.content=m.example",
                "dns.priority=2",
                "dns.weight=3",
                "dns.port=443",
            ],
            &["_x._tcp.example SRV 2 3 443 m.example"],
        ),
        (
            &["dns.hostname=a.example", "dns.type=CAA", "dns.content=ca.example"],
            &["a.example CAA 0 issue \"ca.example\""],
        ),
        (
            &["dns.hostname=a.example", "dns.type=CAA", "dns.content=ca.example", "dns.flags=128", "dns.tag=issuewild"],
            &["a.example CAA 128 issuewild \"ca.example\""],
        ),
        (&["dns.hostname=a.example", "dns.type=TXT", "dns.content=v=spf1 -all"], &["a.example TXT \"v=spf1 -all\""]),
        (
            &["dns.hostname=a.example", "dns.content=10.9.9.9", "dns.ttl=60", "dns.proxied=no"],
            &["a.example A 10.9.9.9 ttl=60 proxied=true"],
        ),
        (
            &["dns.hostname=a.example", "dns.content=10.9.9.9", "dns.ttl=1", "dns.proxied=false"],
            &["a.example A 10.9.9.9 ttl=auto proxied=false"],
        ),
        (
            &["dns.hostname=a.example", "dns.content=10.9.9.9", "dns.providers=home,public"],
            &["a.example A 10.9.9.9 at home", "a.example A 10.9.9.9 at public"],
        ),
        (&["dns.hostname=a.example", "dns.skip=true", "joyride.host.name=b.example"], &[]),
    ] {
        wants(labels, expected);
    }
}

#[test]
fn what_is_said_of_trafegos_provider_counts_more_than_what_is_said_of_all() {
    let cloud = Rules { provider: Some("cloudflare".into()), ..rules() };
    let name = "dns.hostname=a.example";
    let labels = [name, "dns.content=10.9.9.9", "dns.ttl=60", "dns.cloudflare.ttl=120", "dns.route53.ttl=9"];
    wants_by(&cloud, &labels, &["a.example A 10.9.9.9 ttl=120 at cloudflare"]);
    wants(&labels, &["a.example A 10.9.9.9 ttl=60"]);
    let other = [&labels[..], &["dns.provider=route53"]].concat();
    wants_by(&cloud, &other, &["a.example A 10.9.9.9 ttl=9 at route53"]);
    wants_by(
        &cloud,
        &[name, "dns.skip=true", "dns.cloudflare.skip=false", "dns.content=10.9.9.9"],
        &["a.example A 10.9.9.9 at cloudflare"],
    );
    wants_by(&cloud, &[name, "dns.cloudflare.skip=true"], &[]);
    // A name is read from what is said of all alone.
    wants_by(&cloud, &["dns.cloudflare.hostname=a.example"], &[]);
}

#[test]
fn a_provider_that_there_is_not_is_named() {
    let home = Rules { providers: Some(BTreeSet::from(["home".into()])), ..rules() };
    wants_by(&home, &["dnsmgmt.name=a.example", "dnsmgmt.provider=home"], &["a.example A 10.0.0.5 at home"]);
    for labels in
        [["dnsmgmt.name=a.example", "dnsmgmt.provider=home, nosuch"], ["dns.hostname=a.example", "dns.provider=nosuch"]]
    {
        let problem = wishes(&container(&labels), &home);
        let Err(Problem::Unreadable(why)) = problem else { panic!("{labels:?}: {problem:?}") };
        assert!(why.contains("`nosuch`") && why.contains("`home`"), "{why}");
    }
    wants_by(&home, &["dnsmgmt.provider=nosuch"], &[]);
}

#[test]
fn who_must_ask_to_be_managed_says_so() {
    let opt_in = Rules { opt_in: true, suffix: Some(Name::parse("docker").unwrap()), ..rules() };
    let rule = "traefik.http.routers.r.rule=Host(`a.example`)";
    let mut all = vec!["dns.hostname=b.example", "dns.content=10.9.9.9", rule];
    wants_by(&opt_in, &all, &[]);
    wants_by(
        &opt_in,
        &["joyride.host.name=j.example", "dnsmgmt.name=d.example"],
        &["d.example A 10.0.0.5", "j.example A 192.168.1.2", "j.example AAAA fd00::2"],
    );
    all.push("dns.manage=true");
    wants_by(&opt_in, &all, &["b.example A 10.9.9.9", "a.example A 10.9.9.9", "web.docker A 10.0.0.5"]);
}

#[test]
fn true_and_false_are_read_alike_whoever_says_them() {
    let value = "dns.content=10.9.9.9";
    for (word, proxied) in [("false", false), (" False ", false), ("FALSE\n", false), ("true", true), ("TRUE ", true)] {
        let label = |key: &str| format!("{key}={word}");
        let expected = format!("a.example A 10.9.9.9 proxied={proxied}");
        wants(&["dns.hostname=a.example", value, &label("dns.proxied")], &[&expected]);
        let expected = format!("a.example A 10.0.0.5 proxied={proxied}");
        wants(&["dnsmgmt.name=a.example", &label("dnsmgmt.proxied")], &[&expected]);
        let there = ["b.example A 10.9.9.9"];
        let there = |is_there: bool| if is_there { &there[..] } else { &[] };
        let name = ["dns.hostname=b.example", value];
        wants(&[&name[..], &[&label("dns.skip")]].concat(), there(!proxied));
        wants(&[&name[..], &[&label("dnsmgmt.skip")]].concat(), there(!proxied));
        let opt_in = Rules { opt_in: true, ..rules() };
        wants_by(&opt_in, &[&name[..], &[&label("dns.manage")]].concat(), there(proxied));
        let rule = "traefik.http.routers.r.rule=Host(`b.example`)";
        wants(&[value, rule, &label("traefik.enable")], there(proxied));
    }
    for (word, there) in [("0", false), ("F", false), ("1", true), ("t", true)] {
        let labels = [value, "traefik.frontend.rule=Host:b.example", &format!("traefik.enable={word}")];
        wants(&labels, if there { &["b.example A 10.9.9.9"] } else { &[] });
    }
    for (key, opt_in) in [("dns.skip", false), ("dnsmgmt.skip", false), ("dns.manage", true), ("traefik.enable", false)]
    {
        let label = format!("{key}=yes");
        let problem = wishes(&container(&["dns.hostname=b.example", value, &label]), &Rules { opt_in, ..rules() });
        assert!(matches!(&problem, Err(Problem::Unreadable(why)) if why.contains(key)), "{key}: {problem:?}");
    }
}

#[test]
fn a_name_that_is_refused_is_told_which_rule_it_breaks() {
    for name in ["trail-", "-lead", "trail-.example", "*.-lead.example"] {
        let why = refused(&[&format!("dnsmgmt.name={name}")]);
        assert!(why.ends_with("no part of it begins or ends with `-`"), "{why}");
    }
    assert!(refused(&["dnsmgmt.name=a/b.example"]).contains("only letters"));
}

#[test]
fn traefiks_rules() {
    for (rule, hosts) in [
        ("Host(`a.example`)", "a.example"),
        ("Host(\"a.example\")", "a.example"),
        ("Host('a.example')", "a.example"),
        ("host ( `A.Example.` )", "a.example"),
        ("Host(`a.example`, `b.example`)", "a.example b.example"),
        ("Host(`a.example`) || Host(`b.example`)", "a.example b.example"),
        ("Host(`a.example`)||(Host(`b.example`)&&PathPrefix(`/x`))", "a.example b.example"),
        ("Host(`a.example`) || Host(`a.example`)", "a.example"),
        ("HostSNI(`a.example`)", "a.example"),
        ("HostSNI(`*`)", ""),
        ("HostHeader(`a.example`)", "a.example"),
        ("!Host(`a.example`)", ""),
        ("! Host(`a.example`)", ""),
        ("!!Host(`a.example`)", "a.example"),
        ("Host(`a.example`) && !Host(`b.example`)", "a.example"),
        ("!(Host(`a.example`) || Host(`b.example`)) || Host(`c.example`)", "c.example"),
        ("!(Host(`a.example`) && !Host(`b.example`))", "b.example"),
        ("!(PathPrefix(`/)`)) && Host(`a.example`)", "a.example"),
        ("HostRegexp(`^.+\\.a\\.example$`)", ""),
        ("PathPrefix(`/Host(`) && Host(`a.example`)", "a.example"),
        ("PathPrefix(\"Host(\\\"evil.example\\\")\") && Host(`a.example`)", "a.example"),
        ("ClientIP(`10.0.0.0/8`, `::1`)", ""),
        ("Host:a.example,b.example;PathPrefix:/x", "a.example b.example"),
        ("PathPrefix:/x;Host:a.example", "a.example"),
    ] {
        let found = rule::hosts(rule).unwrap_or_else(|why| panic!("{rule}: {why}"));
        assert_eq!(found.iter().map(Name::as_str).collect::<Vec<_>>().join(" "), hosts, "{rule}");
    }
}

#[test]
fn what_is_no_rule_is_refused() {
    for rule in [
        "",
        "Host(`a.example`",
        "Host(`a.example)",
        "Host(a.example)",
        "Host()",
        "Host(`a.example`) Host(`b.example`)",
        "Host(`a.example`) ||",
        "|| Host(`a.example`)",
        "!",
        "(Host(`a.example`)",
        "Host(`a.example`))",
        "Host(`a.example`,)",
        "Host(`*.example`)",
        "Host(`{sub:[a-z]+}.example`)",
        "Host(`a example`)",
        "Host(`10.0.0.1`)",
        "Host(`a.example\n`)||Host(`b\n.example`)",
        &"(".repeat(100_000),
        &"!".repeat(100_000),
    ] {
        assert!(rule::hosts(rule).is_err(), "{rule:.80}");
    }
}

#[test]
fn rules_as_labels_lead_to_the_host() {
    let host = ["a.example A 192.168.1.2", "a.example AAAA fd00::2"];
    for label in [
        "traefik.http.routers.web.rule=Host(`a.example`)",
        "Traefik.HTTP.Routers.web.Rule=Host(`a.example`)",
        "traefik.tcp.routers.web.rule=HostSNI(`a.example`)",
        "traefik.frontend.rule=Host:a.example",
        "traefik.api.frontend.rule=Host:a.example",
    ] {
        wants(&[label], &host);
        wants(&[label, "traefik.enable=true"], &host);
        wants(&[label, "traefik.enable=false"], &[]);
        wants(&[label, "dns.content=b.example", "dns.ttl=60"], &["a.example CNAME b.example ttl=60"]);
        let without = Rules { dialects: BTreeSet::from([Dialect::Traefik]), ..rules() };
        wants_by(&without, &[label, "dns.content=b.example"], &host);
    }
    wants(&["traefik.http.services.web.rule=Host(`a.example`)", "traefik.http.routers.web.tls=true"], &[]);
}

#[test]
fn every_container_below_the_suffix() {
    let suffix = Rules { suffix: Some(Name::parse("docker").unwrap()), ..rules() };
    wants_by(&suffix, &[], &["web.docker A 10.0.0.5"]);
    wants_by(&suffix, &["dnsmgmt.ttl=60"], &["web.docker A 10.0.0.5 ttl=60"]);
    wants_by(&suffix, &["dnsmgmt.skip=true"], &[]);
    wants(&[], &[]);
    for network in [Network::Host, Network::None] {
        let one = Container { network, ..container(&[]) };
        assert_eq!(wishes(&one, &suffix), Ok(Vec::new()), "it has no address of its own");
    }
    let odd = Container { name: "a_b.c".into(), ..container(&[]) };
    assert_eq!(told(&wishes(&odd, &suffix).unwrap()), ["a_b.c.docker A 10.0.0.5"]);
}

#[test]
fn the_first_dialect_that_names_a_name_gives_its_answer() {
    let suffix = Rules { suffix: Some(Name::parse("example").unwrap()), ..rules() };
    let labels = [
        "dnsmgmt.name=own.example",
        "dns.hostname=own.example,trafego.example",
        "dns.content=10.9.9.9",
        "joyride.host.name=own.example,trafego.example,joyride.example",
        "coredns.host.name=joyride.example,coredns.example",
        "traefik.http.routers.web.rule=Host(`coredns.example`, `traefik.example`, `web.example`)",
    ];
    let expected = [
        "own.example A 10.0.0.5",
        "trafego.example A 10.9.9.9",
        "joyride.example A 192.168.1.2",
        "joyride.example AAAA fd00::2",
        "coredns.example A 192.168.1.2",
        "coredns.example AAAA fd00::2",
        "traefik.example A 10.9.9.9",
        "web.example A 10.9.9.9",
    ];
    wants_by(&suffix, &labels, &expected);
    let wishes = wishes(&container(&labels), &suffix).unwrap();
    let whys: BTreeSet<_> = wishes.iter().map(|wish| (wish.dialect.as_str(), wish.because.as_str())).collect();
    assert!(
        whys.contains(&("traefik", "traefik.http.routers.web.rule")) && whys.contains(&("dnsmgmt", "dnsmgmt.name"))
    );
    for (index, off) in Dialect::ALL.into_iter().enumerate() {
        let mut some = suffix.clone();
        some.dialects.remove(&off);
        let found = super::wishes(&container(&labels), &some).unwrap();
        assert!(found.iter().all(|wish| wish.dialect != off), "{index}");
    }
}

#[test]
fn containers_that_do_not_run_want_nothing() {
    let labels = ["dnsmgmt.name=a.example"];
    for state in State::ALL {
        let one = Container { state, ..container(&labels) };
        let runs = matches!(state, State::Running | State::Paused | State::Restarting);
        assert_eq!(!wishes(&one, &rules()).unwrap().is_empty(), runs, "{state:?}");
        let only = Rules { states: BTreeSet::from([State::Running]), ..rules() };
        assert_eq!(!wishes(&one, &only).unwrap().is_empty(), state == State::Running, "{state:?}");
    }
    let unhealthy = Container { is_unhealthy: true, ..container(&labels) };
    assert_eq!(wishes(&unhealthy, &rules()).unwrap().len(), 1);
    assert_eq!(wishes(&unhealthy, &Rules { unhealthy: false, ..rules() }), Ok(Vec::new()));
    let unknown = Container { state: State::Unknown, ..container(&labels) };
    assert!(matches!(wishes(&unknown, &rules()), Err(Problem::NotNow(_))));
}

#[test]
fn a_container_speaks_of_what_it_does_not_want_now() {
    let speaks = |container: &Container, rules: &Rules| {
        let names = spoken(container, rules, &wishes(container, rules))?;
        Ok::<_, String>(names.into_iter().map(|name| name.to_string()).collect::<Vec<_>>())
    };
    let said = |names: &[&str]| Ok(names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>());
    let labels = ["dnsmgmt.name=a.example", "dns.hostname=b.example", "traefik.http.routers.c.rule=Host(`c.example`)"];
    let only = |dialect| Rules { dialects: [dialect].into(), suffix: None, ..rules() };
    let one = container(&labels);
    assert_eq!(speaks(&one, &only(Dialect::Own)), said(&["b.example", "c.example"]), "switched off");
    assert_eq!(speaks(&one, &Rules { dialects: Dialect::ALL.into(), ..only(Dialect::Own) }), said(&[]), "it wants all");
    let opt_in = Rules { opt_in: true, dialects: Dialect::ALL.into(), ..only(Dialect::Own) };
    assert_eq!(speaks(&one, &opt_in), said(&["b.example", "c.example"]), "it does not say that they count");
    let all = said(&["a.example", "b.example", "c.example"]);
    let skipped = container(&[&labels[..], &["dnsmgmt.skip=true"]].concat());
    assert_eq!(speaks(&skipped, &only(Dialect::Own)), all, "somebody else may give them");
    let restarting = Container { network: Network::default(), state: State::Restarting, ..one.clone() };
    assert_eq!(speaks(&restarting, &only(Dialect::Own)), all, "it has no address now");
    let alone = Container { network: Network::None, ..one.clone() };
    assert_eq!(speaks(&alone, &only(Dialect::Own)), all, "it has none");
    assert_eq!(speaks(&Container { state: State::Unknown, ..one.clone() }, &only(Dialect::Own)), all);
    assert_eq!(speaks(&Container { state: State::Exited, ..one }, &only(Dialect::Own)), said(&[]), "it runs no more");
    let suffix = Rules { suffix: Some("docker".parse().unwrap()), ..only(Dialect::Plain) };
    let plain = container(&[]);
    assert_eq!(speaks(&plain, &suffix), said(&[]));
    let restarting = Container { network: Network::default(), ..plain };
    assert_eq!(speaks(&restarting, &suffix).unwrap().len(), 1, "its own name");
    let broken = container(&["traefik.http.routers.c.rule=Host(`c.example"]);
    assert!(speaks(&broken, &only(Dialect::Own)).unwrap_err().contains("traefik.http.routers.c.rule"));
}

#[test]
fn the_address_is_that_of_the_chosen_network() {
    let address = |text: &str| vec![text.parse().unwrap()];
    let two = BTreeMap::from([("back".into(), address("10.1.0.5")), ("front".into(), address("fd00::5"))]);
    let one = Container { network: Network::Own(two), ..container(&["dnsmgmt.name=a.example"]) };
    let by = |networks: &[&str]| {
        let networks = networks.iter().map(|name| (*name).to_owned()).collect();
        wishes(&one, &Rules { networks, ..rules() }).map(|wishes| told(&wishes))
    };
    assert_eq!(by(&["front", "back"]).unwrap(), ["a.example AAAA fd00::5"]);
    assert_eq!(by(&["other", "back"]).unwrap(), ["a.example A 10.1.0.5"]);
    assert!(matches!(by(&["other"]), Err(Problem::Unreadable(why)) if why.contains("`back`, `front`")));
    assert!(matches!(by(&[]), Err(Problem::Unreadable(why)) if why.contains("networks")));
    let network = Network::Own(BTreeMap::from([("lab".into(), Vec::new())]));
    let without = Container { network, state: State::Restarting, ..container(&["dnsmgmt.name=a.example"]) };
    assert!(matches!(wishes(&without, &rules()), Err(Problem::NotNow(_))), "it is between two addresses");
    let of_host = Container { network: Network::Host, ..container(&["dnsmgmt.name=a.example"]) };
    assert_eq!(wishes(&of_host, &rules()).unwrap().len(), 2, "it has its host's");
    let without = Container { network: Network::None, ..container(&["dnsmgmt.name=a.example"]) };
    assert!(matches!(wishes(&without, &rules()), Err(Problem::Unreadable(_))));
}

#[test]
fn hostile_labels_are_refused_whole_and_shown_harmlessly() {
    let long = format!("dnsmgmt.name={}.example", "a".repeat(64));
    let longer = format!("dnsmgmt.name={}example", "abcdefg.".repeat(40));
    for label in [
        long.as_str(),
        longer.as_str(),
        "dnsmgmt.name=*",
        "dnsmgmt.name=a.*.example",
        "dnsmgmt.name=.",
        "dnsmgmt.name=..",
        "dnsmgmt.name=a..example",
        "dnsmgmt.name=-a.example",
        "dnsmgmt.name=a-.example",
        "dnsmgmt.name=a b.example",
        "dnsmgmt.name=a\".example",
        "dnsmgmt.name=a;b.example",
        "dnsmgmt.name=$INCLUDE /etc/shadow",
        "dnsmgmt.name=a.example\n@ A 6.6.6.6",
        "dnsmgmt.name=a.example\r\nupdate delete example",
        "dnsmgmt.name=a.example\u{0}",
        "dnsmgmt.name=a\\.b.example",
        "dnsmgmt.name=a\\046b.example",
        "dnsmgmt.name=\u{1b}[2Ja.example",
        "dnsmgmt.name=xn--a-ecp.ru\u{202e}",
        "dnsmgmt.name=10.0.0.1",
        "dnsmgmt.name=a.1",
        "dnsmgmt.name=::1",
        "dnsmgmt.name=http://a.example/",
        "dnsmgmt.name=x.tombstone.invalid",
        "dnsmgmt.name=good.example,bad one.example",
        "dnsmgmt.nam=a.example",
        "dnsmgmt.ttl=-1",
        "dnsmgmt.ttl=99999999999",
        "dnsmgmt.ttl=60; rm -rf /",
        "dnsmgmt.proxied=maybe",
        "dnsmgmt.skip=yes please",
        "dnsmgmt.type=SOA",
        "dnsmgmt.type=NS",
        "dnsmgmt.type=DNSKEY",
        "dnsmgmt.type=TYPE65280",
        "dnsmgmt.type=TXT",
        "dnsmgmt.content=a.example\nb.example",
        "dnsmgmt.content=a b",
        "dnsmgmt.content=10.0.0.300",
        "dnsmgmt.content=c.example",
        "dnsmgmt.provider=../../etc",
        "joyride.host.name=a.example; b.example",
        "coredns.host.name=$(id).example",
        "dns.hostname=a.example' OR 1=1",
        "dns.host.x=a.example\tb.example",
        "dns.subdomain=a",
        "dns.use_apex=true",
        "traefik.http.routers.x.rule=Host(`a.example\nevil`)",
        "traefik.http.routers.x.rule=Host(`a.example`)) || Host(`b.example`",
    ] {
        let own = ["dnsmgmt.name=c.example"];
        let labels = if label.starts_with("dnsmgmt.name") { vec![label] } else { [&own[..], &[label]].concat() };
        let why = refused(&labels);
        assert!(!why.contains(|c: char| c.is_control() || c == '\u{202e}'), "{label:?}: {why:?}");
        assert!(why.len() < 400, "{label}: {why}");
    }
}

#[test]
fn what_a_txt_holds_is_text_and_never_syntax() {
    for text in ["\"a\" \"b\"", "a;b", "\\\"", "a\\000b", "(", "v=\"x\" ; evil", "$ORIGIN ."] {
        let content = format!("dnsmgmt.content={text}");
        let labels = ["dnsmgmt.name=a.example", "dnsmgmt.type=TXT", &content];
        let wishes = wishes(&container(&labels), &rules()).unwrap();
        assert_eq!(wishes[0].record.key.data, RecordData::Txt(text.as_bytes().into()));
    }
    assert!(refused(&["dnsmgmt.name=a.example", "dnsmgmt.type=TXT", "dnsmgmt.content=a\nb"]).contains("control"));
    assert!(refused(&["dns.hostname=a.example", "dns.type=CAA", "dns.content=a\nb"]).contains("control"));
}

#[test]
fn an_alias_of_itself_is_refused() {
    assert!(refused(&["dnsmgmt.name=a.example", "dnsmgmt.content=a.example"]).contains("itself"));
    assert!(refused(&["dns.hostname=a.example", "dns.content=A.Example."]).contains("itself"));
    assert!(refused(&["dns.domain=a.example", "dns.use_apex=true", "dns.type=CNAME"]).contains("dns.content"));
}

proptest! {
    #[test]
    fn no_text_makes_a_rule_panic_or_a_name_of_no_host(rule in "[ !|&()`'\"\\\\,Hhost.SNIa-c*:{}\n\u{e9}]{0,60}") {
        for name in rule::hosts(&rule).unwrap_or_default() {
            prop_assert!(name.as_str().bytes().all(|octet| octet.is_ascii_alphanumeric() || b"-_.".contains(&octet)));
        }
    }

    #[test]
    fn no_text_of_a_label_makes_a_record_that_a_zone_file_reads_otherwise(key in 0..6usize, text in "\\PC{0,30}|[ -~\n]{0,30}") {
        const KEYS: [&str; 6] =
            ["dnsmgmt.name", "dnsmgmt.content", "joyride.host.name", "dns.hostname", "dns.content", "dns.subdomain"];
        let mut one = container(&["dnsmgmt.name=a.example", "dns.hostname=b.example", "dns.domain=example"]);
        one.labels.insert(KEYS[key].into(), text);
        for wish in wishes(&one, &rules()).unwrap_or_default() {
            let name = wish.record.name().as_str().trim_start_matches("*.");
            prop_assert!(name.bytes().all(|octet| octet.is_ascii_alphanumeric() || b"-_.".contains(&octet)), "{name}");
            let value = wish.record.key.data.to_string();
            prop_assert!(!value.contains(|c: char| c.is_control() || c.is_whitespace()), "{value}");
        }
    }
}
