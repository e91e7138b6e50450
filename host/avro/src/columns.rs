//! Appending values to columns, and removing those of an alert that turned out to be broken.

use crate::alert::Column;

/// Appends a value of fixed width.
#[inline(always)]
pub(super) fn put<const N: usize>(column: &mut Column, value: [u8; N]) {
    column.values.extend_from_slice(&value);
    present(column);
}

/// Appends text or bytes.
#[inline(always)]
pub(super) fn put_blob(column: &mut Column, value: &[u8]) {
    column.values.extend_from_slice(value);
    put_offset(column);
    present(column);
}

/// Appends a null, which is stored as zeros.
pub(super) fn put_null(column: &mut Column) {
    if column.present.is_empty() {
        column.present.resize(column.len(), 1);
    }
    match column.kind.width() {
        Some(width) => column.values.resize(column.values.len() + width, 0),
        None => put_offset(column),
    }
    column.present.push(0);
}

/// Ends the alert's values in a column through an array.
pub(super) fn end_list(column: &mut Column) {
    let values = column.len() as u32;
    column.ends.extend_from_slice(&values.to_le_bytes());
}

/// Makes the column empty, keeping its buffers.
pub(super) fn clear(column: &mut Column) {
    for buffer in [&mut column.values, &mut column.offsets, &mut column.present, &mut column.ends] {
        buffer.clear();
    }
}

/// Removes all values but those of the first `rows` alerts.
pub(super) fn cut(column: &mut Column, rows: usize) {
    // Through an array, the values of an alert may have been appended without their end.
    column.ends.truncate(if column.list { rows * 4 } else { 0 });
    let values = column.values_of(0..rows).end;
    match column.kind.width() {
        Some(width) => column.values.truncate(values * width),
        None => {
            column.offsets.truncate(values * 4);
            let end = column.offsets.last_chunk().map_or(0, |end| u32::from_le_bytes(*end));
            column.values.truncate(end as usize);
        }
    }
    column.present.truncate(values);
    if !column.present.contains(&0) {
        column.present.clear();
    }
}

#[inline(always)]
fn put_offset(column: &mut Column) {
    // The offset may overflow here, but an alert that takes the column beyond 4 GiB is removed again.
    let end = column.values.len() as u32;
    column.offsets.extend_from_slice(&end.to_le_bytes());
}

#[inline(always)]
fn present(column: &mut Column) {
    if !column.present.is_empty() {
        column.present.push(1);
    }
}
