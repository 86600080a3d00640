//! Numbers that differ in all bits though they were neighbours. Not for secrets.

/// 2^64 divided by the golden ratio: the step from one number of `SplitMix64` to the next.
pub const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

/// The number that `SplitMix64` gives after `before` (Steele, Lea and Flood 2014).
pub const fn mix(before: u64) -> u64 {
    let mut bits = before.wrapping_add(STEP);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}
