//! `doctor`: set-ups broken on purpose, each found and mended by pasting what it prints; healthy ones that
//! are left in peace; haproxy.cfg as people write it. `init`: from nothing to a daemon that observes.

mod begin;
mod broken;
mod cases;
mod daemon;
mod field;
mod force;
mod harmless;
mod healthy;
mod machines;
mod mode;
mod scene;
mod spares;
