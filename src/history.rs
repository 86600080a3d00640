//! What happened, for whoever asks: the commands `events`, `explain` and `report`. They read the file of
//! events, which needs no daemon; where it cannot be read, a daemon at work has the last ones in memory.
//! What happens next is the daemon's to say, and lives in `status`.

mod list;
mod source;

pub use self::list::{Listed, list};
pub use self::source::{Places, Source};
