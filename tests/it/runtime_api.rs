//! The admin socket: recorded replies, sockets that cut, hang or lie, and a real HAProxy.

use std::fs;
use std::net::TcpListener as StdTcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use haproxy_autoscale::runtime_api::{Address, REPLY_MAX_BYTES, Reader, Writer};
use haproxy_autoscale::scaler::decision::StateRefused;
use haproxy_autoscale::sim::socket;
use haproxy_autoscale::words::names::ServerName;
use haproxy_autoscale::words::picture::{
    AdminState, BackendRead, ReadFailure, ServerRead, WriteFailure,
};
use tempfile::TempDir;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, UnixListener};
use tokio::task::JoinHandle;

mod command;
mod real;
mod recorded;

const READ: &str = include_str!("../data/haproxy-2.6/read.txt");

const SECOND: Duration = Duration::from_secs(1);
const SHORT: Duration = Duration::from_millis(100);

/// One look at that backend.
async fn look(reader: &Reader, backend: &str) -> Result<BackendRead, ReadFailure> {
    let mut picture = reader.read(&[backend.to_owned()]).await?;
    let read = picture.backends.remove(backend);
    read.ok_or(ReadFailure::UnknownBackend)
}

fn server_named<'a>(read: &'a BackendRead, name: &str) -> &'a ServerRead {
    read.servers
        .iter()
        .find(|server| server.name == name)
        .unwrap()
}

/// A Unix socket that answers each connection's first line with the same bytes and closes.
struct Fake {
    _dir: TempDir,
    path: PathBuf,
    task: JoinHandle<()>,
}

impl Fake {
    fn answering(bytes: Vec<u8>) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("admin.sock");
        let listener = UnixListener::bind(&path).unwrap();
        let task = tokio::spawn(socket::serve(listener, move |_| Some(bytes.clone())));
        Self {
            _dir: dir,
            path,
            task,
        }
    }

    fn address(&self) -> Address {
        Address::Unix(self.path.clone())
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn unreachable_text(outcome: Result<BackendRead, ReadFailure>) -> String {
    match outcome {
        Err(ReadFailure::Unreachable(text)) => text,
        other => panic!("expected Unreachable, got {other:?}"),
    }
}

#[tokio::test]
async fn a_whole_answer_over_a_socket_is_read() {
    let fake = Fake::answering(READ.into());
    let read = look(&Reader::new(fake.address(), SECOND), "web").await;
    assert_eq!(read.unwrap().servers.len(), 14);
}

#[tokio::test]
async fn an_answer_cut_over_a_socket_is_unreachable_and_says_so() {
    for end in (0..READ.len()).step_by(211).chain([READ.len() - 1]) {
        let fake = Fake::answering(READ.as_bytes()[..end].to_vec());
        let outcome = look(&Reader::new(fake.address(), SECOND), "web").await;
        let text = unreachable_text(outcome);
        assert!(text.contains("was cut short"), "cut at {end}: {text}");
        assert!(text.contains("admin.sock"), "{text}");
    }
}

#[tokio::test]
async fn a_socket_that_accepts_and_is_silent_costs_one_timeout() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("admin.sock");
    let _never_accepting = UnixListener::bind(&path).unwrap();
    let address = Address::Unix(path);
    let started = Instant::now();
    let text = unreachable_text(look(&Reader::new(address.clone(), SHORT), "web").await);
    assert!(started.elapsed() < SHORT * 50, "{:?}", started.elapsed());
    assert!(text.contains("did not answer within 100ms"), "{text}");
    assert!(text.contains("stats maxconn"), "{text}");
    let server = ServerName::new("web", "web3");
    let outcome = Writer::new(address, SHORT)
        .set_state(&server, AdminState::Ready)
        .await;
    assert!(
        matches!(outcome, Err(WriteFailure::Unknown(_))),
        "{outcome:?}"
    );
}

#[tokio::test]
async fn an_answer_that_drips_for_ever_costs_one_timeout() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = Address::Tcp(listener.local_addr().unwrap().to_string());
    let task = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        while stream.write_all(b"Name: HAProxy\n").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    });
    let started = Instant::now();
    let text = unreachable_text(look(&Reader::new(address, SHORT), "web").await);
    assert!(started.elapsed() < SHORT * 50);
    assert!(
        text.contains("was cut short") && text.contains("tcp:127"),
        "{text}"
    );
    task.abort();
}

#[tokio::test]
async fn a_reply_without_end_is_dropped_at_its_limit() {
    let fake = Fake::answering(vec![b'x'; REPLY_MAX_BYTES + 1024 * 1024]);
    let text = unreachable_text(look(&Reader::new(fake.address(), SECOND * 20), "web").await);
    assert!(text.contains("longer than 8 MiB"), "{text}");
}

