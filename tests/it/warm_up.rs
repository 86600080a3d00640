//! Warm-up against small servers that are cold, slow, dead or odd.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use haproxy_autoscale::config::WarmUpConfig;
use haproxy_autoscale::warm_up::WarmUp;
use haproxy_autoscale::words::names::ServerName;
use haproxy_autoscale::words::proof::{WarmUpEvidence, WarmUpFailure};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

mod answers;
mod tls;
mod told;
mod url;

const MS: Duration = Duration::from_millis(1);
const SECONDS: Duration = Duration::from_secs(5);
/// What is over much sooner has not waited for a deadline, on a busy machine either.
const LONG: Duration = Duration::from_secs(30);
const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

fn config() -> WarmUpConfig {
    WarmUpConfig {
        path: "/warm".to_owned(),
        host: None,
        tls_verify: false,
        requests: 3,
        expect_status: vec![(200, 399)],
        timeout: MS * 2000,
    }
}

fn name() -> ServerName {
    ServerName::new("web", "web3")
}

/// Runs one warm-up without `warm_up_url`; gives up after `deadline_ms`.
async fn run(
    config: &WarmUpConfig,
    address: SocketAddr,
    is_tls: bool,
    deadline_ms: u32,
) -> Result<WarmUpEvidence, WarmUpFailure> {
    let deadline = MS * deadline_ms;
    WarmUp::new(config, &BTreeMap::new())
        .run(&name(), Some(address), is_tls, deadline, deadline, |_| ())
        .await
}

fn broken(outcome: Result<WarmUpEvidence, WarmUpFailure>) -> String {
    match outcome {
        Err(WarmUpFailure::Broken(text)) => text,
        other => panic!("expected Broken, got {other:?}"),
    }
}

/// A server on a free port. `answer` gets the stream, the request's head and how many came before.
struct Server {
    address: SocketAddr,
    heads: Arc<Mutex<Vec<String>>>,
    task: JoinHandle<()>,
}

impl Server {
    async fn start<F, A>(answer: F) -> Self
    where
        F: Fn(TcpStream, u32) -> A + Send + 'static,
        A: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        Self::on(listener, answer)
    }

    fn on<F, A>(listener: TcpListener, answer: F) -> Self
    where
        F: Fn(TcpStream, u32) -> A + Send + 'static,
        A: Future<Output = ()> + Send + 'static,
    {
        let address = listener.local_addr().unwrap();
        let heads = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&heads);
        let task = tokio::spawn(async move {
            let mut count = 0;
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let head = head_of(&mut stream).await;
                seen.lock().unwrap().push(head);
                tokio::spawn(answer(stream, count));
                count += 1;
            }
        });
        Self {
            address,
            heads,
            task,
        }
    }

    /// Answers the n-th request with the n-th text, the last one for ever.
    async fn answering(texts: &[&str]) -> Self {
        let texts: Vec<String> = texts.iter().map(|text| (*text).to_owned()).collect();
        Self::start(move |mut stream, count| {
            let at = usize::try_from(count).unwrap().min(texts.len() - 1);
            let text = texts[at].clone();
            async move {
                let _ = stream.write_all(text.as_bytes()).await;
            }
        })
        .await
    }

    fn requests(&self) -> usize {
        self.heads.lock().unwrap().len()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Reads to the empty line; what came when there is none.
async fn head_of<S: AsyncRead + Unpin>(stream: &mut S) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => break,
        }
    }
    String::from_utf8_lossy(&head).into_owned()
}

async fn free_address() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    listener.local_addr().unwrap()
}

#[tokio::test]
async fn three_successes_in_a_row_prove_a_server() {
    let server = Server::answering(&[OK]).await;
    let evidence = run(&config(), server.address, false, 5000).await.unwrap();
    assert_eq!((evidence.passed, evidence.failed), (3, 0));
    assert_eq!(server.requests(), 3);
}

