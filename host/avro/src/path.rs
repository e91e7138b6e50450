//! Field paths, and what they lead to in a schema.

use std::fmt;

use super::error::FieldError;
use super::schema::{Schema, Type, TypeId};
use crate::alert::Kind;

/// The longest path, in bytes, and the largest number of its steps.
const MAX_PATH: usize = 1000;
const MAX_STEPS: usize = 64;
/// How many types are looked at for one path; unions of records multiply the ways.
const MAX_VISITS: usize = 10_000;

/// A field path, such as `prv_candidates[].magpsf`, taken apart into steps.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Path {
    text: String,
    pub(super) steps: Vec<Step>,
}

/// A step of a [`Path`].
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Step {
    /// Into a field of a record.
    Field(String),
    /// Through an array.
    Each,
    /// At the end of a path: whether there is something, rather than a null.
    There,
}

impl Path {
    pub(super) fn parse(text: &str) -> Result<Path, FieldError> {
        let value = text.strip_suffix('?');
        let mut steps = steps(value.unwrap_or(text))?;
        steps.extend(value.map(|_| Step::There));
        if steps.iter().filter(|step| **step == Step::Each).count() > 1 {
            return malformed(text, "has \"[]\" twice; a field goes through one array at most");
        }
        Ok(Path { text: text.to_owned(), steps })
    }

    /// Whether it goes through an array.
    pub(super) fn is_list(&self) -> bool {
        is_list(&self.steps)
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Parses a path into its steps. It may go through any number of arrays.
pub(super) fn steps(text: &str) -> Result<Vec<Step>, FieldError> {
    let mut steps = Vec::new();
    for part in text.split('.') {
        let name = part.trim_end_matches("[]");
        if name.is_empty() {
            return malformed(text, "has an empty name");
        }
        if name.contains(['[', ']']) {
            return malformed(text, "has a bracket that is not \"[]\" behind a name");
        }
        if name.contains('?') {
            return malformed(text, "has a \"?\" that is not at its end");
        }
        steps.push(Step::Field(name.to_owned()));
        steps.extend((name.len()..part.len()).step_by(2).map(|_| Step::Each));
    }
    if text.len() > MAX_PATH || steps.len() > MAX_STEPS {
        return malformed(text, "is too long");
    }
    Ok(steps)
}

fn malformed<T>(text: &str, why: &'static str) -> Result<T, FieldError> {
    Err(FieldError::Path { path: text.chars().take(MAX_PATH).collect(), why })
}

/// Whether these steps go through an array.
pub(super) fn is_list(steps: &[Step]) -> bool {
    steps.contains(&Step::Each)
}

/// Why a path can't be read from alerts of a schema.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Unfit {
    /// The schema does not have the path.
    Absent,
    /// The values there are of these kinds, which don't promote to the one wanted.
    Kinds(Vec<Kind>),
    /// What is there can't be read: the part of the path that leads to it, and what it is.
    Refused(String, &'static str),
    /// What is there is always null. This is the part of the path that leads to it.
    Null(String),
}

/// Returns the kind in which `path` is read if `wanted` is asked for. It is `any` if `any` is asked for and no single
/// kind holds all branches of a union, so that each alert decides. Branches of a union that the path does not lead into
/// are nulls.
pub(super) fn resolve(schema: &Schema, path: &Path, wanted: Kind) -> Result<Kind, Unfit> {
    let mut search = Search::new(schema, &path.steps);
    search.visit(schema.root, 0);
    if search.visits > MAX_VISITS {
        return Err(Unfit::Refused(path.text.clone(), "reached in too many ways, through unions within unions"));
    }
    match (search.refusal, search.null) {
        _ if !search.kinds.is_empty() => match common(&search.kinds, wanted) {
            None if wanted == Kind::Any => Ok(Kind::Any),
            kind => kind.ok_or(Unfit::Kinds(search.kinds)),
        },
        (Some((steps, why)), _) => Err(Unfit::Refused(joined(&path.steps[..steps]), why)),
        (None, Some(steps)) => Err(Unfit::Null(joined(&path.steps[..steps]))),
        (None, None) => Err(Unfit::Absent),
    }
}

/// If a record on the path declares one of the path's fields more than once: the record and the field.
pub(super) fn declared_twice<'a>(schema: &'a Schema, path: &'a Path) -> Option<(&'a str, &'a str)> {
    let mut search = Search::new(schema, &path.steps);
    search.visit(schema.root, 0);
    search.twice
}

/// The kind that all of `kinds` promote to: `wanted`, or the narrowest if `any` is wanted.
pub(super) fn common(kinds: &[Kind], wanted: Kind) -> Option<Kind> {
    let all_promote = |to: Kind| kinds.iter().all(|kind| kind.promotes_to(to));
    match (wanted, kinds) {
        (Kind::Any, [only]) => Some(*only),
        (Kind::Any, _) => {
            [Kind::Long, Kind::Float, Kind::Double, Kind::Bytes].into_iter().find(|kind| all_promote(*kind))
        }
        _ => all_promote(wanted).then_some(wanted),
    }
}

fn joined(steps: &[Step]) -> String {
    let mut path = String::new();
    for step in steps {
        match step {
            Step::Field(name) if path.is_empty() => path.push_str(name),
            Step::Field(name) => path.extend([".", name]),
            Step::Each => path.push_str("[]"),
            Step::There => path.push('?'),
        }
    }
    path
}

struct Search<'a> {
    schema: &'a Schema,
    steps: &'a [Step],
    /// The kinds of the scalars that were found, each once.
    kinds: Vec<Kind>,
    /// The number of steps after which there is something that can't be read, and the reason.
    refusal: Option<(usize, &'static str)>,
    /// The number of steps after which there is a null, if it ends the path.
    null: Option<usize>,
    /// A record that declares one of the path's fields more than once, and the field.
    twice: Option<(&'a str, &'a str)>,
    visits: usize,
}

impl<'a> Search<'a> {
    fn new(schema: &'a Schema, steps: &'a [Step]) -> Search<'a> {
        Search { schema, steps, kinds: Vec::new(), refusal: None, null: None, twice: None, visits: 0 }
    }

