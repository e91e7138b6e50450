//! The paths of a schema, and which of them someone may have meant.

use std::collections::HashSet;

use strsim::osa_distance;

use super::path::{Path, resolve};
use super::schema::{Schema, Type, TypeId};
use crate::alert::Kind;

/// How many paths of one schema are listed, and how many types are looked at to find them.
const MAX_PATHS: usize = 10_000;
const MAX_VISITS: usize = 100_000;
/// The largest number of steps and of bytes in a listed path.
const MAX_STEPS: usize = 32;
const MAX_LENGTH: usize = 200;
/// How many paths are named in a message.
const HINTS: usize = 3;

/// Lists the paths that can be read, with their kinds, in the schema's order.
pub(super) fn paths(schema: &Schema) -> Vec<(String, Kind)> {
    let mut listing = Listing { schema, seen: HashSet::new(), paths: Vec::new(), visits: 0 };
    listing.visit(schema.root, "", 0, false);
    let readable = |path: String| {
        let kind = Path::parse(&path).ok().and_then(|path| resolve(schema, &path, Kind::Any).ok());
        kind.map(|kind| (path, kind))
    };
    listing.paths.into_iter().filter_map(readable).collect()
}

struct Listing<'a> {
    schema: &'a Schema,
    seen: HashSet<String>,
    paths: Vec<String>,
    visits: usize,
}

impl Listing<'_> {
    fn visit(&mut self, ty: TypeId, path: &str, steps: usize, list: bool) {
        self.visits += 1;
        if self.visits > MAX_VISITS || self.paths.len() == MAX_PATHS || steps > MAX_STEPS || path.len() > MAX_LENGTH {
            return;
        }
        let schema = self.schema;
        match schema.get(ty) {
            Type::Record(record) if record.recursive && ty != schema.root => {}
            Type::Record(record) => {
                for field in &record.fields {
                    let dot = if path.is_empty() { "" } else { "." };
                    self.visit(field.ty, &format!("{path}{dot}{}", field.name), steps + 1, list);
                }
            }
            Type::Union(branches) => branches.iter().for_each(|branch| self.visit(*branch, path, steps, list)),
            Type::Array(_) if list => {}
            Type::Array(items) => self.visit(*items, &format!("{path}[]"), steps + 1, true),
            scalar if scalar.kind().is_some() && self.seen.insert(path.to_owned()) => self.paths.push(path.to_owned()),
            _ => {}
        }
    }
}

/// The schemas' paths that are most similar to one of `wanted`: first those with the same last name, then by edit
/// distance (swapping two neighbouring letters is one edit). Case is ignored.
pub(super) fn nearest<'a>(schemas: impl IntoIterator<Item = &'a Schema>, wanted: &[Path]) -> Vec<String> {
    let wanted: Vec<String> = wanted
        .iter()
        .map(|path| path.to_string().trim_end_matches('?').to_ascii_lowercase())
        .filter(|path| path.len() <= MAX_LENGTH)
        .collect();
    let rank = |path: &str| {
        let path = path.to_ascii_lowercase();
        wanted.iter().map(|wanted| (last(wanted) != last(&path), osa_distance(wanted, &path))).min()
    };
    let mut seen = HashSet::new();
    let mut ranked = Vec::new();
    for (path, _) in schemas.into_iter().flat_map(paths) {
        if let Some(rank) = rank(&path)
            && seen.insert(path.clone())
        {
            ranked.push((rank, path));
        }
    }
    ranked.sort_by_key(|(rank, _)| *rank);
    ranked.into_iter().take(HINTS).map(|(_, path)| path).collect()
}

fn last(path: &str) -> &str {
    path.rsplit('.').next().unwrap_or(path)
}