#[tokio::test]
async fn the_request_is_plain_http_with_our_name_and_the_address_as_host() {
    let server = Server::answering(&[OK]).await;
    run(&config(), server.address, false, 5000).await.unwrap();
    let head = server.heads.lock().unwrap()[0].clone();
    let version = env!("CARGO_PKG_VERSION");
    assert!(head.starts_with("GET /warm HTTP/1.1\r\n"), "{head}");
    assert!(
        head.contains(&format!("\r\nHost: {}\r\n", server.address)),
        "{head}"
    );
    assert!(
        head.contains(&format!("\r\nUser-Agent: haproxy-autoscale/{version}\r\n")),
        "{head}"
    );
    assert!(head.contains("\r\nConnection: close\r\n"), "{head}");
}

#[tokio::test]
async fn a_configured_host_is_sent() {
    let server = Server::answering(&[OK]).await;
    let config = WarmUpConfig {
        host: Some("app.example".to_owned()),
        ..config()
    };
    run(&config, server.address, false, 5000).await.unwrap();
    let head = server.heads.lock().unwrap()[0].clone();
    assert!(head.contains("\r\nHost: app.example\r\n"), "{head}");
}

#[tokio::test]
async fn a_cold_first_answer_is_told_apart_from_the_last() {
    let server = Server::start(|mut stream, count| async move {
        if count == 0 {
            tokio::time::sleep(MS * 120).await;
        }
        let _ = stream.write_all(OK.as_bytes()).await;
    })
    .await;
    let evidence = run(&config(), server.address, false, 5000).await.unwrap();
    assert!(evidence.first_ms >= 120, "{evidence:?}");
    assert!(evidence.last_ms < 120, "{evidence:?}");
    assert!(evidence.took_ms >= evidence.first_ms, "{evidence:?}");
}

#[tokio::test]
async fn a_failure_restarts_the_row() {
    let bad = "HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n";
    let server = Server::answering(&[OK, OK, bad, OK, OK, OK]).await;
    let evidence = run(&config(), server.address, false, 5000).await.unwrap();
    assert_eq!((evidence.passed, evidence.failed), (3, 1));
    assert_eq!(server.requests(), 6);
}

#[tokio::test]
async fn an_unexpected_status_fails_and_is_named() {
    for (status, expect) in [
        (500, vec![(200, 399)]),
        (404, vec![(200, 399)]),
        (302, vec![(200, 200), (204, 299)]),
    ] {
        let text = format!("HTTP/1.1 {status} X\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n");
        let server = Server::answering(&[&text]).await;
        let config = WarmUpConfig {
            expect_status: expect,
            ..config()
        };
        let Err(WarmUpFailure::Status {
            status: seen,
            expected,
        }) = run(&config, server.address, false, 300).await
        else {
            panic!("{status} is not expected");
        };
        assert_eq!(seen, status);
        let expected_text = if status == 302 {
            "200,204-299"
        } else {
            "200-399"
        };
        assert_eq!(expected, expected_text);
    }
}

#[tokio::test]
async fn a_redirect_is_a_success_where_expected_and_is_not_followed() {
    let elsewhere = Server::answering(&[OK]).await;
    let text = format!(
        "HTTP/1.1 302 Found\r\nLocation: http://{}/\r\nContent-Length: 0\r\n\r\n",
        elsewhere.address
    );
    let server = Server::answering(&[&text]).await;
    run(&config(), server.address, false, 5000).await.unwrap();
    assert_eq!((server.requests(), elsewhere.requests()), (3, 0));
}

#[tokio::test]
async fn a_body_without_end_is_left_after_64_kib() {
    let sent = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&sent);
    let server = Server::start(move |mut stream, _| {
        let count = Arc::clone(&count);
        async move {
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await;
            while stream.write_all(&[b'x'; 1024]).await.is_ok() {
                count.fetch_add(1, Ordering::Relaxed);
            }
        }
    })
    .await;
    run(&config(), server.address, false, 5000).await.unwrap();
    // What fits into the sockets' buffers comes on top; without the limit this grows for ever.
    assert!(sent.load(Ordering::Relaxed) < 64 * 1024);
}

