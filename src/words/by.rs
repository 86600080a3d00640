//! Who gave an order, and why: small enough to be copied with whatever stands because of it. Finding out
//! lives in `control`.

use std::fmt;

/// Bytes of a user's name; Linux allows no more.
pub const USER_BYTES_MAX: usize = 32;
/// Bytes of a reason: a line of `status` is to hold it.
pub const REASON_BYTES_MAX: usize = 100;

/// That of no user, which the kernel gives to nobody: over HTTP a token says who it is.
pub const NO_UID: u32 = u32::MAX;

/// A text that stands in place.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Inline<const MOST: usize> {
    length: u8,
    bytes: [u8; MOST],
}

impl<const MOST: usize> Inline<MOST> {
    /// Nothing.
    pub const NONE: Self = Self {
        length: 0,
        bytes: [0; MOST],
    };

    /// As much of it as there is room for, in whole letters, and without any that control a terminal.
    pub fn of(text: &str) -> Self {
        let mut inline = Self::NONE;
        for letter in text.chars().filter(|letter| !letter.is_control()) {
            let from = usize::from(inline.length);
            let to = from + letter.len_utf8();
            let Some(room) = inline.bytes.get_mut(from..to) else {
                break;
            };
            letter.encode_utf8(room);
            inline.length = u8::try_from(to).unwrap_or(u8::MAX);
        }
        inline
    }

    pub fn as_str(&self) -> &str {
        let bytes = self.bytes.get(..usize::from(self.length));
        str::from_utf8(bytes.unwrap_or_default()).unwrap_or_default()
    }

    pub const fn is_empty(&self) -> bool {
        self.length == 0
    }
}

/// Who gave an order, and why.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct By {
    /// The user id of whoever called, as the kernel told.
    pub uid: u32,
    /// The name, where it is known; behind `sudo` that of its caller.
    pub user: Inline<USER_BYTES_MAX>,
    /// It is the name of who called `sudo`.
    pub is_sudo: bool,
    /// `--reason`; may be empty.
    pub reason: Inline<REASON_BYTES_MAX>,
}

impl By {
    /// Nothing else is known.
    pub const fn uid(uid: u32) -> Self {
        Self {
            uid,
            user: Inline::NONE,
            is_sudo: false,
            reason: Inline::NONE,
        }
    }

    /// The reason, if one was given.
    pub fn reason(&self) -> Option<&str> {
        Some(self.reason.as_str()).filter(|reason| !reason.is_empty())
    }
}

/// `root`, `alice (sudo)`; `uid 1000` where there is no name.
impl fmt::Display for By {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.user.as_str(), self.is_sudo) {
            ("", _) => write!(formatter, "uid {}", self.uid),
            (user, false) => formatter.write_str(user),
            (user, true) => write!(formatter, "{user} (sudo)"),
        }
    }
}

/// As short as a number where nothing more is known.
impl fmt::Debug for By {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.uid)?;
        match (self.user.as_str(), self.reason.as_str()) {
            ("", "") => Ok(()),
            (user, reason) => write!(formatter, " {user:?} {} {reason:?}", self.is_sudo),
        }
    }
}
