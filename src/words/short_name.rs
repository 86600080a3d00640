//! A name that stands where it is used: what is compared with each request needs no second look
//! into memory, as a `String` does.

/// Bytes of a name that stands in place; longer ones are a look away.
const SHORT_MAX: usize = 22;

/// A backend's or a server's name, to compare with.
#[derive(Clone, Debug)]
pub(crate) enum Name {
    Short { length: u8, bytes: [u8; SHORT_MAX] },
    Long(Box<str>),
}

impl Name {
    pub(crate) fn of(name: &str) -> Self {
        let mut bytes = [0; SHORT_MAX];
        match (bytes.get_mut(..name.len()), u8::try_from(name.len())) {
            (Some(room), Ok(length)) => {
                room.copy_from_slice(name.as_bytes());
                Self::Short { length, bytes }
            }
            (Some(_) | None, _) => Self::Long(name.into()),
        }
    }

    /// Whether it is that name.
    pub(crate) fn is(&self, name: &str) -> bool {
        self.as_bytes() == name.as_bytes()
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Short { length, bytes } => bytes.get(..usize::from(*length)).unwrap_or(&[]),
            Self::Long(name) => name.as_bytes(),
        }
    }

    /// The name, for people.
    pub(crate) fn to_text(&self) -> String {
        String::from_utf8_lossy(self.as_bytes()).into_owned()
    }
}

impl PartialEq for Name {
    fn eq(&self, other: &Self) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}
