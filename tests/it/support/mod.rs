//! What the tests stand on: a real HAProxy, small HTTP servers, a load, a syslog receiver, a
//! made-up log.
//!
//! No test and no rule of the product lives here. Everything listens on loopback, on ports that
//! the kernel chose, and ends when its value is dropped. `examples/record.rs` includes this folder.

#![allow(dead_code, unreachable_pub, unused_imports)]

use std::path::PathBuf;
use std::time::{Duration, Instant};

pub mod admin_socket;
pub mod audience;
pub mod daemon;
pub mod generated_log;
pub mod haproxy;
pub mod haproxy_config;
pub mod load;
pub mod log_file;
pub mod machine_room;
pub mod open_sessions;
pub mod port;
pub mod program;
pub mod scenarios;
pub mod server;
pub mod server_state;
pub mod states;
pub mod syslog;
pub mod table;
pub mod versions;

pub use admin_socket::serve;
pub use audience::Audience;
pub use daemon::{Daemon, DaemonConfig};
pub use haproxy::RealHaproxy;
pub use haproxy_config::{Backend, HaproxyConfig};
pub use load::{Answer, Load};
pub use log_file::LogFile;
pub use machine_room::{Hardware, MachineRoom};
pub use open_sessions::OpenSessions;
pub use port::ReservedPort;
pub use program::{Ran, Running, Told};
pub use server::TinyServer;
pub use server_state::{Behaviour, Cold, Visit, Visitor};
pub use states::StateWatch;
pub use syslog::SyslogFile;
pub use versions::{Version, for_each_version, for_each_version_at_once, versions};

/// How often [`wait_for`] looks.
const POLL: Duration = Duration::from_millis(2);

/// The program under test: the debug build, with overflow checks.
pub fn binary() -> PathBuf {
    match option_env!("CARGO_BIN_EXE_haproxy-autoscale") {
        Some(path) => path.into(),
        None => panic!("only a test knows the binary under test"),
    }
}

/// The program whose figures count: the release build that `tests/run` made, else the debug build.
pub fn release_binary() -> PathBuf {
    std::env::var_os("HAPROXY_AUTOSCALE_RELEASE").map_or_else(binary, PathBuf::from)
}

/// Waits until `condition` holds; panics with `what` when it does not within `limit`.
#[track_caller]
pub fn wait_for(what: &str, limit: Duration, mut condition: impl FnMut() -> bool) {
    assert!(
        holds_within(limit, &mut condition),
        "not within {limit:?}: {what}"
    );
}

/// Waits until `read` gives a value; panics with `what` when it does not within `limit`.
#[track_caller]
pub fn wait_for_some<T>(what: &str, limit: Duration, mut read: impl FnMut() -> Option<T>) -> T {
    let mut found = None;
    wait_for(what, limit, || {
        found = read();
        found.is_some()
    });
    found.expect("just found")
}

/// Whether `condition` comes true within `limit`; returns as soon as it does.
pub fn holds_within(limit: Duration, mut condition: impl FnMut() -> bool) -> bool {
    let end = Instant::now() + limit;
    loop {
        if condition() {
            return true;
        }
        if Instant::now() >= end {
            return false;
        }
        std::thread::sleep(POLL);
    }
}

/// Runs a test on a runtime of its own, for at most `limit`.
pub fn run_within(limit: Duration, test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        tokio::time::timeout(limit, test)
            .await
            .expect("the condition never came");
    });
}
