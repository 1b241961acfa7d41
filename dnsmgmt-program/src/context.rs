//! What a command needs of the world: the configuration, and the providers it leads to.

use std::cell::OnceCell;
use std::collections::BTreeSet;

use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Error, Result, anyhow, bail};
use dnsmgmt_core::moment::Moment;
use dnsmgmt_core::name::Name;
use dnsmgmt_core::observe::{observe, patiently};
use dnsmgmt_core::own_mark::OwnMark;
use dnsmgmt_core::patience::Patience;
use dnsmgmt_core::progress::Progress;
use dnsmgmt_core::provider::{DnsProvider, ProviderId, RunId};
use dnsmgmt_core::reconcile::{Run, believe, look};
use dnsmgmt_core::record::{RecordKey, RecordType};
use dnsmgmt_core::record_set::{Listing, Scope};
use dnsmgmt_core::report::Outcome;
use dnsmgmt_core::repository::{DnsRepositoryManager, Endpoint, LockError, ProviderLock};
use dnsmgmt_core::source::{Desired, SourceError};
use dnsmgmt_core::witness::testify;
use dnsmgmt_providers::cloudflare::Zone;
use dnsmgmt_providers::config::{Diagnostic, Environment, Settings, Target};
use dnsmgmt_providers::connect::{ConnectError, connect, locate, locate_most, look_up, zones};
use dnsmgmt_providers::witness::Witness;

use crate::args::{Global, Verify};
use crate::clock::{self, Clock};
use crate::database::{self, IfAny};
use crate::exit::{Exit, UsageError};
use crate::failure::{complain, failed};
use crate::log::{Level, say_laid_out};
use crate::name::name;
use crate::progress::Line;

/// What a command needs of the world, read once.
#[derive(Debug)]
pub struct Context {
    /// The configuration.
    pub settings: Settings,
    /// The provider that was named.
    pub provider: Option<String>,
    /// The zone that was named.
    pub zone: Option<Name>,
    /// Whether a second witness is asked where none is configured.
    verify: Option<Verify>,
    /// How long it keeps trying.
    pub patience: Patience,
    /// This run.
    pub run: RunId,
    /// The clocks.
    pub clock: Clock,
    /// The current folder, in which relative paths begin.
    pub folder: PathBuf,
    /// Whether a zone file that is missing may be made.
    make_missing: bool,
    /// The database, once it was asked for by what can do without it.
    database: OnceCell<IfAny>,
}

impl Context {
    /// Reads the environment and the configuration.
    pub fn new(global: &Global) -> Result<Self> {
        let folder = std::env::current_dir().unwrap_or_else(|_| PathBuf::from("/"));
        let settings = Settings::load(environment(), global.config.as_deref())?;
        for warning in settings.warnings() {
            say_laid_out(Level::Warning, &warning.to_string());
        }
        // The cache may remember a provider that is not configured any more.
        let as_named = |name: &String| canonical(&settings, name).unwrap_or_else(|_| name.clone());
        let provider = global.provider.as_ref().map(as_named);
        Ok(Self {
            settings,
            provider,
            zone: global.zone.clone(),
            verify: global.verify,
            patience: Patience { total: global.retry_for, ..Patience::default() },
            run: RunId(fastrand::u64(..)),
            clock: Clock::of_this_boot(),
            folder,
            make_missing: false,
            database: OnceCell::new(),
        })
    }

    /// Returns what can be read of the configuration although something is wrong with it, for saying so.
    pub(crate) fn readable_settings(global: &Global) -> Settings {
        Settings::as_far_as_readable(environment(), global.config.as_deref())
    }

    /// Lets a zone file that is missing be made.
    pub fn make_missing(self) -> Self {
        Self { make_missing: true, ..self }
    }

    /// Returns the provider and zone of a name.
    pub async fn provider_of(&self, name: &Name) -> Result<Connected> {
        let target = self.settings.select(self.provider.as_deref(), self.zone.as_ref(), Some(name))?;
        Ok(self.connect(target).await?)
    }

