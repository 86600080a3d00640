//! `simulate`: queues against theory, policies against their definitions, and what is printed.

mod haproxy_queue;
mod output;
mod policies;
mod queueing;
mod recorded;
