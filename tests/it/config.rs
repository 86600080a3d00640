//! The configuration file: what it means, and every mistake with line, column and a way out.

mod alerts;
mod control;
mod machines;
mod mistakes;
mod odd;
mod reference;

use std::path::{Path, PathBuf};
use std::time::Duration;

use haproxy_autoscale::config::{
    Config, Loaded, LogSource, MAX_FILE_BYTES, Mode, check, keys, load, parse,
};
use haproxy_autoscale::measure::settings::{Add, Signal, Statistic, WindowSize};
use haproxy_autoscale::runtime_api::Address;
use haproxy_autoscale::scaler::settings::Spares;

const EXAMPLE: &str = include_str!("../../config.example.toml");

const SMALLEST: &str = r#"
[haproxy]
socket = "/run/haproxy/admin.sock"

[log]
source = "/var/log/haproxy.log"

[backend.web]
always_up = ["web1"]
response_time = "500ms"
"#;

/// Three lines of a good file; what a test adds begins on line 4.
const BASE: &str = "[backend.web]\nalways_up = [\"web1\"]\nresponse_time = \"500ms\"\n";

/// Every key with its default, as the contract shows them.
const ALL_OF_IT: &str = r#"
mode = "act"                       # act | observe: decide and report, write nothing to HAProxy

[haproxy]
socket = "/run/haproxy/admin.sock" # or "tcp:127.0.0.1:9999"
timeout = "2s"                     # one step on the socket
poll_interval = "2s"               # how often servers and counters are read

[log]
source = "/var/log/haproxy.log"    # PATH | "-" (stdin) | "udp:ADDR:PORT" | "unix:PATH" (datagram) | "tcp:ADDR:PORT"
format = "httplog"                 # httplog | httpslog | clf | a HAProxy log-format string
tag = "haproxy"                    # program name that a syslog head must carry
max_line_bytes = "16KiB"
allow_remote = false               # udp/tcp sources listen beyond loopback only with true

[control]
socket = "/run/haproxy-autoscale/control.sock" # for status, pause, pin …; mode 0660

[state]
dir = "/var/lib/haproxy-autoscale" # pauses, pins, holds, ownership; "" keeps nothing

[defaults]                         # every key of [backend.NAME] but always_up and spares may stand here

[backend.web]                      # HAProxy's backend name
always_up = ["web1"]               # never disabled; at least one
spares = "auto"                    # "auto": every server marked `disabled` in haproxy.cfg | ["web3", "web4"]
min = 1                            # UP servers to keep; default: number of always_up
max = 4                            # default: all
response_time = "500ms"            # shorthand for one policy: signal response_time, above = this

statistic = "mean"                 # mean | median | p90 | p95 | p99 | max
window = 15                        # requests, or a duration: "30s"
min_span = "1s"                    # a window in requests lasts at least this
min_samples = 10                   # a window in time holds at least this
breaches = 3                       # windows in a row
add = 1
weight_ramp = "0s"                 # share of traffic grows over this time after ready; "0s" off
scale_up_cooldown = "30s"
idle_timeout = "5m"                # quiet for this long: one spare goes
scale_down_ratio = 0.6             # quiet means below this share of every threshold
scale_down_cooldown = "1m"
drain_timeout = "1m"
grace = "10s"
hold = "1h"

[[backend.web.policy]]             # more than the shorthand: as many as wanted; the one that asks for most wins
signal = "queue_time"              # response_time | queue_time | connect_time | queue_length | concurrency | request_rate
# timer = "Tr"                     # with response_time: Tw+Tc+Tr (default) | Tr
statistic = "p95"
window = "10s"
every = "10s"                      # default: the window itself
above = "100ms"                    # a threshold … (durations for times, numbers else)
# per_server = 20                  # … or a target: servers wanted = ceil(total / per_server)
breaches = 2
add = 2                            # or "50%"

