//! What a command needs of the world: the configuration, and the providers it leads to.

use anyhow::{Context as _, Error, Result};
use dnsmgmt_core::name::Name;
use dnsmgmt_core::observe::{observe, patiently};
use dnsmgmt_core::patience::Patience;
use dnsmgmt_core::progress::Progress;
use dnsmgmt_core::provider::{DnsProvider, RunId};
use dnsmgmt_core::record_set::{Listing, Scope};
use dnsmgmt_providers::cloudflare::Zone;
use dnsmgmt_providers::config::{Diagnostic, Environment, Settings, Target};
use dnsmgmt_providers::connect::{ConnectError, connect, locate, look_up, zones};

use crate::args::Global;
use crate::exit::Exit;
use crate::progress::Line;

/// What a command needs of the world, read once.
#[derive(Debug)]
pub(crate) struct Context {
    pub(crate) settings: Settings,
    pub(crate) provider: Option<String>,
    pub(crate) zone: Option<Name>,
    pub(crate) patience: Patience,
    pub(crate) run: RunId,
    /// Whether a zone file that is missing may be made.
    pub(crate) make_missing: bool,
}

impl Context {
    /// Reads the environment and the configuration.
    pub(crate) fn new(global: &Global) -> Result<Self> {
        #[expect(clippy::disallowed_methods, reason = "the one place where this program reads its environment")]
        let environment: Environment = std::env::vars_os().collect();
        let settings = Settings::load(environment, global.config.as_deref())?;
        for warning in settings.warnings() {
            anstream::eprintln!("{warning}");
        }
        Ok(Self {
            settings,
            provider: global.provider.clone(),
            zone: global.zone.clone(),
            patience: Patience { total: global.retry_for, ..Patience::default() },
            run: RunId(fastrand::u64(..)),
            make_missing: false,
        })
    }

    /// Returns the provider and zone of a name.
    pub(crate) async fn provider_of(&self, name: &Name) -> Result<Box<dyn DnsProvider>> {
        let target = self.settings.select(self.provider.as_deref(), self.zone.as_ref(), Some(name))?;
        Ok(self.connect(&target).await?)
    }

    /// Returns the providers and zones of the names, each with those that belong there.
    pub(crate) async fn providers_of(&self, names: &[Name]) -> Result<Vec<(Box<dyn DnsProvider>, Vec<Name>)>> {
        let mut providers = Vec::new();
        let targets = self.settings.targets_for(self.provider.as_deref(), self.zone.as_ref(), names)?;
        for target in self.patiently(async || look_up(targets.clone()).await).await? {
            for target in self.locate(&target).await? {
                providers.push((self.connect(&target).await?, target.names().to_vec()));
            }
        }
        Ok(providers)
    }

    /// Asks every zone that the command may be about: all of the chosen provider, or of all providers.
    pub(crate) async fn each<T>(&self, ask: impl AsyncFn(Box<dyn DnsProvider>) -> Result<T>) -> Result<Asked<T>> {
        let targets = self.targets()?;
        let mut asked = Asked::new(targets.len() > 1);
        for (provider, target) in targets {
            let located = async { Ok(self.locate(&target?).await?) };
            for target in asked.unless_failed(&provider, located.await).unwrap_or_default() {
                let connected = self.connect(&target).await.map_err(Error::from);
                if let Some(connected) = asked.unless_failed(&provider, connected) {
                    let answer = ask(connected).await;
                    asked.take(answer);
                }
            }
        }
        asked.if_any()
    }

    /// Returns the zones of each provider, with one look-up at a service that lists them, however many are configured.
    pub(crate) async fn zones(&self) -> Result<Asked<(String, Zoned)>> {
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
                    Ok(None) => self.connect(&target).await.map(|alone| vec![Zoned::Alone(alone.id().zone.clone())]),
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

    /// Lists what the provider holds in `scope`.
    pub(crate) async fn observe(&self, provider: &dyn DnsProvider, scope: &Scope) -> Result<Listing> {
        let line = Line::new();
        let progress = |progress: Progress<'_>| line.show(progress);
        let listing = observe(provider, scope, &self.patience, self.run, &progress).await;
        listing.with_context(|| format!("{}: {scope} was not listed, so nothing was done", provider.id()))
    }

    /// Returns every zone that the command may be about, with its provider's name.
    fn targets(&self) -> Result<Vec<(String, Result<Target, Diagnostic>)>> {
        if self.zone.is_some() {
            let target = self.settings.select(self.provider.as_deref(), self.zone.as_ref(), None)?;
            return Ok(vec![(target.provider().to_owned(), Ok(target))]);
        }
        let targets = self.settings.every_target(self.provider.as_deref())?;
        Ok(targets.map(|(provider, target)| (provider.name().to_owned(), target)).collect())
    }

    async fn connect(&self, target: &Target) -> Result<Box<dyn DnsProvider>, ConnectError> {
        let target = if self.make_missing { target.clone().make_missing() } else { target.clone() };
        self.patiently(async || connect(target.clone()).await).await
    }

    async fn locate(&self, target: &Target) -> Result<Vec<Target>, ConnectError> {
        self.patiently(async || locate(target.clone()).await).await
    }

    /// Asks again where that can help, with the pauses of a listing.
    async fn patiently<T>(&self, ask: impl AsyncFn() -> Result<T, ConnectError>) -> Result<T, ConnectError> {
        let line = Line::new();
        let progress = |progress: Progress<'_>| line.show(progress);
        patiently(ask, ConnectError::provider_error, &self.patience, self.run, &progress).await
    }
}

/// A zone, as a provider tells of it.
#[derive(Debug)]
pub(crate) enum Zoned {
    /// One of those that the service lists.
    Listed(Zone),
    /// The only one that the target has.
    Alone(Name),
}

/// What several providers answered, and what those said that failed: one that fails hides no other.
#[derive(Debug)]
pub(crate) struct Asked<T> {
    pub(crate) answers: Vec<T>,
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
    pub(crate) fn end(&self) -> Exit {
        self.say();
        if self.failures.is_empty() { Exit::Done } else { Exit::CouldNotRun }
    }

    fn say(&self) {
        for failure in &self.failures {
            crate::failed(failure);
        }
    }
}
