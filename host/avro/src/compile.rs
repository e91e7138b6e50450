//! Compiles schemas into plans.

mod ops;
mod skip;

use std::collections::BTreeMap;
use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::error::SchemaError;
use super::path::{Step, Unfit};
use super::plan::{Branches, Elements, How, Layout, Null, Number, Op, Plan, Printed, ProgramId};
use super::projection::Slot;
use super::schema::{Record, Schema, Type, TypeId};
use crate::alert::Kind;
use ops::Ops;

/// How many fields of records a plan may be made from.
const MAX_FIELDS: usize = 1 << 20;

/// Makes the plan that reads `slots` from alerts of `schema`. `chosen` has the kinds of those columns whose kind the
/// schema leaves open, in their order; columns beyond its end are doubles.
pub(super) fn compile(schema: &Schema, slots: &[Arc<Slot>], chosen: &[Kind]) -> Result<Plan, SchemaError> {
    let here: Vec<_> = slots.iter().map(|slot| slot.here(schema)).collect();
    let mut columns = Columns::default();
    let (mut of_slot, mut needed, mut open) = (Vec::with_capacity(slots.len()), Vec::new(), Vec::new());
    let (mut absent, mut unfit) = (Vec::new(), Vec::new());
    for (index, (slot, here)) in slots.iter().zip(&here).enumerate() {
        let list = slot.is_list();
        let column = match here.as_ref().map(|slot| slot.resolve(schema)) {
            Some(Ok((path, Kind::Any))) => {
                let (column, new) = columns.add(Source { kind: Kind::Any, steps: Some(&path.steps), list });
                open.extend(new.then_some(index));
                column
            }
            Some(Ok((path, kind))) => columns.add(Source { kind, steps: Some(&path.steps), list }).0,
            None => {
                absent.push(index);
                columns.add(Source { kind: slot.kind, steps: None, list }).0
            }
            Some(Err((path, reason))) => {
                // A column must have some kind. It is always the same one, so that verdicts don't depend on the batch.
                let kind = if slot.kind == Kind::Any { Kind::Double } else { slot.kind };
                // If every value is a null, an array still has one for each element.
                let steps = matches!(reason, Unfit::Null(_)).then_some(&path.steps[..]);
                match reason {
                    Unfit::Null(_) => {}
                    Unfit::Absent => absent.push(index),
                    reason => unfit.push((index, slot.explain(schema, path, reason).to_string().into())),
                }
                columns.add(Source { kind, steps, list }).0
            }
        };
        needed.extend(slot.is_located().then_some(column));
        of_slot.push(column);
    }
    let sources = columns.sources;
    let numbers = |is: fn(&Source<'_>) -> bool| {
        let all = (0u32..).zip(&sources).filter(|(_, source)| is(source));
        all.map(|(column, _)| column).collect::<Vec<u32>>()
    };
    let nulls = numbers(|source| source.steps.is_none() && !source.list);
    let lists = numbers(|source| source.list);
    let (mut wants, mut kinds) = (Vec::with_capacity(sources.len()), Vec::with_capacity(sources.len()));
    let mut chosen = chosen.iter().copied();
    for (column, Source { kind, steps, list }) in (0u32..).zip(sources) {
        let open = kind == Kind::Any;
        let kind = if open { chosen.next().unwrap_or(Kind::Double) } else { kind };
        kinds.push((kind, list));
        wants.extend(steps.map(|steps| Want { column, kind, open, steps }));
    }
    let layout = Layout { columns: kinds, of_slot: of_slot.into() };
    let (programs, symbols) = (vec![Box::default()], Vec::new());
    let plan = Plan { programs, symbols, layout, needed, absent, unfit, open, nulls, lists };
    let mut compiler = Compiler { schema, plan, skips: vec![None; schema.types.len()], pending: Vec::new(), fields: 0 };
    let mut ops = Ops::default();
    compiler.read(schema.root, &wants, After::End, &mut ops);
    compiler.plan.programs[0] = ops.finish();
    compiler.skip_pending();
    if compiler.fields > MAX_FIELDS {
        return Err(SchemaError::TooLarge { schema: schema.name.clone(), most: MAX_FIELDS });
    }
    Ok(compiler.plan)
}

/// What a column is filled from. A column's kind is `any` if the schema leaves it open.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Source<'a> {
    kind: Kind,
    /// `None` if the schema has nothing to read.
    steps: Option<&'a [Step]>,
    list: bool,
}

