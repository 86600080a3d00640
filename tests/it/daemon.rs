//! The whole daemon against a fake admin socket.

mod control;
mod fake;
mod life;
