//! What one turn of a source comes to, and how the source stands after it.

use std::sync::Arc;

/// What one turn came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Turn {
    /// There is more to read right now.
    pub more: bool,
    /// How the source stands after it.
    pub state: SourceState,
}

/// How a source stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SourceState {
    /// The log is there and is being read.
    Reading,
    /// There is nothing to read yet; it is looked for again at every turn. The text names the
    /// path, what came back and what to do.
    Waiting(Arc<str>),
    /// Something is there that cannot be read; tried again at every turn. The text names the path,
    /// what came back and what to do.
    Refused(Arc<str>),
    /// The source came to its end: nothing more will ever come (standard input only).
    Ended,
}
