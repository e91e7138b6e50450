//! Handles panics of the host itself. These are bugs, but they must not prevent a host from ever getting past a batch.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use skysieve_sandbox::{Fault, FaultKind, Interrupted};

use super::judge::Verdicts;

/// Does the work, and returns the message of the panic if it panicked. In that case, whatever the work was changing
/// must not be trusted.
pub fn caught<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|panic| message(&*panic))
}

fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    format!("the host panicked: {}; this is a bug of the host's, please report it", text.unwrap_or("no message"))
}

/// Judges these rows by calling `judge` for some of them at a time. If it panics, the rows are halved until a single
/// alert is to blame: that alert is a fault, and every other alert is judged as if it had not been there.
///
/// # Errors
/// Returns the error of `judge`.
pub fn judge_in_halves(
    rows: &[u32],
    mut judge: impl FnMut(&[u32]) -> Result<Verdicts, Interrupted>,
) -> Result<Verdicts, Interrupted> {
    let (mut verdicts, mut halves) = (Verdicts::default(), Halves::of(rows));
    while let Some(rows) = halves.next() {
        match caught(|| judge(rows)) {
            Ok(said) => verdicts.merge(said?),
            Err(message) => {
                let Some(row) = halves.cut(rows) else { continue };
                let fault = Fault { row, kind: FaultKind::Host, message, backtrace: None };
                verdicts.merge(Verdicts { seen: 1, faults: vec![fault], ..Verdicts::default() });
            }
        }
    }
    Ok(verdicts)
}

/// Rows in their order, a part at a time. A part over which the host panics is cut.
pub struct Halves<'a>(Vec<&'a [u32]>);

impl<'a> Halves<'a> {
    /// Begins with all of these.
    pub fn of(rows: &'a [u32]) -> Halves<'a> {
        Halves(vec![rows])
    }

    /// The next part, unless all have been returned.
    pub fn next(&mut self) -> Option<&'a [u32]> {
        self.0.pop()
    }

    /// Lets the halves of a part come next. If it is a single row, returns that: it is to blame.
    pub fn cut(&mut self, part: &'a [u32]) -> Option<u32> {
        match part {
            [] => None,
            &[row] => Some(row),
            _ => {
                let (first, second) = part.split_at(part.len() / 2);
                self.0.extend([second, first]);
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use skysieve_sandbox::Accepted;

    use super::*;

    #[test]
    fn the_alerts_to_blame_fail_and_all_others_are_judged_once() {
        let rows: Vec<u32> = (3..103).collect();
        let culprits = [3, 50, 51, 102];
        let mut calls = 0;
        let verdicts = judge_in_halves(&rows, |rows| {
            calls += 1;
            assert!(!rows.iter().any(|row| culprits.contains(row)), "a bug");
            let accepted = rows.iter().map(|&row| Accepted { row, annotations: Vec::new() });
            Ok(Verdicts { seen: rows.len() as u64, accepted: accepted.collect(), ..Verdicts::default() })
        });
        let verdicts = verdicts.unwrap();
        assert_eq!(verdicts.seen, 100);
        let faults: Vec<u32> = verdicts.faults.iter().map(|fault| fault.row).collect();
        assert_eq!(faults, culprits);
        assert!(verdicts.faults.iter().all(|fault| fault.kind == FaultKind::Host && fault.message.contains("a bug")));
        let others: Vec<u32> = rows.iter().copied().filter(|row| !culprits.contains(row)).collect();
        assert_eq!(verdicts.accepted.iter().map(|accepted| accepted.row).collect::<Vec<_>>(), others);
        assert!(calls < 60, "{calls} calls");
    }
}
