//! From bytes to requests: sources of whole lines, and what a line says.

pub mod advice;
mod bytes;
mod container;
mod date;
pub mod file;
pub mod format;
mod head;
pub mod line;
pub mod lines;
pub mod local_time;
mod number;
mod record;
pub mod recorded;
mod reject;
mod scan;
pub mod source;
