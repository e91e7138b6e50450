//! Runs plans.

use std::collections::BTreeMap;
use std::slice::Iter;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::columns::{cut, put, put_blob, put_null};
use super::plan::{Branches, Elements, How, Items, Null, Number, Op, Plan, Printed, ProgramId, Read, Run};
use super::wire::{self, Fault, MAX_BYTES, MAX_DEPTH, MAX_VALUES, What, fault};
use crate::alert::Column;

/// Elements that take no bytes are not bounded by the length of the data. There may be this many more of them.
const FREE_ELEMENTS: usize = 1 << 10;

/// The columns into which an alert's value could not be read, and the first fault in each.
pub(super) type Failed = BTreeMap<u32, Fault>;

/// Appends the values of one alert to `columns`, which have `rows` alerts already. Values that can't be delivered are
/// left to be nulls, and their columns are returned: a value that is not what it should be spoils its own column; data
/// that don't match the schema spoil those columns that were not filled before.
pub(super) fn run(plan: &Plan, data: &[u8], columns: &mut [Column], rows: usize) -> Failed {
    let most = MAX_VALUES.min(data.len() + FREE_ELEMENTS);
    let mut machine = Machine { plan, data, columns, rows, most, failed: Failed::new() };
    // A fault has been recorded for every column that it spoils.
    let _ = machine.program(ProgramId(0), 0, 0);
    let failed = std::mem::take(&mut machine.failed);
    for &column in failed.keys() {
        let column = &mut columns[column as usize];
        cut(column, rows);
        if !column.list {
            put_null(column);
        }
    }
    failed
}

struct Machine<'a> {
    plan: &'a Plan,
    data: &'a [u8],
    columns: &'a mut [Column],
    /// How many alerts the columns have already.
    rows: usize,
    /// How many elements of an array may be read.
    most: usize,
    failed: Failed,
}

impl<'a> Machine<'a> {
    /// Runs a program on the data that begin at `at`, and returns where they end.
    fn program(&mut self, program: ProgramId, at: usize, depth: usize) -> Result<usize, Fault> {
        let plan = self.plan;
        let ops = plan.program(program);
        let mut rest = ops.iter();
        let ended = self.steps(&mut rest, at, depth);
        if let Err(fault) = ended {
            match (ops.len() - rest.len()).checked_sub(1) {
                Some(last) => self.fail_from(&ops[last..], fault),
                None => self.fail_all(ops, fault),
            }
        }
        ended
    }

    /// Takes one operation after the other from the program's.
    #[inline(always)]
    fn steps(&mut self, rest: &mut Iter<'a, Op>, mut at: usize, depth: usize) -> Result<usize, Fault> {
        if depth == MAX_DEPTH {
            return fault(at, What::Depth);
        }
        let data = self.data;
        for op in rest {
            at = match op {
                Op::Bytes(size) => wire::forward(data, at, *size)?,
                Op::Run(run) => skip_run(run, data, at)?,
                Op::Varint => wire::skip_long(data, at)?,
                Op::Blob => wire::blob(data, at)?.1,
                Op::MaybeVarint(null) => match maybe(*null, data, at)? {
                    Some(at) => wire::skip_long(data, at)?,
                    None => at + 1,
                },
                Op::MaybeBlob(null) => match maybe(*null, data, at)? {
                    Some(at) => wire::blob(data, at)?.1,
                    None => at + 1,
                },
                Op::Union(branches) => match wire::branch(data, at, branches.programs.len()) {
                    Ok((branch, at)) => self.program(branches.programs[branch], at, depth + 1)?,
                    Err(fault) => {
                        self.spoil(&branches.columns, fault);
                        return Err(fault);
                    }
                },
                Op::SkipArray(items) => self.skip_array(items, at, depth)?,
                Op::ReadArray(elements) => self.read_array(elements, at, depth)?,
                Op::Call(program) => self.program(*program, at, depth + 1)?,
                Op::Read(read) => {
                    let next = self.read(read, at)?;
                    if read.again { at } else { next }
                }
                Op::MaybeRead(null, read) => {
                    let next = match maybe(*null, data, at)? {
                        Some(at) => self.read(read, at)?,
                        None => {
                            put_null(&mut self.columns[read.column as usize]);
                            at + 1
                        }
                    };
                    if read.again { at } else { next }
                }
                Op::Null(column) => {
                    put_null(&mut self.columns[*column as usize]);
                    at
                }
                Op::There(column, there) => {
                    put(&mut self.columns[*column as usize], [u8::from(*there)]);
                    at
                }
                Op::End(_) if at == data.len() => at,
                Op::End(_) => return fault(at, What::Trailing { bytes: data.len() - at }),
            };
        }
        Ok(at)
    }

