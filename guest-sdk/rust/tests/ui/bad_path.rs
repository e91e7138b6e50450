use skysieve_sdk::{Alert, Column};

#[derive(Alert)]
struct Candidate<'a> {
    #[field("candidate..magpsf")]
    magnitude: f64,
    #[field("prv_candidates[0].magpsf")]
    first: f64,
    #[field("candidates[].history[].magpsf")]
    nested: Column<'a, f64>,
    #[field(candidate.fid)]
    band: i32,
    #[field()]
    time: f64,
}

fn main() {}
