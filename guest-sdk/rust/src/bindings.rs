//! The code that wit-bindgen generates from `wit/`.

#![allow(missing_docs)]
#![allow(unsafe_code, reason = "generated: how values cross the boundary of a component")]
#![allow(clippy::undocumented_unsafe_blocks, reason = "generated")]

wit_bindgen::generate!({
    path: "../../wit",
    world: "filter",
    pub_export_macro: true,
    default_bindings_module: "skysieve_sdk::__private::bindings",
});