    /// Records a fault for a column, unless it has one already.
    #[cold]
    fn fail(&mut self, column: u32, fault: Fault) {
        self.failed.entry(column).or_insert(fault);
    }

    /// Records a fault that ended a program at the first of these operations. What this operation was about to read,
    /// and what the others would have read, is spoilt. If it is a union, the program of its branch has recorded what is
    /// spoilt within it.
    #[cold]
    fn fail_from(&mut self, ops: &'a [Op], fault: Fault) {
        let within = usize::from(matches!(ops.first(), Some(Op::Union(_))));
        self.fail_all(&ops[within..], fault);
    }

    /// Records a fault for all columns that these operations read into.
    #[cold]
    fn fail_all(&mut self, ops: &'a [Op], fault: Fault) {
        for op in ops {
            match op {
                Op::Read(Read { column, .. })
                | Op::MaybeRead(_, Read { column, .. })
                | Op::Null(column)
                | Op::There(column, _) => {
                    self.fail(*column, fault);
                }
                Op::ReadArray(Elements { columns, .. }) | Op::Union(Branches { columns, .. }) | Op::End(columns) => {
                    self.spoil(columns, fault);
                }
                _ => {}
            }
        }
    }

    fn skip_array(&mut self, items: &'a Items, mut at: usize, depth: usize) -> Result<usize, Fault> {
        loop {
            let (block, start) = wire::block(self.data, at)?;
            at = match (block.end, items) {
                _ if block.items == 0 => return Ok(start),
                (Some(end), _) => end,
                (None, Items::Sized(size)) => wire::forward(self.data, start, block.items.saturating_mul(*size))?,
                (None, Items::Each(program)) => {
                    let mut at = start;
                    for _ in 0..block.items {
                        at = self.program(*program, at, depth + 1)?;
                    }
                    at
                }
            };
        }
    }

    fn read_array(&mut self, elements: &'a Elements, mut at: usize, depth: usize) -> Result<usize, Fault> {
        let mut left = self.most;
        loop {
            let (block, start) = wire::block(self.data, at)?;
            if block.items == 0 {
                return Ok(start);
            }
            let Some(rest) = left.checked_sub(block.items) else {
                self.spoil(&elements.columns, Fault { at, what: What::Elements { most: self.most } });
                return self.skip_array(&elements.items, at, depth);
            };
            left = rest;
            at = match (block.end, self.read_elements(elements, block.items, start, depth)) {
                (None, read) => read?,
                (Some(end), Ok(next)) if end == next => end,
                // Whoever does not read this array passes over the block, and so does not depend on what is in it.
                (Some(end), Ok(next)) => {
                    let what = What::Block { bytes: end - start, read: next - start };
                    self.spoil(&elements.columns, Fault { at, what });
                    end
                }
                (Some(end), Err(fault)) => {
                    self.spoil(&elements.columns, fault);
                    end
                }
            };
        }
    }

    /// Reads so many elements, the first of which begins at `at`, and returns where they end.
    #[inline(always)]
    fn read_elements(
        &mut self,
        elements: &Elements,
        count: usize,
        mut at: usize,
        depth: usize,
    ) -> Result<usize, Fault> {
        for _ in 0..count {
            at = self.program(elements.program, at, depth + 1)?;
        }
        Ok(at)
    }

    /// Records a fault for these columns.
    #[cold]
    fn spoil(&mut self, columns: &[u32], fault: Fault) {
        columns.iter().for_each(|column| self.fail(*column, fault));
    }

    /// Appends the value at `at`, and returns where it ends. If the value is not what it should be, a null takes its
    /// place.
    fn read(&mut self, read: &Read, at: usize) -> Result<usize, Fault> {
        let data = self.data;
        let column = &mut self.columns[read.column as usize];
        match read.how {
            How::Boolean => match wire::boolean(data, at) {
                Ok((value, next)) => {
                    put(column, [value]);
                    Ok(next)
                }
                Err(fault) => {
                    let next = wire::forward(data, at, 1)?;
                    self.replace(read, fault);
                    Ok(next)
                }
            },
            How::Four => {
                put::<4>(column, wire::array(data, at)?);
                Ok(at + 4)
            }
            How::Eight => {
                put::<8>(column, wire::array(data, at)?);
                Ok(at + 8)
            }
            How::FloatToDouble => {
                let value = f32::from_le_bytes(wire::array(data, at)?);
                put(column, f64::from(value).to_le_bytes());
                Ok(at + 4)
            }
            How::Int(number) => {
                let (value, next) = wire::long(data, at)?;
                match i32::try_from(value) {
                    Ok(value) => put_number(column, i64::from(value), number),
                    Err(_) => self.replace(read, Fault { at, what: What::Int(value) }),
                }
                Ok(next)
            }
            How::Long(number) => {
                let (value, next) = wire::long(data, at)?;
                put_number(column, value, number);
                Ok(next)
            }
            How::Blob | How::Text => {
                let (start, end) = wire::blob(data, at)?;
                self.blob(read, at, &data[start..end]);
                Ok(end)
            }
            How::Fixed(size) | How::FixedText(size) => {
                let end = wire::forward(data, at, size)?;
                self.blob(read, at, &data[at..end]);
                Ok(end)
            }
            How::Enum(symbols) => {
                let symbols = &self.plan.symbols[symbols as usize];
                match wire::symbol(data, at, symbols.len()) {
                    Ok((symbol, next)) => {
                        self.blob(read, at, symbols[symbol].as_bytes());
                        Ok(next)
                    }
                    Err(fault) => {
                        let next = wire::skip_long(data, at)?;
                        self.replace(read, fault);
                        Ok(next)
                    }
                }
            }
            How::Print(printed) => self.print(read, printed, at),
        }
    }