[backend.web.warm_up]
path = "/"                         # GET http://ADDRESS-FROM-HAPROXY:PORT/
host = ""                          # Host header; "": ADDRESS:PORT
tls_verify = false                 # of https servers
requests = 3                       # successes in a row; 0 turns warm-up off
expect_status = "200-399"          # as HAProxy's own httpchk; never followed
timeout = "5s"                     # one request
deadline = "60s"                   # all of it

[backend.web.server.web3]          # per server, optional
warm_up_url = "http://10.0.0.13:8080/" # instead of address + path
"#;

fn good(text: &str) -> Loaded {
    parse(text, "c.toml").unwrap_or_else(|errors| panic!("{errors}"))
}

fn config(text: &str) -> Config {
    good(text).config
}

#[test]
fn the_smallest_file_has_every_default() {
    let config = config(SMALLEST);
    assert_eq!(config.mode, Mode::Act);
    assert_eq!(
        config.haproxy.socket,
        Address::Unix(PathBuf::from("/run/haproxy/admin.sock"))
    );
    assert_eq!(config.haproxy.timeout, Duration::from_secs(2));
    assert_eq!(config.haproxy.poll_interval, Duration::from_secs(2));
    assert_eq!(
        config.log.source,
        LogSource::File(PathBuf::from("/var/log/haproxy.log"))
    );
    assert_eq!(config.log.tag, "haproxy");
    assert_eq!(config.log.max_line_bytes, 16 * 1024);
    assert_eq!(
        config.control_socket,
        Path::new("/run/haproxy-autoscale/control.sock")
    );
    assert_eq!(
        config.state_dir,
        Some(PathBuf::from("/var/lib/haproxy-autoscale"))
    );
    let web = &config.backends["web"];
    let scaler = &web.scaler;
    assert_eq!(
        (scaler.name.as_str(), scaler.min, scaler.max),
        ("web", 1, None)
    );
    assert_eq!(scaler.spares, Spares::Auto);
    assert_eq!(scaler.weight_ramp, Duration::ZERO);
    assert_eq!(scaler.scale_up_cooldown, Duration::from_secs(30));
    assert_eq!(scaler.idle_timeout, Duration::from_secs(300));
    assert!((scaler.scale_down_ratio - 0.6).abs() < f64::EPSILON);
    assert_eq!(scaler.scale_down_cooldown, Duration::from_secs(60));
    assert_eq!(scaler.drain_timeout, Duration::from_secs(60));
    assert_eq!(scaler.grace, Duration::from_secs(10));
    assert_eq!(scaler.hold, Duration::from_secs(3_600));
    assert_eq!(scaler.warm_up_deadline, Duration::from_secs(60));
    assert_eq!(scaler.poll_interval, Duration::from_secs(2));
    // Connecting, writing and reading, and half a second for the journal before them.
    assert_eq!(scaler.action_timeout, Duration::from_millis(6500));
    let [policy] = &scaler.policies[..] else {
        panic!("{:?}", scaler.policies);
    };
    assert_eq!(policy.signal, Signal::ResponseTime);
    assert_eq!(policy.statistic, Statistic::Mean);
    assert_eq!(policy.window, WindowSize::Requests(15));
    assert_eq!(
        (policy.every, policy.min_span),
        (None, Duration::from_secs(1))
    );
    assert_eq!(
        (policy.min_samples, policy.breaches, policy.add),
        (10, 3, Add::Servers(1))
    );
    assert!((policy.above - 500.0).abs() < f64::EPSILON);
    let warm_up = &web.warm_up;
    assert_eq!(
        (warm_up.path.as_str(), &warm_up.host, warm_up.tls_verify),
        ("/", &None, false)
    );
    assert_eq!(
        (warm_up.requests, &warm_up.expect_status[..]),
        (3, &[(200, 399)][..])
    );
    assert_eq!(warm_up.timeout, Duration::from_secs(5));
    assert!(web.warm_up_urls.is_empty());
}

