//! What must hold at every moment, told from what truly happened: a model beside the code, which shares nothing with it but nouns.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use dnsmgmt_core::heartbeat::Member;
use dnsmgmt_core::name::Name;
use dnsmgmt_core::provider::{Change, Group};
use dnsmgmt_core::record::{Record, RecordData, RecordKey};
use dnsmgmt_core::record_set::{RecordSet, Scope};

use super::clock::right;
use super::observer::Observer;
use super::reading::{Reading, address_of, member_at, read};
use super::world::{Scenario, Who};
use super::zone::{Effect, Zone};

/// How far clocks and milliseconds may make two measurements differ.
pub(crate) const SLACK: Duration = Duration::from_secs(2);
/// How old a look may be at the first deletion (the founding design's seventh law).
const RECENT: Duration = Duration::from_secs(10);
/// How far the clocks of a machine that judges, or is judged, may be off.
const TOLERANCE: f64 = 60.0;
/// How many things that happened are remembered.
const REMEMBERED: usize = 200_000;

/// A listing that somebody got.
#[derive(Debug)]
pub(crate) struct Listed {
    /// When it was asked for; of one that is not the first of its run, when it came: who is slow would be looked at for ever.
    pub(crate) started: Duration,
    /// Which moment it shows.
    pub(crate) snapshot: Duration,
    pub(crate) records: Arc<RecordSet>,
    pub(crate) scope: Scope,
    /// Whether records were left out.
    pub(crate) is_cut: bool,
}

/// How a run of a cleaner ended, as far as the laws care.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    Well,
    /// It did what a person approved of, and no more.
    Approved,
    /// The brake holds its plan.
    Held,
    /// The clocks differ too much.
    OffClock,
    /// The listing lacks too much.
    Doubting,
    /// The provider could not be listed.
    Blind,
    /// It was killed.
    Killed,
}

/// What a host may touch.
#[derive(Debug, Default)]
pub(crate) struct Standing {
    /// In lower case.
    pub(crate) instance: String,
    /// What it has, or had.
    pub(crate) had: BTreeSet<Member>,
    /// What it has: nothing while it is down.
    pub(crate) has: BTreeSet<Member>,
}

/// The last heartbeat of an instance that reached the provider.
#[derive(Debug, Clone)]
struct Beat {
    landed: Duration,
    data: RecordData,
    /// When it was deleted: by a cleaner in the gap between look and call, by hand, or by its own host.
    wiped: Option<Duration>,
}

/// What somebody did since their run began.
#[derive(Debug, Default)]
struct Going {
    listed: Option<Listed>,
    /// Whether that of a cleaner is the one it decides on.
    is_looked: bool,
    /// Whether anything went wrong with a call.
    is_struck: bool,
    /// Whether the last listing was cut: the next one is not.
    was_cut: bool,
    began: Duration,
    /// When the last request was answered.
    answered: Option<Duration>,
}

/// How often what cannot be helped happened.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) beats: usize,
    /// Leases that a cleaner ended.
    pub(crate) ended: usize,
    /// Addresses that were deleted although a heartbeat had just come, between look and call.
    pub(crate) in_the_gap: usize,
    /// Heartbeats that were.
    pub(crate) wiped: usize,
    /// Addresses that went because a listing that was cut short hid who keeps them.
    pub(crate) misled: usize,
    pub(crate) held: usize,
    pub(crate) killed: usize,
    pub(crate) longest_gap: Duration,
}

#[derive(Debug)]
struct Event {
    when: Duration,
    who: Who,
    what: &'static str,
    record: Option<Record>,
}

/// The laws, and what has to be known to judge by them.
#[derive(Debug)]
pub(crate) struct Laws {
    scenario: Scenario,
    foreign: BTreeSet<RecordKey>,
    /// The name at which every address is ours.
    whole: Name,
    pub(crate) hosts: Vec<Standing>,
    beats: BTreeMap<Member, BTreeMap<String, Beat>>,
    /// When addresses were deleted last.
    vanished: BTreeMap<RecordKey, Duration>,
    pub(crate) cleaners: Vec<Observer>,
    going: BTreeMap<Who, Going>,
    /// Whether all is as it should be, so that nothing may change but heartbeats.
    is_at_rest: bool,
    pub(crate) tally: Tally,
    chronicle: VecDeque<Event>,
    broken: Vec<String>,
}

