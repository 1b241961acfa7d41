//! An outage, step by step.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use dnsmgmt_core::record::RecordKey;
use tempfile::TempDir;
use tokio::runtime::Builder;
use tokio::time::{Instant, sleep, timeout};

use crate::machine::{Machine, Said};
use crate::outage::{End, Outage, Step};
use crate::tale::Tale;
use crate::world::World;

/// How long a command that goes on may take, on a machine that does other things too.
const PATIENCE: Duration = Duration::from_secs(40);

/// Replays an outage, or says what is not as it should be.
pub(crate) fn replay(outage: &Outage, tale: &mut Tale) -> Result<(), String> {
    let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        tale.begin(outage);
        let folder = TempDir::new().expect("a temporary folder");
        let world = World::start(outage, folder.path()).await;
        let machine = |(name, told)| (name, Machine::new(folder.path().join(name), told, &world));
        let machines = outage.machines.iter().map(machine).collect();
        let mut replay = Replay { expected: world.held(), world, machines, id: String::new(), tale };
        for (index, step) in outage.steps.iter().enumerate() {
            replay.tale.step(index + 1, &step.what);
            replay.step(step).await.map_err(|why| format!("step {}: {why}", index + 1))?;
        }
        let left = replay.machines.values().any(Machine::is_busy);
        if left { Err("a command still goes on at the end".into()) } else { Ok(()) }
    })
}

struct Replay<'a> {
    world: World,
    machines: BTreeMap<&'a String, Machine>,
    /// What the providers hold, by all that was said so far.
    expected: Vec<RecordKey>,
    /// The id that was last said, of a plan or a run.
    id: String,
    tale: &'a mut Tale,
}

impl<'a> Replay<'a> {
    async fn step(&mut self, step: &Step) -> Result<(), String> {
        self.change_the_world(step);
        self.expect(step)?;
        self.world.forget_calls();
        if let Some(line) = &step.run {
            for _ in 0..step.times.unwrap_or(1) {
                self.run(line, step).await?;
            }
        }
        if let Some(line) = &step.starts {
            self.machine(step).start(line);
            self.tale.tell(&format!("   $ {line} &"));
        }
        let is_busy = self.machines.values().any(Machine::is_busy);
        if is_busy {
            self.wait(step).await?;
        }
        if let Some(how) = step.ends {
            self.end(how, step).await?;
        }
        self.compare()?;
        if let Some(requests) = step.requests {
            let made = self.world.requests();
            if made != requests {
                return Err(format!("{made} requests for changes were made, not {requests}"));
            }
        }
        self.world.calm();
        Ok(())
    }

    fn change_the_world(&mut self, step: &Step) {
        step.daemons.iter().for_each(|(name, change)| self.world.change(name, change));
        step.traefik.iter().for_each(|routers| self.world.route(routers));
        step.addresses.iter().for_each(|(name, answer)| self.world.tell(name, answer));
        step.others.take.0.iter().for_each(|record| self.world.provider().take(record));
        step.others.put.0.iter().for_each(|record| self.world.provider().put(record));
        step.faults.iter().for_each(|struck| self.world.strike(struck));
        if step.files.is_empty() && step.passes.is_none() && !step.boots {
            return;
        }
        let machine = self.machine(step);
        step.files.iter().for_each(|(name, text)| machine.write(name, text));
        if let Some(time) = step.passes {
            machine.pass(time.unsigned_abs());
        }
        if step.boots {
            machine.boot();
        }
    }

    /// Takes over what the step says of the records.
    fn expect(&mut self, step: &Step) -> Result<(), String> {
        for record in step.others.take.0.iter().chain(&step.gone.0) {
            let place = self.expected.iter().position(|expected| expected == record);
            self.expected.remove(place.ok_or_else(|| format!("`{record}` was not there to go"))?);
        }
        self.expected.extend(step.others.put.0.iter().chain(&step.there.0).cloned());
        self.expected.sort();
        Ok(())
    }

    async fn run(&mut self, line: &str, step: &Step) -> Result<(), String> {
        let line = line.replace("{id}", &self.id);
        let Said { text, status } = self.machine(step).run(&line).await;
        self.tale.command(&line, &text, status);
        if status != Some(step.exit) {
            return Err(format!("the exit status of `{line}` is not {}", step.exit));
        }
        let is_id = |word: &&str| word.len() == 16 && word.bytes().all(|octet| octet.is_ascii_hexdigit());
        if let Some(id) = text.split(|character: char| !character.is_alphanumeric()).rfind(is_id) {
            self.id = id.to_owned();
        }
        says(step, &text)
    }

    /// Waits until the command that goes on has done and said all that is expected.
    async fn wait(&mut self, step: &Step) -> Result<(), String> {
        let start = Instant::now();
        loop {
            let said = self.machine(step).said_so_far();
            // What the next step tells is to be heard.
            let is_heard = !self.machine(step).is_watching() || self.world.is_followed();
            // What it has done at its end is seen then.
            let is_done =
                matches!(step.ends, Some(End::Itself)) || self.compare().and_then(|()| says(step, &said)).is_ok();
            if is_heard && is_done && step.asks.iter().all(|daemon| self.world.is_asked(daemon)) {
                return Ok(());
            }
            if start.elapsed() > PATIENCE {
                self.tale.command("...", &said, Some(0));
                return says(step, &said).and_then(|()| self.compare());
            }
            sleep(Duration::from_millis(20)).await;
        }
    }

    async fn end(&mut self, how: End, step: &Step) -> Result<(), String> {
        let ended = timeout(PATIENCE, self.machine(step).end(how)).await;
        let (line, Said { text, status }) = ended.map_err(|_| "it does not end".to_owned())?;
        self.tale.command(&line, &text, status);
        match how {
            End::Told | End::Itself if status != Some(step.exit) => {
                Err(format!("the exit status of `{line}` is not {}", step.exit))
            }
            End::Told | End::Itself => says(step, &text),
            End::Killed => Ok(()),
        }
    }

    /// Compares what the providers hold with what was said of them.
    fn compare(&self) -> Result<(), String> {
        let held = self.world.held();
        if held == self.expected {
            return Ok(());
        }
        let count = |records: &[RecordKey], record: &RecordKey| records.iter().filter(|other| *other == record).count();
        let mut wrong = String::new();
        for record in held.iter().chain(&self.expected).collect::<BTreeSet<_>>() {
            match (count(&held, record), count(&self.expected, record)) {
                (held, expected) if held == expected => {}
                (0, _) => wrong.push_str(&format!("LOST: {record}\n")),
                (held, 0) => wrong.push_str(&format!("not to be there: {record} ({held} times)\n")),
                (held, expected) => wrong.push_str(&format!("{record} is there {held} times, not {expected}\n")),
            }
        }
        Err(wrong)
    }

    /// Returns the machine that a step is on.
    fn machine(&mut self, step: &Step) -> &mut Machine {
        let only = if self.machines.len() == 1 { self.machines.keys().next().copied() } else { None };
        let name = step.on.as_ref().or(only).expect("a step says on which of several machines it is");
        self.machines.get_mut(name).unwrap_or_else(|| panic!("there is no machine `{name}`"))
    }
}

fn says(step: &Step, said: &str) -> Result<(), String> {
    if let Some(missing) = step.says.iter().find(|text| !said.contains(*text)) {
        return Err(format!("it does not say `{missing}`"));
    }
    match step.never_says.iter().find(|text| said.contains(*text)) {
        Some(text) => Err(format!("it says `{text}`")),
        None => Ok(()),
    }
}
