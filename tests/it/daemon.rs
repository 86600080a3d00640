//! The whole daemon against a fake admin socket.

mod checkpoint;
mod control;
mod fake;
mod faults;
mod kept;
mod lasting;
mod life;
mod log;
mod orders;
mod problems;
mod records;
mod reload;
