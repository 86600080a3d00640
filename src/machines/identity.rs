//! What names a machine to its provider: whether two servers have the same one, and whether another one stands
//! behind a server than before. Secrets and time limits name nothing. Also what names one start.

use super::fence::{PLUGS, is_secret};
use super::settings::{Options, Provider};
use crate::words::machine::MachineCall;

/// Longest part of an id that a name may take; clouds take 63 characters for all of it.
const ID_NAME_CHARS_MAX: usize = 16;

/// Agents that command one computer and know no plug: `fence_ipmilan` and its other names.
const WITHOUT_PLUG: [&str; 7] = [
    "fence_ipmilan",
    "fence_ipmilanplus",
    "fence_idrac",
    "fence_ilo3",
    "fence_ilo4",
    "fence_ilo5",
    "fence_imm",
];

/// What names one machine; its kind is the first word.
pub type Names = Vec<String>;

/// A number for the machine behind that server: the same as long as its provider is told the same.
pub fn identity(provider: &Provider, server: &str) -> u64 {
    let names = match provider {
        Provider::Exec { command } => of_command(command, Some(server)),
        Provider::Fence { agent, options } => of_agent(agent, options, server),
        Provider::Wol(wake) => vec!["wol".to_owned(), wake.mac.to_string()],
    };
    hash(names.iter().flat_map(|name| name.bytes().chain([0])))
}

/// Names one start: letters, digits and `-`, at most 63 characters, the same over all repetitions, over a restart
/// and an update. Keys of different servers may be the same, and so may what is left of their names: the
/// number between them is of the whole name.
pub fn id(call: &MachineCall) -> String {
    let plain = |name: &str| -> String {
        let letters = name.chars().take(ID_NAME_CHARS_MAX);
        let plain = |it: char| if it.is_ascii_alphanumeric() { it } else { '-' };
        letters.map(plain).collect()
    };
    let (backend, server) = (plain(&call.server.backend), plain(&call.server.server));
    let whole = hash(call.server.to_string().bytes());
    // As the draft of FNV makes 32 bits of 64.
    let whole = (whole >> 32) ^ (whole & u64::from(u32::MAX));
    format!("{backend}-{server}-{whole:08x}-{}", call.key.0)
}

/// 64-bit FNV-1a (Fowler, Noll, Vo; draft-eastlake-fnv), so that it outlives a restart and an update.
fn hash(bytes: impl Iterator<Item = u8>) -> u64 {
    const OFFSET_BASIS: u64 = 0xcbf2_9ce4_8422_2325;
    const PRIME: u64 = 0x0100_0000_01b3;
    bytes.fold(OFFSET_BASIS, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(PRIME)
    })
}

/// Each thing that no other server's machine may have, too.
pub fn claims(provider: &Provider, server: &str) -> Vec<Names> {
    // Arguments say which machine; a program without any has the server's name alone.
    let of = |command: &[String]| of_command(command, (command.len() < 2).then_some(server));
    match provider {
        Provider::Exec { command } => vec![of(command)],
        Provider::Fence { agent, options } => vec![of_agent(agent, options, server)],
        Provider::Wol(wake) => {
            let card = vec!["wol".to_owned(), wake.mac.to_string()];
            let command = wake.command.as_deref().map(of);
            std::iter::once(card).chain(command).collect()
        }
    }
}

fn of_command(command: &[String], server: Option<&str>) -> Names {
    let words = ["exec", server.unwrap_or_default()];
    let words = words.into_iter().map(str::to_owned);
    words.chain(command.iter().cloned()).collect()
}

fn of_agent(agent: &str, options: &Options, server: &str) -> Names {
    let agent = agent.rsplit('/').next().unwrap_or(agent);
    let mut plugs = PLUGS.iter().filter_map(|plug| options.0.get(*plug));
    let plug = match plugs.next() {
        Some(plug) => plug,
        None if WITHOUT_PLUG.contains(&agent) => "",
        None => server,
    };
    let names = ["fence", agent, plug].into_iter().map(str::to_owned);
    let others = options.0.iter();
    let others = others.filter(|(key, _)| !is_secret(key) && !PLUGS.contains(&key.as_str()));
    names
        .chain(others.map(|(key, value)| format!("{key}={value}")))
        .collect()
}
