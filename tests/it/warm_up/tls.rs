//! Warm-up over https: certificates of their own making, and servers that speak no TLS.

use std::net::SocketAddr;
use std::sync::Arc;

use haproxy_autoscale::config::WarmUpConfig;
use rcgen::generate_simple_self_signed;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

use super::{broken, config, head_of, run};

/// An https server with a certificate of its own making for `localhost`; it closes without
/// `close_notify` when `is_rude`.
async fn https_server(is_rude: bool) -> (SocketAddr, JoinHandle<()>) {
    let made = generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let task = tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let Ok(stream) = acceptor.accept(stream).await else {
                continue;
            };
            answer_tls(stream, is_rude).await;
        }
    });
    (address, task)
}

async fn answer_tls<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S, is_rude: bool) {
    if head_of(&mut stream).await.is_empty() {
        return;
    }
    let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\nok").await;
    let _ = stream.flush().await;
    if !is_rude {
        let _ = stream.shutdown().await;
    }
}

#[tokio::test]
async fn a_server_with_its_own_certificate_is_warmed_up_over_https() {
    for is_rude in [false, true] {
        let (address, task) = https_server(is_rude).await;
        let evidence = run(&config(), address, true, 5000).await.unwrap();
        assert_eq!(evidence.passed, 3);
        let no_requests = WarmUpConfig {
            requests: 0,
            ..config()
        };
        run(&no_requests, address, true, 5000).await.unwrap();
        task.abort();
    }
}

#[tokio::test]
async fn an_unknown_certificate_fails_where_it_is_to_be_verified() {
    let (address, task) = https_server(false).await;
    let config = WarmUpConfig {
        tls_verify: true,
        host: Some("localhost".to_owned()),
        ..config()
    };
    let text = broken(run(&config, address, true, 400).await);
    assert!(text.contains("tls_verify"), "{text}");
    task.abort();
}

#[tokio::test]
async fn a_server_that_speaks_no_tls_fails_with_ways_out() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let task = tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
            let _ = stream.read(&mut [0; 4096]).await;
        }
    });
    let text = broken(run(&config(), address, true, 250).await);
    assert!(
        text.contains("warm_up_url") && text.contains("requests = 0"),
        "{text}"
    );
    task.abort();
}
