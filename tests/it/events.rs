//! What happened, kept: numbers that count up by one over restarts, kills, full disks and clocks.

mod both;
mod file;
mod list;
mod numbers;
mod report;
