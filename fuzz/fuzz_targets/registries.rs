//! Answers of schema registries, and alerts of the schemas in these answers.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| skysieve::schema_registry::fuzz::registry(data));