    /// Returns the providers and zones of the names, each with those that belong there.
    pub async fn providers_of(&self, names: &[Name]) -> Result<Vec<Connected>> {
        let mut providers = Vec::new();
        let targets = self.settings.targets_for(self.provider.as_deref(), self.zone.as_ref(), names)?;
        for target in self.located(targets).await? {
            providers.push(self.connect(target).await?);
        }
        Ok(providers)
    }

    /// Tells from the configuration alone where names belong, and what has no place: it costs the others nothing.
    pub fn targets_of(&self, names: &BTreeSet<Name>) -> (Vec<Target>, Vec<Error>) {
        let of = |names: &[Name]| self.settings.targets_for(self.provider.as_deref(), self.zone.as_ref(), names);
        let mut failures = Vec::new();
        let mut placed: Vec<Name> = names.iter().cloned().collect();
        placed.retain(|name| of(std::slice::from_ref(name)).map_err(|error| failures.push(error.into())).is_ok());
        let targets = of(&placed).unwrap_or_else(|error| {
            failures.push(error.into());
            Vec::new()
        });
        (targets, failures)
    }

    /// Connects to the zones that targets lead to, each with the names that belong there. What fails costs the others nothing.
    pub async fn connect_all(&self, targets: Vec<Target>) -> (Vec<(Connected, BTreeSet<Name>)>, Vec<Error>) {
        let (mut connected, mut failures) = (Vec::new(), Vec::new());
        for target in targets {
            let located = self.located(vec![target]).await.unwrap_or_else(|error| {
                failures.push(error.into());
                Vec::new()
            });
            for target in located {
                let names = target.names().iter().cloned().collect();
                match self.connect(target).await {
                    Ok(at) => connected.push((at, names)),
                    Err(error) => failures.push(error.into()),
                }
            }
        }
        (connected, failures)
    }

    /// Returns one target for each zone, where only the service knows which zones hold the names.
    pub async fn located(&self, targets: Vec<Target>) -> Result<Vec<Target>, ConnectError> {
        let mut located = Vec::new();
        for target in self.looked_up(targets).await? {
            located.extend(self.locate(&target).await?);
        }
        Ok(located)
    }

    /// Returns the targets in their order, with their zones looked up together where one call will do.
    pub async fn looked_up(&self, targets: Vec<Target>) -> Result<Vec<Target>, ConnectError> {
        self.patiently(async || look_up(targets.clone()).await).await
    }

    /// Asks every zone that the command may be about: all of the chosen provider, or of all providers.
    pub async fn each<T>(&self, ask: impl AsyncFn(Connected) -> Result<T>) -> Result<Asked<T>> {
        self.each_unless(|_| None, ask).await
    }

    /// Asks every zone that the command may be about, but for those of a target whose answers are known: that one is not even
    /// connected to.
    pub async fn each_unless<T>(
        &self,
        known: impl Fn(&Target) -> Option<Vec<T>>,
        ask: impl AsyncFn(Connected) -> Result<T>,
    ) -> Result<Asked<T>> {
        let targets = self.targets()?;
        let mut asked = Asked::new(targets.len() > 1);
        for (provider, target) in targets {
            if let Some(answers) = target.as_ref().ok().and_then(&known) {
                asked.answers.extend(answers);
                continue;
            }
            let located = async { Ok(self.locate(&target?).await?) };
            for target in asked.unless_failed(&provider, located.await).unwrap_or_default() {
                let connected = self.connect(target).await.map_err(Error::from);
                if let Some(connected) = asked.unless_failed(&provider, connected) {
                    let answer = ask(connected).await;
                    asked.take(answer);
                }
            }
        }
        asked.if_any()
    }

    /// Lists those zones completely, to change something there. One that cannot be listed hides no other.
    pub async fn look_at_all(
        &self,
        repository: &mut DnsRepositoryManager,
        zones: Asked<Connected>,
    ) -> Result<Asked<(Connected, Listing)>> {
        let mut asked = Asked { answers: Vec::new(), are_several: zones.are_several, failures: zones.failures };
        for at in zones.answers {
            let listing = self.observe_to_change(repository, &at, &Scope::Zone).await;
            asked.take(listing.map(|listing| (at, listing)));
        }
        asked.if_any()
    }