impl Laws {
    pub(crate) fn new(scenario: Scenario, whole: Name) -> Self {
        Self {
            scenario,
            foreign: BTreeSet::new(),
            whole,
            hosts: (0..scenario.hosts).map(|_| Standing::default()).collect(),
            beats: BTreeMap::new(),
            vanished: BTreeMap::new(),
            cleaners: Vec::new(),
            going: BTreeMap::new(),
            is_at_rest: false,
            tally: Tally::default(),
            chronicle: VecDeque::new(),
            broken: Vec::new(),
        }
    }

    pub(crate) fn broken(&self) -> Option<&String> {
        self.broken.first()
    }

    pub(crate) fn is_foreign(&self, key: &RecordKey) -> bool {
        self.foreign.contains(key)
    }

    /// Remembers that a record is somebody else's, and never to be touched.
    pub(crate) fn foreign(&mut self, key: RecordKey) {
        self.foreign.insert(key);
    }

    /// Remembers that an address is kept by the prior system's updater.
    pub(crate) fn old(&mut self, member: Member) {
        self.hosts.push(Standing { instance: "old".into(), had: BTreeSet::new(), has: BTreeSet::from([member]) });
    }

    pub(crate) fn rest(&mut self) {
        self.is_at_rest = true;
    }

    pub(crate) fn note(&mut self, when: Duration, who: Who, what: &'static str, record: Option<&Record>) {
        if self.chronicle.len() == REMEMBERED {
            self.chronicle.pop_front();
        }
        self.chronicle.push_back(Event { when, who, what, record: record.cloned() });
    }

    /// Writes down that a law is broken, with what happened to that address, and what they did who broke it.
    fn break_law(&mut self, now: Duration, who: Who, law: &str, about: Option<&Member>) {
        if !self.broken.is_empty() {
            return;
        }
        let is_about = |record: &Record| {
            let of_address = || member_at(&record.key);
            about.is_some() && read(record).map(|reading| reading.member).or_else(of_address).as_ref() == about
        };
        let touched: BTreeSet<Who> = self
            .chronicle
            .iter()
            .filter(|event| event.record.as_ref().is_some_and(is_about))
            .map(|event| event.who)
            .chain([who])
            .collect();
        let is_told = |event: &&Event| match &event.record {
            Some(record) => is_about(record),
            None => touched.contains(&event.who),
        };
        let mut story: Vec<String> =
            self.chronicle.iter().rev().filter(is_told).take(80).map(Event::to_string).collect();
        story.reverse();
        let (story, when) = (story.join("\n"), At(now));
        let about = about.map_or_else(String::new, |member| format!(" ({} {})", member.domain, member.address));
        self.broken.push(format!("{when}: {who}: {law}{about}\nWhat happened:\n{story}"));
    }

    // What somebody does in a run.

    pub(crate) fn begins(&mut self, who: Who, now: Duration) {
        self.note(now, who, "begins", None);
        let was_cut = self.going.get(&who).is_some_and(|going| going.was_cut);
        self.going.insert(who, Going { was_cut, began: now, ..Going::default() });
    }

    pub(crate) fn struck(&mut self, who: Who) {
        self.going.entry(who).or_default().is_struck = true;
    }

    /// Returns whether the next listing may be cut short: not two in a row, because who is shown for a whole threshold that a heartbeat is
    /// missing cannot know better.
    pub(crate) fn may_cut(&mut self, who: Who) -> bool {
        !self.going.entry(who).or_default().was_cut
    }

    pub(crate) fn listed(&mut self, who: Who, mut listed: Listed, now: Duration) {
        self.note(now, who, "listed", None);
        let going = self.going.entry(who).or_default();
        going.was_cut = listed.is_cut;
        if going.listed.is_some() {
            listed.started = now;
        }
        // What a cleaner decided on is what it looked at first.
        if let Who::Cleaner(index) = who
            && !going.is_looked
        {
            going.is_looked = self.cleaners[index].is_all(&listed);
            self.cleaners[index].sees(&listed, now);
        }
        going.listed = Some(listed);
    }