#[test]
fn a_file_that_says_everything_means_what_it_says() {
    let all = good(ALL_OF_IT);
    assert_eq!(all.render_warnings(false), "");
    let mut expected = config(SMALLEST);
    let web = expected.backends.get_mut("web").unwrap();
    let said = &all.config.backends["web"];
    web.scaler.max = Some(4);
    web.scaler.policies.push(said.scaler.policies[1].clone());
    web.warm_up_urls = said.warm_up_urls.clone();
    assert_eq!(all.config, expected);
    let queue_time = &said.scaler.policies[1];
    assert_eq!((queue_time.above, queue_time.breaches), (100.0, 2));
    assert_eq!(queue_time.add, Add::Servers(2));
    assert_eq!(said.warm_up_urls["web3"], "http://10.0.0.13:8080/");
}

/// What joined the contract: a target, a schedule, a tier.
const ADDED: &str = r#"
[backend.web]
always_up = ["web1"]
response_time = "500ms"
max = 4

[[backend.web.policy]]
signal = "queue_length"            # also concurrency, request_rate
per_server = 20
breaches = 2

[[backend.web.schedule]]           # min is at least this in these hours
days = "mon-fri"
from = "07:30"
to = "18:00"
zone = "Europe/Berlin"
min = 3

[backend.web.server.web3]
tier = 2                           # taken later, goes earlier
"#;

#[test]
fn a_target_a_schedule_and_a_tier_mean_what_they_say() {
    let all = good(ADDED);
    assert_eq!(all.render_warnings(false), "");
    let web = &all.config.backends["web"];
    let [target] = &web.scaler.targets[..] else {
        panic!("{:?}", web.scaler.targets);
    };
    assert_eq!(web.scaler.policies.len(), 1, "the shorthand alone");
    assert_eq!(target.measured.signal, Signal::QueueLength);
    assert!((target.per_server() - 20.0).abs() < f64::EPSILON);
    assert_eq!(target.measured.breaches, 2);
    let window = WindowSize::Span(Duration::from_secs(10));
    assert_eq!(
        (target.measured.window, target.measured.min_samples),
        (window, 2)
    );
    assert_eq!((web.scaler.tier("web3"), web.scaler.tier("web2")), (2, 1));
    let [schedule] = &web.schedules[..] else {
        panic!("{:?}", web.schedules);
    };
    assert_eq!(schedule.days, [true, true, true, true, true, false, false]);
    assert_eq!(
        (schedule.from.to_string(), schedule.to.to_string()),
        ("07:30".into(), "18:00".into())
    );
    assert_eq!(
        (schedule.zone.iana_name(), schedule.min),
        (Some("Europe/Berlin"), 3)
    );
}

#[test]
fn a_backend_with_a_target_needs_no_threshold_and_takes_a_schedule_from_the_defaults() {
    let config = config(
        "[[defaults.schedule]]\nfrom = '7:00'\nto = '24:00'\nzone = 'UTC'\nmin = 2\n\
         [backend.a]\nalways_up = ['a1']\n[[backend.a.policy]]\nsignal = 'concurrency'\nper_server = 8.5\n\
         [backend.b]\nalways_up = ['b1']\nresponse_time = '1s'\n\
         [[backend.b.schedule]]\nfrom = '22:00'\nto = '6:00'\nzone = 'UTC'\nmin = 3\ndays = 'sat, sun'\n",
    );
    let (a, b) = (&config.backends["a"], &config.backends["b"]);
    assert!(a.scaler.policies.is_empty());
    assert_eq!(a.scaler.targets.len(), 1);
    assert_eq!((a.schedules.len(), a.schedules[0].min), (1, 2));
    assert_eq!(
        (b.schedules.len(), b.schedules[0].min),
        (1, 3),
        "its own list"
    );
    assert_eq!(
        b.schedules[0].days,
        [false, false, false, false, false, true, true]
    );
}

#[test]
fn the_example_is_valid_without_a_warning_and_says_the_defaults() {
    let example = good(EXAMPLE);
    assert_eq!(example.render_warnings(false), "");
    assert_eq!(
        example.config,
        config(SMALLEST),
        "whoever copies it gets the defaults"
    );
}

