//! An error in a struct is reported once, even if a filter uses the struct. Only methods of a history that can't exist are
//! missing as well.

use skysieve_sdk::{Alert, Column, filter};

#[derive(Alert)]
struct NoPath<'a> {
    #[field("candidate.magpsf")]
    magnitude: f64,
    band: Column<'a, i32>,
}

#[filter(description = "No path")]
fn no_path(alert: &NoPath) -> bool {
    alert.magnitude < 17.0 && alert.band.is_empty()
}

#[derive(Alert)]
struct NoValue {
    #[field("candidate.objectId")]
    name: Option<String>,
    #[field("candidate.ndethist")]
    detections: u32,
}

#[filter(description = "No value")]
fn no_value(alert: &NoValue) -> bool {
    alert.name.is_some() && alert.detections > 2
}

#[derive(Alert)]
struct NoColumn<'a> {
    #[field("prv_candidates[].fid")]
    bands: Column<'a, Option<u8>>,
}

#[filter(description = "No column")]
fn no_column(alert: &NoColumn) -> bool {
    alert.bands.is_empty()
}

#[derive(Alert)]
struct Generic<'a, 'b, T: Copy> {
    #[field("candidate.ssnamenr")]
    name: &'a str,
    #[field("candidate.isdiffpos")]
    positive: &'b str,
    #[field("candidate.fid")]
    band: T,
}

#[filter(description = "Generic")]
fn generic(alert: &Generic<i32>) -> bool {
    alert.name == alert.positive && alert.band > 1
}

fn main() {}
