//! Types of functions as text, for comparing them with the contract and for showing what is wrong.

use std::fmt::{self, Write};

use wasmparser::component_types::{ComponentDefinedType, ComponentFuncTypeId, ComponentValType};
use wasmparser::types::TypesRef;

use super::super::text::Bounded;

/// The largest length of a type as text, in bytes. The contract's types take some 300.
const LENGTH: usize = 2 << 10;

/// A function's type in WIT's syntax, with records and enums written out. It is cut if it is long.
pub fn function(types: TypesRef<'_>, id: ComponentFuncTypeId) -> String {
    let mut out = Writer { types, out: Bounded { text: String::new(), limit: LENGTH } };
    let _ = out.function(id);
    out.out.text
}

struct Writer<'a> {
    types: TypesRef<'a>,
    out: Bounded,
}

impl Writer<'_> {
    fn function(&mut self, id: ComponentFuncTypeId) -> fmt::Result {
        let types = self.types;
        let function = &types[id];
        self.out.write_str("func(")?;
        self.named(function.params.iter().map(|(name, ty)| (name.as_str(), *ty)))?;
        self.out.write_char(')')?;
        match function.result {
            Some(result) => {
                self.out.write_str(" -> ")?;
                self.value(result)
            }
            None => Ok(()),
        }
    }

    fn value(&mut self, ty: ComponentValType) -> fmt::Result {
        match ty {
            ComponentValType::Primitive(primitive) => write!(self.out, "{primitive}"),
            ComponentValType::Type(id) => {
                let types = self.types;
                self.defined(&types[id])
            }
        }
    }

    fn defined(&mut self, ty: &ComponentDefinedType) -> fmt::Result {
        match ty {
            ComponentDefinedType::Primitive(primitive) => write!(self.out, "{primitive}"),
            ComponentDefinedType::Record(record) => {
                self.out.write_str("record { ")?;
                self.named(record.fields.iter().map(|(name, ty)| (name.as_str(), *ty)))?;
                self.out.write_str(" }")
            }
            ComponentDefinedType::Enum(names) => {
                self.out.write_str("enum { ")?;
                self.list(names.iter(), |writer, name| writer.out.write_str(name.as_str()))?;
                self.out.write_str(" }")
            }
            ComponentDefinedType::List { element, .. } => self.generic("list", &[Some(*element)]),
            ComponentDefinedType::Option { ty, .. } => self.generic("option", &[Some(*ty)]),
            ComponentDefinedType::Result { ok, err, .. } => self.generic("result", &[*ok, *err]),
            ComponentDefinedType::Tuple(tuple) => {
                let types: Vec<_> = tuple.types.iter().copied().map(Some).collect();
                self.generic("tuple", &types)
            }
            _ => self.out.write_str("another type"),
        }
    }

    fn generic(&mut self, name: &str, parameters: &[Option<ComponentValType>]) -> fmt::Result {
        write!(self.out, "{name}<")?;
        self.list(parameters.iter(), |writer, ty| match ty {
            Some(ty) => writer.value(*ty),
            None => writer.out.write_char('_'),
        })?;
        self.out.write_char('>')
    }

    fn named<'n>(&mut self, items: impl Iterator<Item = (&'n str, ComponentValType)>) -> fmt::Result {
        self.list(items, |writer, (name, ty)| {
            write!(writer.out, "{name}: ")?;
            writer.value(ty)
        })
    }

    fn list<T>(
        &mut self,
        items: impl Iterator<Item = T>,
        mut item: impl FnMut(&mut Self, T) -> fmt::Result,
    ) -> fmt::Result {
        for (number, value) in items.enumerate() {
            if number > 0 {
                self.out.write_str(", ")?;
            }
            item(self, value)?;
        }
        Ok(())
    }
}
