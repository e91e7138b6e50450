//! Filters that take all that they can get.

use crate::guest::{GuestField, reading_with};

/// The only field that a villain reads.
const FIELD: GuestField<'static> = ("diaSource.diaSourceId", "long", false);

/// What `evaluate` does first, by name. None of them ends by itself, except those that trap.
pub const VILLAINS: [(&str, &str); 7] = [
    ("spins", "(loop $l (br $l))"),
    ("sqrt", "(loop $l (global.set $g (f64.sqrt (f64.sqrt (f64.sqrt (global.get $g))))) (br $l))"),
    ("fills-a-table", "(loop $l (table.fill $t (i32.const 0) (ref.null func) (i32.const 60000)) (br $l))"),
    ("copies-a-table", "(loop $l (table.copy $t $t (i32.const 0) (i32.const 1) (i32.const 59999)) (br $l))"),
    ("fills-memory", "(loop $l (memory.fill (i32.const 65536) (i32.const 0) (i32.const 65536)) (br $l))"),
    ("grows", "(loop $l (drop (memory.grow (i32.const 1))) (br $l))"),
    ("traps", "(unreachable)"),
];

/// The component of a villain.
pub fn villain(body: &str) -> Vec<u8> {
    reading_with(&[FIELD], "(table $t 60000 funcref) (global $g (mut f64) (f64.const 2))", body)
}
