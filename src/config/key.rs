//! What one row of the table of keys says, and what follows from the table alone: which known word is
//! nearest to a mistyped one, and where a misplaced key belongs. The rows are in [`super::keys`].

use std::time::Duration;

use super::draft::Draft;
use super::keys::{DEFAULTS, TABLES};
use super::text::Mistake;
use super::values::{Parse as _, Value};

/// A key, and everything that is known about it.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// As written in the file.
    pub name: &'static str,
    /// What it is for, as lines of Markdown.
    pub text: &'static str,
    pub(super) holds: Holds,
    pub(super) limit: Limit,
    /// A value in TOML, where there is no default or another value says more.
    pub(super) example: &'static str,
}

/// What stands behind a key.
#[derive(Clone, Copy, Debug)]
pub(super) enum Holds {
    /// A value, and where it goes. Its type is the type of the key, and what it is in a new draft is
    /// the default.
    Value(fn(&mut Draft) -> &mut dyn Value),
    /// A value that its table's reader takes: what it may be, and its default, if any, as TOML.
    Other(fn() -> String, Option<&'static str>),
    /// A table with this header.
    Table(&'static str),
}

/// What a value may not exceed.
#[derive(Clone, Copy, Debug)]
pub(super) enum Limit {
    /// What its type allows.
    Type,
    /// A shortest duration.
    Least(Duration),
    /// The smallest and the largest whole number.
    Whole(u32, u32),
    /// What a text must be.
    Text(fn(&str) -> Result<(), Mistake>),
}

/// A table of the file, with every key that it may have.
#[derive(Clone, Copy, Debug)]
pub struct Section {
    /// As in the file, with NAME and SERVER for names; empty for the top.
    pub header: &'static str,
    /// What it is for, as lines of Markdown.
    pub text: &'static str,
    pub groups: &'static [Group],
    /// It is left out of a file that says no more than it must.
    pub is_off: bool,
}

/// Keys that belong together.
#[derive(Clone, Copy, Debug)]
pub struct Group {
    /// What they have in common, as lines of Markdown; may be empty.
    pub text: &'static str,
    pub keys: &'static [Key],
}

impl Key {
    /// It begins a table of its own.
    pub const fn is_table(&self) -> bool {
        matches!(self.holds, Holds::Table(_))
    }

    /// What may be written, in words.
    pub fn kind(&self) -> String {
        match self.holds {
            Holds::Value(place) => {
                let kind = place(&mut Draft::default()).kind();
                match self.limit {
                    Limit::Least(least) if least.is_zero() => kind,
                    Limit::Least(least) => format!("{kind} of at least `{}`", least.show()),
                    Limit::Whole(least, most) => format!("{kind} from {least} to {most}"),
                    Limit::Type | Limit::Text(_) => kind,
                }
            }
            Holds::Other(kind, _) => kind(),
            Holds::Table(header) => format!("the table `{header}`"),
        }
    }

    /// The default as TOML, if there is one.
    pub fn default(&self) -> Option<String> {
        match self.holds {
            Holds::Value(place) => place(&mut Draft::default()).shown(),
            Holds::Other(_, default) => default.map(str::to_owned),
            Holds::Table(_) => None,
        }
    }

    /// A value to show, as TOML; the default where the row has no other.
    pub fn shown(&self) -> String {
        let own = Some(self.example.to_owned()).filter(|own| !own.is_empty());
        own.or_else(|| self.default()).unwrap_or_default()
    }
}

impl Limit {
    pub(super) fn least(self) -> Duration {
        if let Self::Least(least) = self {
            least
        } else {
            Duration::ZERO
        }
    }

    /// The smallest and the largest whole number.
    pub(super) fn whole(self) -> (u32, u32) {
        if let Self::Whole(least, most) = self {
            (least, most)
        } else {
            (0, u32::MAX)
        }
    }
}

impl Section {
    /// Every key of the table.
    pub fn keys(&self) -> impl Iterator<Item = &'static Key> + use<> {
        self.groups.iter().flat_map(|group| group.keys)
    }

    /// The key of that name.
    pub(super) fn key(&self, name: &str) -> Option<&'static Key> {
        self.keys().find(|key| key.name == name)
    }
}

/// The tables in which a key of this name exists.
pub(super) fn homes(name: &str) -> Vec<&'static str> {
    let tables = TABLES.iter().map(|table| (table.header, table.key(name)));
    tables
        .filter(|(header, key)| key.is_some() && !["", DEFAULTS.header].contains(header))
        .map(|(header, _)| header)
        .collect()
}

/// A longer word is not compared: no key or keyword is longer.
const MAX_COMPARED_CHARS: usize = 40;

/// The candidate that is nearest to `word`, if one is near enough to be meant: at most a third of
/// its letters differ (and never more than 3 edits).
pub(super) fn nearest<'a>(
    word: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let word = word.to_ascii_lowercase().replace('-', "_");
    let length = word.chars().take(MAX_COMPARED_CHARS + 1).count();
    if length == 0 || length > MAX_COMPARED_CHARS {
        return None;
    }
    candidates
        .into_iter()
        .filter_map(|candidate| {
            let letters = candidate.chars().count();
            let limit = (length.max(letters) / 3).clamp(1, 3);
            let distance = strsim::osa_distance(&word, &candidate.to_ascii_lowercase());
            (distance <= limit && distance < letters).then_some((distance, candidate))
        })
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}
