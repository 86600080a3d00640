//! What is on the screen: the last look, what is chosen in it, and what lies over it. Takes what is told and keys;
//! draws nothing and asks nobody.

use std::collections::VecDeque;
use std::time::Duration;

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::confirm::{Confirm, confirm};
use super::feed::{Ask, Told};
use super::keys::{Hand, View, Wish, wish};
use super::levels::Levels;
use super::rows::{Key, Row, Sort, rows};
use super::{INTERVAL_MAX, INTERVAL_MIN, Options};
use crate::publish::event::Event;
use crate::status::Status;

/// Events that are kept for the screen; `events` has all.
const EVENTS_MAX: usize = 500;
/// Letters of a filter: names are no longer.
const FILTER_MAX: usize = 64;
/// Rows that a page key moves.
const PAGE_ROWS: usize = 10;

/// What a key leads to outside of the screen.
#[derive(Debug)]
pub enum Do {
    Nothing,
    Quit,
    Ask(Ask),
}

/// What lies over the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Over {
    Nothing,
    Help,
    /// The filter is being typed.
    Filter,
    Confirm(Box<Confirm>),
}

/// A sentence for a moment: what became of an order, or why a key does nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Message {
    pub(super) is_bad: bool,
    pub(super) text: String,
}

/// All that is on the screen.
#[derive(Debug)]
pub struct Screen {
    pub(super) options: Options,
    pub(super) status: Option<Box<Status>>,
    /// Why the last look failed; what is shown is older.
    pub(super) silent: Option<String>,
    /// Newest last.
    pub(super) events: VecDeque<Event>,
    pub(super) levels: Levels,
    pub(super) view: View,
    pub(super) sort: Sort,
    pub(super) filter: String,
    pub(super) over: Over,
    pub(super) message: Option<Message>,
    /// The row that is chosen, and where it was when it was last there.
    chosen: Option<Key>,
    chosen_at: usize,
    /// Events above the newest that are out of sight below.
    pub(super) back: usize,
}

impl Screen {
    pub fn new(options: Options) -> Self {
        Self {
            options,
            status: None,
            silent: None,
            events: VecDeque::new(),
            levels: Levels::default(),
            view: View::Servers,
            sort: Sort::default(),
            filter: String::new(),
            over: Over::Nothing,
            message: None,
            chosen: None,
            chosen_at: 0,
            back: 0,
        }
    }

    /// What was told by the daemon, or about it.
    pub fn take(&mut self, told: Told) {
        match told {
            Told::Looked(status) => {
                self.levels.take(&status);
                self.status = Some(status);
                self.silent = None;
                self.choose(self.chosen_at());
            }
            Told::Silent(why) => self.silent = Some(why),
            Told::Curve(hour) => self.levels.hear(hour),
            Told::Happened(events) => {
                let of_it = |event: &Event| {
                    let only = self.options.backend.as_deref();
                    !event.is_minor()
                        && (only.is_none()
                            || event.backend.is_none()
                            || only == event.backend.as_deref())
                };
                // After a silence all that the daemon remembers comes once more.
                let first = events.first().map(|event| event.id);
                if first <= self.events.back().map(|event| event.id) {
                    self.events.clear();
                }
                self.events.extend(events.into_iter().filter(of_it));
                while self.events.len() > EVENTS_MAX {
                    self.events.pop_front();
                }
            }
            Told::Answered { accepted, text } => {
                self.message = Some(Message {
                    is_bad: !accepted,
                    text,
                });
            }
        }
    }

    /// What that key does.
    pub fn key(&mut self, key: KeyEvent) -> Do {
        match std::mem::replace(&mut self.over, Over::Nothing) {
            Over::Nothing => wish(key).map_or(Do::Nothing, |wish| self.wish(wish)),
            // Any key ends the help, and Ctrl-C everything.
            Over::Help if key.modifiers.contains(KeyModifiers::CONTROL) => Do::Quit,
            Over::Help => Do::Nothing,
            Over::Filter => self.type_filter(key),
            Over::Confirm(confirm) => self.answer(key, *confirm),
        }
    }

