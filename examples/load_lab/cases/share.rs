//! A newcomer that HAProxy sends next to nothing, for whatever reason.

use crate::case::{Case, plain};

/// M2 and M6.
pub fn cases() -> Vec<Case> {
    let base = plain("base", "round robin, nothing odd");
    vec![Case {
        quick: true,
        load: crate::case::Load {
            curve: &[(95.0, 18.0), (8.0, 24.0)],
            ..base.load
        },
        expect: crate::case::Expect {
            rests: true,
            median: &[(13.0, 18.0, 300.0)],
            ..base.expect
        },
        ..base
    }]
}