    /// Judges when somebody asks for a change: on what evidence.
    pub(crate) fn asks(&mut self, who: Who, work: &[Group], now: Duration) {
        let Who::Cleaner(index) = who else { return };
        self.note(now, who, "asks", None);
        self.cleaners[index].looks();
        let going = self.going.entry(who).or_default();
        let is_next_batch = going.answered == Some(now);
        let is_recent = going.listed.as_ref().is_some_and(|listed| now <= listed.started + RECENT);
        if !is_recent && !is_next_batch && !self.scenario.kind.has_conditions() {
            let about = work.iter().flat_map(|group| &group.changes).find_map(|change| match change {
                Change::Delete(record) => read(record).map(|reading| reading.member).or_else(|| member_at(&record.key)),
                Change::Create(_) | Change::Replace { .. } => None,
            });
            self.break_law(now, who, "asks for deletions more than ten seconds after its last look", about.as_ref());
        }
    }

    pub(crate) fn answered(&mut self, who: Who, now: Duration) {
        self.going.entry(who).or_default().answered = Some(now);
    }

    /// Judges what became of a group.
    pub(crate) fn changed(&mut self, who: Who, effects: &[Effect], zone: &Zone, now: Duration) {
        for effect in effects {
            for (what, record) in [("takes away", &effect.gone), ("puts there", &effect.come)] {
                if let Some(record) = record {
                    self.note(now, who, what, Some(record));
                }
            }
            if let Some(record) = effect.gone.iter().chain(&effect.come).find(|record| self.is_foreign(&record.key)) {
                let about = member_at(&record.key);
                self.break_law(now, who, &format!("touches what is foreign: {record}"), about.as_ref());
            }
            match who {
                Who::Host(index) => self.by_host(index, effect, zone, now),
                Who::Cleaner(index) => self.by_cleaner(index, effect, now),
                Who::Old | Who::Person => {}
            }
            if let Some(gone) = &effect.gone {
                self.is_gone(who, gone, now);
            }
            if let (Some(come), Who::Host(_) | Who::Old) = (&effect.come, who)
                && let Some(Reading { member, instance, .. }) = read(come)
            {
                self.tally.beats += 1;
                let beat = Beat { landed: now, data: come.key.data.clone(), wiped: None };
                self.beats.entry(member).or_default().insert(instance.unwrap_or_default(), beat);
            }
        }
    }

    fn is_gone(&mut self, who: Who, gone: &Record, now: Duration) {
        if member_at(&gone.key).is_some() {
            self.vanished.insert(gone.key.clone(), now);
        }
        // Whoever takes his own heartbeat away, or has it taken away by a person, keeps nothing by it.
        if let (Who::Person | Who::Host(_), Some(Reading { member, instance, .. })) = (who, read(gone)) {
            let beat = self.beats.get_mut(&member).and_then(|beats| beats.get_mut(&instance.unwrap_or_default()));
            if let Some(beat) = beat.filter(|beat| beat.data == gone.key.data) {
                beat.wiped = Some(now);
            }
        }
    }

    /// A host touches only its own: its own heartbeats, and addresses that it has or had.
    fn by_host(&mut self, index: usize, effect: &Effect, zone: &Zone, now: Duration) {
        let who = Who::Host(index);
        for record in effect.gone.iter().chain(&effect.come) {
            let standing = &self.hosts[index];
            let (member, is_own) = match read(record) {
                Some(Reading { member, instance, .. }) => (Some(member), instance.as_ref() == Some(&standing.instance)),
                None => (member_at(&record.key), true),
            };
            if !member.as_ref().is_some_and(|member| is_own && standing.had.contains(member)) {
                self.break_law(now, who, &format!("touches what is not its own: {record}"), member.as_ref());
            }
        }
        let is_refresh = effect.gone.is_some() && effect.come.as_ref().is_some_and(|come| read(come).is_some());
        if self.is_at_rest && !is_refresh {
            self.break_law(now, who, &format!("changes what is as it should be: {effect:?}"), None);
        }
        match (&effect.gone, &effect.come) {
            (None, Some(come)) => {
                self.has_a_time(who, come, now);
                if let Some(member) = member_at(&come.key) {
                    let instance = &self.hosts[index].instance;
                    let keeps = |record: &Record| {
                        read(record).is_some_and(|reading| {
                            reading.member == member && reading.instance.as_ref() == Some(instance)
                        })
                    };
                    if !zone.all_at_heartbeat(&member).any(keeps) {
                        self.break_law(now, who, "writes an address before its heartbeat", Some(&member));
                    }
                }
            }
            (Some(_), Some(come)) => self.has_a_time(who, come, now),
            (Some(gone), None) => {
                if let Some(member) = member_at(&gone.key) {
                    let own = self.hosts[index].instance.clone();
                    self.ends(who, &member, Some(&own), now);
                }
            }
            (None, None) => {}
        }
    }

