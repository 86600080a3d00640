//! Closed lists of words: enums whose variants stand beside their words, so that nobody keeps a second
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

/// Gives an enum of data what each variant is to people, from `VARIANT: LEVEL "CODE"` rows: `CODES`,
/// `code` and `level`. What a variant holds may answer for it: `@ PATTERN => HELD`.
macro_rules! told {
    ($name:ident {
        $($variant:ident: $level:ident $code:literal,)*
        $(@ $holding:pat => $held:ident,)*
    }) => {
        impl $name {
            /// All codes of its own.
            pub const CODES: &[&str] = &[$($code),*];

            /// In one word of a closed list.
            pub const fn code(&self) -> &'static str {
                match self {
                    $(Self::$variant { .. } => $code,)*
                    $($holding => $held.code(),)*
                }
            }

            /// How much it matters.
            pub const fn level(&self) -> $crate::words::level::Level {
                match self {
                    $(Self::$variant { .. } => $crate::words::level::Level::$level,)*
                    $($holding => $held.level(),)*
                }
            }
        }
    };
}

pub(crate) use {closed, told};
