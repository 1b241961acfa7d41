//! The fakes of DNS services, seen alike: by their records.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use dnsmgmt_core::record::{RecordData, RecordKey};
use fixtures::adguard::{AdGuardOptions, FakeAdGuard};
use fixtures::cloudflare::{FakeCloudflare, TOKEN};
use fixtures::powerdns::{API_KEY, FakePowerDns};
use fixtures::server::Server;
use fixtures::webhook::FakeWebhook;
use serde_json::json;

use crate::outage::{self, Kind};
use crate::records;

/// What is at the top of a zone file, and belongs to the zone.
const TOP: &str = "$TTL 300\n@ SOA ns host 1 1h 15m 1w 5m\n@ NS ns\nns A 10.0.0.1\n";

/// A DNS service.
#[derive(Debug)]
pub(crate) struct Provider {
    zone: String,
    service: Service,
}

#[derive(Debug)]
enum Service {
    AdGuard(FakeAdGuard),
    /// With the id of the zone.
    Cloudflare(FakeCloudflare, String),
    PowerDns(FakePowerDns),
    Webhook(FakeWebhook),
    /// The path of the file.
    ZoneFile(PathBuf),
}

impl Provider {
    /// Starts one with what other people keep there; `folder` is where a file may be.
    pub(crate) async fn start(name: &str, told: &outage::Provider, folder: &Path) -> Self {
        let zone = told.zone.as_str();
        let service = match told.kind {
            Kind::AdGuard => Service::AdGuard(FakeAdGuard::start(AdGuardOptions::default()).await),
            Kind::Cloudflare => {
                let fake = FakeCloudflare::start().await;
                let id = fake.add_zone(zone);
                if let Some(page) = told.page {
                    fake.set_largest_page(page);
                }
                Service::Cloudflare(fake, id)
            }
            Kind::PowerDns => {
                let fake = FakePowerDns::start().await;
                fake.add_zone(zone);
                Service::PowerDns(fake)
            }
            Kind::Webhook => Service::Webhook(FakeWebhook::start(&[zone]).await),
            Kind::ZoneFile => {
                let path = folder.join(format!("{name}.zone"));
                fs::write(&path, TOP).expect("a zone file is written");
                Service::ZoneFile(path)
            }
        };
        let provider = Self { zone: zone.to_owned(), service };
        told.holds.0.iter().for_each(|record| provider.put(record));
        provider
    }

    /// Returns where it is reached.
    pub(crate) fn address(&self) -> String {
        match &self.service {
            Service::AdGuard(fake) => fake.url(),
            Service::Cloudflare(fake, _) => fake.url(),
            Service::PowerDns(fake) => fake.url(),
            Service::Webhook(fake) => fake.url(),
            Service::ZoneFile(path) => path.display().to_string(),
        }
    }

    /// Returns its table of dnsmgmt.toml.
    pub(crate) fn table(&self, name: &str) -> String {
        let (zone, address) = (&self.zone, self.address());
        let rest = match &self.service {
            Service::AdGuard(_) => format!("kind = \"adguard\"\nurl = \"{address}\""),
            Service::Cloudflare(_, id) => format!(
                "kind = \"cloudflare\"\nurl = \"{address}\"\ntoken = \"{TOKEN}\"\nzones = [{{ name = \"{zone}\", id = \"{id}\" }}]"
            ),
            Service::PowerDns(_) => {
                format!("kind = \"powerdns\"\nurl = \"{address}\"\napi_key = \"{API_KEY}\"\nzone = \"{zone}\"")
            }
            Service::Webhook(_) => format!("kind = \"webhook\"\nurl = \"{address}\"\nzone = \"{zone}\""),
            Service::ZoneFile(_) => {
                format!("kind = \"zonefile\"\nzones = [{{ name = \"{zone}\", path = \"{address}\" }}]")
            }
        };
        format!("\n[providers.{name}]\n{rest}\n")
    }

    /// Returns its server, where it is one.
    pub(crate) fn server(&self) -> Option<&Server> {
        match &self.service {
            Service::AdGuard(fake) => Some(&fake.server),
            Service::Cloudflare(fake, _) => Some(&fake.server),
            Service::PowerDns(fake) => Some(&fake.server),
            Service::Webhook(fake) => Some(&fake.server),
            Service::ZoneFile(_) => None,
        }
    }

    /// Puts a record there, as another program does.
    pub(crate) fn put(&self, record: &RecordKey) {
        let record = &records::timed(record);
        let (name, rtype, value) = (record.name.as_str(), record.rtype(), record.data.to_string());
        match &self.service {
            Service::AdGuard(fake) => fake.put(name, &value),
            Service::Cloudflare(fake, id) => drop(fake.put(id, name, rtype.as_str(), &value)),
            Service::PowerDns(_) | Service::Webhook(_) | Service::ZoneFile(_) => {
                let mut held = self.listed();
                held.push(record.clone());
                self.write(record, &held);
            }
        }
    }

