//! The spawned binary: exit codes, streams, help, and what each reading command prints.

pub(crate) mod program;

mod check;
mod field;
mod follow;
mod numbers;
mod parse;
mod story;
mod streams;