    /// Connects to a zone that is known from our memory.
    pub async fn connect_to(&self, id: &ProviderId) -> Result<Connected> {
        let is_other =
            |target: &Target| target.provider() != id.name || target.zone().is_some_and(|zone| *zone != id.zone);
        let zones = self.each_unless(|target| is_other(target).then(Vec::new), async |at| Ok(at)).await?;
        zones.say();
        let found = zones.answers.into_iter().find(|at| at.id() == id);
        found.ok_or_else(|| {
            anyhow!("{id} is not among the zones that are configured and meant, so nothing can be changed there")
        })
    }

    /// Returns whether `--provider` and `--zone` leave that zone in.
    pub fn is_about(&self, id: &ProviderId) -> Result<bool> {
        let of_zone = self.zone.as_ref().is_none_or(|zone| *zone == id.zone);
        let Some(provider) = self.provider.as_deref().filter(|_| of_zone) else { return Ok(of_zone) };
        let mut targets = self.settings.every_target(Some(provider))?;
        Ok(targets.any(|(provider, _)| provider.name() == id.name))
    }

    /// Returns the zones of each provider, with one look-up at a service that lists them, however many are configured.
    pub async fn zones(&self) -> Result<Asked<(String, Zoned)>> {
        let targets = self.targets()?;
        let mut asked = Asked::new(targets.len() > 1);
        let mut looked_up = None;
        for (provider, target) in targets {
            if looked_up.as_ref() == Some(&provider) {
                continue;
            }
            let zoned = match target {
                Err(error) => Err(error.into()),
                Ok(target) => match self.patiently(async || zones(&target).await).await {
                    Ok(None) => self.connect(target).await.map(|alone| vec![Zoned::Alone(alone.id().zone.clone())]),
                    listed => {
                        looked_up = Some(provider.clone());
                        listed.map(|zones| zones.into_iter().flatten().map(Zoned::Listed).collect())
                    }
                },
            };
            let zoned = asked.unless_failed(&provider, zoned.map_err(Error::from)).unwrap_or_default();
            asked.answers.extend(zoned.into_iter().map(|zone| (provider.clone(), zone)));
        }
        asked.if_any()
    }

    /// Reads a source, as it stands in `sources` of the configuration.
    pub async fn desired(&self, spec: &str) -> Result<Desired, SourceError> {
        self.settings.source(spec, &self.folder)?.desired().await
    }

    /// Opens the database, for a command that cannot do without it.
    pub fn repository(&self) -> Result<DnsRepositoryManager> {
        database::open(&self.settings)
    }

    /// Lists what the provider holds in `scope`, to show it. It goes into the cache, where there is one and the listing is believed.
    pub async fn observe(&self, at: &Connected, scope: &Scope) -> Result<Listing> {
        let line = Line::start();
        let progress = |progress: Progress<'_>| line.show(progress);
        let clock = self.clock.reader();
        let run = self.run(&progress, &clock);
        let listing = observe(&*at.provider, scope, run.patience, run.id, run.progress).await;
        let listing =
            listing.with_context(|| format!("{}: {scope} {} not listed, so nothing was done", at.id(), scope.was()))?;
        let endpoint = at.target.endpoint(&self.folder);
        let doubt =
            self.database().ask(|repository| match repository.check_endpoint(at.id(), &endpoint, run.now())? {
                Endpoint::Same | Endpoint::Followed => believe(repository, at.id(), scope, &listing, run),
                Endpoint::Moved { .. } => Ok(None),
            });
        if let Some(doubt) = doubt.flatten() {
            complain(&doubt.to_string());
        }
        Ok(listing)
    }

    /// Lists what the provider holds in `scope`, to change it: an error if the listing cannot be believed, or if the zone is held
    /// elsewhere than where the claims on it were made.
    pub async fn observe_to_change(
        &self,
        repository: &mut DnsRepositoryManager,
        at: &Connected,
        scope: &Scope,
    ) -> Result<Listing> {
        self.same_endpoint(repository, at)?;
        let line = Line::start();
        let progress = |progress: Progress<'_>| line.show(progress);
        let clock = self.clock.reader();
        Ok(look(repository, &*at.provider, scope, self.run(&progress, &clock)).await?)
    }

