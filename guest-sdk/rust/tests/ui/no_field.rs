use skysieve_sdk::Alert;

#[derive(Alert)]
struct Candidate {
    #[field("candidate.magpsf")]
    magnitude: f64,
    band: i32,
}

fn main() {}
