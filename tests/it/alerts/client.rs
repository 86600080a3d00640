//! The HTTP client that alerts and probes share.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use haproxy_autoscale::http_client::{Url, connect_to};
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