    fn visit(&mut self, ty: TypeId, done: usize) {
        self.visits += 1;
        if self.visits > MAX_VISITS {
            return;
        }
        let schema = self.schema;
        match (schema.get(ty), self.steps.get(done)) {
            (Type::Union(branches), _) => branches.iter().for_each(|branch| self.visit(*branch, done)),
            (_, Some(Step::There)) if self.kinds.is_empty() => self.kinds.push(Kind::Boolean),
            (_, Some(Step::There)) => {}
            (Type::Record(record), Some(Step::Field(_))) if record.recursive && ty != schema.root => {
                self.refuse(done, "a record that can hold itself");
            }
            (Type::Record(record), Some(Step::Field(name))) => {
                if record.twice.contains(name) {
                    self.twice.get_or_insert((&record.name, name));
                }
                if let Some(position) = record.positions.get(name) {
                    self.visit(record.fields[*position].ty, done + 1);
                }
            }
            (Type::Record(_), None) => self.refuse(done, "a record: name one of its fields"),
            (Type::Record(_), Some(Step::Each)) => self.refuse(done, "a record, not an array: leave out the \"[]\""),
            (Type::Array(items), Some(Step::Each)) => self.visit(*items, done + 1),
            (Type::Array(_), _) if self.steps[..done].contains(&Step::Each) => {
                self.refuse(done, "an array within an array; a field goes through one at most");
            }
            (Type::Array(_), _) => self.refuse(done, "an array: write \"[]\" behind it"),
            (Type::Map(_), _) => self.refuse(done, "a map"),
            (Type::Null, None) => self.null = Some(done),
            (Type::Null, _) => {}
            (scalar, None) => {
                let kind = scalar.kind().filter(|kind| !self.kinds.contains(kind));
                self.kinds.extend(kind);
            }
            (_, Some(_)) => {}
        }
    }

    fn refuse(&mut self, done: usize, why: &'static str) {
        self.refusal.get_or_insert((done, why));
    }
}
