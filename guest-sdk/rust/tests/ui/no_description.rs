use skysieve_sdk::{Alert, filter};

#[derive(Alert)]
struct Candidate {
    #[field("candidate.magpsf")]
    magnitude: f64,
}

#[filter]
fn bright(alert: &Candidate) -> bool {
    alert.magnitude < 17.0
}

#[filter(description = "")]
fn brighter(alert: &Candidate) -> bool {
    alert.magnitude < 16.0
}

#[filter("Brightest")]
fn brightest(alert: &Candidate) -> bool {
    alert.magnitude < 15.0
}

#[filter(description = "Faint", version = "1")]
fn faint(alert: &Candidate) -> bool {
    alert.magnitude > 20.0
}

fn main() {}
