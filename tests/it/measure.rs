//! What numbers say of demand, capacity and need: properties, scenes, and a closed loop.

mod closed_loop;
mod demand;
mod farm;
mod learning;
mod need;
mod service;
mod traps;
