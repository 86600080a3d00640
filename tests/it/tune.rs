//! `tune`: what it reads out of logs of servers whose limit is known, and what it says and writes.

mod boot;
mod learned;
mod limits;
pub(crate) mod logs;
mod output;
