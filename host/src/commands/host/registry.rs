//! The registry of a host: its flags, and the filters that the host is started with because of it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::SystemTime;

use anyhow::Context;
use clap::Args;

use super::HostArgs;
use super::compile::prepare_each;
use crate::access::Tokens;
use crate::filters::FilterError;
use crate::jobs::HostControl;
use crate::kafka::{KafkaRegistry, Options};
use crate::pipeline::{Handle, Prepared};
use crate::registry::{Keeper, Registry};

/// The brokers that stand for no registry.
const NONE: &str = "none";

/// Where uploaded filters are kept.
#[derive(Debug, Args)]
pub struct RegistryArgs {
    /// Kafka brokers at which uploaded filters are kept, for this host and for others that have the same registry; none:
    /// uploads last as long as the process [default: those of --brokers]
    #[arg(long, value_name = "HOST:PORT", env = "SKYSIEVE_REGISTRY")]
    registry: Option<String>,
    /// Topic of the registry for filters and their versions. It is created with the first upload
    #[arg(long, value_name = "TOPIC", env = "SKYSIEVE_REGISTRY_FILTERS", default_value = "skysieve-filters")]
    registry_filters: String,
    /// Topic of the registry for modules
    #[arg(long, value_name = "TOPIC", env = "SKYSIEVE_REGISTRY_MODULES", default_value = "skysieve-modules")]
    registry_modules: String,
}

impl RegistryArgs {
    /// Whether there is a registry.
    pub fn is_kept(&self) -> bool {
        self.registry.as_deref() != Some(NONE)
    }

    /// The topic of filters, if there is a registry.
    pub fn filters_topic(&self) -> Option<&str> {
        self.is_kept().then_some(&*self.registry_filters)
    }

    /// How the registry's brokers are reached; those of the host, if there is none.
    pub fn options(&self, options: &Options) -> Options {
        let named = self.registry.clone().filter(|_| self.is_kept());
        Options { brokers: named.unwrap_or_else(|| options.brokers.clone()), ..options.clone() }
    }
}

/// The filters of a host, which may have a registry.
#[derive(Clone)]
pub struct Filters {
    handle: Handle,
    keeper: Option<Arc<Keeper<Handle>>>,
}

impl Filters {
    /// Those of a host. `folder` has the names of those that are in its folder.
    pub fn new(
        args: &HostArgs,
        options: &Options,
        handle: &Handle,
        folder: BTreeSet<String>,
    ) -> anyhow::Result<Filters> {
        let RegistryArgs { registry_filters, registry_modules, .. } = &args.registry;
        if !args.registry.is_kept() {
            return Ok(Filters { handle: handle.clone(), keeper: None });
        }
        let options = args.registry.options(options);
        let store = KafkaRegistry::new(&options, registry_filters, registry_modules, args.topic_settings())?;
        let keeper = Keeper::new(handle.clone(), Registry::new(Box::new(store)), &args.name, folder);
        Ok(Filters { handle: handle.clone(), keeper: Some(Arc::new(keeper)) })
    }

    /// Answers requests about them.
    pub fn control(&self) -> Arc<dyn HostControl> {
        match &self.keeper {
            Some(keeper) => keeper.clone(),
            None => Arc::new(self.handle.clone()),
        }
    }

    /// The tokens of users, if there is a registry.
    pub fn tokens(&self) -> Option<Arc<dyn Tokens>> {
        self.keeper.as_ref().map(|keeper| keeper.tokens())
    }

    /// Whether the registry, which was read, has a token that is valid.
    pub fn has_tokens(&self) -> bool {
        let all = self.tokens().and_then(|tokens| tokens.list().ok()).unwrap_or_default();
        all.iter().any(|token| !token.is_expired(SystemTime::now()))
    }

    /// Reads the registry, and compiles this host's filters in it, `room` at most. Those that are refused are described
    /// with the reason, and keep nobody waiting.
    pub fn prepare(&self, options: &Options, room: usize) -> anyhow::Result<Vec<Prepared>> {
        let Some(keeper) = &self.keeper else { return Ok(Vec::new()) };
        self.handle.starting("reading the registry of filters");
        let uploads = keeper.read().context("cannot read the registry of filters")?;
        let of = uploads.len();
        let outcomes = prepare_each(&self.handle, uploads, &options.stop).context("stopped")?;
        let mut prepared = Vec::new();
        for (name, outcome) in outcomes {
            let outcome = outcome.and_then(|filter| {
                if prepared.len() == room {
                    return Err(FilterError::Full(room));
                }
                prepared.push(filter);
                Ok(())
            });
            keeper.started(&name, &outcome);
        }
        if of > 0 {
            tracing::info!(loaded = prepared.len(), of, "filters of the registry");
        }
        Ok(prepared)
    }

    /// Allows changes, and follows those of others.
    pub fn open(&self, options: &Options) -> anyhow::Result<()> {
        let Some(keeper) = self.keeper.clone() else { return Ok(()) };
        keeper.open();
        let stop = options.stop.clone();
        let follow = std::thread::Builder::new().name("registry".to_owned());
        follow.spawn(move || keeper.follow(&stop)).context("cannot start a thread")?;
        Ok(())
    }

    /// Allows no changes any more.
    pub fn close(&self) {
        if let Some(keeper) = &self.keeper {
            keeper.close();
        }
    }
}
