//! Follows HAProxy's log, decides when a backend needs another server, warms a spare up, proves it
//! healthy and enables it over HAProxy's admin socket; puts it away when things are quiet.
//!
//! # Layout
//!
//! - [`words`]: what every room speaks of; the ground floor
//! - [`log`]: bytes → whole lines → [`words::request::Request`]
//! - [`measure`]: requests and looks at HAProxy as numbers; pure, and knows no server
//! - [`scaler`]: events with a time go in, actions come out; the only place that decides, and pure
//! - [`runtime_api`], [`warm_up`]: the hands; they do one thing when told and report the outcome
//! - [`machines`]: starts and stops what a spare runs on, when told; [`child`]: a program, with limits
//! - [`daemon`]: one loop that carries events in and starts actions
//! - [`haproxy_cfg`]: what haproxy.cfg says; [`doctor`], [`init`]: what is wrong with a set-up, and how
//!   to begin one
//! - [`replay`]: the same scaler over recorded logs in virtual time
//! - [`config`], [`cli`]: what the operator says
//! - [`schedule`]: the hours that a schedule names, as instants
//! - [`control`], [`status`]: what the operator sees and orders of a running daemon
//! - [`top`]: that, live in a terminal
//! - [`metrics`], [`http`]: the daemon as numbers, and what it serves; [`curve`]: its last hour
//! - [`alerts`]: who is told, by webhook, mail or command; probes and the heartbeat
//! - [`http_client`]: HTTP requests of ours, for alerts and for warm-ups
//! - [`publish`]: what people are told: records, their sentences, the daemon's log
//! - [`state`]: what outlives it, on disk
//! - [`clock`]: live time
//! - [`stats`], [`parse`]: the log as numbers and as JSON
//! - [`demo`]: the whole product against a pretend HAProxy
//! - [`sim`]: that HAProxy, its servers, queues and faults, for all who pretend
//! - [`simulate`]: the same scaler in a closed loop, beside other policies
//! - [`tune`]: what a log says one server carries, and settings that follow from it

pub mod alerts;
pub mod child;
pub mod cli;
pub mod clock;
pub mod config;
pub mod control;
pub mod curve;
pub mod daemon;
pub mod demo;
pub mod doctor;
pub mod haproxy_cfg;
pub mod history;
pub mod http;
pub mod http_client;
pub mod init;
pub mod log;
pub mod machines;
pub mod measure;
pub mod metrics;
pub mod parse;
pub mod publish;
pub mod replay;
pub mod runtime_api;
pub mod scaler;
pub mod schedule;
pub mod sim;
pub mod simulate;
pub mod state;
pub mod stats;
pub mod status;
pub mod top;
pub mod tune;
pub mod warm_up;
pub mod words;
