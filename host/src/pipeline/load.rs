//! Compiles the module of an upload, and starts instances of it.

use skysieve_sandbox::{Filter, Module, Owner, Refusal, Terms};

use super::state::PipelineState;
use crate::filters::{FilterError, Settings, Upload};

/// Checks the settings of an upload, and compiles its module.
///
/// # Errors
/// Returns [`FilterError::Refused`] or [`FilterError::Busy`].
pub fn load(state: &PipelineState, name: &str, upload: &Upload) -> Result<Module, FilterError> {
    let config = &state.config;
    upload.settings.check()?;
    if !upload.by_operator {
        config.ceilings.check(&upload.settings.limits)?;
    }
    let limits = upload.settings.limits.over(&config.limits);
    // Users take turns where modules wait to be compiled. Where nobody is told apart, a filter's name stands for its user.
    let owner = match &*upload.by {
        _ if upload.by_operator => Owner::Operator,
        "" => Owner::User(name),
        user => Owner::User(user),
    };
    state.engine.load_for(owner, &upload.module, &limits).map_err(|error| match error {
        Refusal::CompilerBusy { .. } | Refusal::Compiler(_) => FilterError::Busy(error.to_string()),
        _ => FilterError::Refused(error.to_string()),
    })
}

/// Starts an instance.
///
/// # Errors
/// Returns [`FilterError::Refused`], [`FilterError::Memory`] or [`FilterError::Stopping`].
pub fn start(state: &PipelineState, module: &Module, settings: &Settings) -> Result<Filter, FilterError> {
    let limits = settings.limits.over(&state.config.limits);
    let terms = Terms { cancel: state.cancel.child(), budget: state.config.memory.clone() };
    Filter::start_with(module, &settings.config, &limits, terms).map_err(|error| {
        match error {
            Refusal::Interrupted(_) => return FilterError::Stopping,
            Refusal::Budget { .. } => return FilterError::Memory(error.to_string()),
            _ => {}
        }
        let hint = match &error {
            Refusal::Config(_) if Settings::is_file(&settings.config) => {
                "; the config looks like a host's settings file (NAME.toml): upload that as `settings`"
            }
            _ => "",
        };
        FilterError::Refused(format!("{error}{hint}"))
    })
}
