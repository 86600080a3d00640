//! Every sentence that an operator reads about a backend, made from the scaler's data: who does what,
//! why, and the way out. Whether something is said, and how loud, is not decided here.

#![allow(clippy::trivially_copy_pass_by_ref)] // `in_words` gives every type by reference.

/// Shows a type by the function that puts it into words.
macro_rules! in_words {
    ($($type:ty: $words:path),+ $(,)?) => {$(
        impl std::fmt::Display for $type {
            fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str(&$words(self))
            }
        }
    )+};
}

pub(super) mod alerts;

mod capacity;
mod decisions;
mod haproxy;
mod keeps;
mod machines;
mod measured;
mod news;
mod notes;
mod orders;
mod outlook;
mod problems;
mod ramps;
mod servers;

use crate::scaler::seen::Standing;
use crate::words::by::By;
use crate::words::time::Span;

in_words!(Standing: standing);

/// ` by alice (sudo) for 59m more (deploy)`, as far as all of that is known.
fn standing(standing: &Standing) -> String {
    let left = standing
        .left
        .map(|left| format!(" for {} more", Span(left)));
    by(standing.by) + &left.unwrap_or_default() + &because(standing.by)
}

/// ` by root`, or nothing.
fn by(by: Option<By>) -> String {
    by.map(|by| format!(" by {by}")).unwrap_or_default()
}

/// ` (deploy)`, the reason in the words of who gave it, or nothing.
fn because(by: Option<By>) -> String {
    let reason = by.as_ref().and_then(By::reason);
    reason
        .map(|reason| format!(" ({reason})"))
        .unwrap_or_default()
}

/// `1 request`, `3 requests`.
fn counted(number: impl Into<u64>, what: &str) -> String {
    match number.into() {
        1 => format!("1 {what}"),
        more => format!("{more} {what}s"),
    }
}

/// `1 is`, `3 are`.
fn are(number: u32) -> String {
    match number {
        1 => "1 is".to_owned(),
        more => format!("{more} are"),
    }
}
