//! What becomes of a command on its way to HAProxy and back.

use std::time::Duration;

use super::dice::Dice;

/// What can go wrong with one action.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    None,
    /// Nothing happens and nothing is answered.
    Lost,
    /// Done, and the answer is lost.
    AnswerLost,
    /// Not done, and said so.
    Refused,
    /// Not done, and answered as if it were: HAProxy does so on a server that tracks another.
    Ignored,
    /// Done late.
    Late(Duration),
}

/// The longest a late command takes, milliseconds.
const LATE_MAX_MS: u64 = 9000;

impl Fault {
    /// The fault of the n-th action, in `percent` of them: the same for the same seed and number.
    pub fn of(seed: u64, number: u64, percent: u64) -> Self {
        let bits = Dice::numbered(seed, number).bits();
        if bits % 100 >= percent {
            return Self::None;
        }
        match (bits >> 8) % 5 {
            0 => Self::Lost,
            1 => Self::AnswerLost,
            2 => Self::Refused,
            3 => Self::Ignored,
            _ => Self::Late(Duration::from_millis((bits >> 16) % LATE_MAX_MS)),
        }
    }
}
