//! Closed lists of words: an enum whose variants stand beside their words, so that nobody keeps a second
//! list. What the words mean is said where the enum is.

/// Makes an enum of `VARIANT = "WORD"` rows, with `ALL` and `as_str`.
macro_rules! closed {
    (
        $(#[$of:meta])*
        pub enum $name:ident {
            $($(#[$doc:meta])* $variant:ident = $word:literal,)*
        }
    ) => {
        $(#[$of])*
        pub enum $name {
            $($(#[$doc])* $variant,)*
        }

        impl $name {
            pub const ALL: [Self; [$($word),*].len()] = [$(Self::$variant),*];

            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)*
                }
            }
        }
    };
}

pub(crate) use closed;
