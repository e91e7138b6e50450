//! Predefined filters, and uploads that are made of them.

use super::Permitted;
use crate::api::state::Api;
use crate::catalog::{Catalog, CatalogEntry};
use crate::filters::{FilterError, Inspected, ParameterValues, Upload, set_parameters};

/// What an upload is still to be given.
#[derive(Debug, Default)]
pub(in crate::api) struct Wanted {
    /// The name of the predefined filter whose module it has.
    pub(in crate::api) predefined: Option<String>,
    /// Values of parameters.
    pub(in crate::api) parameters: ParameterValues,
}

impl Api {
    /// The predefined filters of this host.
    pub(in crate::api) fn catalog(&self) -> Result<std::sync::Arc<Catalog>, FilterError> {
        self.config.catalog.clone().ok_or_else(|| FilterError::NoCatalog("none was found".to_owned()))
    }
}

impl Permitted<'_> {
    /// Lists the predefined filters, which are everybody's.
    pub(in crate::api) fn catalog(&self, catalog: &Catalog) -> Result<Vec<CatalogEntry>, FilterError> {
        catalog.list(|name, upload| self.control.inspect(name, upload))
    }

    /// Gives an upload what it is still to be given. The answer keeps its module from being compiled once more.
    pub(in crate::api) fn complete(
        &self,
        name: &str,
        upload: &mut Upload,
        wanted: Wanted,
        catalog: Option<&Catalog>,
    ) -> Result<Option<Inspected>, FilterError> {
        if let Some(predefined) = wanted.predefined {
            let catalog = catalog.ok_or_else(|| FilterError::NoCatalog("none was found".to_owned()))?;
            let found = catalog.get(&predefined)?;
            upload.module = found.module;
            if upload.settings.config.is_empty() {
                upload.settings.config = found.settings.config;
            }
        }
        // Users take turns where modules wait to be compiled.
        upload.by = self.signature();
        set_parameters(upload, &wanted.parameters, |upload| self.control.inspect(name, upload))
    }
}
