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

mod capacity;
mod decisions;
mod haproxy;
mod keeps;
mod measured;
mod news;
mod notes;
mod orders;
mod outlook;
mod problems;
mod ramps;
mod servers;

use crate::scaler::seen::Standing;
use crate::words::time::Span;

in_words!(Standing: standing);

/// ` by uid 0 for 59m more`, as far as both are known.
fn standing(standing: &Standing) -> String {
    let left = standing
        .left
        .map(|left| format!(" for {} more", Span(left)));
    by(standing.by) + &left.unwrap_or_default()
}

/// ` by uid 0`, or nothing.
fn by(uid: Option<u32>) -> String {
    uid.map(|uid| format!(" by uid {uid}")).unwrap_or_default()
}

/// `1 request`, `3 requests`.
fn counted(number: impl Into<u64>, what: &str) -> String {
    match number.into() {
        1 => format!("1 {what}"),
        more => format!("{more} {what}s"),
    }
}
