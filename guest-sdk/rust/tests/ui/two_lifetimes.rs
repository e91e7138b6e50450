use skysieve_sdk::Alert;

#[derive(Alert)]
struct Candidate<'a, 'b> {
    #[field("candidate.ssnamenr")]
    name: &'a str,
    #[field("candidate.isdiffpos")]
    positive: &'b str,
}

#[derive(Alert)]
struct Generic<T> {
    #[field("candidate.ssnamenr")]
    name: T,
}

fn main() {}
