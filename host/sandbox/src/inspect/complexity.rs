//! What makes a function slow to compile, counted before it is compiled.
//!
//! A compiler's time grows with the square of a function's blocks and branches, with the cube of the nesting of its
//! loops, and with the product of locals and blocks; its memory grows with the values that blocks, branches and calls
//! carry, of which a single instruction of two bytes may have a thousand. The measurements are in
//! `docs/decisions/0028-compiling-in-a-child-process.md`.

use wasmparser::{BlockType, CompositeInnerType, Encoding, FunctionBody, Operator, Payload, TypeRef};

use super::super::limits::{
    BRANCH_TARGETS, BRANCHES, CARRIED_VALUES, LOCALS, LOCALS_BY_BRANCHES, LOOP_NESTING, LOOPS, NESTED_BLOCKS,
};
use super::super::refusal::Refusal;
use super::invalid;

/// The types of the core module that is being read, as far as functions need them. An index that does not exist counts
/// as nothing: the module is refused as invalid later.
#[derive(Default)]
pub struct Types {
    /// The numbers of parameters and results of each type.
    signatures: Vec<(u64, u64)>,
    /// The index of each function's type.
    functions: Vec<u32>,
}

impl Types {
    /// Processes one payload.
    pub fn payload(&mut self, payload: &Payload<'_>) -> Result<(), Refusal> {
        match payload {
            Payload::Version { encoding: Encoding::Module, .. } => *self = Types::default(),
            Payload::TypeSection(section) => {
                for group in section.clone() {
                    for ty in group.map_err(invalid)?.into_types() {
                        self.signatures.push(match &ty.composite_type.inner {
                            CompositeInnerType::Func(ty) => (ty.params().len() as u64, ty.results().len() as u64),
                            _ => (0, 0),
                        });
                    }
                }
            }
            Payload::ImportSection(section) => {
                for import in section.clone().into_imports() {
                    if let TypeRef::Func(ty) = import.map_err(invalid)?.ty {
                        self.functions.push(ty);
                    }
                }
            }
            Payload::FunctionSection(section) => {
                for ty in section.clone() {
                    self.functions.push(ty.map_err(invalid)?);
                }
            }
            _ => (),
        }
        Ok(())
    }

    fn signature(&self, ty: u32) -> (u64, u64) {
        self.signatures.get(ty as usize).copied().unwrap_or_default()
    }

    fn block(&self, ty: BlockType) -> (u64, u64) {
        match ty {
            BlockType::Empty => (0, 0),
            BlockType::Type(_) => (0, 1),
            BlockType::FuncType(ty) => self.signature(ty),
        }
    }

    /// How many values a call of this function takes and returns.
    fn call(&self, function: u32) -> u64 {
        self.functions.get(function as usize).map_or(0, |ty| self.call_indirect(*ty))
    }

    fn call_indirect(&self, ty: u32) -> u64 {
        let (takes, returns) = self.signature(ty);
        takes + returns
    }
}

/// A block that is open.
#[derive(Clone, Copy)]
struct Block {
    is_loop: bool,
    /// How many values a branch to it carries.
    values: u64,
}

#[derive(Default)]
struct Counts {
    blocks: Vec<Block>,
    depth: u64,
    loop_depth: u64,
    loop_nesting: u64,
    loops: u64,
    branches: u64,
    targets: u64,
    values: u64,
}

impl Counts {
    fn operator(&mut self, operator: &Operator<'_>, types: &Types) -> Result<(), wasmparser::BinaryReaderError> {
        match operator {
            Operator::Block { blockty } | Operator::If { blockty } => self.begin(types.block(*blockty), false),
            Operator::Loop { blockty } => self.begin(types.block(*blockty), true),
            Operator::Else => self.branches += 1,
            Operator::End => self.end(),
            Operator::Br { relative_depth } | Operator::BrIf { relative_depth } => self.branch(*relative_depth),
            Operator::BrTable { targets } => {
                self.branch(targets.default());
                self.targets += u64::from(targets.len());
                for target in targets.targets() {
                    self.values += self.carried(target?);
                }
            }
            Operator::Call { function_index } => self.values += types.call(*function_index),
            Operator::CallIndirect { type_index, .. } => self.values += types.call_indirect(*type_index),
            _ => (),
        }
        Ok(())
    }

    fn begin(&mut self, (takes, gives): (u64, u64), is_loop: bool) {
        self.blocks.push(Block { is_loop, values: if is_loop { takes } else { gives } });
        self.depth = self.depth.max(self.blocks.len() as u64);
        self.branches += 1;
        self.values += takes + gives;
        if is_loop {
            self.loops += 1;
            self.loop_depth += 1;
            self.loop_nesting = self.loop_nesting.max(self.loop_depth);
        }
    }

    fn end(&mut self) {
        self.loop_depth -= u64::from(self.blocks.pop().is_some_and(|block| block.is_loop));
    }

    fn branch(&mut self, to: u32) {
        self.branches += 1;
        self.targets += 1;
        self.values += self.carried(to);
    }

    fn carried(&self, to: u32) -> u64 {
        let at = self.blocks.len().checked_sub(to as usize + 1);
        at.map_or(0, |at| self.blocks[at].values)
    }
}

/// Checks whether a function can be compiled in reasonable time and memory.
pub fn check(body: &FunctionBody<'_>, types: &Types) -> Result<(), Refusal> {
    let offset = body.range().start;
    let at_most = |what, count, limit| match count {
        count if count > limit => Err(Refusal::Complex { offset, what, count, limit }),
        _ => Ok(()),
    };
    let mut locals = 0;
    for group in body.get_locals_reader().map_err(invalid)? {
        locals += u64::from(group.map_err(invalid)?.0);
    }
    at_most("locals", locals, LOCALS)?;
    let mut counts = Counts::default();
    for operator in body.get_operators_reader().map_err(invalid)? {
        counts.operator(&operator.map_err(invalid)?, types).map_err(invalid)?;
        // A table of branches may have as many targets as the function has bytes.
        at_most("targets of branches", counts.targets, BRANCH_TARGETS)?;
    }
    at_most("blocks and branches", counts.branches, BRANCHES)?;
    at_most("loops", counts.loops, LOOPS)?;
    at_most("loops nested in loops", counts.loop_nesting, LOOP_NESTING)?;
    at_most("blocks nested in blocks", counts.depth, NESTED_BLOCKS)?;
    at_most("values carried by blocks, branches and calls", counts.values, CARRIED_VALUES)?;
    at_most("locals multiplied by blocks and branches", locals * counts.branches, LOCALS_BY_BRANCHES)
}