    /// Takes a record away, as another program does.
    pub(crate) fn take(&self, record: &RecordKey) {
        let mut held = self.listed();
        let count = held.len();
        held.retain(|held| records::timeless(held) != *record);
        assert!(held.len() < count, "`{record}` is not there to be taken");
        match &self.service {
            Service::AdGuard(fake) => {
                fake.take(record.name.as_str());
                held.iter().filter(|held| held.name == record.name).for_each(|held| self.put(held));
            }
            Service::Cloudflare(fake, id) => {
                let is_it = |held: &fixtures::cloudflare::HeldRecord| {
                    records::read(&spelled(held)).is_ok_and(|held| records::timeless(&held) == *record)
                };
                let there = fake.records(id).into_iter().filter(is_it);
                there.for_each(|held| fake.remove(id, &held.id));
            }
            Service::PowerDns(_) | Service::Webhook(_) | Service::ZoneFile(_) => self.write(record, &held),
        }
    }

    /// Writes what is now held of the RRset of `changed`, where it is written whole; a zone file is as a whole.
    fn write(&self, changed: &RecordKey, held: &[RecordKey]) {
        let (name, rtype) = (changed.name.as_str(), changed.rtype());
        let values: Vec<String> = held
            .iter()
            .filter(|held| held.name == changed.name && held.rtype() == rtype)
            .map(|held| held.data.to_zone_text())
            .collect();
        match &self.service {
            Service::PowerDns(fake) => {
                let values: Vec<&str> = values.iter().map(String::as_str).collect();
                fake.put(&self.zone, name, rtype.as_str(), &values);
            }
            Service::Webhook(fake) => {
                fake.remove(name);
                let mut sets: BTreeMap<String, Vec<String>> = BTreeMap::new();
                for record in held.iter().filter(|held| held.name == changed.name) {
                    sets.entry(record.rtype().to_string()).or_default().push(record.data.to_string());
                }
                for (rtype, targets) in sets {
                    fake.put(json!({ "dnsName": name, "recordType": rtype, "recordTTL": 300, "targets": targets }));
                }
            }
            Service::ZoneFile(path) => {
                let line = |held: &RecordKey| format!("{}. {} {}\n", held.name, held.rtype(), held.data.to_zone_text());
                let text: String = held.iter().map(line).collect();
                fs::write(path, format!("{TOP}{text}")).expect("a zone file is written");
            }
            Service::AdGuard(_) | Service::Cloudflare(..) => {}
        }
    }

    /// Returns what is there, without what belongs to the zone itself; what is there several times is in it as often. A heartbeat of the last
    /// hour is one of now.
    pub(crate) fn held(&self) -> Vec<RecordKey> {
        let mut held: Vec<RecordKey> = self.listed().iter().map(records::timeless).collect();
        held.sort();
        held
    }

    fn listed(&self) -> Vec<RecordKey> {
        let lines: Vec<String> = match &self.service {
            Service::AdGuard(fake) => {
                let entry = |entry: fixtures::adguard::Entry| {
                    let rtype = RecordData::infer(&entry.answer).expect("an answer is a value").rtype();
                    format!("{} {rtype} {}", entry.domain, entry.answer)
                };
                fake.entries().into_iter().map(entry).collect()
            }
            Service::Cloudflare(fake, id) => fake.records(id).iter().map(spelled).collect(),
            Service::PowerDns(fake) => {
                let words = |line: &String| line.splitn(4, ' ').map(ToOwned::to_owned).collect::<Vec<_>>();
                let held = fake.held(&self.zone).iter().map(words).collect::<Vec<_>>();
                let of_others = held.into_iter().filter(|words| words[1] != "NS");
                of_others.map(|words| format!("{} {} {}", words[0], words[1], words[3])).collect()
            }
            Service::Webhook(fake) => {
                let sets = fake.endpoints();
                let of_set = |set: &serde_json::Value| {
                    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
                    let head = format!("{} {}", text(&set["dnsName"]), text(&set["recordType"]));
                    let targets = set["targets"].as_array().cloned().unwrap_or_default();
                    targets.iter().map(|target| format!("{head} {}", text(target))).collect::<Vec<_>>()
                };
                sets.iter().flat_map(of_set).collect()
            }
            Service::ZoneFile(path) => {
                let text = fs::read_to_string(path).expect("the zone file is there");
                text.lines().skip(TOP.lines().count()).map(|line| self.absolute(line)).collect()
            }
        };
        lines.iter().map(|line| records::read(line).expect("a record")).collect()
    }

    /// Returns a line of a zone file with its name made absolute, without a TTL.
    fn absolute(&self, line: &str) -> String {
        let mut words = line.split_whitespace();
        let name = words.next().unwrap_or_default();
        let words = words.skip_while(|word| *word == "IN" || word.bytes().all(|octet| octet.is_ascii_digit()));
        let rest = words.collect::<Vec<_>>().join(" ");
        if name.ends_with('.') { format!("{name} {rest}") } else { format!("{name}.{} {rest}", self.zone) }
    }
}

fn spelled(held: &fixtures::cloudflare::HeldRecord) -> String {
    let priority = held.priority.map(|priority| format!("{priority} ")).unwrap_or_default();
    let line = format!("{} {} {priority}{}", held.name, held.rtype, held.content);
    records::read(&line).map_or(line, |record| record.to_string())
}
