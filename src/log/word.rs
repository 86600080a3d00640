//! Eight bytes of a line looked at together: where digits end, and what they say. What they mean does
//! not belong here.
//!
//! How long a number is cannot be guessed, and a processor that guesses wrong in a loop over digits
//! loses more time than all of this takes. (The same for names was tried: no gain.)

/// One in each byte.
const EACH: u64 = 0x0101_0101_0101_0101;

/// Eight bytes, the first one lowest.
#[derive(Clone, Copy, Debug)]
pub(super) struct Word(u64);

/// The digits that a word begins with: one to seven of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Digits {
    /// How many.
    pub(super) count: usize,
    /// What they say.
    pub(super) value: u32,
    /// The first one of several is `0`.
    pub(super) has_leading_zero: bool,
}

impl Word {
    /// The first eight bytes, if there are so many.
    #[inline]
    pub(super) fn at_start_of(text: &[u8]) -> Option<Self> {
        text.first_chunk()
            .map(|bytes| Self(u64::from_le_bytes(*bytes)))
    }

    /// The digits at the beginning; `None` for no digit, and for eight: there may be more.
    #[inline]
    pub(super) fn digits(self) -> Option<Digits> {
        // A digit is 0 to 9 now. Whatever is more has a bit above its lowest four, or gets one from
        // adding 6; what that carries over comes behind the first such byte and is not looked at.
        let digits = self.0 ^ (EACH * 0x30);
        let others = (digits | digits.wrapping_add(EACH * 6)) & (EACH * 0xf0);
        let bits = others.trailing_zeros() & !7;
        if bits == 0 || bits == u64::BITS {
            return None;
        }
        // Zeros first and the last digit highest; then pairs of digits become numbers, and pairs of
        // those, twice.
        let ones = digits << (u64::BITS - bits);
        let hundreds = (ones * 10 + (ones >> 8)) & 0x00ff_00ff_00ff_00ff;
        let myriads = (hundreds * 100 + (hundreds >> 16)) & 0x0000_ffff_0000_ffff;
        let value = (myriads * 10_000 + (myriads >> 32)) & u64::from(u32::MAX);
        Some(Digits {
            count: (bits / 8) as usize,
            value: u32::try_from(value).ok()?,
            has_leading_zero: bits > 8 && digits.trailing_zeros() >= 8,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Any byte, and much more often the ones that matter and their neighbours.
    fn bytes() -> impl Strategy<Value = [u8; 8]> {
        let byte = prop_oneof![
            4 => b'0'..=b'9',
            1 => b'+'..=b'@',
            1 => b'Y'..=b'c',
            1 => any::<u8>(),
        ];
        proptest::array::uniform8(byte)
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 4000, ..ProptestConfig::default() })]

        #[test]
        fn eight_bytes_at_once_say_what_they_say_one_by_one(bytes in bytes()) {
            let word = Word::at_start_of(&bytes).expect("eight bytes");
            let count = bytes.iter().take_while(|byte| byte.is_ascii_digit()).count();
            let text = std::str::from_utf8(&bytes[..count]).expect("digits");
            let expected = (1..=7).contains(&count).then(|| Digits {
                count,
                value: text.parse().expect("a number"),
                has_leading_zero: count > 1 && text.starts_with('0'),
            });
            prop_assert_eq!(word.digits(), expected);
        }
    }

    #[test]
    fn fewer_bytes_are_no_word() {
        assert!(Word::at_start_of(b"1234567").is_none());
    }
}
