use skysieve_sdk::{Alert, Column};

#[derive(Alert)]
struct Candidate<'a> {
    #[field("prv_candidates[].magpsf")]
    magnitude: Option<f64>,
    #[field("candidate.magpsf")]
    history: Column<'a, f64>,
    #[field("candidate.fid", "prv_candidates[].fid")]
    band: Column<'a, i32>,
}

fn main() {}
