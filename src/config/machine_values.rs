//! The values of a server's machine: addresses of network cards, an agent's name and options. What they mean
//! together is in [`super::machine`].

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddrV4};

use super::diagnostic::{Code, escaped, quoted};
use super::machine::Kind;
use super::reader::Reader;
use super::text::Mistake;
use super::values::{Entry, Parse, Word};
use crate::machines::settings::{Mac, Options, WolPassword};
use crate::machines::{fence, wol};

/// Most options of an agent; those with the most have about 60.
const OPTIONS_MAX: usize = 100;
/// Longest name and longest value of one.
const OPTION_BYTES_MAX: usize = 1024;

impl Word for Kind {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("exec", Self::Exec),
        ("fence", Self::Fence),
        ("wol", Self::Wol),
    ];
}

impl Parse for Mac {
    const KIND: &'static str =
        "the address of a network card, six bytes such as `\"52:54:00:12:34:56\"`";

    fn parse(given: &Entry<'_>, reader: &mut Reader<'_>) -> Option<Self> {
        given.parsed(mac, reader)
    }

    fn show(&self) -> String {
        quoted(&self.to_string())
    }
}

impl Parse for SocketAddrV4 {
    const KIND: &'static str = "an IPv4 address, or `\"ADDRESS:PORT\"`";

    fn parse(given: &Entry<'_>, reader: &mut Reader<'_>) -> Option<Self> {
        given.parsed(broadcast, reader)
    }

    fn show(&self) -> String {
        match self.port() {
            wol::PORT => quoted(&self.ip().to_string()),
            _ => quoted(&self.to_string()),
        }
    }
}

impl Parse for WolPassword {
    const KIND: &'static str =
        "four or six bytes, such as `\"00:22:44:66:88:aa\"` or `\"192.168.1.1\"`";

    fn parse(given: &Entry<'_>, reader: &mut Reader<'_>) -> Option<Self> {
        let read = password(given.text(reader)?);
        if read.is_none() {
            let help = "write four or six bytes: \"00:22:44:66:88:aa\", \"00:22:44:66\" or \"192.168.1.1\"";
            let mut mistake = given.bad(Code::BadText, "no four or six bytes", help);
            // It is a secret, if a small one.
            mistake.title = format!("`{}` cannot be that", given.key.name);
            reader.add(mistake);
        }
        read
    }

    fn show(&self) -> String {
        String::new()
    }
}

impl Parse for Options {
    const KIND: &'static str = "a table of texts and numbers";

    fn parse(given: &Entry<'_>, reader: &mut Reader<'_>) -> Option<Self> {
        let Some(table) = given.value.get_ref().as_table() else {
            reader.add(given.wrong(Self::KIND));
            return None;
        };
        let mut options = BTreeMap::new();
        let mut is_good = true;
        for (name, value) in table {
            let key: &str = name.get_ref();
            let one = Entry {
                key: given.key,
                value,
            };
            match option(key, &one) {
                Ok(text) => {
                    options.insert(key.to_owned(), text);
                }
                Err(mistake) => {
                    let mut found = given.bad(Code::BadText, mistake.label, mistake.help);
                    found.title = format!("option `{}` cannot be used", escaped(key));
                    found.primary.span = name.span();
                    reader.add(found);
                    is_good = false;
                }
            }
        }
        if options.len() > OPTIONS_MAX {
            reader.add(given.bad(
                Code::OutOfRange,
                "too many options",
                "leave some of them out",
            ));
            is_good = false;
        }
        is_good.then_some(Self(options))
    }

    fn show(&self) -> String {
        let pairs = self
            .0
            .iter()
            .map(|(key, value)| format!("{key} = {}", quoted(value)));
        format!("{{ {} }}", pairs.collect::<Vec<_>>().join(", "))
    }
}