/// The columns needed so far. What several slots read is kept once.
#[derive(Default)]
struct Columns<'a> {
    sources: Vec<Source<'a>>,
    known: FxHashMap<Source<'a>, u32>,
}

impl<'a> Columns<'a> {
    /// Returns the number of the column, and whether it is new.
    fn add(&mut self, source: Source<'a>) -> (u32, bool) {
        let next = self.sources.len() as u32;
        let column = *self.known.entry(source).or_insert(next);
        if column == next {
            self.sources.push(source);
        }
        (column, column == next)
    }
}

/// A column to be filled from the value that the steps lead to.
#[derive(Clone, Copy)]
struct Want<'a> {
    column: u32,
    kind: Kind,
    /// Whether the schema leaves the kind open.
    open: bool,
    steps: &'a [Step],
}

impl Want<'_> {
    /// The same want, seen from behind the first step.
    fn stepped(&self) -> Self {
        Want { steps: &self.steps[1..], ..*self }
    }
}

/// What follows a value that is read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum After {
    /// Something that is wanted: the value must be passed over to its end.
    Wanted,
    /// Something that is not wanted: only the wanted part of the value is read.
    Unwanted,
    /// Nothing: if the value is read to its end, no bytes must follow.
    End,
}

struct Compiler<'a> {
    schema: &'a Schema,
    plan: Plan,
    /// For each type, the program that passes over it.
    skips: Vec<Option<ProgramId>>,
    /// Types whose programs have yet to be written.
    pending: Vec<(TypeId, ProgramId)>,
    /// The number of record fields looked at so far.
    fields: usize,
}

