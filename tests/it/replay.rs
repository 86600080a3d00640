//! `replay`: every fixture gives its expected output, and virtual time is counted by hand.

mod fixtures;
mod made;
mod several;
mod virtual_time;
