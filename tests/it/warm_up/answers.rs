//! What a server answers: where its head and its body end, and what is no answer at all.

use haproxy_autoscale::config::WarmUpConfig;
use haproxy_autoscale::words::proof::WarmUpFailure;
use proptest::prelude::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::{Server, config, run};

/// One request to a server that answers so, within that time; without `closes` it stays connected.
async fn asked(answer: &[u8], closes: bool, limit_ms: u32) -> Result<(), WarmUpFailure> {
    let answer = answer.to_vec();
    let server = Server::start(move |mut stream, _| {
        let answer = answer.clone();
        async move {
            let _ = stream.write_all(&answer).await;
            if !closes {
                let _ = stream.read_u8().await;
            }
        }
    })
    .await;
    let config = WarmUpConfig {
        requests: 1,
        ..config()
    };
    run(&config, server.address, false, limit_ms)
        .await
        .map(|_| ())
}

#[tokio::test]
async fn a_head_tells_how_its_body_ends() {
    for (answer, ends_with_the_connection) in [
        ("HTTP/1.1 200 OK\r\n\r\n", true),
        ("HTTP/1.0 200\n\n", true),
        ("HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n1234567", false),
        (
            "HTTP/1.1 200 OK\r\ncontent-length:7\r\nTransfer-Encoding: gzip, Chunked\r\n\r\n0\r\n\r\n",
            false,
        ),
        ("HTTP/1.1 204 No\r\nContent-Length: 7\r\n\r\n", false),
    ] {
        assert_eq!(
            asked(answer.as_bytes(), true, 250).await,
            Ok(()),
            "{answer:?}"
        );
        let held_open = asked(answer.as_bytes(), false, 250).await;
        assert_eq!(held_open.is_err(), ends_with_the_connection, "{answer:?}");
    }
}

#[tokio::test]
async fn what_is_not_an_answer_is_not_taken_for_one() {
    for answer in [
        "",
        "HTTP/2 200\n\n",
        "HTTP/1.1 20 OK\n\n",
        "HTTP/1.1 abc\n\n",
        "HTTP/1.1\n\n",
    ] {
        let text = asked(answer.as_bytes(), true, 250).await.unwrap_err();
        let WarmUpFailure::Broken(text) = text else {
            panic!("{answer:?}: {text:?}");
        };
        assert!(text.contains("PROXY protocol"), "{answer:?}: {text}");
    }
}

#[tokio::test]
async fn odd_headers_are_passed_over() {
    let many = ["X: y"; 300].join("\r\n");
    for odd in [
        "X : y",
        "no colon",
        "Bad Name: x",
        "X: y\r\n z",
        "X:",
        &many,
    ] {
        let answer = format!("HTTP/1.1 200 OK\r\n{odd}\r\nContent-Length: 0\r\n\r\n");
        assert_eq!(
            asked(answer.as_bytes(), false, 1000).await,
            Ok(()),
            "{odd:.20}"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn no_bytes_make_a_warm_up_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.unwrap().block_on(async {
            let _ = asked(&bytes, true, 20).await;
            let _ = asked(&[b"HTTP/1.1 200 x\n".as_slice(), &bytes].concat(), true, 20).await;
        });
    }
}