#[tokio::test]
async fn garbage_is_unreachable_with_its_first_words() {
    let fake = Fake::answering(b"HTTP/1.0 400 Bad\xff request\r\n\r\n".to_vec());
    let text = unreachable_text(look(&Reader::new(fake.address(), SECOND), "web").await);
    assert!(text.contains("answered \"HTTP/1.0 400 Bad"), "{text}");
}

#[tokio::test]
async fn a_name_that_haproxy_could_not_have_is_never_sent() {
    let address = Address::Unix("/nonexistent/admin.sock".into());
    let fake = Fake::answering(READ.into());
    let reader = Reader::new(fake.address(), SECOND);
    let outcome = look(&reader, "web;shutdown").await;
    assert_eq!(outcome, Err(ReadFailure::UnknownBackend));
    let server = ServerName::new("web", "web1\nshow info");
    let outcome = Writer::new(address, SECOND)
        .set_state(&server, AdminState::Maint)
        .await;
    let Err(WriteFailure::Refused(text)) = outcome else {
        panic!("{outcome:?}");
    };
    assert!(text.contains("not sent"), "{text}");
}

#[tokio::test]
async fn each_way_of_having_no_socket_names_the_path_and_a_remedy() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("admin.sock");
    let reader = Reader::new(Address::Unix(path.clone()), SECOND);
    let missing = unreachable_text(look(&reader, "web").await);
    assert!(missing.contains("admin.sock: no such file"), "{missing}");
    assert!(missing.contains("stats socket"), "{missing}");
    drop(UnixListener::bind(&path).unwrap());
    let left_behind = unreachable_text(look(&reader, "web").await);
    assert!(
        left_behind.contains("HAProxy is not running"),
        "{left_behind}"
    );
    fs::remove_file(&path).unwrap();
    fs::write(&path, "").unwrap();
    let file = unreachable_text(look(&reader, "web").await);
    assert!(file.contains("not a socket"), "{file}");
    let port = StdTcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let tcp = Reader::new(Address::Tcp(port.to_string()), SECOND);
    let refused = unreachable_text(look(&tcp, "web").await);
    assert!(refused.contains("connection refused"), "{refused}");
}

#[tokio::test]
async fn a_socket_in_a_directory_that_everybody_may_write_is_not_trusted() {
    let fake = Fake::answering(READ.into());
    let directory = fake.path.parent().unwrap();
    let reader = Reader::new(fake.address(), SECOND);
    fs::set_permissions(directory, fs::Permissions::from_mode(0o777)).unwrap();
    let text = unreachable_text(look(&reader, "web").await);
    assert!(text.contains("writable by everybody"), "{text}");
    fs::set_permissions(directory, fs::Permissions::from_mode(0o1777)).unwrap();
    assert!(look(&reader, "web").await.is_ok(), "sticky, as /tmp is");
}

#[tokio::test]
async fn the_answers_to_a_write_are_told_apart() {
    let server = ServerName::new("web", "web3");
    for (answer, expected) in [
        ("\n", Ok(())),
        ("Proxy is disabled.\n\n", Err(WriteFailure::Stopping)),
        (
            "No such server.\n\n",
            Err(WriteFailure::Refused("No such server.".into())),
        ),
    ] {
        let fake = Fake::answering(answer.into());
        let writer = Writer::new(fake.address(), SECOND);
        assert_eq!(writer.set_state(&server, AdminState::Drain).await, expected);
    }
    for (answer, expected) in [("", "cut short"), ("No such", "cut short")] {
        let fake = Fake::answering(answer.into());
        let writer = Writer::new(fake.address(), SECOND);
        let outcome = writer.set_state(&server, AdminState::Drain).await;
        let Err(WriteFailure::Unknown(text)) = outcome else {
            panic!("{outcome:?}");
        };
        assert!(text.contains(expected), "{text}");
    }
}

#[tokio::test]
async fn haproxys_words_and_our_advice_are_told_apart() {
    let server = ServerName::new("web", "web3");
    let fake = Fake::answering(b"Permission denied\n\n".into());
    let writer = Writer::new(fake.address(), SECOND);
    let words = |outcome| match outcome {
        Err(WriteFailure::Refused(words)) => words,
        other => panic!("{other:?}"),
    };
    let denied = words(writer.set_state(&server, AdminState::Drain).await);
    assert_eq!(denied, "Permission denied");
    let told = |words: &str| {
        let refused = StateRefused {
            server: server.clone(),
            state: AdminState::Drain,
            words: words.to_owned(),
        };
        refused.to_string()
    };
    assert_eq!(
        told(&denied),
        "cannot set web/web3 to drain: HAProxy answered \"Permission denied\"; write `level admin` \
         on its `stats socket` line in haproxy.cfg"
    );
    assert_eq!(
        told("No such server."),
        "cannot set web/web3 to drain: HAProxy answered \"No such server.\""
    );
    let impossible = ServerName::new("web", "web 3");
    let ours = words(writer.set_state(&impossible, AdminState::Drain).await);
    assert!(!told(&ours).contains("HAProxy answered"), "{}", told(&ours));
}
