//! All integration tests, one binary. One line of purpose each.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

mod alerts; // who is told, over real connections
mod cli; // the spawned binary: exit codes, streams, help
mod config; // every mistake of a file, with line, column and a way out
mod curve; // the last hour of a backend
mod daemon; // the whole daemon against a fake admin socket
mod demo; // the pretend world's log and its story
mod doctor; // set-ups that are broken on purpose, and haproxy.cfg as people write it
mod events; // what happened: numbers, the file, what is said of it
mod follower; // generated writes, rotations and truncations against a model
mod halog; // the same numbers as HAProxy's own log analyser, and exact ones
mod haproxy; // the whole daemon against a real HAProxy
mod haproxy_cfg; // haproxy.cfg as data, whatever stands in it
mod http; // what is served, and to whom
mod line; // what a log line says, and what can be forged
mod machines; // whoever starts and stops them
mod measure; // demand, capacity and need, in numbers
mod promises; // PROMISES.md names tests that there are
mod replay; // every fixture gives its expected output
mod runtime_api; // the admin socket, cut and delayed at every byte
mod scaler;
mod schedule; // what must never happen, over generated schedules
mod sim; // the pretend HAProxy's replies, and its load
mod simulate; // the closed loop: queues against theory, policies, what is printed
mod sources; // what listens: datagrams, connections, the journal
mod state; // what outlives the daemon, torn at every byte
mod stats; // numbers per server
mod status; // what one server carries, for people and for scripts
mod support; // real HAProxy, small HTTP servers, temp dirs: not tests
mod systemd; // the unit, what it is told, and a daemon without root
mod tidy; // the shape of the repository
mod top; // the live screen: what it shows, what keys do
mod tune; // what a log says one server carries, and what follows
mod warm_up; // small servers that are slow, dead or odd
mod words; // dates and the system's words