#[test]
fn the_example_names_every_known_key_below_its_table() {
    for table in keys::TABLES {
        let header = table
            .header
            .replace("NAME", "web")
            .replace("SERVER", "web3");
        let start = EXAMPLE
            .find(&format!("\n{header}\n"))
            .map_or(0, |at| at + 1 + header.len());
        for key in table.keys() {
            let wanted = [
                format!("\n{} = ", key.name),
                format!("\n# {} = ", key.name),
                format!("[{}", key.name),
                format!(".{}", key.name),
            ];
            let section = &EXAMPLE[start..];
            assert!(
                wanted.iter().any(|text| section.contains(text)),
                "{} {}",
                table.header,
                key.name
            );
        }
    }
}

#[test]
fn a_backend_takes_from_defaults_what_it_does_not_say_itself() {
    let config = config(
        r#"
[defaults]
response_time = "1s"
window = 20
breaches = 5
min = 2
hold = "2h"
warm_up = { path = "/health", requests = 7, deadline = "90s" }
server.a2.warm_up_url = "http://a2/"
[[defaults.policy]]
signal = "connect_time"
above = "50ms"
breaches = 9

[backend.a]
always_up = ["a1"]
breaches = 4
warm_up.requests = 0

[backend.b]
always_up = ["b1", "b2", "b3"]
min = 1
[[backend.b.policy]]
signal = "response_time"
timer = "Tr"
above = "1.5s"
statistic = "max"
window = "10s"
add = "50%"
"#,
    );
    let (a, b) = (&config.backends["a"], &config.backends["b"]);
    assert_eq!((a.scaler.min, b.scaler.min), (2, 1));
    assert_eq!(a.scaler.hold, Duration::from_secs(7_200));
    assert_eq!(a.scaler.warm_up_deadline, Duration::from_secs(90));
    assert_eq!(
        (a.warm_up.path.as_str(), a.warm_up.requests),
        ("/health", 0)
    );
    assert_eq!(b.warm_up.requests, 7);
    assert_eq!(a.warm_up_urls["a2"], "http://a2/");
    let signals = |backend: &haproxy_autoscale::config::BackendConfig| {
        let policies = backend.scaler.policies.iter();
        policies
            .map(|policy| (policy.signal, policy.breaches))
            .collect::<Vec<_>>()
    };
    assert_eq!(
        signals(a),
        [(Signal::ResponseTime, 4), (Signal::ConnectTime, 9)]
    );
    assert_eq!(
        signals(b),
        [(Signal::ResponseTime, 5), (Signal::ServerTime, 5)]
    );
    let own = &b.scaler.policies[1];
    assert_eq!(own.window, WindowSize::Span(Duration::from_secs(10)));
    assert_eq!((own.statistic, own.add), (Statistic::Max, Add::Percent(50)));
    assert!((own.above - 1_500.0).abs() < f64::EPSILON);
    assert_eq!(b.scaler.policies[0].window, WindowSize::Requests(20));
}

#[test]
fn min_is_the_number_of_always_up_servers_unless_max_is_less() {
    let text = "[backend.a]\nalways_up = [\"a\", \"b\", \"c\"]\nresponse_time = \"1s\"\n";
    assert_eq!(config(text).backends["a"].scaler.min, 3);
    assert_eq!(
        config(&format!("{text}max = 2\n")).backends["a"].scaler.min,
        2
    );
}

#[test]
fn every_kind_of_source_is_read() {
    let source = |text: &str| {
        let config = config(&format!("{BASE}[log]\nsource = \"{text}\"\n"));
        config.log.source
    };
    assert_eq!(
        source("udp:127.0.0.1:5514"),
        LogSource::Udp("127.0.0.1:5514".parse().unwrap())
    );
    assert_eq!(
        source("tcp:[::1]:514"),
        LogSource::Tcp("[::1]:514".parse().unwrap())
    );
    assert_eq!(
        source("udp:[::ffff:127.0.0.1]:514"),
        LogSource::Udp("[::ffff:127.0.0.1]:514".parse().unwrap())
    );
    assert_eq!(
        source("unix:/run/log.sock"),
        LogSource::Unix(PathBuf::from("/run/log.sock"))
    );
    assert_eq!(
        source("journal:haproxy@a\\\\x2d1.service"),
        LogSource::Journal("haproxy@a\\x2d1.service".to_owned())
    );
    assert_eq!(source("./udp:x"), LogSource::File(PathBuf::from("./udp:x")));
}

