//! How many items of each kind a component has, over all its modules.

use wasmparser::Payload;

use super::super::limits::{ENTRIES, GLOBALS, SEGMENTS, TYPES};
use super::super::refusal::Refusal;

/// Counts items while going through a component's payloads.
#[derive(Default)]
pub struct Counts {
    types: u64,
    globals: u64,
    segments: u64,
    entries: u64,
}

impl Counts {
    /// Processes one payload. Numbers that are not true are noticed by the validator, which reads as many items.
    pub fn payload(&mut self, payload: &Payload<'_>) -> Result<(), Refusal> {
        let (what, total, (count, offset), limit) = match payload {
            Payload::TypeSection(section) => ("types", &mut self.types, at(section), TYPES),
            Payload::ComponentTypeSection(section) => ("types", &mut self.types, at(section), TYPES),
            Payload::CoreTypeSection(section) => ("types", &mut self.types, at(section), TYPES),
            Payload::GlobalSection(section) => ("globals", &mut self.globals, at(section), GLOBALS),
            Payload::DataSection(section) => ("segments", &mut self.segments, at(section), SEGMENTS),
            Payload::ElementSection(section) => ("segments", &mut self.segments, at(section), SEGMENTS),
            Payload::ImportSection(section) => (ENTRY, &mut self.entries, at(section), ENTRIES),
            Payload::ExportSection(section) => (ENTRY, &mut self.entries, at(section), ENTRIES),
            Payload::ComponentAliasSection(section) => (ENTRY, &mut self.entries, at(section), ENTRIES),
            Payload::ComponentImportSection(section) => (ENTRY, &mut self.entries, at(section), ENTRIES),
            Payload::ComponentExportSection(section) => (ENTRY, &mut self.entries, at(section), ENTRIES),
            _ => return Ok(()),
        };
        *total += u64::from(count);
        match *total {
            count if count > limit => Err(Refusal::Many { offset, what, count, limit }),
            _ => Ok(()),
        }
    }
}

const ENTRY: &str = "imports, exports and aliases";

/// The number of a section's items, and where it begins.
fn at<T>(section: &wasmparser::SectionLimited<'_, T>) -> (u32, usize) {
    (section.count(), section.range().start)
}
