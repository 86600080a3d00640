//! `simulate`: queues against theory, policies against their definitions, what our scaler keeps over hours,
//! what servers cost, and what is printed.

mod costs;
mod haproxy_queue;
mod measured;
mod output;
mod over_hours;
mod plans;
pub(crate) mod policies;
mod queueing;
mod recorded;
mod sampled;