    /// Refuses a zone that is held elsewhere than where sources made their claims on it.
    pub fn same_endpoint(&self, repository: &mut DnsRepositoryManager, at: &Connected) -> Result<()> {
        let endpoint = at.target.endpoint(&self.folder);
        match repository.check_endpoint(at.id(), &endpoint, self.clock.moment().now)? {
            Endpoint::Same | Endpoint::Followed => Ok(()),
            Endpoint::Moved { from, claims } => bail!(
                "{} is {endpoint} now and was {from}, where sources own {claims} of its records; if the records moved along, say so \
                 with `dns-cli provider trust {}`, else give it another name",
                at.id(),
                at.id().name
            ),
        }
    }

    /// Takes the lock on a provider, waiting for it as long as `patience`.
    pub async fn lock(&self, database: &Path, provider: &str, patience: Duration) -> Result<ProviderLock> {
        let program = name();
        match ProviderLock::try_acquire(database, provider, program) {
            Err(error @ LockError::Held { .. }) if !patience.is_zero() => {
                let line = Line::start();
                line.show(Progress::Waiting { pause: patience, why: &error.to_string() });
                Ok(ProviderLock::acquire(database, provider, program, patience).await?)
            }
            taken => Ok(taken?),
        }
    }

    /// Returns the DNS server that is asked too whether changes are answered, if one is to be asked.
    pub fn witness(&self, at: &Connected) -> Result<Option<Witness>> {
        match (at.target.witness(self.verify.is_some()), self.verify) {
            (None, Some(Verify::Dns)) => bail!(UsageError(format!(
                "{} is no DNS server itself, so name the one that answers for it with `witness` in its table",
                at.id()
            ))),
            (server, _) => Ok(server.map(Witness::new)),
        }
    }

    /// Asks a witness about the outcomes of a plan. What it contradicts is unconfirmed then.
    pub async fn testify(&self, witness: &Witness, is_proxied: &dyn Fn(&RecordKey) -> bool, outcomes: &mut [Outcome]) {
        let line = Line::start();
        let progress = |progress: Progress<'_>| line.show(progress);
        let server = witness.server().to_string();
        let ask = async |name: &Name, rtype: &RecordType| witness.ask(name, rtype).await;
        testify(outcomes, &server, is_proxied, ask, &self.patience, self.run, &progress).await;
    }

    /// Begins another run of the same program, which is told apart from the last one in the journal.
    pub fn begin_another_run(&mut self) {
        self.run = RunId(fastrand::u64(..));
    }

    /// Returns this run, for what the library does.
    pub fn run<'a>(
        &'a self,
        progress: &'a (dyn Fn(Progress<'_>) + Sync),
        clock: &'a (dyn Fn() -> Moment + Sync),
    ) -> Run<'a> {
        let max_missing = self.settings.policy().max_delete;
        Run { id: self.run, patience: &self.patience, progress, clock, max_missing }
    }

    /// Returns what is written into the comment of a record that has none, where the provider keeps comments.
    pub fn comment(&self, repository: &DnsRepositoryManager, at: &Connected) -> Result<Option<String>> {
        match (at.target.comment_template(), at.capabilities().comment) {
            (Some(template), Some(limit)) => Ok(OwnMark::new(template, &repository.owner_id()?)?.comment(limit)),
            _ => Ok(None),
        }
    }

    /// Returns the database, for what can do without it.
    pub fn database(&self) -> &IfAny {
        self.database.get_or_init(|| IfAny::open(&self.settings))
    }

    /// Returns every zone that the command may be about, with its provider's name.
    pub fn targets(&self) -> Result<Vec<(String, Result<Target, Diagnostic>)>> {
        if self.zone.is_some() {
            let target = self.settings.select(self.provider.as_deref(), self.zone.as_ref(), None)?;
            return Ok(vec![(target.provider().to_owned(), Ok(target))]);
        }
        let targets = self.settings.every_target(self.provider.as_deref())?;
        Ok(targets.map(|(provider, target)| (provider.name().to_owned(), target)).collect())
    }

    /// Connects, and tries again where that can help.
    pub async fn connect(&self, target: Target) -> Result<Connected, ConnectError> {
        let target = if self.make_missing { target.make_missing() } else { target };
        let provider = self.patiently(async || connect(target.clone(), clock::now).await).await?;
        Ok(Connected { provider, target })
    }

    /// Returns one target for each zone that a target leads to.
    pub async fn locate(&self, target: &Target) -> Result<Vec<Target>, ConnectError> {
        self.patiently(async || locate(target.clone()).await).await
    }

    /// Returns what [`locate`](Self::locate) does, and beside it the names that are in no zone, each with why.
    pub async fn locate_most(&self, target: &Target) -> Result<(Vec<Target>, Vec<(Name, Diagnostic)>), ConnectError> {
        self.patiently(async || locate_most(target.clone()).await).await
    }

    /// Asks again where that can help, with the pauses of a listing.
    async fn patiently<T>(&self, ask: impl AsyncFn() -> Result<T, ConnectError>) -> Result<T, ConnectError> {
        let line = Line::start();
        let progress = |progress: Progress<'_>| line.show(progress);
        patiently(ask, ConnectError::provider_error, &self.patience, self.run, &progress).await
    }
}