/// One option as the agent will get it. Agents take a number as text, and 1 for yes.
fn option(key: &str, given: &Entry<'_>) -> Result<String, Mistake> {
    let is_name = |it: char| it.is_ascii_alphanumeric() || "_-".contains(it);
    if key.is_empty() || key.len() > OPTION_BYTES_MAX || !key.chars().all(is_name) {
        return Err(Mistake::new(
            "no name of an option",
            "write it as the agent's manual page does for its standard input: letters, digits, `_` and `-`",
        ));
    }
    if fence::OURS.contains(&key) {
        return Err(Mistake::new(
            "this daemon says it itself",
            "remove it: what is to be done, and for how long, is known when it is asked for",
        ));
    }
    let value = given.value.get_ref();
    let text = match (value.as_str(), value.as_integer(), value.as_bool()) {
        (Some(text), ..) => text.to_owned(),
        // Agents read no other base than ten.
        (_, Some(number), _) => match i128::from_str_radix(number.as_str(), number.radix()) {
            Ok(number) => number.to_string(),
            Err(_) => return Err(Mistake::new("too large a number", "write it in quotes")),
        },
        (.., Some(is_so)) => u8::from(is_so).to_string(),
        (None, None, None) => {
            let help = "write a text in quotes, a number, true or false";
            return Err(Mistake::new("neither a text nor a number", help));
        }
    };
    let wrong = if text.contains('"') {
        Some("agents take double quotes out of values")
    } else if text.contains(char::is_control) {
        Some("a value ends with its line")
    } else if text.len() > OPTION_BYTES_MAX {
        Some("too long")
    } else if fence::PLUGS.contains(&key) && text.contains(',') {
        Some("agents take a comma for several machines")
    } else if fence::PLUGS.contains(&key) && text.is_empty() {
        Some("empty")
    } else {
        None
    };
    match wrong {
        Some(label) => Err(Mistake::new(
            label,
            "write another value: no double quotes, no line breaks, and no comma in `plug`",
        )),
        None => Ok(text),
    }
}

/// `agent`.
pub(super) fn agent(text: &str) -> Result<(), Mistake> {
    let is_plain = |it: char| it.is_ascii_alphanumeric() || "_-.".contains(it);
    let is_path = text.starts_with('/') && !text.contains(char::is_control);
    let is_name = text.starts_with("fence_") && text.chars().all(is_plain);
    if is_path || is_name {
        return Ok(());
    }
    let help = "write a name such as \"fence_virsh\", or the agent's whole path";
    Err(Mistake::new("no fence agent", help))
}

fn mac(text: &str) -> Result<Mac, Mistake> {
    let help = "write six bytes, as `ip link` shows them on the machine: \"52:54:00:12:34:56\"";
    let bytes = pairs(text).and_then(|bytes| <[u8; 6]>::try_from(bytes).ok());
    let bytes = bytes.ok_or_else(|| Mistake::new("no address of a network card", help))?;
    let is_one_card = bytes[0] & 1 == 0 && bytes != [0; 6];
    if is_one_card {
        return Ok(Mac(bytes));
    }
    Err(Mistake::new("no card has this address", help))
}

/// Bytes of two hexadecimal digits each.
fn pairs(text: &str) -> Option<Vec<u8>> {
    let separator = if text.contains('-') { '-' } else { ':' };
    let byte = |pair: &str| {
        let is_pair = pair.len() == 2 && pair.bytes().all(|it| it.is_ascii_hexdigit());
        is_pair.then(|| u8::from_str_radix(pair, 16).ok()).flatten()
    };
    text.split(separator).map(byte).collect()
}

fn broadcast(text: &str) -> Result<SocketAddrV4, Mistake> {
    let alone = text
        .parse::<Ipv4Addr>()
        .map(|ip| SocketAddrV4::new(ip, wol::PORT));
    let read = alone.ok().or_else(|| text.parse().ok());
    read.filter(|it| it.port() > 0 && !it.ip().is_unspecified())
        .ok_or_else(|| {
            let help =
                "write the broadcast address that `ip address` shows behind `brd`: \"10.0.0.255\"";
            Mistake::new("no IPv4 address", help)
        })
}

fn password(text: &str) -> Option<WolPassword> {
    if let Ok(four) = text.parse::<Ipv4Addr>() {
        return Some(WolPassword::Four(four.octets()));
    }
    let bytes = pairs(text)?;
    let six = <[u8; 6]>::try_from(bytes.as_slice()).map(WolPassword::Six);
    let four = <[u8; 4]>::try_from(bytes.as_slice()).map(WolPassword::Four);
    six.or(four).ok()
}
