//! Answers of brokers: whatever they are, they are either refused, or the same after being written and read again.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| skysieve::kafka::fuzz::broker(data));
