//! Who may use the host's API.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context;
use clap::Args;

use super::HostArgs;
use super::registry::Filters;
use crate::access::{Access, OperatorToken, UserLimits};
use crate::commands::common::UsageError;
use crate::commands::secret::secret;
use crate::commands::serve::check_loopback;
use crate::kafka::{AuditTopic, Options};

/// The topic that stands for none.
const NONE: &str = "none";
/// The topic for records of changes at a host without a registry.
const AUDIT: &str = "skysieve-audit";
/// The variable with the first operator's token.
const OPERATOR_TOKEN: &str = "SKYSIEVE_OPERATOR_TOKEN";

/// Who may use the host's API.
#[derive(Debug, Args)]
pub struct AccessArgs {
    /// A file with the first operator's token: any text of 24 characters or more, with which tokens for users are made
    /// (`skysieve token new`). The variable SKYSIEVE_OPERATOR_TOKEN may have the token itself
    #[arg(long, value_name = "FILE", env = "SKYSIEVE_OPERATOR_TOKEN_FILE")]
    operator_token_file: Option<PathBuf>,
    /// Ask for no tokens: everybody who reaches the API may do everything. For addresses of this machine only (--listen)
    #[arg(long, env = "SKYSIEVE_OPEN")]
    open: bool,
    /// Show /metrics without a token, with the names of all filters
    #[arg(long, env = "SKYSIEVE_OPEN_METRICS")]
    open_metrics: bool,
    /// Filters that a user may have in the registry. Operators are not limited
    #[arg(long, value_name = "N", env = "SKYSIEVE_FILTERS_PER_USER", default_value_t = UserLimits::default().filters,
          value_parser = clap::builder::RangedU64ValueParser::<usize>::new().range(0..=100_000))]
    filters_per_user: usize,
    /// Shadows that a user's filters may have at a time: versions that run beside the active ones
    #[arg(long, value_name = "N", env = "SKYSIEVE_SHADOWS_PER_USER", default_value_t = UserLimits::default().shadows,
          value_parser = clap::builder::RangedU64ValueParser::<usize>::new().range(0..=100_000))]
    shadows_per_user: usize,
    /// Uploads that a user may make within an hour
    #[arg(long, value_name = "N", env = "SKYSIEVE_UPLOADS_PER_HOUR", default_value_t = UserLimits::default().uploads,
          value_parser = clap::value_parser!(u32).range(0..=1_000_000))]
    uploads_per_hour: u32,
    /// MiB of modules and configs that a user may have in the registry
    #[arg(long, value_name = "MIB", env = "SKYSIEVE_BYTES_PER_USER", default_value_t = UserLimits::default().bytes >> 20,
          value_parser = clap::value_parser!(u64).range(0..=1 << 30))]
    bytes_per_user: u64,
    /// Topic in which changes are recorded, with who has made them; none: in the log only [default: the registry's topic of
    /// filters with -audit behind it]
    #[arg(long, value_name = "TOPIC", env = "SKYSIEVE_AUDIT_TOPIC")]
    audit_topic: Option<String>,
}

impl AccessArgs {
    /// Who is let in, as far as the command line says.
    ///
    /// # Errors
    /// Returns a [`UsageError`] if nobody could be let in, or everybody on the network.
    pub fn check(&self, args: &HostArgs) -> Result<Access, UsageError> {
        let operator = secret("--operator-token-file", self.operator_token_file.as_deref(), OPERATOR_TOKEN)?;
        let wrong = |error| UsageError(format!("the first operator's token: {error}"));
        let operator = operator.as_deref().map(OperatorToken::new).transpose().map_err(wrong)?;
        match (self.open, &operator) {
            (true, Some(_)) => {
                let message =
                    "--open asks for no tokens, and yet there is a first operator's token: leave out one of them";
                return Err(UsageError(message.to_owned()));
            }
            (true, None) => check_loopback("--listen", &args.api.listen)?,
            (false, None) if !args.registry.is_kept() => return Err(UsageError(nobody("there is no registry"))),
            (false, _) => {}
        }
        let limits = UserLimits {
            filters: self.filters_per_user,
            shadows: self.shadows_per_user,
            uploads: self.uploads_per_hour,
            bytes: self.bytes_per_user << 20,
        };
        let (open, open_metrics) = (self.open, self.open_metrics);
        Ok(Access { open, open_metrics, operator, limits, host: args.name.clone(), ..Access::default() })
    }

    /// The topic in which changes are recorded, if there is to be one.
    ///
    /// # Errors
    /// Returns an error if no thread can be started.
    pub fn audit(&self, args: &HostArgs, options: &Options) -> anyhow::Result<Option<Arc<AuditTopic>>> {
        let kept = args.registry.filters_topic().map(|topic| format!("{topic}-audit"));
        let topic = self.audit_topic.clone().or(kept).unwrap_or_else(|| AUDIT.to_owned());
        if topic == NONE {
            return Ok(None);
        }
        let options = args.registry.options(options);
        let audit = AuditTopic::start(&options, &topic, args.topic_settings()).context("cannot start a thread")?;
        Ok(Some(Arc::new(audit)))
    }
}

/// Refuses to go on if nobody could use the API, now that the registry was read.
///
/// # Errors
/// Returns a [`UsageError`], which says what to do.
pub fn check_somebody(access: &Access, filters: &Filters) -> Result<(), UsageError> {
    let has_tokens = || access.tokens.is_some() && filters.has_tokens();
    if access.open || access.operator.is_some() || has_tokens() {
        return Ok(());
    }
    Err(UsageError(nobody("the registry has none that is valid")))
}

fn nobody(why: &str) -> String {
    format!(
        "nobody could use this host's API: there is no token, and {why}. Give the first operator's token with \
         --operator-token-file FILE, or in {OPERATOR_TOKEN} (`openssl rand -hex 32 > FILE` makes one), or let everybody on \
         this machine do everything with --open"
    )
}
