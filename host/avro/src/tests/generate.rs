//! Random schemas, random alerts of them, and an encoder that cuts arrays into blocks of every form.

use std::rc::Rc;

use apache_avro::types::Value;
use serde_json::json;

/// Decisions taken from random bytes. Fewer or smaller bytes make smaller schemas and alerts, so that failures shrink.
pub(super) struct Choices<'a>(&'a [u8]);

impl<'a> Choices<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Choices<'a> {
        Choices(bytes)
    }

    fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *first
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::from(self.byte()) % bound
    }

    /// Returns a number of any size; small ones are as frequent as large ones.
    fn number(&mut self) -> i64 {
        let bytes = self.below(9);
        let number = (0..bytes).fold(0, |number, _| number << 8 | i64::from(self.byte()));
        if self.byte() & 1 == 0 { number } else { !number }
    }
}

/// A type of a schema.
pub(super) enum Ty {
    Null,
    Boolean,
    Int,
    Long,
    Float,
    Double,
    Bytes,
    Text,
    Fixed(String, usize),
    Enum(String, Vec<String>),
    Array(Rc<Ty>),
    Map(Rc<Ty>),
    Union(Vec<Rc<Ty>>),
    Record(String, Vec<(String, Rc<Ty>)>),
}

/// Makes types, and sometimes uses named ones again.
pub(super) struct Schemata<'a, 'c> {
    choices: &'a mut Choices<'c>,
    named: Vec<Rc<Ty>>,
    names: usize,
}

/// Makes the type of an alert.
pub(super) fn schema(choices: &mut Choices<'_>) -> Rc<Ty> {
    Schemata { choices, named: Vec::new(), names: 0 }.record(0)
}

impl Schemata<'_, '_> {
    fn ty(&mut self, depth: usize) -> Rc<Ty> {
        let shallow = if depth < 4 { 15 } else { 10 };
        Rc::new(match self.choices.below(shallow) {
            0 => Ty::Double,
            1 => Ty::Boolean,
            2 => Ty::Int,
            3 => Ty::Long,
            4 => Ty::Float,
            5 => Ty::Bytes,
            6 => Ty::Text,
            7 => Ty::Null,
            8 | 9 => return self.named(depth),
            10 | 11 => Ty::Union(self.branches(depth)),
            12 => Ty::Array(self.ty(depth + 1)),
            13 => Ty::Map(self.ty(depth + 1)),
            _ => return self.record(depth),
        })
    }

    fn named(&mut self, depth: usize) -> Rc<Ty> {
        if !self.named.is_empty() && self.choices.byte() & 1 == 1 {
            let index = self.choices.below(self.named.len());
            return Rc::clone(&self.named[index]);
        }
        let name = self.name();
        let ty = match self.choices.below(if depth < 4 { 3 } else { 2 }) {
            0 => Ty::Fixed(name, self.choices.below(5)),
            1 => Ty::Enum(name, (0..=self.choices.below(4)).map(|symbol| format!("S{symbol}")).collect()),
            _ => return self.record(depth),
        };
        self.named.push(Rc::new(ty));
        Rc::clone(&self.named[self.named.len() - 1])
    }

    /// Makes branches of a union; more often than not there are two, one of which is null.
    fn branches(&mut self, depth: usize) -> Vec<Rc<Ty>> {
        let shape = self.choices.below(8);
        let mut branches: Vec<Rc<Ty>> = Vec::new();
        for index in 0..if shape < 6 { 2 } else { 1 + self.choices.below(4) } {
            let branch = if index == shape { Rc::new(Ty::Null) } else { self.ty(depth + 1) };
            let alike = |other: &Rc<Ty>| key(other) == key(&branch);
            if !matches!(*branch, Ty::Union(_)) && !branches.iter().any(alike) {
                branches.push(branch);
            }
        }
        if branches.is_empty() { vec![Rc::new(Ty::Null)] } else { branches }
    }

    fn record(&mut self, depth: usize) -> Rc<Ty> {
        let name = self.name();
        let fields = (0..1 + self.choices.below(6)).map(|field| (format!("f{field}"), self.ty(depth + 1))).collect();
        let record = Rc::new(Ty::Record(name, fields));
        self.named.push(Rc::clone(&record));
        record
    }

    /// Makes a name with or without a namespace. A namespace has dots, so that the name does not depend on the
    /// surrounding record.
    fn name(&mut self) -> String {
        self.names += 1;
        format!("n{}.T{}", self.choices.below(2), self.names)
    }
}

/// A key that no two branches of a union may share.
fn key(ty: &Ty) -> String {
    match json(ty, &mut Vec::new()) {
        serde_json::Value::String(name) => name,
        object => object.get("name").unwrap_or(&object["type"]).as_str().unwrap_or("union").to_owned(),
    }
}

/// Returns the schema as JSON, with types of `defined` by name.
pub(super) fn json(ty: &Ty, defined: &mut Vec<String>) -> serde_json::Value {
    let mut first_time = |name: &String| {
        let known = defined.contains(name);
        defined.extend((!known).then(|| name.clone()));
        !known
    };
    match ty {
        Ty::Null => json!("null"),
        Ty::Boolean => json!("boolean"),
        Ty::Int => json!("int"),
        Ty::Long => json!({"type": "long"}),
        Ty::Float => json!("float"),
        Ty::Double => json!("double"),
        Ty::Bytes => json!("bytes"),
        Ty::Text => json!("string"),
        Ty::Fixed(name, _) | Ty::Enum(name, _) | Ty::Record(name, _) if !first_time(name) => json!(name),
        Ty::Fixed(name, size) => json!({"type": "fixed", "name": name, "size": size}),
        Ty::Enum(name, symbols) => json!({"type": "enum", "name": name, "symbols": symbols}),
        Ty::Array(items) => json!({"type": "array", "items": json(items, defined)}),
        Ty::Map(values) => json!({"type": "map", "values": json(values, defined)}),
        Ty::Union(branches) => branches.iter().map(|branch| json(branch, defined)).collect(),
        Ty::Record(name, fields) => {
            let field = |(name, ty): &(String, Rc<Ty>)| json!({"name": name, "type": json(ty, defined)});
            let fields: Vec<_> = fields.iter().map(field).collect();
            json!({"type": "record", "name": name, "fields": fields})
        }
    }
}

