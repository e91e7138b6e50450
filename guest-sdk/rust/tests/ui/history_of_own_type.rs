//! A history of something that is not a value.

use skysieve_sdk::{Alert, Column};

#[derive(Clone, Copy, Debug)]
struct Detection {
    magnitude: f64,
}

#[derive(Alert)]
struct Candidate<'a> {
    #[field("prv_candidates[]")]
    history: Column<'a, Detection>,
    #[field("prv_candidates[].fid")]
    bands: Column<'a, Option<Detection>>,
    #[field("candidate.fid")]
    band: i32,
}

fn main() {}
