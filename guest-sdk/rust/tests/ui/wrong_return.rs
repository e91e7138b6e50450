use skysieve_sdk::{Alert, filter};

#[derive(Alert)]
struct Candidate {
    #[field("candidate.magpsf")]
    magnitude: f64,
}

#[filter(description = "A number")]
fn number(alert: &Candidate) -> i32 {
    alert.magnitude as i32
}

fn main() {}
