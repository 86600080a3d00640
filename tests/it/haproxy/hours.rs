//! Hours in which more servers serve, beside a real HAProxy and by the real clock.

use super::scene::{CHECK, SOON, assert_users_content, fast, web};
use crate::support::{
    DaemonConfig, HaproxyConfig, Load, RealHaproxy, TinyServer, Visitor, for_each_version_at_once,
    wait_for,
};

#[test]
fn a_schedule_brings_a_spare_in_that_nobody_needs_and_keeps_it() {
    for_each_version_at_once(|version| {
        let web1 = TinyServer::start("web1", fast());
        let web2 = TinyServer::start("web2", fast());
        let haproxy = RealHaproxy::start(version, HaproxyConfig::new(web(CHECK, &[&web1, &web2])));
        let load = Load::open(haproxy.frontend(), 4.0);
        let daemon = DaemonConfig::new(&haproxy)
            .more("[[backend.web.schedule]]\nfrom = \"00:00\"\nto = \"24:00\"\nzone = \"UTC\"\nmin = 2\n")
            .start();
        let told = daemon.wait_for("enable", "web2", 2 * SOON);
        let reason = "1 server serving, min is 2 by the schedule until 24:00";
        assert!(told.text.contains(reason), "{}", told.text);
        wait_for("users on the spare", SOON, || web2.count(Visitor::User) > 0);
        wait_for("quiet, and the word for it", 2 * SOON, || {
            daemon.status()["backends"][0]["reason"]["code"] == "scheduled"
        });
        let shown = daemon.ask(&["status"]).out;
        assert!(
            shown.contains("min is 2 by the schedule until 24:00"),
            "{shown}"
        );
        assert_users_content(&load, &[&web1, &web2]);
    });
}
