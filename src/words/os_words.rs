//! What the system said, without the numbers that tell an operator nothing, and what it is called.

use std::io;

/// The system's own words without Rust's `(os error 13)`, to go on a sentence: the first letter is
/// small unless the word is an abbreviation.
pub fn plain(error: &io::Error) -> String {
    let text = error.to_string();
    let text = text.split(" (os error").next().unwrap_or_default();
    let mut letters = text.chars();
    let Some(first) = letters.next() else {
        return String::new();
    };
    let rest = letters.as_str();
    if rest.starts_with(|second: char| second.is_uppercase()) {
        text.to_owned()
    } else {
        format!("{}{rest}", first.to_lowercase())
    }
}

/// This machine's name, as the kernel has it. The file in `/proc/sys` that has it too is hidden from a
/// service with `ProcSubset=pid`.
pub(crate) fn host_name() -> String {
    let names = rustix::system::uname();
    names.nodename().to_string_lossy().into_owned()
}
