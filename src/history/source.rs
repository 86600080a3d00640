//! Where the commands get events from: the files, or the memory of a daemon. A daemon that acts and one
//! that observes have a file each: what is between two lives of the one is in that of the other.

use std::collections::BTreeSet;
use std::io;
use std::path::PathBuf;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread;
use std::time::SystemTime;

use serde_json::Value;

use crate::config::{Config, Mode};
use crate::control;
use crate::publish::event::Event;
use crate::publish::events::history::Reader;

/// Events of the other file that are read before they are wanted.
const AHEAD_MAX: usize = 256;
/// What a daemon tells last in a file.
const LAST_WORDS: [&str; 2] = ["stopping", "events_moved"];
/// What it tells first.
const STARTED: &str = "started";

/// A file that events may be in.
#[derive(Clone, Debug)]
pub struct KeptIn {
    pub file: PathBuf,
    /// A daemon that observes writes it: all in it is pretended.
    pub is_observed: bool,
}

/// Where events may be.
#[derive(Clone, Debug)]
pub struct Places {
    /// Files of events, the likeliest first: where no daemon runs, the one with the newest event comes first.
    pub files: Vec<KeptIn>,
    /// A daemon that runs says where its events are.
    pub control_socket: PathBuf,
    /// The backends that are looked after.
    pub backends: BTreeSet<String>,
}

impl Places {
    /// Where events of that configuration's daemon may be.
    pub fn of(config: &Config) -> Self {
        let is_ours_observed = config.events.file.is_none() && config.mode == Mode::Observe;
        let files = [
            (config.events_file(), is_ours_observed),
            (config.other_events_file(), !is_ours_observed),
        ];
        let kept = files.into_iter().filter_map(|(file, is_observed)| {
            Some(KeptIn {
                file: file?,
                is_observed,
            })
        });
        Self {
            files: kept.collect(),
            control_socket: config.control_socket.clone(),
            backends: config.backends.keys().cloned().collect(),
        }
    }
}

/// Where events come from.
#[derive(Debug)]
pub struct Source {
    first: First,
    /// A file with what is not in the first one.
    other: Option<Kept>,
}

#[derive(Debug)]
enum First {
    File(Kept),
    /// A daemon's memory; the number of the last one that it gave.
    Daemon(PathBuf, u64),
}

#[derive(Debug)]
struct Kept {
    reader: Reader,
    is_observed: bool,
}

impl Source {
    /// Where the daemon that runs has them, or the file of one that ran last; the other file after it.
    ///
    /// # Errors
    /// There are none, in words that say what was tried.
    pub fn find(places: &Places) -> Result<Self, String> {
        let mut tried = Vec::new();
        let mut open = |place: &KeptIn| match Reader::open(place.file.clone()) {
            Ok(reader) => Some(Kept {
                reader,
                is_observed: place.is_observed,
            }),
            Err(error) => {
                tried.push(format!("{}: {error}", place.file.display()));
                None
            }
        };
        let asked = control::ask_events_file(&places.control_socket);
        let first = if let Ok(file) = &asked {
            {
                let file = file.clone().map(|file| KeptIn {
                    is_observed: places
                        .files
                        .iter()
                        .any(|it| it.file == file && it.is_observed),
                    file,
                });
                file.and_then(|file| Some((open(&file)?, file.file)))
            }
        } else {
            {
                let opened = places.files.iter();
                let opened = opened.filter_map(|it| Some((open(it)?, it.file.clone())));
                // Of several that are as new the likeliest, which is the first.
                let opened: Vec<_> = opened.collect();
                opened
                    .into_iter()
                    .rev()
                    .max_by_key(|(it, _)| it.reader.newest())
            }
        };
        if let Some((first, file)) = first {
            let mut others = places.files.iter().filter(|it| it.file != file);
            return Ok(Self {
                first: First::File(first),
                other: others.find_map(open),
            });
        }
        let socket = &places.control_socket;
        match control::ask_events(socket, u64::MAX) {
            Ok(_) => {
                return Ok(Self {
                    first: First::Daemon(socket.clone(), 0),
                    other: None,
                });
            }
            Err(error) => tried.push(format!(
                "no daemon answers on {}: {error}",
                socket.display()
            )),
        }
        Err(format!("there are no events to show: {}", tried.join("; ")))
    }

