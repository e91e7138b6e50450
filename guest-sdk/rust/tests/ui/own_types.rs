//! Types that the macro does not know by their names: each is one error, at the field, even if a filter uses the struct.

use std::collections::HashMap;

use skysieve_sdk::{Alert, filter};

#[derive(Clone, Copy, Debug)]
struct Band(i32);

struct Detection<'a> {
    name: &'a str,
}

type Names<'a> = Vec<&'a str>;

#[derive(Alert)]
struct Candidate<'a> {
    #[field("candidate.magpsf")]
    magnitude: f64,
    #[field("candidate.fid")]
    band: Band,
    #[field("candidate.ssnamenr")]
    name: Option<Detection<'a>>,
    #[field("prv_candidates[].magpsf")]
    history: HashMap<&'a str, f64>,
    #[field("candidate.programid")]
    program: Option<Option<i32>>,
    #[field("candidate.field")]
    names: Names<'a>,
    #[field("candidate.jd")]
    time: f64,
}

#[filter(description = "In the first band")]
fn first(alert: &Candidate) -> bool {
    alert.band.0 == 1 && alert.magnitude < 17.0 && alert.time > 0.0 && alert.name.as_ref().is_some_and(|of| of.name == "a")
}

#[test]
fn the_first() {
    let name = Some(Detection { name: "a" });
    let alert = Candidate { magnitude: 1.0, band: Band(1), name, history: HashMap::new(), program: None, names: vec![], time: 1.0 };
    assert!(first(&alert));
}

fn main() {}