#[test]
fn other_values_mean_what_they_say() {
    let config = config(&format!(
        "mode = \"observe\"\nhaproxy.socket = \"tcp:[::1]:9999\"\nstate.dir = \"\"\n\
         log = {{ source = \"-\", max_line_bytes = 4096 }}\ncontrol.socket = \"c.sock\"\n{BASE}\
         warm_up = {{ host = \"h\", expect_status = \"200, 204,301-302\" }}\n"
    ));
    assert_eq!(config.mode, Mode::Observe);
    assert_eq!(config.haproxy.socket, Address::Tcp("[::1]:9999".to_owned()));
    assert_eq!(
        (config.state_dir, config.log.source),
        (None, LogSource::Stdin)
    );
    assert_eq!(config.log.max_line_bytes, 4096);
    assert_eq!(config.control_socket, Path::new("c.sock"));
    let warm_up = &config.backends["web"].warm_up;
    assert_eq!(warm_up.host.as_deref(), Some("h"));
    assert_eq!(warm_up.expect_status, [(200, 200), (204, 204), (301, 302)]);
}

#[test]
fn a_file_that_cannot_be_read_says_what_to_do() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("config.toml");
    let errors = load(&path).unwrap_err();
    let text = errors.to_string();
    assert!(
        text.contains(&format!("cannot read {}", path.display())),
        "{text}"
    );
    assert!(
        text.contains("No such file") && text.contains("-c FILE"),
        "{text}"
    );
    assert!(errors.diagnostics().is_empty());

    let checked = |content: &[u8]| {
        std::fs::write(&path, content).unwrap();
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let code = check::check(&path, &mut out, &mut err, false).unwrap();
        (
            code,
            String::from_utf8(out).unwrap(),
            String::from_utf8(err).unwrap(),
        )
    };
    let (code, out, err) = checked(b"mode = \"act\"\n# \xff\n");
    assert_eq!((code, out.as_str()), (1, ""));
    assert!(
        err.contains("not UTF-8") && err.contains("config.toml:2:3"),
        "{err}"
    );
    let (code, _, err) = checked(&vec![b'#'; MAX_FILE_BYTES + 1]);
    assert!(code == 1 && err.contains("larger than 1024 KiB"), "{err}");
    let (code, _, err) = checked(&vec![b'#'; MAX_FILE_BYTES]);
    assert!(code == 1 && err.contains("the file is empty"), "{err}");
    let mut err = Vec::new();
    let code = check::check(dir.path(), &mut Vec::new(), &mut err, false).unwrap();
    let err = String::from_utf8(err).unwrap();
    assert!(
        code == 1 && err.contains("cannot read") && err.contains("directory"),
        "{err}"
    );
}

#[test]
fn check_says_in_one_line_that_a_file_is_valid() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("config.toml");
    let text =
        format!("mode = \"observe\"\n{BASE}hold = \"2d\"\n[backend.api]\nalways_up = [\"a\"]\n");
    std::fs::write(&path, format!("{text}response_time = \"1s\"\n")).unwrap();
    let (mut out, mut err) = (Vec::new(), Vec::new());
    assert_eq!(check::check(&path, &mut out, &mut err, false).unwrap(), 0);
    let wanted = format!(
        "ok: {} is valid (2 backends, mode observe)\n",
        path.display()
    );
    assert_eq!(String::from_utf8(out).unwrap(), wanted);
    assert!(String::from_utf8(err).unwrap().ends_with("\n1 warning\n"));
}