#[tokio::test]
async fn each_way_to_end_a_body_is_understood() {
    let big = format!(
        "HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n{}",
        "x".repeat(70_000)
    );
    let big_chunk = format!(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffff\r\n{}",
        "x".repeat(70_000)
    );
    for text in [
        "HTTP/1.0 200 OK\r\n\r\nuntil close",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;a=b\r\nabc\r\n0\r\n\r\n",
        "HTTP/1.1 204 No Content\r\nContent-Length: 7\r\n\r\n",
        "HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\n\r\n",
        "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\nContent-Length: 0\n\n",
        big.as_str(),
        big_chunk.as_str(),
    ] {
        let text = text.to_owned();
        let shown = text.clone();
        // Held open: the end must be known without the close, but for the first.
        let server = Server::start(move |mut stream, _| {
            let text = text.clone();
            async move {
                let _ = stream.write_all(text.as_bytes()).await;
                if !text.contains("until close") {
                    let _ = stream.read_u8().await;
                }
            }
        })
        .await;
        let outcome = run(&config(), server.address, false, 1500).await;
        assert!(
            outcome.is_ok(),
            "{:?}: {outcome:?}",
            &shown[..40.min(shown.len())]
        );
    }
}

#[tokio::test]
async fn a_body_cut_short_is_a_failure() {
    for text in [
        "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nab",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n",
        "HTTP/1.1 200 OK\r\nContent-Le",
    ] {
        let server = Server::answering(&[text]).await;
        let text = broken(run(&config(), server.address, false, 250).await);
        assert!(!text.contains("abc"), "a body is never told: {text}");
    }
}

#[tokio::test]
async fn headers_that_drip_cost_one_timeout_each() {
    let server = Server::start(|mut stream, _| async move {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n").await;
        while stream.write_all(b"X: y\r\n").await.is_ok() {
            tokio::time::sleep(MS * 5).await;
        }
    })
    .await;
    let config = WarmUpConfig {
        timeout: MS * 100,
        ..config()
    };
    let started = Instant::now();
    let outcome = run(&config, server.address, false, 2000).await;
    // Each takes 100 ms, and the pause behind it 200.
    assert!(
        matches!(outcome, Err(WarmUpFailure::TimedOut { attempts: 2..=8 })),
        "{outcome:?}"
    );
    assert!(started.elapsed() < LONG, "{:?}", started.elapsed());
}

#[tokio::test]
async fn headers_without_end_are_left_at_their_limit() {
    let long = format!("HTTP/1.1 200 OK\r\nX: {}", "x".repeat(40_000));
    let server = Server::answering(&[&long]).await;
    let text = broken(run(&config(), server.address, false, 200).await);
    assert!(text.contains("16 KiB of headers"), "{text}");
}

#[tokio::test]
async fn a_server_that_hangs_times_out() {
    let server = Server::start(|mut stream, _| async move {
        let _ = stream.read_u8().await;
    })
    .await;
    let config = WarmUpConfig {
        timeout: MS * 60,
        ..config()
    };
    let outcome = run(&config, server.address, false, 300).await;
    assert!(
        matches!(outcome, Err(WarmUpFailure::TimedOut { .. })),
        "{outcome:?}"
    );
}

#[tokio::test]
async fn what_does_not_speak_http_1_fails_with_ways_out() {
    let h2_settings = "\0\0\u{6}\u{4}\0\0\0\0\0\0\u{3}\0\0\0d";
    for answer in [
        "",
        h2_settings,
        "SSH-2.0-OpenSSH_9.2\r\n",
        "HTTP/2 200\r\n\r\n",
    ] {
        let server = Server::answering(&[answer]).await;
        let text = broken(run(&config(), server.address, false, 150).await);
        assert!(
            text.contains("warm_up_url") && text.contains("requests = 0"),
            "{text}"
        );
        assert!(!text.contains("SSH"), "what came is never told: {text}");
    }
}

