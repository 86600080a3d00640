//! `[backend.NAME.server.SERVER.machine]`: what each provider needs, what it cannot have, and that no message
//! shows a password.

use std::time::Duration;

use haproxy_autoscale::config::{BackendConfig, parse};
use haproxy_autoscale::machines::settings::{Mac, Provider, WolPassword};

use super::BASE;
use super::mistakes::found;

fn read(tables: &str) -> (BackendConfig, Vec<String>) {
    let loaded = parse(&format!("{BASE}{tables}"), "c.toml");
    let mut loaded = loaded.unwrap_or_else(|errors| panic!("{errors}"));
    let warnings = loaded.warnings.iter().map(|it| it.title.clone());
    let warnings = warnings.collect();
    (loaded.config.backends.remove("web").unwrap(), warnings)
}

fn machine(server: &str, keys: &str) -> String {
    format!("[backend.web.server.{server}.machine]\n{keys}\n")
}

#[test]
fn each_provider_is_read_with_what_it_needs() {
    let tables = [
        "starts_per_hour = 3\nmachines_at_once = 2\n".to_owned(),
        machine(
            "a",
            "provider = 'exec'\ncommand = ['/etc/m', 'vm-a']\nstart_timeout = '5m'",
        ),
        machine(
            "b",
            "provider = 'fence'\nagent = 'fence_virsh'\nstop = false\n\
             options = { ip = '10.0.0.1', plug = 'vm-b', ssl = true, ipport = 22, passwd = 'a b' }",
        ),
        machine(
            "c",
            "provider = 'wol'\nmac = '52-54-00-AB-cd-01'\nbroadcast = '10.0.0.255'\n\
             wol_password = '1.2.3.4'\ncommand = ['/etc/m']",
        ),
        machine(
            "d",
            "provider = 'wol'\nmac = '52:54:00:ab:cd:02'\nbroadcast = '127.0.0.1:4009'",
        ),
    ];
    let (backend, warnings) = read(&tables.concat());
    assert_eq!(warnings, [""; 0]);
    let scaler = &backend.scaler;
    assert_eq!((scaler.starts_per_hour, scaler.machines_at_once), (3, 2));
    let names: Vec<_> = backend.machines.keys().collect();
    assert_eq!(names, ["a", "b", "c", "d"]);
    assert!(names.into_iter().eq(scaler.machines.keys()));
    let [a, b, c, d] =
        ["a", "b", "c", "d"].map(|name| (&backend.machines[name], scaler.machines[name]));
    let command = ["/etc/m", "vm-a"].map(str::to_owned).to_vec();
    assert_eq!(*a.0, Provider::Exec { command });
    assert_eq!(a.1.start_timeout, Duration::from_secs(300));
    assert_eq!(a.1.status_timeout, Duration::from_secs(10));
    assert!(a.1.may_stop && !b.1.may_stop && c.1.may_stop && !d.1.may_stop);
    let Provider::Fence { agent, options } = b.0 else {
        panic!("{:?}", b.0);
    };
    let options: Vec<_> = options
        .0
        .iter()
        .map(|(key, value)| format!("{key}={value}"))
        .collect();
    assert_eq!(agent, "fence_virsh");
    assert_eq!(
        options,
        [
            "ip=10.0.0.1",
            "ipport=22",
            "passwd=a b",
            "plug=vm-b",
            "ssl=1"
        ]
    );
    let Provider::Wol(wake) = c.0 else {
        panic!("{:?}", c.0);
    };
    assert_eq!(wake.mac, Mac([0x52, 0x54, 0, 0xab, 0xcd, 1]));
    assert_eq!(wake.broadcast, "10.0.0.255:9".parse().unwrap());
    assert_eq!(wake.password, Some(WolPassword::Four([1, 2, 3, 4])));
    let Provider::Wol(wake) = d.0 else {
        panic!("{:?}", d.0);
    };
    assert_eq!(wake.broadcast, "127.0.0.1:4009".parse().unwrap());
    let shown = format!("{backend:?}");
    assert!(
        !shown.contains("a b") && !shown.contains("[1, 2, 3, 4]"),
        "{shown}"
    );
}

