//! A field of a config whose type is no parameter's, one that is left out of the description, and attributes that are wrong.

use serde::Deserialize;
use skysieve_sdk::Parameters;

#[derive(Deserialize, Parameters)]
struct Config {
    limit: f64,
    names: Vec<String>,
    #[parameter(skip)]
    left_out: Vec<String>,
}

#[derive(Deserialize, Parameters)]
struct Misspelt {
    #[parameter(skipped)]
    names: Vec<String>,
}

#[derive(Deserialize, Parameters)]
struct Unnamed(f64);

#[derive(Deserialize, Parameters)]
enum Mode {
    Any,
}

fn main() {}