#[expect(clippy::disallowed_methods, reason = "the one place where this program reads its environment")]
fn environment() -> Environment {
    std::env::vars_os().collect()
}

/// Returns the configured name of a provider that may be named by its kind.
pub fn canonical(settings: &Settings, name: &str) -> Result<String, Diagnostic> {
    let found = settings.every_target(Some(name))?.next().map(|(provider, _)| provider.name().to_owned());
    Ok(found.unwrap_or_else(|| name.to_owned()))
}

/// A provider that is connected to, with what led to it.
pub struct Connected {
    /// The provider.
    pub provider: Box<dyn DnsProvider>,
    /// What led to it.
    pub target: Target,
}

impl Deref for Connected {
    type Target = dyn DnsProvider;

    fn deref(&self) -> &Self::Target {
        &*self.provider
    }
}

/// A zone, as a provider tells of it.
#[derive(Debug)]
pub enum Zoned {
    /// One of those that the service lists.
    Listed(Zone),
    /// The only one that the target has.
    Alone(Name),
}

/// What several providers answered, and what those said that failed: one that fails hides no other.
#[derive(Debug)]
pub struct Asked<T> {
    /// What those answered that did.
    pub answers: Vec<T>,
    are_several: bool,
    failures: Vec<Error>,
}

impl<T> Asked<T> {
    fn new(are_several: bool) -> Self {
        Self { answers: Vec::new(), are_several, failures: Vec::new() }
    }

    fn take(&mut self, answer: Result<T>) {
        match answer {
            Ok(answer) => self.answers.push(answer),
            Err(error) => self.failures.push(error),
        }
    }

    /// Keeps a failure on the way to an answer, with the provider's name where there are several; the same one once.
    fn unless_failed<U>(&mut self, provider: &str, result: Result<U>) -> Option<U> {
        let error = match result {
            Ok(value) => return Some(value),
            Err(error) if self.are_several => error.context(provider.to_owned()),
            Err(error) => error,
        };
        let text = |error: &Error| format!("{error:#}");
        if self.failures.iter().all(|known| text(known) != text(&error)) {
            self.failures.push(error);
        }
        None
    }

    /// Returns an error where everything failed.
    fn if_any(mut self) -> Result<Self> {
        match self.failures.pop() {
            Some(last) if self.answers.is_empty() => {
                self.say();
                Err(last)
            }
            last => {
                self.failures.extend(last);
                Ok(self)
            }
        }
    }

    /// Says on standard error what failed, and returns the exit status.
    pub fn end(&self) -> Exit {
        self.say();
        if self.failures.is_empty() { Exit::Done } else { Exit::CouldNotRun }
    }

    fn say(&self) {
        for failure in &self.failures {
            failed(failure);
        }
    }
}
