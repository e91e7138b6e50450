use skysieve_sdk::Alert;

#[derive(Alert)]
enum Candidate {
    Bright,
}

#[derive(Alert)]
struct Pair(f64, f64);

#[derive(Alert)]
struct Nothing {}

fn main() {}
