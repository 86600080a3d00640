//! What the scaler does and never does, told as events in virtual time.

mod afterwards;
mod capacity;
mod contradictions;
mod crash;
mod day;
mod episodes;
mod farm;
mod guards;
mod hand;
mod judgement;
mod learning;
mod memory;
mod next;
mod odd;
mod promises;
mod properties;
mod reconfigure;
mod refusals;
mod reloads;
mod scenes;
mod server;
mod service;
mod spares;
mod steps;
mod windows;
mod world;
