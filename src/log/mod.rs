//! From bytes to requests: sources of whole lines, and what a line says.

pub mod file;
pub mod input;
pub mod line;
pub mod source;
