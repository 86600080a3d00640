//! A log format in the first line, lines in that format behind it; what must hold is in
//! `checks/format.rs`, which the tests replay the corpus through as well.

#![no_main]

#[path = "../checks/format.rs"]
mod checks;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    checks::check(data);
});
