//! What the system said, without the numbers that tell an operator nothing.

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
