//! The HTTP client that alerts, probes and warm-ups share.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use haproxy_autoscale::http_client::{
    ExchangeError, HANGS_AFTER, Resolver, Url, connect_to, exchange,
};
use http_body_util::BodyExt as _;
use hyper::Request;
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpListener, TcpSocket, TcpStream};

#[tokio::test]
async fn an_address_where_nobody_answers_leaves_time_for_the_next() {
    let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    // A queue that is full: the kernel drops who comes then.
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(any).unwrap();
    let silent = socket.listen(1).unwrap();
    let hole = silent.local_addr().unwrap();
    let mut waiting = Vec::new();
    while let Ok(stream) =
        tokio::time::timeout(Duration::from_millis(300), TcpStream::connect(hole)).await
    {
        waiting.push(stream.unwrap());
    }
    let good = TcpListener::bind(any).await.unwrap();
    let addresses = [hole, good.local_addr().unwrap()];
    let began = Instant::now();
    let stream = connect_to(&addresses, Duration::from_secs(2))
        .await
        .unwrap();
    assert_eq!(stream.peer_addr().unwrap(), addresses[1]);
    assert!(began.elapsed() < Duration::from_secs(2));
    let failed = connect_to(&[hole], Duration::from_millis(200)).await;
    assert!(failed.is_err());
}

#[test]
fn what_an_answer_repeats_of_a_login_is_hidden() {
    let url = Url::parse("http://me:p%40ss@x.example/t0ken-in-the-path").unwrap();
    let answer = "no me:p%40ss, no me:p@ss, no p@ss, no Basic bWU6cEBzcw==, no t0ken-in-the-path";
    let shown = url.hidden_in(answer);
    for secret in ["p%40ss", "p@ss", "bWU6", "t0ken"] {
        assert!(!shown.contains(secret), "{secret}: {shown}");
    }
}

/// What becomes of a request to a server that wrote this before it read anything, and closed then if `closes`.
async fn asked(written: &str, closes: bool) -> Result<String, ExchangeError> {
    let (ours, mut theirs) = tokio::io::duplex(1024);
    theirs.write_all(written.as_bytes()).await.unwrap();
    let held = (!closes).then_some(theirs);
    let request = Request::get("/").body(http_body_util::Full::default());
    let answer = exchange(ours, request.unwrap(), async |answer| {
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        String::from_utf8(body.to_vec()).unwrap()
    });
    let answer = tokio::time::timeout(Duration::from_secs(30), answer).await;
    drop(held);
    answer.unwrap()
}

#[tokio::test]
async fn an_answer_counts_whose_server_has_not_read_the_request() {
    let answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
    for closes in [false, true] {
        assert_eq!(asked(answer, closes).await.as_deref(), Ok("ok"), "{closes}");
    }
}

#[tokio::test]
async fn what_is_no_answer_is_named() {
    let cut = "HTTP/1.1 200 OK\r\nContent-Le";
    for (written, closes, error) in [
        ("SSH-2.0-OpenSSH_9.2\r\n", false, ExchangeError::NotHttp),
        ("SSH-2.0-OpenSSH_9.2\r\n", true, ExchangeError::NotHttp),
        (cut, true, ExchangeError::Cut),
        ("", true, ExchangeError::Failed("broken pipe".to_owned())),
    ] {
        assert_eq!(asked(written, closes).await, Err(error), "{written:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_lookup_that_hangs_holds_one_other_up_for_a_moment_and_the_rest_until_it_ends() {
    let resolver = Resolver::default();
    let started = Arc::new(AtomicUsize::new(0));
    let mut ends = Vec::new();
    let mut lookups = Vec::new();
    for _ in 0..3 {
        let (end, hangs) = mpsc::channel::<()>();
        ends.push(end);
        let (resolver, started) = (resolver.clone(), Arc::clone(&started));
        lookups.push(tokio::spawn(async move {
            let look = move || {
                started.fetch_add(1, Ordering::SeqCst);
                let _ = hangs.recv();
            };
            resolver.in_turn(look).await
        }));
    }
    let are_started = async |wanted: usize| {
        let began = Instant::now();
        while started.load(Ordering::SeqCst) < wanted && began.elapsed() < Duration::from_secs(30) {
            tokio::task::yield_now().await;
        }
        // Whoever could begin as well has had the time for it.
        std::thread::sleep(Duration::from_millis(50));
        tokio::task::yield_now().await;
        assert_eq!(started.load(Ordering::SeqCst), wanted);
    };
    are_started(1).await;
    tokio::time::advance(HANGS_AFTER / 2).await;
    are_started(1).await;
    tokio::time::advance(HANGS_AFTER).await;
    are_started(2).await;
    tokio::time::advance(20 * HANGS_AFTER).await;
    are_started(2).await;
    drop(ends);
    for lookup in lookups {
        assert_eq!(lookup.await.unwrap(), Ok(()));
    }
    assert_eq!(started.load(Ordering::SeqCst), 3);
}