    /// Where the provider tells the time, nobody writes another one.
    fn has_a_time(&mut self, who: Who, come: &Record, now: Duration) {
        let Some(Reading { member, time: Some(time), .. }) = read(come) else { return };
        let age = right(now).as_second() - time;
        // The time is told by the listing, and what is written may be on its way for some minutes.
        if self.scenario.tells_time && !(-70..=400).contains(&age) {
            self.break_law(now, who, &format!("writes a time that is {age} s old"), Some(&member));
        }
    }

    /// A cleaner only deletes, and only what it saw for long enough that nobody keeps.
    fn by_cleaner(&mut self, index: usize, effect: &Effect, now: Duration) {
        let who = Who::Cleaner(index);
        if self.is_at_rest || effect.come.is_some() {
            self.break_law(now, who, &format!("makes a change that is no clean-up: {effect:?}"), None);
        }
        let Some(gone) = &effect.gone else { return };
        if let Some(member) = member_at(&gone.key) {
            if let Err(why) = self.cleaners[index].may_end(&member) {
                self.break_law(now, who, &format!("ends a lease too early: {why}"), Some(&member));
            }
            self.tally.ended += 1;
            self.ends(who, &member, None, now);
        } else if let Some(Reading { member, instance, .. }) = read(gone) {
            let snapshot = self.snapshot(who);
            let beat = self.beats.get_mut(&member).and_then(|beats| beats.get_mut(&instance.unwrap_or_default()));
            let fresh =
                beat.filter(|beat| beat.data == gone.key.data && now < beat.landed + self.scenario.lease - SLACK);
            if let Some(beat) = fresh {
                if beat.landed > snapshot && !self.scenario.kind.has_conditions() {
                    beat.wiped = Some(now);
                    self.tally.wiped += 1;
                } else {
                    self.break_law(
                        now,
                        who,
                        "deletes a heartbeat that reached the provider within the threshold",
                        Some(&member),
                    );
                }
            } else if let Err(why) = self.cleaners[index].may_delete(&gone.key) {
                self.break_law(now, who, &format!("deletes a heartbeat too early: {why}"), Some(&member));
            }
        } else {
            self.break_law(now, who, &format!("deletes what is no lease: {gone}"), None);
        }
    }

    /// No address goes whose heartbeat reached the provider within the threshold: without conditions none but those whose heartbeat came
    /// after the look.
    fn ends(&mut self, who: Who, member: &Member, own: Option<&String>, now: Duration) {
        let snapshot = self.snapshot(who);
        let lease = self.scenario.lease - SLACK;
        let is_fresh = |(instance, beat): &(&String, &Beat)| {
            Some(*instance) != own && now < beat.landed + lease && beat.wiped.is_none_or(|wiped| wiped == now)
        };
        let fresh: Vec<(String, Duration)> = self
            .beats
            .get(member)
            .into_iter()
            .flatten()
            .filter(is_fresh)
            .map(|(instance, beat)| (instance.clone(), beat.landed))
            .collect();
        let Some((instance, landed)) = fresh.iter().min_by_key(|(_, landed)| *landed) else { return };
        let law = format!("deletes an address that {instance} kept {:?} ago", now - *landed);
        let was_shown = |listed: &Listed| {
            let is_of = |record: &Record| {
                read(record)
                    .is_some_and(|reading| reading.member == *member && reading.instance.as_ref() == Some(instance))
            };
            listed.records.iter().any(is_of)
        };
        let listed = self.going.get(&who).and_then(|going| going.listed.as_ref());
        let is_hidden = listed.is_some_and(|listed| listed.is_cut && !was_shown(listed));
        match who {
            _ if self.scenario.kind.has_conditions() => self.break_law(now, who, &law, Some(member)),
            _ if *landed > snapshot => {
                self.tally.in_the_gap += 1;
                self.tally.longest_gap = self.tally.longest_gap.max(now - snapshot);
            }
            // A cleaner is judged by what it saw itself, too.
            _ if is_hidden => self.tally.misled += 1,
            _ => self.break_law(now, who, &law, Some(member)),
        }
    }

