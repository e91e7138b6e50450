//! Runs plans.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::columns::{put, put_blob, put_null};
use super::plan::{Elements, How, Items, Null, Number, Op, Plan, Printed, ProgramId, Read, Run};
use super::wire::{self, Fault, MAX_BYTES, MAX_DEPTH, MAX_VALUES, What, fault};
use crate::alert::Column;

/// A fault, and the slot of the field that was being read, if any.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) fault: Fault,
    pub(super) slot: Option<u32>,
}

impl From<Fault> for Failure {
    #[cold]
    fn from(fault: Fault) -> Failure {
        Failure { fault, slot: None }
    }
}

/// Appends the values of one alert to `columns`. On a failure, some of them may have been appended already.
pub(super) fn run(plan: &Plan, data: &[u8], columns: &mut [Column]) -> Result<(), Failure> {
    let mut machine = Machine { plan, data, columns, values: MAX_VALUES, bytes: MAX_BYTES };
    machine.program(ProgramId(0), 0, 0)?;
    Ok(())
}

struct Machine<'a> {
    plan: &'a Plan,
    data: &'a [u8],
    columns: &'a mut [Column],
    /// How many values and bytes may still be appended.
    values: usize,
    bytes: usize,
}

impl<'a> Machine<'a> {
    /// Runs a program on the data that begin at `at`, and returns where they end.
    fn program(&mut self, program: ProgramId, mut at: usize, depth: usize) -> Result<usize, Failure> {
        if depth == MAX_DEPTH {
            return Err(Fault { at, what: What::Depth }.into());
        }
        let (plan, data) = (self.plan, self.data);
        for op in plan.program(program) {
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
                Op::Union(branches) => {
                    let (branch, at) = wire::branch(data, at, branches.len())?;
                    self.program(branches[branch], at, depth + 1)?
                }
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
                            put_null(&mut self.columns[read.slot as usize]);
                            at + 1
                        }
                    };
                    if read.again { at } else { next }
                }
                Op::Null(slot) => {
                    put_null(&mut self.columns[*slot as usize]);
                    at
                }
                Op::End if at == data.len() => at,
                Op::End => return Err(Fault { at, what: What::Trailing { bytes: data.len() - at } }.into()),
            };
        }
        Ok(at)
    }

    fn skip_array(&mut self, items: &Items, mut at: usize, depth: usize) -> Result<usize, Failure> {
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

    fn read_array(&mut self, elements: &Elements, mut at: usize, depth: usize) -> Result<usize, Failure> {
        loop {
            let (block, start) = wire::block(self.data, at)?;
            if block.items == 0 {
                return Ok(start);
            }
            let Some(values) = self.values.checked_sub(block.items.saturating_mul(elements.slots)) else {
                return Err(Failure { fault: Fault { at, what: What::Values }, slot: Some(elements.slot) });
            };
            self.values = values;
            let begun = at;
            at = start;
            for _ in 0..block.items {
                at = self.program(elements.program, at, depth + 1)?;
            }
            if let Some(end) = block.end
                && end != at
            {
                let what = What::Block { bytes: end - start, read: at - start };
                return Err(Fault { at: begun, what }.into());
            }
        }
    }

    /// Appends the value at `at`, and returns where it ends.
    fn read(&mut self, read: &Read, at: usize) -> Result<usize, Failure> {
        let data = self.data;
        let column = &mut self.columns[read.slot as usize];
        match read.how {
            How::Boolean => {
                let (value, next) = wire::boolean(data, at)?;
                put(column, [value]);
                Ok(next)
            }
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
                let (value, next) = wire::int(data, at)?;
                put_number(column, i64::from(value), number);
                Ok(next)
            }
            How::Long(number) => {
                let (value, next) = wire::long(data, at)?;
                put_number(column, value, number);
                Ok(next)
            }
            How::Blob | How::Text => {
                let (start, end) = wire::blob(data, at)?;
                self.blob(read, at, &data[start..end])?;
                Ok(end)
            }
            How::Fixed(size) | How::FixedText(size) => {
                let end = wire::forward(data, at, size)?;
                self.blob(read, at, &data[at..end])?;
                Ok(end)
            }
            How::Enum(symbols) => {
                let symbols = &self.plan.symbols[symbols as usize];
                let (symbol, next) = wire::symbol(data, at, symbols.len())?;
                self.blob(read, at, symbols[symbol].as_bytes())?;
                Ok(next)
            }
            How::Print(printed) => self.print(read, printed, at),
        }
    }

    /// Appends a value as text.
    #[cold]
    fn print(&mut self, read: &Read, printed: Printed, at: usize) -> Result<usize, Failure> {
        let data = self.data;
        let (text, next) = match printed {
            Printed::Boolean => wire::boolean(data, at).map(|(value, next)| ((value == 1).to_string(), next))?,
            Printed::Int => wire::int(data, at).map(|(value, next)| (value.to_string(), next))?,
            Printed::Long => wire::long(data, at).map(|(value, next)| (value.to_string(), next))?,
            Printed::Float => (format!("{:?}", f32::from_le_bytes(wire::array(data, at)?)), at + 4),
            Printed::Double => (format!("{:?}", f64::from_le_bytes(wire::array(data, at)?)), at + 8),
            Printed::Bytes => wire::blob(data, at).map(|(start, end)| (STANDARD.encode(&data[start..end]), end))?,
            Printed::Fixed(size) => wire::forward(data, at, size).map(|end| (STANDARD.encode(&data[at..end]), end))?,
        };
        self.blob(read, at, text.as_bytes())?;
        Ok(next)
    }

    fn blob(&mut self, read: &Read, at: usize, value: &[u8]) -> Result<(), Failure> {
        let failure = |what| Err(Failure { fault: Fault { at, what }, slot: Some(read.slot) });
        let Some(bytes) = self.bytes.checked_sub(value.len()) else { return failure(What::Bytes) };
        self.bytes = bytes;
        if matches!(read.how, How::Text | How::FixedText(_)) && std::str::from_utf8(value).is_err() {
            return failure(What::Utf8);
        }
        put_blob(&mut self.columns[read.slot as usize], value);
        Ok(())
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
