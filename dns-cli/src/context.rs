//! What a command needs of the world: the configuration, and the providers it leads to.

use anyhow::{Context as _, Result};
use dnsmgmt_core::name::Name;
use dnsmgmt_core::observe::observe;
use dnsmgmt_core::patience::Patience;
use dnsmgmt_core::provider::{DnsProvider, RunId};
use dnsmgmt_core::record_set::{Listing, Scope};
use dnsmgmt_providers::config::{Environment, Settings, Target};
use dnsmgmt_providers::connect::{connect, locate};

use crate::args::Global;
use crate::progress::Line;

/// What a command needs of the world, read once.
#[derive(Debug)]
pub(crate) struct Context {
    pub(crate) settings: Settings,
    pub(crate) provider: Option<String>,
    pub(crate) zone: Option<Name>,
    pub(crate) patience: Patience,
    pub(crate) run: RunId,
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
        })
    }

    /// Returns the provider and zone of a name.
    pub(crate) async fn provider_of(&self, name: &Name) -> Result<Box<dyn DnsProvider>> {
        let target = self.settings.select(self.provider.as_deref(), self.zone.as_ref(), Some(name))?;
        Ok(connect(target).await?)
    }

    /// Returns the providers and zones of the names, each with those that belong there.
    pub(crate) async fn providers_of(&self, names: &[Name]) -> Result<Vec<(Box<dyn DnsProvider>, Vec<Name>)>> {
        let mut providers = Vec::new();
        for target in self.settings.targets_for(self.provider.as_deref(), self.zone.as_ref(), names)? {
            for target in locate(target).await? {
                let names = target.names().to_vec();
                providers.push((connect(target).await?, names));
            }
        }
        Ok(providers)
    }

    /// Returns every zone that the command may be about: all of the chosen provider, or of all providers.
    pub(crate) async fn targets(&self) -> Result<Vec<Target>> {
        if self.zone.is_some() {
            return Ok(vec![self.settings.select(self.provider.as_deref(), self.zone.as_ref(), None)?]);
        }
        let mut targets = Vec::new();
        for target in self.settings.every_target(self.provider.as_deref())? {
            targets.extend(locate(target).await?);
        }
        Ok(targets)
    }

    /// Lists what the provider holds in `scope`.
    pub(crate) async fn observe(&self, provider: &dyn DnsProvider, scope: &Scope) -> Result<Listing> {
        let line = Line::new();
        let progress = |progress: dnsmgmt_core::progress::Progress<'_>| line.show(progress);
        let listing = observe(provider, scope, &self.patience, self.run, &progress).await;
        listing.with_context(|| format!("{}: {scope} was not listed, so nothing was done", provider.id()))
    }
}
