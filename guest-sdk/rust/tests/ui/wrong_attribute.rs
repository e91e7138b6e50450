//! Each field has one attribute with its paths.

use skysieve_sdk::{Alert, filter};

#[derive(Alert)]
struct Candidate {
    #[field]
    magnitude: f64,
    #[field = "candidate.fid"]
    band: i32,
    #[field(path = "candidate.jd")]
    time: f64,
    #[field("candidate.ra")]
    #[field("candidate.radeg")]
    ra: f64,
    #[field(17)]
    dec: f64,
}

#[filter(description = "Bright")]
fn bright(alert: &Candidate) -> bool {
    alert.magnitude < 17.0 && alert.band == 1 && alert.time > 0.0 && alert.ra > alert.dec
}

fn main() {}
