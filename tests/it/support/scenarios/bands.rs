//! What scenarios have in common, so that their sums can be told apart.

/// Seconds that a spare needs to start, from and below.
pub const BOOT_BANDS: [(&str, f64, f64); 4] = [
    ("boot 1-5 s", 0.0, 5.0),
    ("boot 5-20 s", 5.0, 20.0),
    ("boot 20-60 s", 20.0, 60.0),
    ("boot 1-5 min", 60.0, f64::INFINITY),
];

/// Servers, from and below.
pub const POOL_BANDS: [(&str, f64, f64); 3] = [
    ("pool 2-5", 0.0, 6.0),
    ("pool 6-15", 6.0, 16.0),
    ("pool 16-50", 16.0, f64::INFINITY),
];

/// The name of the band in which it lies.
pub fn band(bands: &[(&'static str, f64, f64)], value: f64) -> &'static str {
    let found = bands
        .iter()
        .find(|(_, from, below)| (*from..*below).contains(&value));
    found.map_or("", |it| it.0)
}
