//! Spares of different strength beside a real HAProxy: weights as it shows them.

use super::scene::{CHECK, RATE, SOON, assert_no_user_on, fast, slow};
use crate::support::{
    Backend, DaemonConfig, HaproxyConfig, Load, RealHaproxy, TinyServer, Visitor,
    for_each_version_at_once, wait_for,
};

/// web1 of weight 100, always up, and the spares web2 of weight 10 and web3 of weight 256.
fn uneven(servers: &[&TinyServer; 3]) -> Backend {
    let weights = ["weight 100", "weight 10 disabled", "weight 256 disabled"];
    let servers = servers.iter().zip(weights);
    servers.fold(Backend::new("web"), |backend, (server, weight)| {
        backend.server(
            server.name(),
            server.address(),
            &format!("{CHECK} {weight}"),
        )
    })
}

#[test]
fn the_strong_spare_is_taken_unless_an_operator_gave_another_order() {
    for_each_version_at_once(|version| {
        for (more, first) in [
            ("", "web3"),
            ("[backend.web.server.web3]\ntier = 2\n", "web2"),
        ] {
            let web1 = TinyServer::start("web1", slow());
            let web2 = TinyServer::start("web2", fast());
            let web3 = TinyServer::start("web3", fast());
            let config = HaproxyConfig::new(uneven(&[&web1, &web2, &web3]));
            let haproxy = RealHaproxy::start(version, config);
            let _load = Load::open(haproxy.frontend(), RATE);
            let daemon = DaemonConfig::new(&haproxy).more(more).start();
            daemon.wait_for("enable", first, 2 * SOON);
            let (taken, other) = if first == "web3" {
                (&web3, &web2)
            } else {
                (&web2, &web3)
            };
            wait_for("users on the spare", SOON, || {
                taken.count(Visitor::User) > 0
            });
            if first == "web3" {
                // With 256 of 356 parts on a fast server the mean is below the threshold: one is enough.
                assert_no_user_on(other);
            }
        }
    });
}