impl<'a> Compiler<'a> {
    /// Reads a value of a type.
    fn read(&mut self, ty: TypeId, wants: &[Want<'a>], after: After, ops: &mut Ops) {
        let schema = self.schema;
        if let Type::Union(branches) = schema.get(ty) {
            return self.read_union(branches, wants, after, ops);
        }
        let (questions, wants) = split(wants, |want| want.steps.first() == Some(&Step::There));
        ops.answers(&questions, !matches!(schema.get(ty), Type::Null));
        let wants = &wants[..];
        if wants.is_empty() && !questions.is_empty() {
            return self.pass(ty, &questions, after, ops);
        }
        match schema.get(ty) {
            Type::Record(record) if !record.recursive || ty == schema.root => {
                self.read_record(record, wants, after, ops);
            }
            Type::Array(items) => {
                let (through, absent) = split(wants, |want| want.steps.first() == Some(&Step::Each));
                ops.nulls(&absent);
                if through.is_empty() {
                    return self.pass(ty, wants, after, ops);
                }
                let inner: Vec<_> = through.iter().map(Want::stepped).collect();
                let program = self.program(|compiler, ops| compiler.read(*items, &inner, After::Wanted, ops));
                ops.push(Op::ReadArray(Elements { program, columns: columns(&through), items: self.items(*items) }));
                // The others would not have come to the end by themselves.
                ops.end(after, &through);
            }
            other => {
                let (here, beyond) = split(wants, |want| want.steps.is_empty());
                ops.nulls(&beyond);
                let reads: Vec<_> =
                    here.iter().filter_map(|want| Some((want.column, self.how(other, want)?))).collect();
                if reads.is_empty() {
                    ops.nulls(&here);
                    return self.pass(ty, wants, after, ops);
                }
                ops.reads(None, &reads);
                let (reading, _) = split(wants, |want| reads.iter().any(|(column, _)| *column == want.column));
                ops.end(after, &reading);
            }
        }
    }

    /// Passes over a value in which nothing is wanted.
    fn pass(&mut self, ty: TypeId, wants: &[Want<'a>], after: After, ops: &mut Ops) {
        match after {
            After::Wanted => self.skip(ty, ops),
            After::End if self.schema.size(ty) == Some(0) => ops.end(after, wants),
            _ => {}
        }
    }

    fn read_record(&mut self, record: &Record, wants: &[Want<'a>], after: After, ops: &mut Ops) {
        let position = |want: &Want<'_>| match want.steps.first() {
            Some(Step::Field(name)) => record.positions.get(name).copied(),
            _ => None,
        };
        let (there, absent) = split(wants, |want| position(want).is_some());
        ops.nulls(&absent);
        let mut by_field: BTreeMap<usize, Vec<Want<'a>>> = BTreeMap::new();
        for want in there {
            by_field.entry(position(&want).unwrap_or_default()).or_default().push(want.stepped());
        }
        let last_wanted = by_field.keys().next_back().copied();
        for (position, field) in record.fields.iter().enumerate() {
            let after = match after {
                After::Wanted => After::Wanted,
                _ if last_wanted.is_none_or(|last| position > last) => return,
                _ if last_wanted > Some(position) => After::Wanted,
                After::End if position + 1 == record.fields.len() => After::End,
                _ => After::Unwanted,
            };
            self.fields += 1;
            if self.fields > MAX_FIELDS {
                return;
            }
            match by_field.get(&position) {
                Some(here) => self.read(field.ty, here, after, ops),
                None => self.skip(field.ty, ops),
            }
        }
    }

    fn read_union(&mut self, branches: &[TypeId], wants: &[Want<'a>], after: After, ops: &mut Ops) {
        if let Some((null, value)) = self.nullable(branches)
            && wants.iter().all(|want| want.steps.is_empty())
        {
            let value = self.schema.get(value);
            let reads: Vec<_> = wants.iter().filter_map(|want| Some((want.column, self.how(value, want)?))).collect();
            if reads.len() == wants.len() {
                ops.reads(Some(null), &reads);
                return ops.end(after, wants);
            }
        }
        let read = |branch: &TypeId| self.program(|compiler, ops| compiler.read(*branch, wants, after, ops));
        let programs = branches.iter().map(read).collect();
        ops.push(Op::Union(Branches { programs, columns: columns(wants) }));
    }

    /// If a union consists of a null and one other type: which branch is the null, and what the other type is.
    fn nullable(&self, branches: &[TypeId]) -> Option<(Null, TypeId)> {
        let &[first, second] = branches else { return None };
        match (self.schema.get(first), self.schema.get(second)) {
            (Type::Null, _) => Some((Null::First, second)),
            (_, Type::Null) => Some((Null::Second, first)),
            _ => None,
        }
    }

    /// How a scalar is read as a value of the kind wanted. `None` if the type is not a scalar, or does not promote.
    fn how(&mut self, ty: &Type, want: &Want<'_>) -> Option<How> {
        let kind = want.kind;
        if let (true, Kind::Text, Some(printed)) = (want.open, kind, printed(ty)) {
            return Some(How::Print(printed));
        }
        if !ty.kind()?.promotes_to(kind) {
            return None;
        }
        let number = match kind {
            Kind::Int => Number::Int,
            Kind::Long => Number::Long,
            Kind::Float => Number::Float,
            _ => Number::Double,
        };
        Some(match (ty, kind) {
            (Type::Boolean, _) => How::Boolean,
            (Type::Int, _) => How::Int(number),
            (Type::Long, _) => How::Long(number),
            (Type::Float, Kind::Double) => How::FloatToDouble,
            (Type::Float, _) => How::Four,
            (Type::Double, _) => How::Eight,
            (Type::Text | Type::Bytes, Kind::Text) => How::Text,
            (Type::Fixed(size), Kind::Text) => How::FixedText(*size),
            (Type::Fixed(size), _) => How::Fixed(*size),
            (Type::Enum(symbols), _) => {
                self.plan.symbols.push(Arc::clone(symbols));
                How::Enum(self.plan.symbols.len() as u32 - 1)
            }
            _ => How::Blob,
        })
    }

    /// Adds a new program.
    fn program(&mut self, write: impl FnOnce(&mut Self, &mut Ops)) -> ProgramId {
        let mut ops = Ops::default();
        write(self, &mut ops);
        self.plan.programs.push(ops.finish());
        ProgramId(self.plan.programs.len() as u32 - 1)
    }
}

/// How a scalar other than text is printed, if a single kind has to hold all of them.
fn printed(ty: &Type) -> Option<Printed> {
    Some(match ty {
        Type::Boolean => Printed::Boolean,
        Type::Int => Printed::Int,
        Type::Long => Printed::Long,
        Type::Float => Printed::Float,
        Type::Double => Printed::Double,
        Type::Bytes => Printed::Bytes,
        Type::Fixed(size) => Printed::Fixed(*size),
        _ => return None,
    })
}

/// The columns of these wants.
fn columns(wants: &[Want<'_>]) -> Box<[u32]> {
    wants.iter().map(|want| want.column).collect()
}

/// Splits wants into those for which `is` holds, and the others.
fn split<'a>(wants: &[Want<'a>], is: impl Fn(&Want<'a>) -> bool) -> (Vec<Want<'a>>, Vec<Want<'a>>) {
    wants.iter().partition(|want| is(want))
}
