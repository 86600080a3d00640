//! How much something matters to whoever runs the daemon.

/// How much something matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Good to know.
    Info,
    /// Users may suffer, or the daemon cannot do what it is there for: look at it.
    Warning,
    /// The daemon cannot go on.
    Error,
}

impl Level {
    /// The word of events and logs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}
