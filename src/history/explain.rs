//! `explain` for people and for scripts. What it says of a backend is what `status` has.

use std::io::{self, Write};

use jiff::tz::TimeZone;

use super::list::line;
use crate::publish::event::Event;
use crate::status::Explained;

/// Writes what was explained: one JSON object a line, or text.
///
/// # Errors
/// `out` cannot be written.
pub fn explain(all: &[Explained], json: bool, out: &mut dyn Write) -> io::Result<()> {
    let zone = TimeZone::system();
    for explained in all {
        if json {
            writeln!(out, "{}", serde_json::to_string(explained)?)?;
            continue;
        }
        out.write_all(explained.text().as_bytes())?;
        for event in &explained.last {
            if let Ok(event) = serde_json::from_value::<Event>(event.clone()) {
                writeln!(out, "  {}", line(&event, &zone))?;
            }
        }
    }
    out.flush()
}
