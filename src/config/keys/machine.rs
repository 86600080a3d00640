//! The rows of a server's machine: what it is that is off until it is needed.

use super::{Group, Holds, Key, Least, MIN_DURATION, Section, Text, Type};
use crate::config::machine_values;

/// `[backend.NAME.server.SERVER.machine]`.
pub static MACHINE: Section = Section {
    header: "[backend.NAME.server.SERVER.machine]",
    text: "Of a spare that is off until it is needed: who starts and stops what it runs on. docs/machines.md has an
example for each provider, and the contract of a program.",
    groups: plain! {
        ("provider", (machine.provider), Type, "\"exec\"")
"\"exec\": a program of yours. \"fence\": one of the fence agents that Debian packages. \"wol\": Wake-on-LAN."
        ("command", (machine.command), Type, "[\"/etc/haproxy-autoscale/machine\"]")
"Of exec: the program with its whole path, and arguments; it is run as PROGRAM VERB ARGUMENTS. Of wol: the
same, asked to stop the machine and for its status. It and its folder must belong to root, or to the
daemon's user, and be writable by nobody else."
        ("start_timeout", (machine.settings.start_timeout), Least(MIN_DURATION), "")
    "From the wish for the machine until its server answers."
        ("stop_timeout", (machine.settings.stop_timeout), Least(MIN_DURATION), "")
    "How long stopping it may take."
        ("status_timeout", (machine.settings.status_timeout), Least(MIN_DURATION), "")
    "How long the provider may take to say what the machine does."
        ("stop", (machine.settings.may_stop), Type, "")
"Stop it when it is not needed any more. false: it is started when needed and never stopped, which is all
that wol can do without `command`."
        ("agent", (machine.agent), Text(machine_values::agent), "\"fence_virsh\"")
    "Of fence: the agent's name, or its whole path."
        ("options", (machine.options), Type, "{ ip = \"10.0.0.1\", plug = \"web3\" }")
"Of fence: what the agent is told, see its manual page. `plug` says which machine; without it, it is the
server's name. A password here can be read by whoever reads this file; `password_script` names a
program that prints it."
        ("mac", (machine.mac), Type, "\"52:54:00:12:34:56\"")
    "Of wol: the address of the machine's network card."
        ("broadcast", (machine.broadcast), Type, "\"10.0.0.255\"")
"Of wol: the broadcast address of the machine's network, with `:PORT` if that is not 9. The packet also
goes to the server's own address."
        ("wol_password", (machine.wol_password), Type, "\"00:22:44:66:88:aa\"")
    "Of wol: four or six bytes that some network cards want to hear."
    },
    is_off: true,
};
