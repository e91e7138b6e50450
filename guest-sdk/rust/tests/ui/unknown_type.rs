use skysieve_sdk::{Alert, Column};

#[derive(Alert)]
struct Candidate<'a> {
    #[field("candidate.ssnamenr")]
    name: String,
    #[field("prv_candidates[].fid")]
    bands: Column<'a, u8>,
}

fn main() {}