/// They would take `0xff` for a word, and ff for another.
#[test]
fn an_agent_gets_each_whole_number_in_base_ten() {
    let options = "options = { a = 0xFF, b = 0o7_55, c = 0b101, d = +1_0, e = -3, f = '0xff' }";
    let keys = format!("provider = 'fence'\nagent = 'fence_x'\n{options}");
    let (backend, _) = read(&machine("a", &keys));
    let Provider::Fence { options, .. } = &backend.machines["a"] else {
        panic!("{:?}", backend.machines);
    };
    let values: Vec<_> = options.0.values().collect();
    assert_eq!(values, ["255", "493", "5", "10", "-3", "0xff"]);
}

const EXEC: &str = "provider = 'exec'\ncommand = ['/etc/m']";

#[test]
fn a_machine_of_a_server_that_is_no_spare_is_left_alone_and_said() {
    let (backend, warnings) = read(&machine("web1", EXEC));
    assert!(backend.machines.is_empty() && backend.scaler.machines.is_empty());
    assert_eq!(warnings, ["a machine of `web1`, which is always up"]);
    let (backend, warnings) = read(&format!("spares = ['web3']\n{}", machine("web4", EXEC)));
    assert!(backend.machines.is_empty() && backend.scaler.machines.is_empty());
    assert_eq!(warnings, ["server `web4` is in neither list"]);
}

#[test]
fn defaults_may_have_the_budget_and_a_machine() {
    let defaults = "[defaults]\nstarts_per_hour = 5\n[defaults.server.web3.machine]\n";
    let (backend, _) = read(&format!("{defaults}{EXEC}\n"));
    assert_eq!(backend.scaler.starts_per_hour, 5);
    assert!(backend.machines.contains_key("web3"));
}

/// Keys of a machine, what is found of them and where, and words of it.
const MISTAKES: &[(&str, &str, &str)] = &[
    ("stop = true", "E0008 4:1", "write `provider = \"exec\"`"),
    ("provider = 'exce'", "E0006 5:12", "did you mean \"exec\"?"),
    ("provider = 'exec'", "E0008 4:1", "write `command = ["),
    (
        "provider = 'exec'\ncommand = ['hook']",
        "E0015 6:11",
        "needs its whole path",
    ),
    (
        "provider = 'exec'\ncommand = '/etc/m'",
        "E0003 6:11",
        "a list of texts",
    ),
    ("provider = 'exec'\ncommand = []", "E0015 6:11", "empty"),
    (
        "provider = 'exec'\ncommand = ['/m']\nstart_timeout = '0s'",
        "E0007 7:17",
        "",
    ),
    (
        "provider = 'exec'\ncommand = ['/m']\nmac = '52:54:00:12:34:56'",
        "W0011 7:7",
        "remove it",
    ),
    (
        "provider = 'fence'",
        "E0008 4:1",
        "write `agent = \"fence_virsh\"`",
    ),
    (
        "provider = 'fence'\nagent = 'virsh'",
        "E0015 6:9",
        "fence_virsh",
    ),
    (
        "provider = 'fence'\nagent = 'fence_x'\noptions = ['plug=a']",
        "E0003 7:11",
        "a table",
    ),
    (
        "provider = 'fence'\nagent = 'fence_x'\noptions = { plug = 'a,b' }",
        "E0015 7:13",
        "a comma",
    ),
    (
        "provider = 'fence'\nagent = 'fence_x'\noptions = { port = '' }",
        "E0015 7:13",
        "`port`",
    ),
    (
        "provider = 'fence'\nagent = 'fence_x'\noptions = { ip = '\"a\"' }",
        "E0015 7:13",
        "quotes",
    ),
    (
        "provider = 'fence'\nagent = 'fence_x'\noptions = { ip = \"a\\nb\" }",
        "E0015 7:13",
        "line",
    ),
    (
        "provider = 'fence'\nagent = 'fence_x'\noptions = { ip = [] }",
        "E0015 7:13",
        "in quotes",
    ),
    (
        "provider = 'fence'\nagent = 'fence_x'\noptions = { 'a b' = 1 }",
        "E0015 7:13",
        "manual page",
    ),
    (
        "provider = 'fence'\nagent = 'fence_x'\noptions = { action = 'reboot' }",
        "E0015 7:13",
        "remove it",
    ),
    (
        "provider = 'fence'\nagent = 'fence_x'\ncommand = ['/m']",
        "W0011 7:11",
        "exec and wol",
    ),
    ("provider = 'wol'", "E0008 4:1", "write `mac = "),
    (
        "provider = 'wol'\nmac = '52:54:00:12:34'",
        "E0015 6:7",
        "six bytes",
    ),
    (
        "provider = 'wol'\nmac = 'ff:ff:ff:ff:ff:ff'",
        "E0015 6:7",
        "no card has",
    ),
    (
        "provider = 'wol'\nmac = '52:54:00:12:34:56'\nbroadcast = 'ff02::1'",
        "E0015 7:13",
        "brd",
    ),
    (
        "provider = 'wol'\nmac = '52:54:00:12:34:56'\nbroadcast = '10.0.0.255:0'",
        "E0015 7:13",
        "brd",
    ),
    (
        "provider = 'wol'\nmac = '52:54:00:12:34:56'\nwol_password = '1.2.3'",
        "E0015 7:16",
        "four or six",
    ),
    (
        "provider = 'wol'\nmac = '52:54:00:12:34:56'\nstop = true",
        "E0008 7:8",
        "add `command`",
    ),
];

