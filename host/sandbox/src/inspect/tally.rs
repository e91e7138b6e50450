//! How many instances a component makes. Nested components can be instantiated again and again, each time with
//! everything that is nested in them: a few hundred bytes can ask for billions of instances.

use wasmparser::{
    ComponentAlias, ComponentExternalKind, ComponentInstance, ComponentOuterAliasKind, Encoding, Instance, Payload,
    SectionLimited,
};

use super::super::limits::{INSTANCES, NESTING};
use super::super::refusal::Refusal;
use super::invalid;

/// Counts instances while going through a component's payloads.
#[derive(Default)]
pub struct Tally {
    levels: Vec<Level>,
}

/// The instances that one instance of a component makes.
#[derive(Clone, Copy, Default)]
struct Made {
    core: u32,
    components: u32,
}

impl Made {
    fn add(&mut self, more: Made) -> Result<(), Refusal> {
        self.core = self.core.saturating_add(more.core);
        self.components = self.components.saturating_add(more.components);
        match self.core.max(self.components) {
            count if count > INSTANCES => Err(Refusal::Instances { count, limit: INSTANCES }),
            _ => Ok(()),
        }
    }
}

/// A component or core module that is being read.
struct Level {
    encoding: Encoding,
    made: Made,
    /// The components that it can instantiate, by index.
    components: Vec<Made>,
}

impl Tally {
    /// The number of nested levels that are being read.
    pub fn depth(&self) -> usize {
        self.levels.len()
    }

    /// Processes one payload, which must be valid. At the end of the outermost component, returns the number of core
    /// instances.
    pub fn payload(&mut self, payload: &Payload<'_>) -> Result<Option<u32>, Refusal> {
        match payload {
            Payload::Version { encoding, range, .. } => self.begin(*encoding, range.start)?,
            Payload::End(_) => return Ok(self.end()),
            _ => self.section(payload)?,
        }
        Ok(None)
    }

    fn begin(&mut self, encoding: Encoding, offset: usize) -> Result<(), Refusal> {
        if self.levels.len() == NESTING {
            return Err(Refusal::Nesting { offset, limit: NESTING });
        }
        self.levels.push(Level { encoding, made: Made::default(), components: Vec::new() });
        Ok(())
    }

    fn end(&mut self) -> Option<u32> {
        let level = self.levels.pop()?;
        match self.levels.last_mut() {
            None => return Some(level.made.core),
            Some(outer) if level.encoding == Encoding::Component => outer.components.push(level.made),
            Some(_) => (),
        }
        None
    }

    fn section(&mut self, payload: &Payload<'_>) -> Result<(), Refusal> {
        match payload {
            Payload::InstanceSection(section) => each(section, |_, instance| match instance {
                Instance::Instantiate { .. } => self.made().add(Made { core: 1, components: 0 }),
                Instance::FromExports(_) => Ok(()),
            }),
            Payload::ComponentInstanceSection(section) => each(section, |_, instance| match instance {
                ComponentInstance::Instantiate { component_index, .. } => {
                    let Made { core, components } = self.component(0, component_index);
                    self.made().add(Made { core, components: components.saturating_add(1) })
                }
                ComponentInstance::FromExports(_) => Ok(()),
            }),
            Payload::ComponentAliasSection(section) => each(section, |offset, alias| match alias {
                ComponentAlias::Outer { kind: ComponentOuterAliasKind::Component, count, index } => {
                    self.define(self.component(count, index));
                    Ok(())
                }
                ComponentAlias::InstanceExport { kind: ComponentExternalKind::Component, .. } => {
                    Err(Refusal::Component { offset })
                }
                _ => Ok(()),
            }),
            Payload::ComponentImportSection(section) => each(section, |offset, import| match import.ty.kind() {
                // At the outermost level it is refused together with all other imports, by name.
                ComponentExternalKind::Component if self.levels.len() > 1 => Err(Refusal::Component { offset }),
                _ => Ok(()),
            }),
            Payload::ComponentExportSection(section) => each(section, |_, export| {
                if export.kind == ComponentExternalKind::Component {
                    self.define(self.component(0, export.index));
                }
                Ok(())
            }),
            _ => Ok(()),
        }
    }

    fn made(&mut self) -> &mut Made {
        &mut self.levels.last_mut().expect("sections come after a version").made
    }

    fn define(&mut self, component: Made) {
        self.levels.last_mut().expect("sections come after a version").components.push(component);
    }

    /// Returns the component with that index, `out` levels outwards.
    fn component(&self, out: u32, index: u32) -> Made {
        let level = self.levels.iter().rev().nth(out as usize);
        level.and_then(|level| level.components.get(index as usize)).copied().unwrap_or_default()
    }
}

fn each<'a, T: wasmparser::FromReader<'a>>(
    section: &SectionLimited<'a, T>,
    mut visit: impl FnMut(usize, T) -> Result<(), Refusal>,
) -> Result<(), Refusal> {
    section.clone().into_iter_with_offsets().try_for_each(|item| {
        let (offset, item) = item.map_err(invalid)?;
        visit(offset, item)
    })
}