/// Collects paths that lead to a scalar through records, unions and at most one array.
pub(super) fn paths(ty: &Ty, path: &str, found: &mut Vec<String>) {
    match ty {
        Ty::Null | Ty::Map(_) => {}
        Ty::Array(_) if path.contains("[]") => {}
        Ty::Array(items) => paths(items, &format!("{path}[]"), found),
        Ty::Union(branches) => branches.iter().for_each(|branch| paths(branch, path, found)),
        Ty::Record(_, fields) => {
            let dot = if path.is_empty() { "" } else { "." };
            fields.iter().for_each(|(name, ty)| paths(ty, &format!("{path}{dot}{name}"), found));
        }
        _ if found.iter().any(|known| known == path) => {}
        _ => found.push(path.to_owned()),
    }
}

/// Makes a value of a type.
pub(super) fn value(ty: &Ty, choices: &mut Choices<'_>) -> Value {
    let text = |choices: &mut Choices<'_>| ["", "r", "\u{3b1} Cen", "a longer text"][choices.below(4)].to_owned();
    match ty {
        Ty::Null => Value::Null,
        Ty::Boolean => Value::Boolean(choices.byte() & 1 == 1),
        Ty::Int => Value::Int(choices.number() as i32),
        Ty::Long => Value::Long(choices.number()),
        Ty::Float => Value::Float(choices.number() as f32 / 8.0),
        Ty::Double => Value::Double(choices.number() as f64 / 8.0),
        Ty::Bytes => Value::Bytes((0..choices.below(80)).map(|_| choices.byte()).collect()),
        Ty::Text => Value::String(text(choices)),
        Ty::Fixed(_, size) => Value::Fixed(*size, (0..*size).map(|_| choices.byte()).collect()),
        Ty::Enum(_, symbols) => {
            let symbol = choices.below(symbols.len());
            Value::Enum(symbol as u32, symbols[symbol].clone())
        }
        Ty::Array(items) => Value::Array((0..choices.below(5)).map(|_| value(items, choices)).collect()),
        Ty::Map(values) => {
            Value::Map((0..choices.below(4)).map(|at| (at.to_string(), value(values, choices))).collect())
        }
        Ty::Union(branches) => {
            let branch = choices.below(branches.len());
            Value::Union(branch as u32, Box::new(value(&branches[branch], choices)))
        }
        Ty::Record(_, fields) => {
            Value::Record(fields.iter().map(|(name, ty)| (name.clone(), value(ty, choices))).collect())
        }
    }
}

/// Encodes a value. Arrays and maps are cut into blocks of random length, some with their size in bytes.
pub(super) fn encode(value: &Value, choices: &mut Choices<'_>, out: &mut Vec<u8>) {
    match value {
        Value::Null => {}
        Value::Boolean(value) => out.push(u8::from(*value)),
        Value::Int(value) => long(i64::from(*value), out),
        Value::Long(value) => long(*value, out),
        Value::Float(value) => out.extend(value.to_le_bytes()),
        Value::Double(value) => out.extend(value.to_le_bytes()),
        Value::Bytes(bytes) => blob(bytes, out),
        Value::String(text) => blob(text.as_bytes(), out),
        Value::Fixed(_, bytes) => out.extend(bytes),
        Value::Enum(symbol, _) => long(i64::from(*symbol), out),
        Value::Union(branch, value) => {
            long(i64::from(*branch), out);
            encode(value, choices, out);
        }
        Value::Record(fields) => fields.iter().for_each(|(_, value)| encode(value, choices, out)),
        Value::Array(items) => {
            let items = items.iter().map(|item| encoded(item, choices)).collect();
            blocks(items, choices, out);
        }
        Value::Map(entries) => {
            let entry = |(key, value): (&String, &Value)| {
                let mut entry = Vec::new();
                blob(key.as_bytes(), &mut entry);
                encode(value, choices, &mut entry);
                entry
            };
            let entries = entries.iter().map(entry).collect();
            blocks(entries, choices, out);
        }
        other => panic!("{other:?} is not generated"),
    }
}

fn encoded(value: &Value, choices: &mut Choices<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    encode(value, choices, &mut out);
    out
}

fn blocks(items: Vec<Vec<u8>>, choices: &mut Choices<'_>, out: &mut Vec<u8>) {
    let mut rest = &items[..];
    while !rest.is_empty() {
        let (block, behind) = rest.split_at(1 + choices.below(rest.len()));
        let content = block.concat();
        if choices.byte() & 1 == 0 {
            long(block.len() as i64, out);
        } else {
            long(-(block.len() as i64), out);
            long(content.len() as i64, out);
        }
        out.extend(content);
        rest = behind;
    }
    out.push(0);
}

fn blob(bytes: &[u8], out: &mut Vec<u8>) {
    long(bytes.len() as i64, out);
    out.extend(bytes);
}

pub(super) fn long(value: i64, out: &mut Vec<u8>) {
    let mut zigzag = (value << 1 ^ value >> 63) as u64;
    while zigzag >= 0x80 {
        out.push(zigzag as u8 | 0x80);
        zigzag >>= 7;
    }
    out.push(zigzag as u8);
}
