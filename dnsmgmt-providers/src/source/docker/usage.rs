//! What containers use of their machine.

use bollard::errors::Error;
use bollard::models::{ContainerCpuStats, ContainerMemoryStats, ContainerStatsResponse};
use bollard::query_parameters::StatsOptionsBuilder;
use dnsmgmt_core::source::SourceError;
use futures_util::{StreamExt as _, stream};

use super::engine::answer;
use super::{Docker, Engine, Host};
use crate::source::labels::{Container, State};

/// How many containers of a daemon are asked about at once: each answer takes the daemon a second or two, in which it measures.
const AT_ONCE: usize = 32;

/// What one container used.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// Where its daemon listens.
    pub host: String,
    /// The container's id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// The part of one processor, in percent: 200 is two of them.
    pub cpu_percent: Option<f64>,
    /// The memory in octets, without what the system would take back from its file cache, as `docker stats` shows it.
    pub memory: Option<u64>,
    /// The memory in octets that it may use; the machine's where it has no limit of its own.
    pub memory_limit: Option<u64>,
}

impl Docker {
    /// Asks every daemon what each running container uses. One that ended in the meantime is left out; what could not be asked is an
    /// error beside the others.
    pub async fn usage(&self) -> Vec<Result<Sample, SourceError>> {
        let of_hosts = stream::iter(&self.0.hosts).map(of_host).buffered(AT_ONCE);
        of_hosts.flat_map(stream::iter).collect().await
    }
}

async fn of_host(host: &Host) -> Vec<Result<Sample, SourceError>> {
    let asked = async {
        let engine = Engine::connect(host).await?;
        let mut containers = engine.containers().await?;
        containers.retain(|container| matches!(container.state, State::Running | State::Paused));
        containers.sort_by(|left, right| (&left.name, &left.id).cmp(&(&right.name, &right.id)));
        let samples = stream::iter(containers).map(|container| of_container(&engine, host, container));
        Ok(samples.buffered(AT_ONCE).filter_map(async |sample| sample.transpose()).collect().await)
    };
    asked.await.unwrap_or_else(|error| vec![Err(error)])
}

async fn of_container(engine: &Engine, host: &Host, container: Container) -> Result<Option<Sample>, SourceError> {
    // Measured twice by the daemon, because what a processor did needs a time in which it did it.
    let options = StatsOptionsBuilder::default().stream(false).one_shot(false).build();
    let doing = format!("ask what the container {} uses", container.name);
    let mut stats = Box::pin(engine.client().stats(&container.id, Some(options)));
    let asked = async {
        match stats.next().await {
            None | Some(Err(Error::DockerResponseServerError { status_code: 404 | 409, .. })) => Ok(None),
            Some(answer) => answer.map(Some),
        }
    };
    let said = answer(engine.name(), &doing, asked).await?;
    Ok(said.map(|said| sample(&said, host, container)))
}

fn sample(said: &ContainerStatsResponse, host: &Host, container: Container) -> Sample {
    let cpu_percent = said.cpu_stats.as_ref().zip(said.precpu_stats.as_ref());
    let memory = said.memory_stats.as_ref();
    Sample {
        host: host.address.clone(),
        id: container.id,
        name: container.name,
        cpu_percent: cpu_percent.and_then(|(now, before)| percent(now, before)),
        memory: memory.and_then(used),
        memory_limit: memory.and_then(|memory| memory.limit).filter(|limit| *limit > 0),
    }
}

/// What Docker's documentation says of its numbers (Engine API, "Get container stats based on resource usage"), to a hundredth: more
/// digits would be noise.
#[expect(clippy::cast_precision_loss, reason = "nanoseconds between two measurements, of which percent are shown")]
fn percent(now: &ContainerCpuStats, before: &ContainerCpuStats) -> Option<f64> {
    let used = |stats: &ContainerCpuStats| stats.cpu_usage.as_ref()?.total_usage;
    let used = used(now)?.checked_sub(used(before)?)?;
    let passed = now.system_cpu_usage?.checked_sub(before.system_cpu_usage?).filter(|passed| *passed > 0)?;
    let processors = f64::from(now.online_cpus.filter(|count| *count > 0).unwrap_or(1));
    Some((used as f64 / passed as f64 * processors * 10_000.0).round() / 100.0)
}

fn used(memory: &ContainerMemoryStats) -> Option<u64> {
    let usage = memory.usage?;
    let stats = memory.stats.as_ref();
    // Control groups of version 1, else of version 2.
    let of_files = ["total_inactive_file", "inactive_file"].iter().find_map(|key| stats?.get(*key));
    Some(of_files.filter(|octets| **octets < usage).map_or(usage, |octets| usage - octets))
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use bollard::models::ContainerCpuUsage;

    use super::*;

    fn cpu(used: u64, passed: u64) -> ContainerCpuStats {
        let cpu_usage = Some(ContainerCpuUsage { total_usage: Some(used), ..ContainerCpuUsage::default() });
        let system_cpu_usage = Some(passed);
        ContainerCpuStats { cpu_usage, system_cpu_usage, online_cpus: Some(4), ..ContainerCpuStats::default() }
    }

    #[test]
    fn a_container_that_keeps_two_of_four_processors_busy_uses_200_percent() {
        assert_eq!(percent(&cpu(1_500, 2_000), &cpu(1_000, 1_000)), Some(200.0));
        assert_eq!(percent(&cpu(1_500, 2_000), &ContainerCpuStats::default()), None, "nothing to compare with");
        assert_eq!(percent(&cpu(1_500, 1_000), &cpu(1_000, 1_000)), None, "no time passed");
        assert_eq!(percent(&cpu(900, 2_000), &cpu(1_000, 1_000)), None, "it was restarted in between");
    }

    #[test]
    fn the_file_cache_is_no_memory_that_is_used() {
        let memory = |key: &str, cache| ContainerMemoryStats {
            usage: Some(1_000),
            stats: Some(HashMap::from([(key.to_owned(), cache)])),
            ..ContainerMemoryStats::default()
        };
        assert_eq!(used(&memory("inactive_file", 300)), Some(700));
        assert_eq!(used(&memory("total_inactive_file", 300)), Some(700));
        assert_eq!(used(&memory("inactive_file", 3_000)), Some(1_000));
        assert_eq!(used(&ContainerMemoryStats::default()), None);
    }
}
