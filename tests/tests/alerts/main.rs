//! Alerts of all surveys, real and simulated, and their schemas: from packets to verdicts.

mod decoding;
mod documents;
mod other_surveys;
mod promotions;
mod registry;
mod schemas;
mod simulated;
mod surveys;
mod visits;
