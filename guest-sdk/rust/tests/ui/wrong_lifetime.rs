//! References that do not live as long as the batch.

use skysieve_sdk::{Alert, Column, filter};

#[derive(Alert)]
struct Static {
    #[field("candidate.ssnamenr")]
    name: &'static str,
    #[field("prv_candidates[].magpsf")]
    history: Column<'static, Option<f64>>,
    #[field("candidate.magpsf")]
    magnitude: f64,
}

#[filter(description = "Named")]
fn named(alert: &Static) -> bool {
    alert.name != "null" && alert.history.is_empty() && alert.magnitude < 17.0
}

#[derive(Alert)]
struct Elided {
    #[field("candidate.ssnamenr")]
    name: &str,
    #[field("prv_candidates[].magpsf")]
    history: Column<f64>,
}

#[derive(Alert)]
struct Undeclared {
    #[field("candidate.ssnamenr")]
    name: Option<&'a str>,
    #[field("prv_candidates[].magpsf")]
    history: Column<'b, f64>,
}

type Name = &'static str;

#[derive(Alert)]
struct Alias {
    #[field("candidate.ssnamenr")]
    name: Name,
    #[field("candidate.objectId")]
    object: Option<Name>,
}

#[derive(Alert)]
struct Mutable<'a> {
    #[field("candidate.ssnamenr")]
    name: &'a mut str,
}

fn main() {}