    fn wish(&mut self, wish: Wish) -> Do {
        self.message = None;
        let at = self.chosen_at();
        match wish {
            Wish::Quit => return Do::Quit,
            Wish::Help => self.over = Over::Help,
            Wish::View(view) => self.view = view,
            Wish::NextView => self.view = self.view.next(),
            Wish::Up => self.go(at.saturating_sub(1), 1),
            Wish::Down => self.go(at.saturating_add(1), -1),
            Wish::PageUp => self.go(at.saturating_sub(PAGE_ROWS), 10),
            Wish::PageDown => self.go(at.saturating_add(PAGE_ROWS), -10),
            Wish::First => self.go(0, isize::MAX),
            Wish::Last => self.go(usize::MAX, isize::MIN),
            Wish::Filter => self.over = Over::Filter,
            Wish::Sort => self.sort = self.sort.next(),
            Wish::Faster => return self.every(self.options.interval / 2),
            Wish::Slower => return self.every(self.options.interval.saturating_mul(2)),
            Wish::Give(hand) => self.ask_for(hand),
            Wish::Clear => self.filter.clear(),
        }
        Do::Nothing
    }

    /// In the list to that row; among events so many further back.
    fn go(&mut self, row: usize, events_back: isize) {
        if self.view == View::Events {
            let most = self.events.len().saturating_sub(1);
            self.back = self.back.saturating_add_signed(events_back).min(most);
        } else {
            self.choose(row);
        }
    }

    fn every(&mut self, every: Duration) -> Do {
        self.options.interval = every.clamp(INTERVAL_MIN, INTERVAL_MAX);
        Do::Ask(Ask::Every(self.options.interval))
    }

    fn ask_for(&mut self, hand: Hand) {
        let confirmed = if self.options.read_only {
            Err("called with --read-only: no key gives an order".to_owned())
        } else {
            let chosen = self.chosen();
            chosen.map_or_else(
                || Err("nothing is chosen".to_owned()),
                |row| confirm(hand, &row),
            )
        };
        match confirmed {
            Ok(confirm) => self.over = Over::Confirm(Box::new(confirm)),
            Err(text) => self.message = Some(Message { is_bad: true, text }),
        }
    }

    fn answer(&mut self, key: KeyEvent, confirm: Confirm) -> Do {
        if key.code == KeyCode::Char('y') && key.modifiers.is_empty() {
            return Do::Ask(Ask::Order(Box::new(confirm.order)));
        }
        let text = format!("not given: {}", confirm.question.trim_end_matches('?'));
        self.message = Some(Message {
            is_bad: false,
            text,
        });
        Do::Nothing
    }

    fn type_filter(&mut self, key: KeyEvent) -> Do {
        // With Ctrl no letter is one.
        if key.modifiers.contains(KeyModifiers::CONTROL) {
            return wish(key).map_or(Do::Nothing, |wish| self.wish(wish));
        }
        if let KeyCode::Char(letter) = key.code
            && self.filter.len() < FILTER_MAX
        {
            self.filter.push(letter);
        } else if key.code == KeyCode::Backspace {
            self.filter.pop();
        } else if key.code == KeyCode::Esc {
            self.filter.clear();
        }
        if !matches!(key.code, KeyCode::Esc | KeyCode::Enter) {
            self.over = Over::Filter;
        }
        Do::Nothing
    }

    /// The list as it is filtered and sorted now.
    pub(super) fn rows(&self) -> Vec<Row<'_>> {
        let only = self.options.backend.as_deref();
        let status = self.status.as_deref();
        status.map_or_else(Vec::new, |status| {
            rows(status, only, &self.filter, self.sort)
        })
    }

    /// Where the chosen row is. Where it has gone, the one that took its place.
    pub(super) fn chosen_at(&self) -> usize {
        let rows = self.rows();
        let chosen = self.chosen.as_ref();
        let found = chosen.and_then(|key| rows.iter().position(|row| row.is(key)));
        found.unwrap_or(self.chosen_at.min(rows.len().saturating_sub(1)))
    }

    /// The chosen row.
    pub(super) fn chosen(&self) -> Option<Row<'_>> {
        self.rows().get(self.chosen_at()).copied()
    }

    /// The backend whose curve is shown.
    pub fn backend(&self) -> Option<&str> {
        let at = self.chosen_at();
        self.rows().get(at).map(|row| row.backend.name.as_str())
    }

    fn choose(&mut self, at: usize) {
        let rows = self.rows();
        let at = at.min(rows.len().saturating_sub(1));
        let key = rows.get(at).map(Row::key);
        self.chosen_at = at;
        self.chosen = key;
    }
}
