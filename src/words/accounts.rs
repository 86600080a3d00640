//! Names and numbers of users and groups, as the host's files have them. Which file, and who may be
//! believed, is the reader's business.

/// Name and number of each line of `/etc/passwd` or `/etc/group`; lines without a name or a number are
/// left out (passwd(5), group(5)).
pub fn accounts(text: &str) -> impl Iterator<Item = (&str, u32)> {
    text.lines().filter_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next().filter(|name| !name.is_empty())?;
        Some((name, fields.nth(1)?.parse().ok()?))
    })
}
