//! Whoever starts and stops machines: programs that log, hang, fork, print and die, real fence agents, and
//! packets on loopback.

mod examples;
mod exec;
mod fence;
mod limits;
mod list;
mod trust;
mod wol;

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use haproxy_autoscale::machines::settings::Provider;
use haproxy_autoscale::machines::{Machines, Said};
use haproxy_autoscale::words::machine::{MachineCall, MachineKey, MachineVerb};
use haproxy_autoscale::words::names::ServerName;
use tempfile::TempDir;

/// Nothing here should come near it.
const LIMIT: Duration = Duration::from_secs(30);

/// A folder with a program, and what was heard of it.
struct Place {
    folder: TempDir,
    said: Arc<Mutex<Vec<Said>>>,
}

impl Place {
    fn new() -> Self {
        Self {
            folder: tempfile::Builder::new()
                .prefix("machine-")
                .tempdir()
                .unwrap(),
            said: Arc::default(),
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A POSIX shell script; `$D` is this folder.
    fn script(&self, text: &str) -> Vec<String> {
        self.program(
            "hook",
            &format!("#!/bin/sh\nD='{}'\n{text}\n", self.folder.path().display()),
        )
    }

    fn program(&self, name: &str, text: &str) -> Vec<String> {
        let path = self.path(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        vec![path.display().to_string()]
    }

    fn text(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_default()
    }

    fn machines(&self, providers: impl IntoIterator<Item = (&'static str, Provider)>) -> Machines {
        let said = Arc::clone(&self.said);
        let providers: BTreeMap<_, _> = providers
            .into_iter()
            .map(|(server, provider)| (ServerName::new("web", server), provider))
            .collect();
        Machines::new(providers, Arc::new(move |it| said.lock().unwrap().push(it)))
    }

    /// One machine, of web/web3.
    fn machine(&self, provider: Provider) -> Machines {
        self.machines([("web3", provider)])
    }

    fn hook(&self, text: &str) -> Machines {
        let command = self.script(text);
        self.machine(Provider::Exec { command })
    }

    /// Each line that a program wrote for us.
    fn said(&self) -> Vec<String> {
        let said = self.said.lock().unwrap();
        said.iter().map(|it| it.text.clone()).collect()
    }
}

fn call(verb: MachineVerb) -> MachineCall {
    of("web3", verb)
}

fn of(server: &str, verb: MachineVerb) -> MachineCall {
    MachineCall {
        verb,
        server: ServerName::new("web", server),
        address: Some("10.0.0.13:8080".parse().unwrap()),
        key: MachineKey(7),
        attempt: 2,
        limit: LIMIT,
    }
}

/// The same with another limit.
fn within(limit: Duration, call: MachineCall) -> MachineCall {
    MachineCall { limit, ..call }
}

fn is_process(pid: &str) -> bool {
    Path::new("/proc").join(pid.trim()).join("cwd").exists()
}
