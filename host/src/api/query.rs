//! The parameters of a query.

use axum::extract::{FromRequestParts, Query};
use axum::http::request::Parts;

use super::error::Problem;

/// What is wrong with text that is none.
pub(super) const NO_TEXT: &str = "it is not UTF-8 text";

/// The parameters of a query, in their order.
pub(super) struct Parameters(Vec<(String, String)>);

impl Parameters {
    pub(super) fn of(parts: &Parts) -> Result<Parameters, Problem> {
        let query = Query::try_from_uri(&parts.uri);
        let Query(pairs) = query.map_err(|rejection| Problem::Query(rejection.body_text()))?;
        let pairs: Vec<(String, String)> = pairs;
        // Decoding has put this character in place of bytes that are not UTF-8.
        match pairs.iter().find(|(_, value)| value.contains(char::REPLACEMENT_CHARACTER)) {
            Some((name, _)) => Err(Problem::Parameter { name: name.clone(), reason: NO_TEXT.to_owned() }),
            None => Ok(Parameters(pairs)),
        }
    }

    /// Takes the value of a parameter, which may be given once.
    pub(super) fn take(&mut self, name: &str) -> Result<Option<String>, Problem> {
        let mut values = self.0.extract_if(.., |(given, _)| given == name);
        let value = values.next().map(|(_, value)| value);
        match values.next() {
            None => Ok(value),
            Some((name, _)) => Err(Problem::Parameter { name, reason: "it is given twice".to_owned() }),
        }
    }

    /// Refuses what was not taken.
    pub(super) fn finish(self) -> Result<(), Problem> {
        match self.0.into_iter().next() {
            None => Ok(()),
            Some((name, _)) => Err(Problem::Parameter { name, reason: "there is no such parameter".to_owned() }),
        }
    }

    pub(super) fn into_pairs(self) -> Vec<(String, String)> {
        self.0
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Parameters {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Parameters, Problem> {
        Parameters::of(parts)
    }
}
