//! `simulate`: queues against theory, policies against their definitions, and what is printed.

mod queueing;
