//! A filter of a struct that is not derived: one error, which says what to write.

use skysieve_sdk::filter;

struct Candidate {
    magnitude: f64,
}

#[filter(description = "Brighter than 17")]
fn bright(alert: &Candidate) -> bool {
    alert.magnitude < 17.0
}

fn main() {}