    /// Appends a value as text.
    #[cold]
    fn print(&mut self, read: &Read, printed: Printed, at: usize) -> Result<usize, Fault> {
        let data = self.data;
        let (text, next) = match printed {
            Printed::Boolean => {
                let next = wire::forward(data, at, 1)?;
                (wire::boolean(data, at).map(|(value, _)| (value == 1).to_string()), next)
            }
            Printed::Int => {
                let next = wire::skip_long(data, at)?;
                (wire::int(data, at).map(|(value, _)| value.to_string()), next)
            }
            Printed::Long => wire::long(data, at).map(|(value, next)| (Ok(value.to_string()), next))?,
            Printed::Float => (Ok(format!("{:?}", f32::from_le_bytes(wire::array(data, at)?))), at + 4),
            Printed::Double => (Ok(format!("{:?}", f64::from_le_bytes(wire::array(data, at)?))), at + 8),
            Printed::Bytes => wire::blob(data, at).map(|(start, end)| (Ok(STANDARD.encode(&data[start..end])), end))?,
            Printed::Fixed(size) => {
                wire::forward(data, at, size).map(|end| (Ok(STANDARD.encode(&data[at..end])), end))?
            }
        };
        match text {
            Ok(text) => self.blob(read, at, text.as_bytes()),
            Err(fault) => self.replace(read, fault),
        }
        Ok(next)
    }

    /// Appends text or bytes.
    fn blob(&mut self, read: &Read, at: usize, value: &[u8]) {
        let column = &mut self.columns[read.column as usize];
        let before = if column.list { column.bytes_from(self.rows) } else { 0 };
        if before + value.len() > MAX_BYTES {
            self.replace(read, Fault { at, what: What::Bytes });
        } else if matches!(read.how, How::Text | How::FixedText(_)) && std::str::from_utf8(value).is_err() {
            self.replace(read, Fault { at, what: What::Utf8 });
        } else {
            put_blob(column, value);
        }
    }

    /// Appends a null in place of a value that can't be delivered.
    #[cold]
    fn replace(&mut self, read: &Read, fault: Fault) {
        put_null(&mut self.columns[read.column as usize]);
        self.fail(read.column, fault);
    }
}

#[inline(always)]
fn put_number(column: &mut Column, value: i64, number: Number) {
    match number {
        Number::Int => put(column, (value as i32).to_le_bytes()),
        Number::Long => put(column, value.to_le_bytes()),
        Number::Float => put(column, (value as f32).to_le_bytes()),
        Number::Double => put(column, (value as f64).to_le_bytes()),
    }
}

/// Returns where the value of a union of two types is, or `None` for its null.
#[inline(always)]
fn maybe(null: Null, data: &[u8], at: usize) -> Result<Option<usize>, Fault> {
    match data.get(at) {
        Some(&byte) if byte == null.byte() => Ok(None),
        Some(0 | 2) => Ok(Some(at + 1)),
        Some(_) => fault(at, What::Branch { branches: 2 }),
        None => Err(wire::short(data, at)),
    }
}

/// Passes over a run. The same fields tend to be null in one record after the other, so that a branch that the
/// processor predicts is faster here than a computation.
#[inline(always)]
fn skip_run(run: &Run, data: &[u8], at: usize) -> Result<usize, Fault> {
    let mut next = at;
    for &[first, second] in &run.widths {
        match data.get(next) {
            Some(2) => next += second as usize,
            Some(0) => next += first as usize,
            Some(_) => return fault(next, What::Branch { branches: 2 }),
            None => return Err(wire::short(data, next)),
        }
    }
    if next <= data.len() { Ok(next) } else { Err(wire::short(data, next)) }
}
