//! Set-ups that are broken on purpose, by the code that has to be found.

use std::path::Path;

use super::scene::Files;

/// One of them.
pub(super) struct Case {
    pub(super) code: &'static str,
    /// In what way, where several lead to one code.
    pub(super) how: &'static str,
    pub(super) edit: fn(&mut Files, &Path),
    /// Pasting what is printed mends it; otherwise only a person can.
    pub(super) mends: bool,
    /// With a running HAProxy.
    pub(super) is_live: bool,
}

const fn case(code: &'static str, edit: fn(&mut Files, &Path)) -> Case {
    Case {
        code,
        how: "",
        edit,
        mends: true,
        is_live: true,
    }
}

const fn another(code: &'static str, how: &'static str, edit: fn(&mut Files, &Path)) -> Case {
    Case {
        how,
        ..case(code, edit)
    }
}

/// Of files alone.
const fn faked(code: &'static str, edit: fn(&mut Files, &Path)) -> Case {
    Case {
        is_live: false,
        ..case(code, edit)
    }
}

const fn for_a_person(code: &'static str, edit: fn(&mut Files, &Path)) -> Case {
    Case {
        mends: false,
        ..faked(code, edit)
    }
}

/// Cuts the first line that contains it out of haproxy.cfg.
fn cut(files: &mut Files, part: &str) {
    let line = files.cfg.lines().find(|line| line.contains(part));
    let line = format!("{}\n", line.expect("a line"));
    files.cfg(&line, "");
}

pub(super) const SOCKET: [Case; 8] = [
    case("no_socket", |it, _| cut(it, "stats socket")),
    case("socket_level", |it, _| it.cfg(" level admin", "")),
    another("socket_level", "operator", |it, _| {
        it.cfg("level admin", "level operator");
    }),
    case("socket_group", |it, _| it.cfg("mode 660", "mode 600")),
    case("socket_open", |it, _| it.cfg("mode 660", "mode 666")),
    case("stats_maxconn", |it, _| {
        it.cfg("    nbthread 1\n", "    nbthread 1\n    stats maxconn 2\n");
    }),
    case("socket_differs", |it, _| {
        it.config("haproxy/admin.sock", "haproxy.sock");
    }),
    case("unit_groups", |it, _| {
        it.other(
            "etc/systemd/system/haproxy-autoscale.service",
            "[Service]\nUser=haproxy-autoscale\nSupplementaryGroups=adm\n",
        );
    }),
];

pub(super) const LOG: [Case; 15] = [
    case("no_log", |it, _| cut(it, "/dev/log")),
    case("log_not_used", |it, _| cut(it, "log global")),
    case("log_level", |it, _| it.cfg("local0", "local0 notice")),
    case("log_sampled", |it, _| {
        it.cfg("/dev/log local0", "/dev/log sample 1:10 local0");
    }),
    case("log_cut", |it, _| {
        it.cfg("/dev/log local0", "/dev/log len 120 local0");
    }),
    case("no_httplog", |it, _| cut(it, "option httplog")),
    another("no_httplog", "tcplog", |it, _| {
        it.cfg(
            "    default_backend web",
            "    option tcplog\n    default_backend web",
        );
    }),
    case("format_refused", |it, _| {
        it.cfg("    option httplog", "    log-format \"%ci %r %b\"");
    }),
    case("format_differs", |it, _| {
        it.cfg("option httplog", "option httplog clf");
    }),
    another("format_differs", "its own", |it, _| {
        it.cfg(
            "    option httplog",
            "    log-format \"%ci:%cp [%tr] %ft %b/%s %TR/%Tw/%Tc/%Tr/%Ta %ST %B\"",
        );
        it.config("[log]\n", "[log]\nformat = \"clf\"\n");
    }),
    case("tag_differs", |it, _| {
        it.cfg("log-tag haproxy", "log-tag edge");
    }),
    case("source_differs", |it, root| {
        let file = format!("{}/var/log/haproxy.log", root.display());
        it.config(&file, "udp:127.0.0.1:5514");
    }),
    case("dontlog_normal", |it, _| {
        it.cfg(
            "    option httplog",
            "    option httplog\n    option dontlog-normal",
        );
    }),
    case("log_missing", |it, _| {
        it.config("var/log/haproxy.log", "var/log/haproxi.log");
    }),
    case("log_remote", |it, root| {
        let target = format!("{}/dev/log", root.display());
        it.cfg(&target, "192.0.2.9:514");
    }),
];

