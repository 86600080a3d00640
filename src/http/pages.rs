//! What is written from one look, once for all who ask for the same at the same time: a page of many
//! backends is megabytes, and whoever takes it slowly holds it for as long.

use std::sync::{Arc, Mutex, PoisonError, Weak};

use axum::body::Bytes;
use axum::http::StatusCode;

use super::answers::Problem;
use crate::metrics::{Format, Seen};

/// Pages of looks that have passed, which others have not taken yet, are together at most so large when
/// another one is written.
const HELD_BYTES_MAX: usize = 16 * 1024 * 1024;

/// What is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Metrics(Format),
    Status,
    /// Of all backends.
    Explained,
    /// Both, for the page.
    Overview,
}

/// Those that somebody has not taken yet.
#[derive(Debug, Default)]
pub(super) struct Pages(Mutex<Vec<Page>>);

#[derive(Debug)]
struct Page {
    of: Weak<Seen>,
    kind: Kind,
    text: Weak<Text>,
}

#[derive(Debug)]
struct Text(String);

/// A holder of a page; it goes with the last one.
struct Held(Arc<Text>);

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        self.0.0.as_bytes()
    }
}

impl Pages {
    /// The page of that look: one that is held already, or what `write` writes.
    ///
    /// # Errors
    /// Of `write`, or others hold too many.
    pub(super) fn page(
        &self,
        seen: &Arc<Seen>,
        kind: Kind,
        write: impl FnOnce() -> Result<String, Problem>,
    ) -> Result<Bytes, Problem> {
        let mut pages = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let of = Arc::downgrade(seen);
        let mut held_bytes = 0;
        let mut found = None;
        pages.retain(|page| {
            let Some(text) = page.text.upgrade() else {
                return false;
            };
            held_bytes += text.0.len();
            if page.kind == kind && Weak::ptr_eq(&page.of, &of) {
                found = Some(text);
            }
            true
        });
        if let Some(text) = found {
            return Ok(Bytes::from_owner(Held(text)));
        }
        if held_bytes > HELD_BYTES_MAX {
            return Err(Problem::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "others have not taken what they asked for; try again in a few seconds",
            ));
        }
        let text = Arc::new(Text(write()?));
        pages.push(Page {
            of,
            kind,
            text: Arc::downgrade(&text),
        });
        Ok(Bytes::from_owner(Held(text)))
    }
}