    fn snapshot(&self, who: Who) -> Duration {
        let listed = self.going.get(&who).and_then(|going| going.listed.as_ref());
        listed.map_or(Duration::ZERO, |listed| listed.snapshot)
    }

    // What somebody claims at the end of a run.

    /// What a host says that a listing showed is so: its heartbeats came in this run if all were to be `written`, and its addresses are
    /// there, also what was deleted in a gap before.
    pub(crate) fn host_ends(
        &mut self,
        index: usize,
        kept: &BTreeSet<Member>,
        is_written: bool,
        is_verified: bool,
        zone: &Zone,
        now: Duration,
    ) {
        let who = Who::Host(index);
        self.note(now, who, if is_verified { "is content" } else { "is not content" }, None);
        if !is_verified {
            return;
        }
        let snapshot = self.snapshot(who);
        for member in kept {
            let key = address_of(member);
            let went_since = self.vanished.get(&key).is_some_and(|vanished| *vanished >= snapshot);
            if !zone.holds(&key) && !went_since {
                self.break_law(now, who, "says that an address is there, and it is not", Some(member));
            }
            let began = self.going.get(&who).map_or(Duration::ZERO, |going| going.began);
            let beat = self.beats.get(member).and_then(|beats| beats.get(&self.hosts[index].instance));
            let was_gone = |beat: &Beat| beat.wiped.is_some_and(|wiped| wiped < snapshot);
            if is_written && beat.is_none_or(|beat| beat.landed < began || was_gone(beat)) {
                self.break_law(now, who, "says that its heartbeat was written, and it was not", Some(member));
            }
        }
    }

    /// Where nothing went wrong a cleaner does its work: what is over by then is gone.
    pub(crate) fn cleaner_ends(&mut self, index: usize, ended: Ended, off: f64, zone: &Zone, now: Duration) {
        let who = Who::Cleaner(index);
        let what = match ended {
            Ended::Well => "ends well",
            Ended::Approved => "does what is approved",
            Ended::Held => "is held",
            Ended::OffClock => "says that the clocks differ",
            Ended::Doubting => "doubts",
            Ended::Blind => "sees nothing",
            Ended::Killed => "is killed",
        };
        self.note(now, who, what, None);
        let going = self.going.remove(&who).unwrap_or_default();
        self.tally.held += usize::from(ended == Ended::Held);
        self.tally.killed += usize::from(ended == Ended::Killed);
        let is_off = self.scenario.tells_time && off > TOLERANCE - 2.0;
        match ended {
            Ended::OffClock if is_off => {}
            Ended::OffClock => self.break_law(now, who, &format!("stops for its clock, which is {off} s off"), None),
            Ended::Doubting if going.is_struck || self.cleaners[index].may_doubt() => {}
            Ended::Blind if going.is_struck => {}
            Ended::Doubting => self.break_law(now, who, "doubts a listing that lacks little", None),
            Ended::Blind => self.break_law(now, who, "sees nothing, though nothing went wrong", None),
            Ended::Well | Ended::Approved | Ended::Held | Ended::Killed => {
                if going.is_looked {
                    self.cleaners[index].looks();
                }
            }
        }
        // It looked, but the second time in vain.
        if ended == Ended::Blind && going.is_looked {
            self.cleaners[index].looks();
        }
        if ended == Ended::Well && !going.is_struck {
            self.is_clean(index, zone, now);
        }
        self.cleaners[index].forget_sight();
        self.going.entry(who).or_default().was_cut = going.was_cut;
    }