pub(super) const SERVERS: [Case; 16] = [
    case("spare_unix", |it, root| {
        let line = it.cfg.lines().find(|line| line.contains("server web2"));
        let address = line
            .and_then(|it| it.split_whitespace().nth(2))
            .expect("web2")
            .to_owned();
        let server = format!("server web2 {}/run/web2.sock", root.display());
        it.cfg(&format!("server web2 {address}"), &server);
    }),
    case("no_spare", |it, _| it.cfg(" disabled", "")),
    case("template_spare", |it, _| {
        let line = it
            .cfg
            .lines()
            .find(|line| line.contains("server web2"))
            .expect("web2");
        let address = line
            .split_whitespace()
            .nth(2)
            .expect("an address")
            .to_owned();
        cut(it, "server web1");
        cut(it, "server web2");
        let template = format!("    server-template web 1-3 {address} check\n\nfrontend origin");
        it.cfg("\nfrontend origin", &template);
    }),
    case("spare_not_marked", |it, _| {
        it.cfg(" disabled", "");
        it.config("always_up", "spares = [\"web2\"]\nalways_up");
    }),
    case("spare_unknown", |it, _| {
        it.config("always_up", "spares = [\"web-2\"]\nalways_up");
    }),
    case("spare_backup", |it, _| {
        it.cfg("check disabled", "check backup disabled");
    }),
    case("spare_weight", |it, _| {
        it.cfg("check disabled", "weight 0 check disabled");
    }),
    case("spare_proxy", |it, _| {
        it.cfg("check disabled", "check send-proxy disabled");
    }),
    case("no_check", |it, _| it.cfg(" check disabled", " disabled")),
    case("fall_one", |it, _| {
        it.cfg("check disabled", "check fall 1 disabled");
    }),
    another("fall_one", "by default-server", |it, _| {
        it.cfg(
            "    balance roundrobin",
            "    balance roundrobin\n    default-server fall 1",
        );
    }),
    case("agent_weight", |it, _| {
        it.cfg("check disabled", "check agent-check agent-port 9 disabled");
    }),
    case("always_up_unknown", |it, _| {
        it.config("[\"web1\"]", "[\"wep1\"]");
    }),
    case("always_up_disabled", |it, _| {
        it.cfg(" check\n", " check disabled\n");
    }),
    case("always_up_weight", |it, _| {
        it.cfg(" check\n", " check weight 0\n");
    }),
    case("option_persist", |it, _| {
        it.cfg(
            "    balance roundrobin",
            "    balance roundrobin\n    option persist",
        );
    }),
];

pub(super) const OURS: [Case; 3] = [
    case("backend_unknown", |it, _| {
        it.config("[backend.web]", "[backend.wep]");
    }),
    // HAProxy itself refuses it behind a frontend of `mode http`.
    for_a_person("backend_tcp", |it, _| {
        it.cfg("    balance", "    mode tcp\n    balance");
    }),
    for_a_person("config_broken", |it, _| {
        it.config("always_up", "allways_up");
    }),
];

pub(super) const HOST: [Case; 7] = [
    faked("rsyslog_rate", |it, _| {
        it.other(
            "etc/rsyslog.conf",
            "$ModLoad imuxsock\n$SystemLogRateLimitInterval 5\n$SystemLogRateLimitBurst 200\n",
        );
    }),
    faked("rsyslog_rate", |it, _| {
        it.other(
            "etc/rsyslog.d/10.conf",
            "module(load=\"imjournal\" StateFile=\"imjournal.state\")\n",
        );
    }),
    faked("rsyslog_rate", |it, _| {
        it.other(
            "etc/rsyslog.d/10.conf",
            "module(load=\"imuxsock\" SysSock.RateLimit.Interval=\"10\")\n",
        );
    }),
    faked("journald_rate", |it, root| {
        let file = format!("{}/var/log/haproxy.log", root.display());
        it.config(&file, "journal:haproxy");
        it.other(
            "etc/systemd/journald.conf",
            "[Journal]\nRateLimitBurst=500\n",
        );
    }),
    faked("journald_off", |it, root| {
        let file = format!("{}/var/log/haproxy.log", root.display());
        it.config(&file, "journal:haproxy");
        it.other("etc/systemd/journald.conf", "[Journal]\nStorage=none\n");
    }),
    faked("datagram_queue", |it, root| {
        let file = format!("{}/var/log/haproxy.log", root.display());
        let socket = format!("unix:{}/run/log.sock", root.display());
        it.config(&file, &socket);
        it.other("proc/sys/net/unix/max_dgram_qlen", "10\n");
    }),
    faked("group_missing", |it, _| {
        it.other(
            "etc/systemd/system/haproxy-autoscale.service",
            "[Service]\nUser=haproxy-autoscale\nSupplementaryGroups=haproxy adm lumberjacks\n",
        );
    }),
];
