//! What happened, for whoever asks: the commands `events`, `explain` and `report`. They read the files
//! of events, which needs no daemon; where they cannot be read, a daemon at work has the last ones in memory.
//! What happens next is the daemon's to say, and lives in `status`.

mod explain;
mod list;
mod report;
mod source;

pub use self::explain::explain;
pub use self::list::{Found, Listed, list};
pub use self::report::{LOOKS_BACK, Summary, report, sum_up, untold};
pub use self::source::{KeptIn, Places, Source};
