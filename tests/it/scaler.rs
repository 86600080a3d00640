//! What the scaler does and never does, told as events in virtual time.

mod capacity;
mod crash;
mod day;
mod farm;
mod guards;
mod judgement;
mod properties;
mod server;
mod windows;
mod world;
