//! The macro does not know this type by its name, but the compiler refuses it at the field.

use skysieve_sdk::{Alert, filter};

#[derive(Clone, Copy, Debug)]
struct Band(i32);

#[derive(Alert)]
struct Candidate {
    #[field("candidate.fid")]
    band: Band,
}

#[filter(description = "In the first band")]
fn first(alert: &Candidate) -> bool {
    alert.band.0 == 1
}

fn main() {}
