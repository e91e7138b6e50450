//! The fields of id, visit and time that the command line names.

use clap::Args;
use skysieve_survey::{NamedFields, Surveys};

use super::common::UsageError;

/// Fields that are used instead of those of the alert's survey.
#[derive(Debug, Default, Args)]
pub struct FieldArgs {
    /// The field of an alert's id (objectId), for surveys that Skysieve does not know. If there are several, separated
    /// by commas, the first that the alert's schema has is used
    #[arg(long, value_name = "FIELD,…", env = "SKYSIEVE_ID_FIELD", value_delimiter = ',')]
    pub id_field: Vec<String>,
    /// The field with the number or name of an alert's exposure (candidate.expid). Quotas apply to each visit
    #[arg(long, value_name = "FIELD,…", env = "SKYSIEVE_VISIT_FIELD", value_delimiter = ',')]
    pub visit_field: Vec<String>,
    /// The field with the time at which an alert's source was seen (candidate.mjd). If there is no visit, the time
    /// stands for it
    #[arg(long, value_name = "FIELD,…", env = "SKYSIEVE_TIME_FIELD", value_delimiter = ',')]
    pub time_field: Vec<String>,
}

impl FieldArgs {
    /// The surveys that Skysieve knows, with these fields taking precedence over theirs.
    ///
    /// # Errors
    /// Returns a [`UsageError`] for a field that no schema could have.
    pub fn surveys(&self) -> Result<Surveys, UsageError> {
        let (mut id, mut visit, mut time) = (Vec::new(), Vec::new(), Vec::new());
        for (flag, fields, named) in [
            ("--id-field", &self.id_field, &mut id),
            ("--visit-field", &self.visit_field, &mut visit),
            ("--time-field", &self.time_field, &mut time),
        ] {
            NamedFields::new(fields.clone(), Vec::new(), Vec::new())
                .map_err(|error| UsageError(format!("{flag}: {error}")))?;
            named.clone_from(fields);
        }
        let named = NamedFields::new(id, visit, time).map_err(|error| UsageError(error.to_string()))?;
        Ok(Surveys::new(named))
    }
}
