//! Any bytes as a log line; what must hold is in `checks/line.rs`, which the tests replay the
//! corpus through as well.

#![no_main]

#[path = "../checks/line.rs"]
mod checks;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| checks::check(bytes));
