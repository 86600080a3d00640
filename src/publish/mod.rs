//! What people see: records of what happened, shown by readers that can slow nobody. `record` is what
//! can be told, `hub` hands it out, `log` writes it to the daemon's log, `text` makes every sentence.
//! Deciding, and noticing that something happened, do not live here.

pub mod hub;
pub mod log;
mod news;
pub mod record;

mod text;