#[tokio::test]
async fn a_refusing_server_is_given_up_when_another_waits_and_else_at_the_deadline() {
    let address = free_address().await;
    let warm_up = WarmUp::new(&config(), &BTreeMap::new());
    let started = Instant::now();
    let outcome = warm_up
        .run(&name(), Some(address), false, LONG * 2, MS * 150, |_| ())
        .await;
    assert!(
        matches!(outcome, Err(WarmUpFailure::Refused { attempts: 2.. })),
        "{outcome:?}"
    );
    let took = started.elapsed();
    assert!(took >= MS * 150, "{took:?}");
    assert!(took < LONG, "long before the deadline: {took:?}");
    let outcome = run(&config(), address, false, 200).await;
    assert!(
        matches!(outcome, Err(WarmUpFailure::Refused { .. })),
        "{outcome:?}"
    );
}

#[tokio::test]
async fn a_dead_server_is_asked_quickly_at_first_and_then_at_most_four_times_a_second() {
    let address = free_address().await;
    let warm_up = WarmUp::new(&config(), &BTreeMap::new());
    let started = Instant::now();
    let outcome = warm_up
        .run(&name(), Some(address), false, LONG, MS * 2000, |_| ())
        .await;
    let took = started.elapsed();
    assert!(took >= MS * 2000, "two seconds of refusals: {took:?}");
    // After 0, 25, 75, 175, 375 and 675 ms, and then every 300 ms until the end.
    let Err(WarmUpFailure::Refused { attempts }) = outcome else {
        panic!("{outcome:?}");
    };
    assert!((4..=12).contains(&attempts), "{attempts} in {took:?}");
}

/// An address where nobody answers, as long as what comes with it lives: a listener whose queue is
/// full drops what comes.
fn switched_off() -> (SocketAddr, impl Sized) {
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(0).unwrap();
    let address = listener.local_addr().unwrap();
    let (mut waiting, mut unanswered) = (Vec::new(), 0);
    // Once proves nothing: the kernel may have been late on a busy machine.
    while unanswered < 3 {
        match std::net::TcpStream::connect_timeout(&address, MS * 500) {
            Ok(stream) => waiting.push(stream),
            Err(_) => unanswered += 1,
        }
        assert!(waiting.len() < 64, "its queue is never full");
    }
    (address, (listener, waiting))
}

#[tokio::test]
async fn a_machine_that_is_switched_off_does_not_hold_the_next_spare_for_the_whole_deadline() {
    let (address, _held) = switched_off();
    let warm_up = WarmUp::new(&config(), &BTreeMap::new());
    let started = Instant::now();
    let outcome = warm_up
        .run(&name(), Some(address), false, LONG * 2, MS * 500, |_| ())
        .await;
    let text = broken(outcome);
    assert!(text.contains("cannot connect to 127.0.0.1"), "{text}");
    assert!(text.contains("no answer within 2.0 s"), "{text}");
    assert!(started.elapsed() < LONG, "{:?}", started.elapsed());
}

#[tokio::test]
async fn a_connection_without_an_answer_is_never_taken_for_a_request_without_one() {
    let (address, _held) = switched_off();
    let config = WarmUpConfig {
        timeout: MS * 10,
        ..config()
    };
    let warm_up = WarmUp::new(&config, &BTreeMap::new());
    for _ in 0..100 {
        let outcome = warm_up
            .run(&name(), Some(address), false, MS * 200, MS, |_| ())
            .await;
        let text = broken(outcome);
        assert!(text.contains("no answer within 0.0 s"), "{text}");
    }
}

