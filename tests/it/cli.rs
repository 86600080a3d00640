//! The spawned binary: exit codes, streams, help, and what each reading command prints.

mod check;
mod field;
mod follow;
mod manual;
mod numbers;
mod parse;
mod story;
mod streams;