    /// Hands out what is new, oldest first, back to `since` or before. The first time that is also what
    /// the other file has of the times in which the daemon of the first one did not run.
    ///
    /// # Errors
    /// One cannot be read, or what `each` returned.
    pub fn read(
        &mut self,
        since: Option<SystemTime>,
        each: impl FnMut(Event) -> io::Result<()>,
    ) -> io::Result<()> {
        match self.other.take() {
            Some(other) => merged(&mut self.first, other, since, each),
            None => self.first.read(since, each),
        }
    }

    /// The same of the first file alone.
    ///
    /// # Errors
    /// As [`Source::read`].
    pub(super) fn read_first(
        &mut self,
        since: SystemTime,
        each: impl FnMut(Event) -> io::Result<()>,
    ) -> io::Result<()> {
        self.first.read(Some(since), each)
    }

    /// The same of the other one, all of it.
    ///
    /// # Errors
    /// As [`Source::read`].
    pub(super) fn read_other(
        &mut self,
        since: SystemTime,
        each: impl FnMut(Event) -> io::Result<()>,
    ) -> io::Result<()> {
        let other = self.other.as_mut();
        other.map_or(Ok(()), |other| other.read(Some(since), each))
    }
}

impl First {
    fn read(
        &mut self,
        since: Option<SystemTime>,
        mut each: impl FnMut(Event) -> io::Result<()>,
    ) -> io::Result<()> {
        match self {
            Self::File(kept) => kept.read(since, each),
            Self::Daemon(socket, last) => {
                let answer = control::ask_events(socket, *last)?;
                for event in Event::lines(&answer) {
                    let event = event?;
                    *last = event.id.max(*last);
                    each(event)?;
                }
                Ok(())
            }
        }
    }
}

impl Kept {
    fn read(
        &mut self,
        since: Option<SystemTime>,
        mut each: impl FnMut(Event) -> io::Result<()>,
    ) -> io::Result<()> {
        let is_observed = self.is_observed;
        self.reader.read(since, |mut event| {
            if is_observed {
                event.data.insert("pretended".to_owned(), Value::Bool(true));
            }
            each(event)
        })
    }
}

/// Both by time. Of the other file only what is between two lives of the first one's daemon: one that
/// observes beside one that acts tells a story of its own.
fn merged(
    first: &mut First,
    other: Kept,
    since: Option<SystemTime>,
    mut each: impl FnMut(Event) -> io::Result<()>,
) -> io::Result<()> {
    let (sender, others) = sync_channel(AHEAD_MAX);
    thread::Builder::new().spawn(move || send_all(other, since, &sender))?;
    let mut others = others.into_iter().peekable();
    let mut is_ended = true;
    first.read(since, |event| {
        let is_between = is_ended || event.code == STARTED;
        let is_before = |other: &io::Result<Event>| {
            let other = other.as_ref().ok();
            other.is_none_or(|other| {
                // One life ends and the other begins within a millisecond.
                let (other, ours) = (other.moment(), event.moment());
                other < ours || is_between && other == ours
            })
        };
        while let Some(other) = others.next_if(is_before) {
            let other = other?;
            if is_between {
                each(other)?;
            }
        }
        is_ended = LAST_WORDS.contains(&event.code.as_str());
        each(event)
    })?;
    if is_ended {
        others.try_for_each(|other| each(other?))?;
    }
    Ok(())
}

/// Until nobody wants more.
fn send_all(mut from: Kept, since: Option<SystemTime>, to: &SyncSender<io::Result<Event>>) {
    let gone = |_| io::Error::from(io::ErrorKind::BrokenPipe);
    if let Err(error) = from.read(since, |event| to.send(Ok(event)).map_err(gone)) {
        let _ = to.send(Err(error));
    }
}