#[test]
fn every_mistake_is_found_at_its_place_with_a_way_out() {
    for (keys, expected, words) in MISTAKES {
        let text = format!("{BASE}{}", machine("web3", keys));
        let (codes, report) = found(&text);
        assert_eq!(codes, [*expected], "{text}\n{report}");
        assert!(report.contains(words), "{words} is not in\n{report}");
    }
}

#[test]
fn no_message_shows_a_password() {
    for options in [
        "{ passwd = 'hunter2', plug = 'a,b' }",
        "{ plug = 'a,b', \"passwd\" = \"hunter2\" }",
        "{ passwd = \"x\\\"hunter2\" }",
        "{ api_key=hunter2 }",
        "{ passwd = '''hunter2\"''' }",
        "{ community = 'hunter2', plug = 'a,b' }",
    ] {
        let keys = format!("provider = 'fence'\nagent = 'fence_x'\noptions = {options}");
        let errors = parse(&format!("{BASE}{}", machine("web3", &keys)), "c.toml").unwrap_err();
        let report = errors.report(false);
        assert!(
            report.contains("options") && !report.contains("hunter2"),
            "{report}"
        );
    }
    let keys = "provider = 'wol'\nmac = '52:54:00:12:34:56'\nwol_password = '11:22:33'";
    let errors = parse(&format!("{BASE}{}", machine("web3", keys)), "c.toml").unwrap_err();
    let report = errors.report(false);
    assert!(!report.contains("11:22:33"), "{report}");
    // What only names a file is no secret.
    let keys = "provider = 'fence'\nagent = 'x'\noptions = { password_script = '/etc/p' }";
    let errors = parse(&format!("{BASE}{}", machine("web3", keys)), "c.toml").unwrap_err();
    assert!(errors.report(false).contains("fence_virsh"));
}

/// Two tables of machines (a backend, a server, keys of the machine) and whether they are one machine.
const PAIRS: &[([&str; 3], [&str; 3], bool)] = &[
    // Without arguments the server's name says which.
    (["web", "web3", EXEC], ["web", "web4", EXEC], false),
    (["web", "web3", EXEC], ["api", "web3", EXEC], true),
    (["web", "web3", VM_7], ["web", "web4", VM_7], true),
    (["web", "web3", VM_7], ["api", "x", VM_7], true),
    (["web", "web3", VM_7], ["web", "web4", EXEC], false),
    (["web", "web3", VIRSH], ["web", "web4", VIRSH], false),
    (["web", "web3", VIRSH], ["api", "web3", VIRSH], true),
    (["web", "web3", PLUG], ["web", "web4", PORT], true),
    (["web", "web3", PLUG], ["web", "vm-7", VIRSH], true),
    // What commands one computer alone knows no plug.
    (["web", "web3", IPMI], ["web", "web4", IPMI], true),
    (["web", "web3", MAC], ["api", "web4", MAC_AGAIN], true),
    (["web", "web3", MAC], ["web", "web4", OTHER_MAC], false),
    (["web", "web3", MAC_AGAIN], ["api", "web3", EXEC], true),
];
const VM_7: &str = "provider = 'exec'\ncommand = ['/etc/m', 'vm-7']";
const VIRSH: &str = "provider = 'fence'\nagent = 'fence_virsh'\noptions = { ip = '10.0.0.1' }";
const PLUG: &str = "provider = 'fence'\nagent = 'fence_virsh'\n\
    options = { ip = '10.0.0.1', plug = 'vm-7', passwd = 'a' }";
