//! From bytes to requests: sources of whole lines, and what a line says.

pub mod advice;
mod bytes;
mod container;
mod date;
pub mod file;
pub mod format;
mod head;
pub mod input;
pub mod line;
pub mod lines;
pub mod local_time;
pub(crate) mod names;
mod number;
mod record;
mod reject;
mod scan;
pub mod source;
mod turn;
