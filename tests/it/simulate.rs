//! `simulate`: queues against theory, policies against their definitions, what our scaler keeps over hours,
//! and what is printed.

mod haproxy_queue;
mod output;
mod over_hours;
mod policies;
mod queueing;
mod recorded;
mod sampled;
