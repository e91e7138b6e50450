use skysieve_sdk::{Alert, Verdict, filter};

#[derive(Alert)]
struct Candidate {
    #[field("candidate.magpsf")]
    magnitude: f64,
}

#[filter(description = "By value")]
fn by_value(alert: Candidate) -> bool {
    alert.magnitude < 17.0
}

#[filter(description = "Nothing returned")]
fn nothing(alert: &Candidate) {}

#[filter(description = "No alert")]
fn no_alert() -> Verdict {
    Verdict::Accept
}

#[filter(description = "Two alerts")]
fn two(config: &(), alert: &Candidate, other: &Candidate) -> bool {
    alert.magnitude < other.magnitude
}

#[filter(description = "Changes the alert")]
fn changes(alert: &mut Candidate) -> bool {
    alert.magnitude < 17.0
}

#[filter(description = "Waits")]
async fn waits(alert: &Candidate) -> bool {
    alert.magnitude < 17.0
}

#[filter(description = "Checks nothing", check = check)]
fn checked(alert: &Candidate) -> bool {
    alert.magnitude < 17.0
}

#[filter(description = "A struct")]
struct Filter;

fn main() {}
