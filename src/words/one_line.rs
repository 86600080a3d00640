//! Texts of others (a program, a machine's name) as they may go to a terminal, a log and an event: on one line, and
//! with nothing in them that moves a cursor, hides letters or turns their order around.

/// Letters that are not seen and change how others look: general category Cf of Unicode 16, and what ends a line or
/// a paragraph (Zl, Zp).
const UNSEEN: [(char, char); 20] = [
    ('\u{ad}', '\u{ad}'),
    ('\u{600}', '\u{605}'),
    ('\u{61c}', '\u{61c}'),
    ('\u{6dd}', '\u{6dd}'),
    ('\u{70f}', '\u{70f}'),
    ('\u{890}', '\u{891}'),
    ('\u{8e2}', '\u{8e2}'),
    ('\u{180e}', '\u{180e}'),
    ('\u{200b}', '\u{200f}'),
    ('\u{2028}', '\u{202e}'),
    ('\u{2060}', '\u{206f}'),
    ('\u{feff}', '\u{feff}'),
    ('\u{fff9}', '\u{fffb}'),
    ('\u{110bd}', '\u{110bd}'),
    ('\u{110cd}', '\u{110cd}'),
    ('\u{13430}', '\u{1343f}'),
    ('\u{1bca0}', '\u{1bca3}'),
    ('\u{1d173}', '\u{1d17a}'),
    ('\u{e0001}', '\u{e0001}'),
    ('\u{e0020}', '\u{e007f}'),
];

/// What breaks a line becomes a blank, what cannot be seen its number: `\u{202e}`.
pub fn escaped(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for letter in text.chars() {
        if letter.is_control() && letter.is_whitespace() {
            shown.push(' ');
        } else if letter.is_control() || is_unseen(letter) {
            shown.extend(letter.escape_unicode());
        } else {
            shown.push(letter);
        }
    }
    shown
}

/// The same, and no longer than that.
pub fn one_line(text: &str, chars_max: usize) -> String {
    // What is far behind that need not be looked at.
    let begin: String = text.chars().take(chars_max.saturating_add(1)).collect();
    let mut shown = escaped(&begin);
    if let Some((end, _)) = shown.char_indices().nth(chars_max) {
        shown.truncate(end);
        shown.push('…');
    }
    shown
}

fn is_unseen(letter: char) -> bool {
    let mut unseen = UNSEEN.iter();
    unseen.any(|(first, last)| (*first..=*last).contains(&letter))
}
