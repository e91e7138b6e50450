//! Passes over values that nobody asked for. Each type has one program for this, however often it is used, so that the
//! size of a plan is bounded by that of the schema; recursive records need no special treatment.

use super::Compiler;
use super::ops::Ops;
use crate::plan::{Branches, Items, Op, ProgramId};
use crate::schema::{Type, TypeId};

/// The largest value that may become part of a run, in bytes.
const MAX_WIDTH: usize = 1 << 16;

impl Compiler<'_> {
    /// Passes over a value.
    pub(super) fn skip(&mut self, ty: TypeId, ops: &mut Ops) {
        let schema = self.schema;
        if let Some(size) = schema.size(ty) {
            return ops.bytes(size);
        }
        match schema.get(ty) {
            Type::Int | Type::Long | Type::Enum(_) => ops.push(Op::Varint),
            Type::Bytes | Type::Text => ops.push(Op::Blob),
            Type::Union(branches) => self.skip_union(branches, ops),
            Type::Array(items) => {
                let items = self.items(*items);
                ops.push(Op::SkipArray(items));
            }
            Type::Map(values) => {
                let values = self.skip_program(*values);
                let entry = self.program(|_, ops| {
                    ops.push(Op::Blob);
                    ops.push(Op::Call(values));
                });
                ops.push(Op::SkipArray(Items::Each(entry)));
            }
            _ => {
                let record = self.skip_program(ty);
                ops.push(Op::Call(record));
            }
        }
    }

    /// How elements of a type are passed over.
    pub(super) fn items(&mut self, ty: TypeId) -> Items {
        match self.schema.size(ty) {
            Some(size) => Items::Sized(size),
            None => Items::Each(self.skip_program(ty)),
        }
    }

    fn skip_union(&mut self, branches: &[TypeId], ops: &mut Ops) {
        if let Some((null, value)) = self.nullable(branches) {
            match (self.schema.size(value), self.schema.get(value)) {
                (Some(size @ ..MAX_WIDTH), _) => return ops.maybe_bytes(null, size as u32),
                (_, Type::Int | Type::Long | Type::Enum(_)) => return ops.push(Op::MaybeVarint(null)),
                (_, Type::Bytes | Type::Text) => return ops.push(Op::MaybeBlob(null)),
                _ => {}
            }
        }
        let programs = branches.iter().map(|branch| self.skip_program(*branch)).collect();
        ops.push(Op::Union(Branches { programs, columns: Box::default() }));
    }

    /// Returns the program that passes over a type; the program is written later.
    fn skip_program(&mut self, ty: TypeId) -> ProgramId {
        if let Some(known) = self.skips[ty.0 as usize] {
            return known;
        }
        let id = self.program(|_, _| {});
        self.skips[ty.0 as usize] = Some(id);
        self.pending.push((ty, id));
        id
    }

    /// Writes the programs that were asked for, and those that these ask for in turn.
    pub(super) fn skip_pending(&mut self) {
        let schema = self.schema;
        while let Some((ty, id)) = self.pending.pop() {
            let mut ops = Ops::default();
            match schema.get(ty) {
                Type::Record(record) if record.size.is_none() => {
                    self.fields += record.fields.len();
                    record.fields.iter().for_each(|field| self.skip(field.ty, &mut ops));
                }
                _ => self.skip(ty, &mut ops),
            }
            self.plan.programs[id.0 as usize] = ops.finish();
        }
    }
}
