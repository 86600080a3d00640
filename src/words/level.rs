//! How much something matters to whoever runs the daemon.

use super::closed::closed;

closed! {
    /// How much something matters, in the word of events and logs.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
    pub enum Level {
        /// Good to know.
        Info = "info",
        /// Users may suffer, or the daemon cannot do what it is there for: look at it.
        Warning = "warning",
        /// The daemon cannot go on.
        Error = "error",
    }
}