const PORT: &str = "provider = 'fence'\nagent = '/usr/sbin/fence_virsh'\n\
    options = { ip = '10.0.0.1', port = 'vm-7', passwd = 'b' }";
const IPMI: &str = "provider = 'fence'\nagent = 'fence_ipmilan'\noptions = { ip = '10.0.0.1' }";
const MAC: &str = "provider = 'wol'\nmac = '52:54:00:12:34:56'";
const MAC_AGAIN: &str = "provider = 'wol'\nmac = '52-54-00-12-34-56'\ncommand = ['/etc/m']";
const OTHER_MAC: &str = "provider = 'wol'\nmac = '52:54:00:12:34:57'";

#[test]
fn one_machine_behind_two_servers_is_a_mistake_with_a_way_out() {
    for (one, other, is_same) in PAIRS {
        let table = |[backend, server, keys]: &[&str; 3]| {
            format!("[backend.{backend}.server.{server}.machine]\n{keys}\n")
        };
        let api = match (one[0], other[0]) {
            ("web", "web") => "",
            _ => "[backend.api]\nresponse_time = '1s'\nalways_up = ['web1']\n",
        };
        let text = format!("{BASE}{}{api}{}", table(one), table(other));
        if *is_same {
            shared(&text, one, other);
        } else {
            parse(&text, "c.toml").unwrap_or_else(|errors| panic!("{text}\n{errors}"));
        }
    }
}

fn shared(text: &str, one: &[&str; 3], other: &[&str; 3]) {
    let (codes, report) = found(text);
    assert!(
        codes.len() == 1 && codes[0].starts_with("E0023 "),
        "{text}\n{report}"
    );
    for words in [
        &format!("{}/{}", one[0], one[1]),
        &format!("{}/{}", other[0], other[1]),
    ] {
        assert!(report.contains(words), "{words} is not in\n{report}");
    }
}

/// Whether a backend has a server of `[defaults]`, HAProxy alone knows, unless `spares` says it.
#[test]
fn a_machine_of_defaults_is_one_for_two_backends_only_where_both_name_its_server() {
    let defaults = format!("[defaults.server.web3.machine]\n{EXEC}\n");
    let api = "[backend.api]\nresponse_time = '1s'\nalways_up = ['web1']\n";
    let open = format!("{defaults}{BASE}{api}");
    parse(&open, "c.toml").unwrap_or_else(|errors| panic!("{errors}"));
    let named = format!("{defaults}{BASE}spares = ['web3']\n{api}spares = ['web3']\n");
    let (codes, report) = found(&named);
    assert!(
        codes.len() == 1 && codes[0].starts_with("E0023 "),
        "{report}"
    );
}

fn identity(keys: &str) -> u64 {
    let (backend, _) = read(&machine("web3", keys));
    backend.scaler.machines["web3"].identity
}

#[test]
fn a_machine_is_known_by_what_names_it_and_not_by_its_times_or_its_password() {
    let all = [EXEC, VM_7, VIRSH, PLUG, IPMI, MAC, OTHER_MAC].map(identity);
    for (at, one) in all.iter().enumerate() {
        assert!(*one != 0 && !all[..at].contains(one), "{all:?}");
    }
    assert_eq!(identity(&format!("{EXEC}\nstop_timeout = '9m'")), all[0]);
    assert_eq!(identity(PORT), identity(PLUG));
    assert_eq!(identity(MAC_AGAIN), identity(MAC));
    // FNV-1a, the same for ever: it is kept over restarts.
    assert_eq!(identity(EXEC), fnv(b"exec\0web3\0/etc/m\0"));
    let (backend, _) = read(&machine("web4", EXEC));
    assert_ne!(backend.scaler.machines["web4"].identity, all[0]);
}

fn fnv(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}
