//! From bytes to requests: sources of whole lines, and what a line says.

mod container;
mod date;
pub mod file;
pub mod format;
mod head;
pub mod input;
pub mod line;
pub mod lines;
pub(crate) mod names;
pub mod local_time;
mod reject;
mod scan;
pub mod source;
