//! Which key does what: one table, from which the help is made. The keys of hatop where it has them (F9, F10,
//! Tab), otherwise those that fingers know from other programs.

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

/// What a key asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wish {
    Quit,
    Help,
    View(View),
    NextView,
    Up,
    Down,
    PageUp,
    PageDown,
    First,
    Last,
    Filter,
    Sort,
    Faster,
    Slower,
    /// An order; it is asked for before it is given.
    Give(Hand),
    /// Away with the filter.
    Clear,
}

/// The orders that have a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hand {
    Enable,
    Disable,
    /// Pin, or end the pin.
    Pin,
    /// Pause, or resume.
    Pause,
    Release,
}

/// What fills the screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum View {
    Servers,
    Events,
    Why,
}

impl View {
    pub(super) const ALL: [Self; 3] = [Self::Servers, Self::Events, Self::Why];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Servers => "servers",
            Self::Events => "events",
            Self::Why => "why",
        }
    }

    pub(super) const fn next(self) -> Self {
        match self {
            Self::Servers => Self::Events,
            Self::Events => Self::Why,
            Self::Why => Self::Servers,
        }
    }
}

/// A row of the help: the keys as they are printed, those keys, what they do.
pub(super) struct Binding {
    pub(super) keys: &'static str,
    codes: &'static [KeyCode],
    wish: Wish,
    pub(super) does: &'static str,
}

const fn binding(
    keys: &'static str,
    codes: &'static [KeyCode],
    wish: Wish,
    does: &'static str,
) -> Binding {
    Binding {
        keys,
        codes,
        wish,
        does,
    }
}

use KeyCode::{BackTab, Char, Down, End, Esc, F, Home, PageDown, PageUp, Tab, Up};

pub(super) const BINDINGS: [Binding; 22] = [
    binding("↑ k", &[Up, Char('k')], Wish::Up, "one up"),
    binding("↓ j", &[Down, Char('j')], Wish::Down, "one down"),
    binding("PgUp", &[PageUp], Wish::PageUp, "ten up"),
    binding("PgDn", &[PageDown], Wish::PageDown, "ten down"),
    binding("Home g", &[Home, Char('g')], Wish::First, "the first"),
    binding("End G", &[End, Char('G')], Wish::Last, "the last"),
    binding("Tab", &[Tab, BackTab], Wish::NextView, "the next view"),
    binding(
        "1",
        &[Char('1')],
        Wish::View(View::Servers),
        "backends and servers",
    ),
    binding("2", &[Char('2')], Wish::View(View::Events), "events"),
    binding(
        "3",
        &[Char('3')],
        Wish::View(View::Why),
        "why, of the chosen backend",
    ),
    binding(
        "/",
        &[Char('/')],
        Wish::Filter,
        "only names, states or stages with this text",
    ),
    binding(
        "s",
        &[Char('s')],
        Wish::Sort,
        "sort: as configured, name, worst first",
    ),
    binding(
        "+",
        &[Char('+'), Char('=')],
        Wish::Faster,
        "look twice as often",
    ),
    binding("-", &[Char('-')], Wish::Slower, "look half as often"),
    binding(
        "e F9",
        &[Char('e'), F(9)],
        Wish::Give(Hand::Enable),
        "enable the chosen server",
    ),
    binding(
        "d F10",
        &[Char('d'), F(10)],
        Wish::Give(Hand::Disable),
        "disable the chosen server",
    ),
    binding(
        "p",
        &[Char('p')],
        Wish::Give(Hand::Pin),
        "pin the chosen server, or end its pin",
    ),
    binding(
        "Space",
        &[Char(' ')],
        Wish::Give(Hand::Pause),
        "pause the chosen backend or server, or resume it",
    ),
    binding(
        "R",
        &[Char('R')],
        Wish::Give(Hand::Release),
        "release: put all spares of the backend away",
    ),
    binding(
        "? h",
        &[Char('?'), Char('h'), F(1)],
        Wish::Help,
        "this help",
    ),
    binding("Esc", &[Esc], Wish::Clear, "no filter"),
    binding("q", &[Char('q')], Wish::Quit, "quit"),
];

/// What that key asks for; `None` if nothing.
pub(super) fn wish(key: KeyEvent) -> Option<Wish> {
    if key.modifiers.contains(KeyModifiers::CONTROL) {
        // Raw terminals send no signal for it.
        return (key.code == Char('c')).then_some(Wish::Quit);
    }
    let found = BINDINGS.iter().find(|it| it.codes.contains(&key.code));
    found.map(|it| it.wish)
}
