//! The compiler says what it cannot find, and the macro adds nothing.

use skysieve_sdk::{Alert, filter};

#[derive(Alert)]
struct Candidate<'a> {
    #[field("candidate.magpsf")]
    magnitude: flaot,
    #[field("candidate.ssnamenr")]
    name: Option<Sting<'a>>,
    #[field("prv_candidates[].magpsf")]
    history: Colunm<'a, f64>,
}

#[filter(description = "Bright")]
fn bright(alert: &Candidate) -> bool {
    alert.magnitude < 17.0 && alert.name.is_none() && alert.history.is_empty()
}

fn main() {}
