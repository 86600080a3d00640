//! What HAProxy's admin socket prints as a table, by the names of its columns.

use std::collections::BTreeMap;

/// One row.
pub type Row<'a> = BTreeMap<&'a str, &'a str>;

/// The rows behind a header; `,` separates cells in `show stat`, a space in `show servers state`.
pub fn rows(text: &str, separator: char) -> Vec<Row<'_>> {
    let mut lines = text.lines().skip_while(|line| !line.starts_with("# "));
    let header = lines.next().unwrap_or_default().trim_start_matches("# ");
    let row = |line| header.split(separator).zip(str::split(line, separator));
    lines.map(|line| row(line).collect()).collect()
}

/// What commands made of a server, from its row of `show servers state`: maint where a row says
/// nothing.
pub fn admin_state(row: &Row<'_>) -> &'static str {
    let admin = row.get("srv_admin_state").and_then(|it| it.parse().ok());
    match (admin.unwrap_or(1) & 0x23, admin.unwrap_or(1) & 0x18) {
        (0, 0) => "ready",
        (0, _) => "drain",
        (_, _) => "maint",
    }
}
