//! A compiled module.

use std::fmt;
use std::sync::Arc;

use wasmtime::component::{Component, ComponentExportIndex, InstancePre, Linker};

use super::inspect::Needs;
use super::refusal::Refusal;
use super::state::State;
use super::text::one_line;

/// A compiled module, ready to be instantiated. Clones share it.
#[derive(Clone)]
pub struct Module(pub(super) Arc<Compiled>);

impl Module {
    /// The SHA-256 hash of its bytes, in hexadecimal. This is the version of a filter.
    pub fn sha256(&self) -> &str {
        &self.0.sha256
    }
}

impl fmt::Debug for Module {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Module").field(&self.sha256()).finish()
    }
}

/// What the clones of a [`Module`] share.
pub struct Compiled {
    /// The module, linked and type-checked, so that only an instance has to be started.
    pub instance: InstancePre<State>,
    /// The index of its `describe`.
    pub describe: ComponentExportIndex,
    /// The index of its `evaluate`.
    pub evaluate: ComponentExportIndex,
    sha256: String,
    needs: Needs,
}

impl Compiled {
    /// Links a component that has been inspected and compiled.
    pub fn new(
        component: &Component,
        linker: &Linker<State>,
        sha256: [u8; 32],
        needs: Needs,
    ) -> Result<Compiled, Refusal> {
        let refused = |error: wasmtime::Error| Refusal::Compile(one_line(&format!("{error:#}")));
        let export = |name| component.get_export_index(None, name).ok_or(Refusal::MissingExport { name });
        Ok(Compiled {
            describe: export("describe")?,
            evaluate: export("evaluate")?,
            instance: linker.instantiate_pre(component).map_err(refused)?,
            sha256: sha256.iter().map(|byte| format!("{byte:02x}")).collect(),
            needs,
        })
    }

    /// What an instance needs from the beginning.
    pub fn needs(&self) -> &Needs {
        &self.needs
    }
}