#[tokio::test]
async fn a_machine_that_starts_is_noticed_at_once() {
    let address = free_address().await;
    let config = config();
    let warm_up = run(&config, address, false, 10_000);
    let start = async {
        tokio::time::sleep(MS * 300).await;
        let listener = TcpListener::bind(address).await.unwrap();
        let server = Server::on(listener, |mut stream, _| async move {
            let _ = stream.write_all(OK.as_bytes()).await;
        });
        (server, Instant::now())
    };
    let ended = async {
        let outcome = warm_up.await;
        (outcome, Instant::now())
    };
    let ((outcome, at), (_server, up_at)) = tokio::join!(ended, start);
    let evidence = outcome.unwrap();
    assert!(evidence.failed >= 3, "{evidence:?}");
    let delay = at.duration_since(up_at);
    assert!(delay < MS * 200, "noticed {delay:?} after it was up");
}

#[tokio::test]
async fn without_requests_one_connection_is_proof_and_fast() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let config = WarmUpConfig {
        requests: 0,
        ..config()
    };
    let warm_up = WarmUp::new(&config, &BTreeMap::new());
    let mut took = Vec::new();
    for _ in 0..100 {
        let started = Instant::now();
        let outcome = warm_up
            .run(&name(), Some(address), false, MS * 1000, MS * 1000, |_| ())
            .await;
        took.push(started.elapsed());
        assert_eq!(outcome.unwrap().passed, 0);
    }
    took.sort();
    // About 50 µs on an idle machine; the bound leaves room for a busy one.
    assert!(took[50] < MS * 5, "median {:?}", took[50]);
    drop(listener);
    let outcome = run(&config, address, false, 100).await;
    assert!(
        matches!(outcome, Err(WarmUpFailure::Refused { .. })),
        "{outcome:?}"
    );
}

#[tokio::test]
async fn without_an_address_a_warm_up_url_is_asked_for() {
    let warm_up = WarmUp::new(&config(), &BTreeMap::new());
    let outcome = warm_up
        .run(&name(), None, false, MS * 100, MS * 100, |_| ())
        .await;
    assert_eq!(outcome, Err(WarmUpFailure::NoAddress));
}

#[tokio::test]
async fn a_warm_up_url_replaces_address_and_path() {
    let server = Server::answering(&[OK]).await;
    let port = server.address.port();
    let url = format!("http://localhost:{port}/x?y=1");
    let urls = BTreeMap::from([("web3".to_owned(), url)]);
    let warm_up = WarmUp::new(&config(), &urls);
    let nowhere = Some("127.0.0.1:1".parse().unwrap());
    let outcome = warm_up
        .run(&name(), nowhere, true, MS * 5000, MS * 5000, |_| ())
        .await;
    assert_eq!(outcome.unwrap().passed, 3);
    let head = server.heads.lock().unwrap()[0].clone();
    assert!(head.starts_with("GET /x?y=1 HTTP/1.1\r\n"), "{head}");
    assert!(
        head.contains(&format!("\r\nHost: localhost:{port}\r\n")),
        "{head}"
    );
}

#[tokio::test]
async fn link_local_addresses_are_refused_at_once() {
    let started = Instant::now();
    for address in ["169.254.169.254:80", "[fe80::1]:80", "[fd00:ec2::254]:80"] {
        let text = broken(run(&config(), address.parse().unwrap(), false, 60_000).await);
        assert!(text.contains("link-local"), "{text}");
    }
    let urls = BTreeMap::from([("web3".to_owned(), "http://169.254.169.254/".to_owned())]);
    let warm_up = WarmUp::new(&config(), &urls);
    let text = broken(
        warm_up
            .run(&name(), None, false, LONG * 2, LONG * 2, |_| ())
            .await,
    );
    assert!(text.contains("link-local"), "{text}");
    assert!(started.elapsed() < LONG);
}

#[tokio::test]
async fn a_path_or_host_that_could_smuggle_a_header_is_never_sent() {
    let server = Server::answering(&[OK]).await;
    for (path, host) in [
        ("/a b", None),
        ("/\r\nX: y", None),
        ("/", Some("a\r\nX: y".to_owned())),
    ] {
        let config = WarmUpConfig {
            path: path.to_owned(),
            host,
            ..config()
        };
        broken(run(&config, server.address, false, 5000).await);
    }
    assert!(server.heads.lock().unwrap().iter().all(String::is_empty));
}
