//! Reading and writing a real HAProxy, where one is installed.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use haproxy_autoscale::runtime_api::{Address, Reader, Writer};
use haproxy_autoscale::words::names::ServerName;
use haproxy_autoscale::words::picture::{AdminState, ReadFailure, WriteFailure};
use rustix::process::{Pid, Signal, WaitOptions, kill_process, waitpid};
use tempfile::TempDir;
use tokio::net::TcpListener;

use super::{SECOND, SHORT, look, server_named, unreachable_text};
use crate::support::versions;

/// A HAProxy in the foreground, killed at the end.
struct RealHaproxy {
    child: Child,
    dir: TempDir,
}

impl RealHaproxy {
    /// Starts one with these proxies (`DIR` stands for its directory); `None` where there is none,
    /// which the support has said loudly then.
    async fn start(proxies: &str) -> Option<Self> {
        let program = &versions().first()?.path;
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("haproxy.cfg");
        let cfg = format!(
            "global\n stats socket {0}/admin.sock mode 600 level admin\n \
             stats socket {0}/operator.sock mode 600 level operator\n\
             defaults\n mode http\n timeout connect 1s\n timeout client 5s\n timeout server 5s\n\
             {1}",
            dir.path().display(),
            proxies.replace("DIR", &dir.path().display().to_string())
        );
        fs::write(&file, cfg).unwrap();
        let mut command = Command::new(program);
        command.arg("-db").arg("-f").arg(&file);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let child = command.spawn().unwrap();
        let started = Self { child, dir };
        let until = Instant::now() + SECOND * 10;
        while started.reader().version().await.is_err() {
            assert!(Instant::now() < until, "haproxy did not start");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        Some(started)
    }

    fn socket(&self, name: &str) -> Address {
        Address::Unix(Path::join(self.dir.path(), name))
    }

    fn reader(&self) -> Reader {
        Reader::new(self.socket("admin.sock"), SECOND * 2)
    }

    fn writer(&self) -> Writer {
        Writer::new(self.socket("admin.sock"), SECOND * 2)
    }
}

impl Drop for RealHaproxy {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

const PROXIES: &str = "frontend web\n bind DIR/web.sock\n default_backend web\n\
    backend web\n server web1 127.0.0.1:9\n server web2 127.0.0.1:9 check disabled\n\
    backend other\n server follower 127.0.0.1:9 track web/web2\n";

#[tokio::test]
async fn a_real_haproxy_is_read_even_when_a_frontend_has_the_same_name() {
    let Some(haproxy) = RealHaproxy::start(PROXIES).await else {
        return;
    };
    let read = look(&haproxy.reader(), "web").await.unwrap();
    assert_eq!(read.servers.len(), 2);
    let spare = server_named(&read, "web2");
    assert!(spare.is_maint() && spare.is_disabled_in_cfg() && spare.is_tracked);
    assert!(server_named(&read, "web1").is_up());
    let outcome = look(&haproxy.reader(), "nope").await;
    assert_eq!(outcome, Err(ReadFailure::UnknownBackend));
    assert_eq!(haproxy.reader().level().await.unwrap(), "admin");
    assert_eq!(haproxy.reader().backends().await.unwrap(), ["web", "other"]);
}

#[tokio::test]
async fn one_read_shows_all_backends_that_a_real_haproxy_has() {
    let Some(haproxy) = RealHaproxy::start(PROXIES).await else {
        return;
    };
    let names = ["web", "nope", "other"].map(str::to_owned);
    let picture = haproxy.reader().read(&names).await.unwrap();
    assert_eq!(picture.generation.pid, haproxy.child.id());
    let found: Vec<&String> = picture.backends.keys().collect();
    assert_eq!(found, ["other", "web"]);
    for name in ["web", "other"] {
        let alone = look(&haproxy.reader(), name).await.unwrap();
        assert_eq!(picture.backends[name], alone, "{name}");
    }
}

#[tokio::test]
async fn a_real_haproxy_takes_each_state() {
    let Some(haproxy) = RealHaproxy::start(PROXIES).await else {
        return;
    };
    let server = ServerName::new("web", "web2");
    for state in [AdminState::Drain, AdminState::Ready, AdminState::Maint] {
        haproxy.writer().set_state(&server, state).await.unwrap();
        let read = look(&haproxy.reader(), "web").await.unwrap();
        assert_eq!(server_named(&read, "web2").admin_state(), state);
    }
    let unknown = ServerName::new("web", "web9");
    let outcome = haproxy
        .writer()
        .set_state(&unknown, AdminState::Ready)
        .await;
    assert_eq!(
        outcome,
        Err(WriteFailure::Refused("No such server.".into()))
    );
}

#[tokio::test]
async fn a_real_haproxy_at_operator_level_is_read_and_refuses_writes_with_a_remedy() {
    let Some(haproxy) = RealHaproxy::start(PROXIES).await else {
        return;
    };
    let address = haproxy.socket("operator.sock");
    let reader = Reader::new(address.clone(), SECOND);
    assert_eq!(reader.level().await.unwrap(), "operator");
    assert_eq!(look(&reader, "web").await.unwrap().servers.len(), 2);
    let server = ServerName::new("web", "web2");
    let outcome = Writer::new(address, SECOND)
        .set_state(&server, AdminState::Ready)
        .await;
    let text = outcome.unwrap_err().to_string();
    assert!(
        text.contains("\"Permission denied\"; write `level admin`"),
        "{text}"
    );
}

#[tokio::test]
async fn a_drained_server_of_a_real_haproxy_becomes_full_by_fresh_checks() {
    let spare = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = spare.local_addr().unwrap().port();
    let proxies = format!(
        "backend web\n server web2 127.0.0.1:{port} check inter 50ms rise 2 fall 4 disabled\n"
    );
    let Some(haproxy) = RealHaproxy::start(&proxies).await else {
        return;
    };
    let read = look(&haproxy.reader(), "web").await.unwrap();
    assert!(!server_named(&read, "web2").check.unwrap().is_full());
    let server = ServerName::new("web", "web2");
    haproxy
        .writer()
        .set_state(&server, AdminState::Drain)
        .await
        .unwrap();
    let until = Instant::now() + SECOND * 10;
    loop {
        let read = look(&haproxy.reader(), "web").await.unwrap();
        let check = server_named(&read, "web2").check.unwrap();
        assert_eq!((check.rise, check.fall), (2, 4));
        if check.is_full() {
            assert_eq!(check.health, 5);
            return;
        }
        assert!(Instant::now() < until, "{check:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_stopped_and_then_killed_haproxy_is_named_as_such() {
    let Some(mut haproxy) = RealHaproxy::start(PROXIES).await else {
        return;
    };
    let pid = i32::try_from(haproxy.child.id()).unwrap();
    let pid = Pid::from_raw(pid).unwrap();
    kill_process(pid, Signal::STOP).unwrap();
    // A stop takes its time to arrive; this waits for it.
    waitpid(Some(pid), WaitOptions::UNTRACED).unwrap();
    let reader = Reader::new(haproxy.socket("admin.sock"), SHORT);
    let stopped = unreachable_text(look(&reader, "web").await);
    assert!(stopped.contains("did not answer within 100ms"), "{stopped}");
    haproxy.child.kill().unwrap();
    haproxy.child.wait().unwrap();
    let killed = unreachable_text(look(&reader, "web").await);
    assert!(killed.contains("HAProxy is not running"), "{killed}");
}
