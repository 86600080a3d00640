//! The ground floor: plain data that every room speaks of, and small things that all of them need.
//! Imports nothing of the other rooms; decides nothing, and keeps no state.

pub mod accounts;
pub mod by;
pub mod calendar;
pub(crate) mod closed;
pub mod duration;
pub mod files;
pub mod level;
pub mod limits;
pub mod listen;
pub mod machine;
pub mod mix;
pub mod moment;
pub mod names;
pub mod one_line;
pub mod order;
pub mod os_words;
pub mod picture;
pub mod proof;
pub mod request;
pub mod shift;
pub(crate) mod short_name;
pub mod time;
