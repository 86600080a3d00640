//! The pieces of a line that its readers hand each other, and the small questions about bytes that
//! several of them ask: words, a client's address, a server's name.

use std::net::IpAddr;

/// HAProxy's own text, without its head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Body<'a> {
    /// Everything behind the head.
    pub(super) text: &'a [u8],
    /// A head that proves the sender, or HAProxy's priority, was there.
    pub(super) has_head: bool,
    /// From the innermost date of the heads on.
    pub(super) date: Option<&'a [u8]>,
    /// One of the heads also has an end, behind the text: what stood before one text is not all
    /// that stands around the next.
    pub(super) is_enclosed: bool,
}

/// What one head says about who wrote what follows it.
pub(super) enum Head<'a> {
    /// The program is ours: its own text follows, or another head of it.
    Ours(&'a [u8]),
    /// A relay's date and host, without a program: a head that names ours has to follow.
    Relay(&'a [u8]),
    /// A date, or what a container's runtime put there: no program is named.
    Unnamed(&'a [u8]),
    /// The same of a head that also has an end, which is not in the text any more.
    Enclosing(&'a [u8]),
    /// The last of them, which HAProxy alone writes so: its body follows at once.
    Last(&'a [u8]),
}

/// Pseudo servers as docker's json-file driver writes them, and what HAProxy had written.
const ESCAPED_SERVERS: [(&[u8], &str); 7] = [
    (br"\u003cNOSRV\u003e", "<NOSRV>"),
    (br"\u003cSTATS\u003e", "<STATS>"),
    (br"\u003cPROMEX\u003e", "<PROMEX>"),
    (br"\u003cCACHE\u003e", "<CACHE>"),
    (br"\u003cHTTPCLIENT\u003e", "<HTTPCLIENT>"),
    (br"\u003cSPOE\u003e", "<SPOE>"),
    (br"\u003cCLI\u003e", "<CLI>"),
];

/// The bytes before the first space, and those behind it.
#[inline]
pub(super) fn split_word(text: &[u8]) -> (&[u8], &[u8]) {
    let end = text.iter().position(|&byte| byte == b' ');
    match end.and_then(|end| text.split_at_checked(end)) {
        Some((word, rest)) => (word, rest.get(1..).unwrap_or_default()),
        None => (text, &[]),
    }
}

/// The start of every line about a connection, `ADDRESS:PORT [`.
pub(super) fn starts_like_traffic(text: &[u8]) -> bool {
    let (client, rest) = split_word(text);
    rest.starts_with(b"[") && is_client(client)
}

/// `%ci:%cp`: an IPv4 address or an IPv6 one without brackets, split from the port at the last
/// colon; `unix:3` with the listener's number; `-` for what is not known.
pub(super) fn is_client(word: &[u8]) -> bool {
    if word == b"-" {
        return true;
    }
    let colon = word.iter().rposition(|&byte| byte == b':');
    let Some((address, port)) = colon.and_then(|colon| word.split_at_checked(colon)) else {
        return false;
    };
    let is_port = match port {
        b":-" => true,
        [_, digits @ ..] => {
            (1..=10).contains(&digits.len()) && digits.iter().all(u8::is_ascii_digit)
        }
        [] => false,
    };
    is_port && (address == b"unix" || address == b"-" || is_ip(address))
}

pub(super) fn is_ip(word: &[u8]) -> bool {
    std::str::from_utf8(word).is_ok_and(|text| text.parse::<IpAddr>().is_ok())
}

/// A server's name, ASCII; `None` for an escaped one that is no pseudo server of HAProxy's.
pub(super) fn plain_server(name: &[u8]) -> Option<&str> {
    if !name.starts_with(b"\\") {
        return std::str::from_utf8(name).ok();
    }
    let mut servers = ESCAPED_SERVERS.iter();
    let server = servers.find(|(escaped, _)| *escaped == name);
    server.map(|(_, plain)| *plain)
}
