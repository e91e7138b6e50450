//! What a filter may return.

use super::evaluation::{Accepted, Annotation, FaultKind};
use super::fault::Failure;
use super::limits::{CALL_ALERTS, Limits};

/// How much host memory the result of a call may take while it is read. A result within the limits fits, whatever a
/// hostile filter makes its lists point at. It is the same for calls of every size, because otherwise the size would
/// decide verdicts.
pub fn host_bytes(limits: &Limits) -> usize {
    let annotations =
        limits.annotations.saturating_mul(size_of::<Annotation>()).saturating_add(limits.annotation_bytes);
    annotations.saturating_add(size_of::<Accepted>()).saturating_mul(CALL_ALERTS).saturating_add(64 << 10)
}

/// Checks the rows that a call of `rows` alerts accepted.
pub fn check(accepted: &[Accepted], rows: usize, limits: &Limits) -> Result<(), Failure> {
    let mut least = 0;
    for alert in accepted {
        let row = alert.row as usize;
        if row >= rows {
            return Err(output(format_args!("accepts row {row} of {rows}")));
        }
        if row < least {
            return Err(output(format_args!("accepts row {row} after row {}: rows must ascend", least - 1)));
        }
        least = row + 1;
        check_annotations(row, &alert.annotations, limits)?;
    }
    Ok(())
}

fn check_annotations(row: usize, annotations: &[Annotation], limits: &Limits) -> Result<(), Failure> {
    let (count, limit) = (annotations.len(), limits.annotations);
    if count > limit {
        return Err(output(format_args!("row {row} has {count} annotations; the limit is {limit}")));
    }
    let bytes: usize = annotations.iter().map(|annotation| annotation.name.len() + annotation.value.len()).sum();
    let limit = limits.annotation_bytes;
    if bytes > limit {
        return Err(output(format_args!("the annotations of row {row} have {bytes} bytes; the limit is {limit}")));
    }
    Ok(())
}

fn output(message: impl std::fmt::Display) -> Failure {
    Failure::new(FaultKind::Output, message)
}
