//! Where the commands get events from: the file, or the memory of a daemon.

use std::io;
use std::path::PathBuf;
use std::time::SystemTime;

use crate::control;
use crate::publish::event::Event;
use crate::publish::events::history::Reader;

/// Where events may be.
#[derive(Clone, Debug)]
pub struct Places {
    /// Files of events, the likeliest first: where no daemon runs, the one with the newest event is read.
    pub files: Vec<PathBuf>,
    /// A daemon that runs says where its events are.
    pub control_socket: PathBuf,
}

/// Where events come from.
#[derive(Debug)]
pub enum Source {
    File(Reader),
    /// A daemon's memory; the number of the last one that it gave.
    Daemon(PathBuf, u64),
}

impl Source {
    /// Where the daemon that runs has them, or the file of one that ran last.
    ///
    /// # Errors
    /// There are none, in words that say what was tried.
    pub fn find(places: &Places) -> Result<Self, String> {
        let mut tried = Vec::new();
        let asked = control::ask_events_file(&places.control_socket);
        let files = match &asked {
            Ok(file) => file.as_slice(),
            Err(_) => &places.files,
        };
        let mut found = Vec::new();
        for file in files {
            match Reader::open(file.clone()) {
                Ok(reader) => found.push(reader),
                Err(error) => tried.push(format!("{}: {error}", file.display())),
            }
        }
        // Of several that are as new the likeliest, which is the first.
        let newest = found.into_iter().rev().max_by_key(Reader::newest);
        if let Some(reader) = newest {
            return Ok(Self::File(reader));
        }
        let socket = &places.control_socket;
        match control::ask_events(socket, u64::MAX) {
            Ok(_) => return Ok(Self::Daemon(socket.clone(), 0)),
            Err(error) => tried.push(format!(
                "no daemon answers on {}: {error}",
                socket.display()
            )),
        }
        Err(format!("there are no events to show: {}", tried.join("; ")))
    }

    /// Hands out what is new, oldest first, back to `since` or before.
    ///
    /// # Errors
    /// It cannot be read, or what `each` returned.
    pub fn read(
        &mut self,
        since: Option<SystemTime>,
        mut each: impl FnMut(Event) -> io::Result<()>,
    ) -> io::Result<()> {
        match self {
            Self::File(reader) => reader.read(since, each),
            Self::Daemon(socket, last) => {
                let answer = control::ask_events(socket, *last)?;
                let events = answer.lines().filter(|line| !line.is_empty());
                for line in events {
                    let event: Event = serde_json::from_str(line)?;
                    *last = event.id.max(*last);
                    each(event)?;
                }
                Ok(())
            }
        }
    }
}
