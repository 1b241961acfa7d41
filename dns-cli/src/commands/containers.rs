//! `dns-cli containers`

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Error, Result};
use dnsmgmt_core::record::{Record, RecordKey};
use dnsmgmt_core::record_set::{Listing, Scope};
use dnsmgmt_core::repository::ResourceUsage;
use dnsmgmt_core::source::{Desired, Place, Wanted};
use dnsmgmt_providers::source::docker::{Daemon, Docker, Sample};
use dnsmgmt_providers::source::labels::Wish;

use crate::args::Containers;
use crate::output::{Host, InDns, Runs, Wanting, print_containers, print_usages};
use crate::wanted;
use dnsmgmt_program::args::ReportFormat;
use dnsmgmt_program::context::Context;
use dnsmgmt_program::exit::Exit;
use dnsmgmt_program::failure::failed;

pub(crate) async fn run(context: &Context, args: Containers) -> Result<Exit> {
    let dockers = dockers(context, args.host.as_deref())?;
    if args.usage {
        return usage(context, &dockers, args.output).await;
    }
    let (mut daemons, mut failures) = (Vec::new(), Vec::new());
    for docker in &dockers {
        for daemon in docker.look().await {
            match daemon {
                Ok(daemon) => daemons.push(daemon),
                Err(error) => failures.push(Error::from(error)),
            }
        }
    }
    let held = Held::look(context, &daemons, &mut failures).await?;
    let hosts: Vec<Host> = daemons.into_iter().map(|daemon| host(daemon, &held, args.named)).collect();
    let said: Vec<String> = failures.iter().map(|failure| format!("{failure:#}")).collect();
    print_containers(&hosts, &said, args.output)?;
    for failure in &failures {
        failed(failure);
    }
    Ok(if failures.is_empty() { Exit::Done } else { Exit::CouldNotRun })
}

/// Returns the daemon at `host`, else those of the sources, as a synchronisation reads them; where no source is Docker, the configured
/// ones.
fn dockers(context: &Context, host: Option<&str>) -> Result<Vec<Docker>> {
    let settings = &context.settings;
    let of_sources = if host.is_none() { settings.dockers(&settings.policy().sources)? } else { Vec::new() };
    let asked = if of_sources.is_empty() { vec![settings.docker(host)?] } else { of_sources };
    Ok(asked.into_iter().map(Docker::new).collect())
}

/// Samples what running containers use, writes it down and shows it.
async fn usage(context: &Context, dockers: &[Docker], output: ReportFormat) -> Result<Exit> {
    let mut repository = context.repository()?;
    let (mut samples, mut failures) = (Vec::new(), Vec::new());
    for docker in dockers {
        for sample in docker.usage().await {
            match sample {
                Ok(sample) => samples.push(sample),
                Err(error) => failures.push(Error::from(error)),
            }
        }
    }
    let usages: Vec<_> = samples.iter().map(row).collect();
    let now = context.clock.moment().now;
    repository.record_usages(&usages, now)?;
    let said: Vec<String> = failures.iter().map(|failure| format!("{failure:#}")).collect();
    print_usages(&samples, now, &said, output)?;
    for failure in &failures {
        failed(failure);
    }
    Ok(if failures.is_empty() { Exit::Done } else { Exit::CouldNotRun })
}

fn row(sample: &Sample) -> ResourceUsage {
    ResourceUsage {
        container_id: sample.id.clone(),
        container_name: sample.name.clone(),
        cpu_usage: sample.cpu_percent,
        memory_usage: sample.memory,
        memory_limit: sample.memory_limit,
    }
}

/// What the providers hold of what containers want, by where it is wanted.
#[derive(Default)]
struct Held(BTreeMap<(Option<String>, RecordKey), InDns>);

impl Held {
    /// Lists every zone in which a container wants something, once.
    async fn look(context: &Context, daemons: &[Daemon], failures: &mut Vec<Error>) -> Result<Self> {
        let mut desired = Desired { wanted: daemons.iter().flat_map(wanted_by).collect(), ..Desired::default() };
        let mut held = Self::default();
        if desired.wanted.is_empty() {
            return Ok(held);
        }
        let repository = context.repository()?;
        let routes = wanted::routes(context, &mut desired, failures);
        let zones = wanted::by_zone(context, &repository, &mut desired, routes, &BTreeSet::new(), failures).await?;
        for zone in zones {
            match context.observe(&zone.at, &Scope::Zone).await {
                Ok(listing) => {
                    for Wanted { place, record, .. } in &zone.wishes.wanted {
                        held.0.insert((place.provider.clone(), record.key.clone()), is_in(&listing, record));
                    }
                }
                Err(error) => failures.push(error),
            }
        }
        Ok(held)
    }

    fn of(&self, wish: &Wish) -> InDns {
        let key = (wish.provider.clone(), wish.record.key.clone());
        self.0.get(&key).cloned().unwrap_or(InDns::Unknown)
    }
}

fn wanted_by(daemon: &Daemon) -> impl Iterator<Item = Wanted> {
    daemon.containers.iter().flat_map(|seen| {
        seen.wants.iter().flatten().map(|wish| Wanted {
            origin: seen.origin.clone(),
            place: Place { provider: wish.provider.clone(), zone: None },
            record: wish.record.clone(),
        })
    })
}

fn is_in(listing: &Listing, wanted: &Record) -> InDns {
    let there = listing.records.at(wanted.name());
    if let Some(same) = there.iter().find(|record| record.key == wanted.key) {
        return if wanted.agrees_with(same) { InDns::There } else { InDns::Differs };
    }
    let of_type = there.iter().filter(|record| record.rtype() == wanted.rtype());
    match of_type.map(|record| record.key.data.to_string()).collect::<Vec<_>>() {
        others if others.is_empty() => InDns::Missing,
        others => InDns::Others(others),
    }
}

fn host(daemon: Daemon, held: &Held, only_named: bool) -> Host {
    let is_meant = |container: &Runs| !only_named || !container.wants.is_empty() || container.problem.is_some();
    let containers = daemon.containers.into_iter().map(|seen| {
        let (wishes, problem) = match seen.wants {
            Ok(wishes) => (wishes, None),
            Err(problem) => (Vec::new(), Some(problem.why().to_owned())),
        };
        let wants = wishes.into_iter().map(|wish| Wanting { in_dns: held.of(&wish), wish }).collect();
        Runs { container: seen.container, origin: seen.origin, wants, problem }
    });
    Host { address: daemon.address, origin: daemon.origin, containers: containers.filter(is_meant).collect() }
}
