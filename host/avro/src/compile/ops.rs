//! A program while it is being written. Consecutive operations that pass over values are merged.

use super::{After, Want, columns};
use crate::path::is_list;
use crate::plan::{How, Null, Op, Read, Run};

#[derive(Default)]
pub(super) struct Ops(Vec<Op>);

impl Ops {
    pub(super) fn push(&mut self, op: Op) {
        self.0.push(op);
    }

    pub(super) fn finish(self) -> Box<[Op]> {
        self.0.into_boxed_slice()
    }

    /// Ends a value that was read for these wants.
    pub(super) fn end(&mut self, after: After, wants: &[Want<'_>]) {
        if after == After::End {
            self.push(Op::End(columns(wants)));
        }
    }

    /// Passes over `size` bytes.
    pub(super) fn bytes(&mut self, size: usize) {
        match self.0.last_mut() {
            _ if size == 0 => return,
            Some(Op::Bytes(before)) => {
                *before = before.saturating_add(size);
                return;
            }
            Some(Op::Run(Run { widths })) => {
                if let Some([first, second]) = widths.last_mut()
                    && let (Some(wider_first), Some(wider_second)) = (wider(*first, size), wider(*second, size))
                {
                    (*first, *second) = (wider_first, wider_second);
                    return;
                }
            }
            _ => {}
        }
        self.push(Op::Bytes(size));
    }

    /// Passes over a union of a null and a value of `size` bytes.
    pub(super) fn maybe_bytes(&mut self, null: Null, size: u32) {
        let union = match null {
            Null::First => [1, 1 + size],
            Null::Second => [1 + size, 1],
        };
        match self.0.last_mut() {
            Some(Op::Run(Run { widths })) => widths.push(union),
            _ => self.push(Op::Run(Run { widths: vec![union] })),
        }
    }

    /// Reads one value for each of the given columns in turn.
    pub(super) fn reads(&mut self, null: Option<Null>, reads: &[(u32, How)]) {
        for (index, &(column, how)) in reads.iter().enumerate() {
            let read = Read { column, how, again: index + 1 < reads.len() };
            self.push(match null {
                Some(null) => Op::MaybeRead(null, read),
                None => Op::Read(read),
            });
        }
    }

    /// Answers the questions whether there is something.
    pub(super) fn answers(&mut self, questions: &[Want<'_>], there: bool) {
        self.0.extend(questions.iter().map(|want| Op::There(want.column, there)));
    }

    /// Appends the nulls of absent fields. Through an array there are none, as if the array were empty.
    pub(super) fn nulls(&mut self, absent: &[Want<'_>]) {
        self.0.extend(absent.iter().filter(|want| !is_list(want.steps)).map(|want| Op::Null(want.column)));
    }
}

/// A width increased by `size` bytes.
fn wider(width: u32, size: usize) -> Option<u32> {
    u32::try_from(size).ok().and_then(|size| width.checked_add(size))
}