    fn is_clean(&mut self, index: usize, zone: &Zone, now: Duration) {
        let looked = self.cleaners[index].last_look();
        let left: Vec<(Member, String)> = self.cleaners[index].over(zone).collect();
        for (member, what) in left {
            let beats = self.beats.get(&member).into_iter().flatten();
            let came_since = beats.into_iter().any(|(_, beat)| beat.landed >= looked);
            let stands_again = self.vanished.get(&address_of(&member)).is_some_and(|vanished| *vanished >= looked);
            if !came_since && !stands_again {
                let law = format!("leaves {what}, which is over");
                self.break_law(now, Who::Cleaner(index), &law, Some(&member));
            }
        }
    }

    /// After it has been calm for long everything is as it should be: what stands there that nobody has, or does not stand there.
    pub(crate) fn is_as_it_should_be(&mut self, zone: &Zone, now: Duration) -> usize {
        let mut unknowable = 0;
        let mut wanted: BTreeMap<Member, BTreeSet<String>> = BTreeMap::new();
        for standing in &self.hosts {
            for member in standing.has.iter().filter(|member| !self.foreign.contains(&address_of(member))) {
                wanted.entry(member.clone()).or_default().insert(standing.instance.clone());
            }
        }
        for (member, instances) in &wanted {
            let found: Vec<_> = zone.all_at_heartbeat(member).filter_map(read).collect();
            let kept: BTreeSet<_> = found.iter().filter_map(|reading| reading.instance.clone()).collect();
            if !zone.holds(&address_of(member)) || kept != *instances || found.len() != instances.len() {
                let law = format!("at the end it is kept by {kept:?} instead of {instances:?}: {found:?}");
                self.break_law(now, Who::Person, &law, Some(member));
            }
        }
        let gone: Vec<_> = self.foreign.iter().filter(|key| !zone.holds(key)).cloned().collect();
        for key in gone {
            self.break_law(now, Who::Person, &format!("at the end {key:?} is missing"), None);
        }
        for record in zone.all() {
            if self.foreign.contains(&record.key) {
                continue;
            }
            let member = read(record).map(|reading| reading.member).or_else(|| member_at(&record.key));
            let Some(member) = member.filter(|member| !wanted.contains_key(member)) else { continue };
            // An address of which nobody who remembers ever saw a heartbeat is only reported.
            let is_known = self.cleaners.iter().any(|cleaner| cleaner.knows(&member));
            if read(record).is_none() && !is_known && member.domain != self.whole {
                unknowable += 1;
                continue;
            }
            self.break_law(now, Who::Person, &format!("at the end {record} is left"), Some(&member));
        }
        unknowable
    }
}

impl Zone {
    /// Returns what stands at the name of an address's heartbeats.
    pub(crate) fn all_at_heartbeat(&self, member: &Member) -> impl Iterator<Item = &Record> {
        let label = member.address.to_string().replace(['.', ':'], "-");
        self.at(&super::world::name(&format!("_heartbeat-{label}.{}", member.domain))).iter()
    }
}

/// A time since the world began.
pub(crate) struct At(pub(crate) Duration);

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs();
        let (days, hours) = (seconds / 86_400, seconds / 3600 % 24);
        write!(f, "day {days} {hours:02}:{:02}:{:02}.{:03}", seconds / 60 % 60, seconds % 60, self.0.subsec_millis())
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { beats, ended, in_the_gap, wiped, misled, held, killed, longest_gap } = self;
        write!(f, "heartbeats: {beats}, leases ended: {ended}, held: {held}, cleaners killed: {killed}; ")?;
        write!(f, "deleted between look and call: addresses: {in_the_gap}, heartbeats: {wiped}, ")?;
        write!(f, "{longest_gap:?} after the look at most; addresses deleted because a listing was cut short: {misled}")
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "  {} {} {}", At(self.when), self.who, self.what)?;
        match &self.record {
            Some(record) => write!(f, " {record}"),
            None => Ok(()),
        }
    }
}
