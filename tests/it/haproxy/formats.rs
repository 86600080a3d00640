//! The whole daemon on logs that are not stock httplog.

use crate::support::{
    Backend, DaemonConfig, HaproxyConfig, Load, RealHaproxy, TinyServer, for_each_version_at_once,
};

use super::scene::{CHECK, RATE, SOON, assert_users_content, fast, slow, web};

/// `[log] format` in TOML, and the line of haproxy.cfg that makes HAProxy write so.
const FORMATS: [(&str, &str); 4] = [
    ("\"clf\"", "option httplog clf"),
    (
        r#"'''log-format '{"be":"%b","srv":"%s","tr":%TR,"tw":%Tw,"tc":%Tc,"resp":%Tr,"ta":%Ta,"st":%ST,"at":"%tr","req":"%HU"}' '''"#,
        r#"log-format '{"be":"%b","srv":"%s","tr":%TR,"tw":%Tw,"tc":%Tc,"resp":%Tr,"ta":%Ta,"st":%ST,"at":"%tr","req":"%HU"}'"#,
    ),
    // A client's text in front, no date, and of the times only the server's own and the total.
    (
        r#"'''log-format '{"req":"%HM %HU","be":"%b","srv":"%s","resp":%Tr,"ta":%Ta,"st":%ST}' '''"#,
        r#"log-format '{"req":"%HM %HU","be":"%b","srv":"%s","resp":%Tr,"ta":%Ta,"st":%ST}'"#,
    ),
    (
        r"'''log-format as:7f3c9d\ %b/%s\ %Tw/%Tc/%Tr\ %ST\ %Ts%ms'''",
        r"log-format as:7f3c9d\ %b/%s\ %Tw/%Tc/%Tr\ %ST\ %Ts%ms",
    ),
];

#[test]
fn a_spare_comes_in_whatever_the_format_of_the_log() {
    for_each_version_at_once(|version| {
        for (format, line) in FORMATS {
            let web1 = TinyServer::start("web1", slow());
            let web2 = TinyServer::start("web2", fast());
            let backend: Backend = web(CHECK, &[&web1, &web2]);
            let haproxy = RealHaproxy::start(version, HaproxyConfig::new(backend).defaults(line));
            let daemon = DaemonConfig::new(&haproxy).log("format", format).start();
            let load = Load::open(haproxy.frontend(), RATE);
            daemon.wait_for("enable", "web2", SOON);
            let status = haproxy.status("web", "web2");
            assert!(status.starts_with("UP"), "{line}: {status}");
            assert_users_content(&load, &[&web1, &web2]);
        }
    });
}
