//! What the programs talk to.

use std::collections::BTreeMap;
use std::path::Path;

use dnsmgmt_core::record::RecordKey;
use fixtures::address_service::AddressService;
use fixtures::docker::{FakeDocker, container};
use fixtures::server::Server;
use fixtures::traefik::{FakeTraefik, router};
use serde_json::Value;

use crate::outage::{Answer, Container, DaemonChange, Outage, Struck, Traefik};
use crate::provider::Provider;
use crate::records::numbered;

/// The fakes of an outage.
pub(crate) struct World {
    pub(crate) providers: BTreeMap<String, Provider>,
    daemons: BTreeMap<String, FakeDocker>,
    traefik: FakeTraefik,
    addresses: BTreeMap<String, AddressService>,
}

impl World {
    /// Starts them; `folder` is where a provider's file may be.
    pub(crate) async fn start(outage: &Outage, folder: &Path) -> Self {
        let mut providers = BTreeMap::new();
        for (name, told) in &outage.providers {
            providers.insert(name.clone(), Provider::start(name, told, folder).await);
        }
        let mut daemons = BTreeMap::new();
        for (name, told) in &outage.daemons {
            let daemon = FakeDocker::start(name).await;
            daemon.run(told.containers.iter().flat_map(running));
            daemons.insert(name.clone(), daemon);
        }
        let mut addresses = BTreeMap::new();
        for (name, address) in &outage.addresses {
            addresses.insert(name.clone(), AddressService::start(address).await);
        }
        let world = Self { providers, daemons, traefik: FakeTraefik::start().await, addresses };
        outage.traefik.iter().for_each(|routers| world.route(routers));
        world
    }

    /// Returns where everything is reached, by name.
    pub(crate) fn addresses(&self) -> BTreeMap<String, String> {
        let providers = self.providers.iter().map(|(name, provider)| (name.clone(), provider.address()));
        let daemons = self.daemons.iter().map(|(name, daemon)| (name.clone(), daemon.address()));
        let addresses = self.addresses.iter().map(|(name, service)| (name.clone(), service.url()));
        providers.chain(daemons).chain(addresses).chain([("traefik".to_owned(), self.traefik.server.url())]).collect()
    }

    /// Returns what all providers hold.
    pub(crate) fn held(&self) -> Vec<RecordKey> {
        let mut held: Vec<RecordKey> = self.providers.values().flat_map(Provider::held).collect();
        held.sort();
        held
    }

    /// Returns the provider at which other people do what a step says: the first one.
    pub(crate) fn provider(&self) -> &Provider {
        self.providers.values().next().expect("an outage has a provider")
    }

    pub(crate) fn change(&self, name: &str, change: &DaemonChange) {
        let daemon = self.daemon(name);
        if let Some(id) = &change.becomes {
            daemon.become_another(id);
        }
        if let Some(containers) = &change.containers {
            daemon.run(containers.iter().flat_map(running));
        }
        if let Some(count) = change.counts {
            daemon.say(count);
        }
        if change.cuts_events {
            daemon.cut_events();
        }
        change.tells.iter().for_each(|actions| daemon.tell_at_once(actions.split(", ")));
    }

    pub(crate) fn route(&self, Traefik { http, tcp }: &Traefik) {
        let routers = |lines: &[String]| -> Vec<Value> {
            let lines = lines.iter().flat_map(|line| numbered(line));
            lines.map(|line| line.split_once(' ').map(|(name, rule)| router(name, rule)).expect("NAME RULE")).collect()
        };
        self.traefik.route(routers(http), routers(tcp));
    }

    /// Lets a service that tells addresses answer this.
    pub(crate) fn tell(&self, name: &str, answer: &Answer) {
        let service = self.addresses.get(name).unwrap_or_else(|| panic!("no service `{name}` tells addresses"));
        match answer {
            Answer::Text(text) => service.says(200, text),
            Answer::Whole { status, text } => service.says(*status, text),
        }
    }

    /// Switches a fault on.
    pub(crate) fn strike(&self, struck: &Struck) {
        let server = match self.providers.get(&struck.at) {
            Some(provider) => provider.server().expect("a file has no faults"),
            None if struck.at == "traefik" => &self.traefik.server,
            None => &self.daemon(&struck.at).server,
        };
        server.faults.after(struck.after, struck.times.unwrap_or(u32::MAX), struck.on, struck.fault);
    }

    /// Switches all faults off.
    pub(crate) fn calm(&self) {
        self.servers().for_each(|server| server.faults.clear());
    }

    /// Starts counting what is asked anew.
    pub(crate) fn forget_calls(&self) {
        self.servers().for_each(Server::forget_calls);
    }

    /// Returns how often a provider was asked for a change.
    pub(crate) fn requests(&self) -> usize {
        let calls = self.providers.values().filter_map(Provider::server).flat_map(Server::calls);
        // A webhook is asked what it would make of records before it is asked to make them.
        calls.filter(|call| !call.starts_with("GET ") && !call.contains("/adjustendpoints")).count()
    }

    /// Returns whether a daemon was asked for its containers.
    pub(crate) fn is_asked(&self, daemon: &str) -> bool {
        self.daemon(daemon).server.calls().iter().any(|call| call.contains("/containers/json"))
    }

    /// Returns whether somebody follows the events of every daemon.
    pub(crate) fn is_followed(&self) -> bool {
        self.daemons.values().all(|daemon| daemon.followers() > 0)
    }

    fn servers(&self) -> impl Iterator<Item = &Server> {
        let providers = self.providers.values().filter_map(Provider::server);
        let daemons = self.daemons.values().map(|daemon| &daemon.server);
        providers.chain(daemons).chain([&self.traefik.server])
    }

    fn daemon(&self, name: &str) -> &FakeDocker {
        self.daemons.get(name).unwrap_or_else(|| panic!("there is no provider or daemon `{name}`"))
    }
}

/// Returns containers as the daemon lists them.
fn running(told: &Container) -> Vec<Value> {
    match told {
        Container::Line(line) => numbered(line).iter().map(|line| of_line(line)).collect(),
        Container::Whole { name, address, labels, state } => {
            let labels: Vec<(&str, &str)> = labels.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
            let mut container = container(name, address, &labels);
            if let Some(state) = state {
                container["State"] = state.as_str().into();
            }
            vec![container]
        }
    }
}

/// Reads `NAME ADDRESS`, or `NAME ADDRESS LABEL=VALUE`.
fn of_line(line: &str) -> Value {
    let mut words = line.splitn(3, ' ');
    let (Some(name), Some(address)) = (words.next(), words.next()) else { panic!("`{line}` is not NAME ADDRESS") };
    let label = words.next().map(|label| label.split_once('=').expect("LABEL=VALUE"));
    container(name, address, label.as_slice())
}
