//! A webhook's receiver: takes requests, answers as it is told to, and remembers them. No test lives here.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rcgen::generate_simple_self_signed;
use serde_json::Value;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio_rustls::rustls::{ServerConfig, ServerConnection, StreamOwned};

/// A request that came.
#[derive(Clone, Debug)]
pub(super) struct Received {
    pub(super) at: Instant,
    /// `POST /hook HTTP/1.1`.
    pub(super) line: String,
    /// Names in lower case.
    pub(super) headers: BTreeMap<String, String>,
    pub(super) body: String,
}

impl Received {
    /// The body, which is JSON.
    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }
}

/// What it does with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Manner {
    Answer(u16),
    /// Reads it, and never answers.
    Hang,
}

struct Shared {
    manner: Mutex<Manner>,
    received: Mutex<Vec<Received>>,
}

/// Listens on a port that the kernel chose, until the test's process ends.
pub(super) struct Receiver {
    address: SocketAddr,
    shared: Arc<Shared>,
}

impl Receiver {
    pub(super) fn start(manner: Manner) -> Self {
        Self::over(manner, None)
    }

    /// Over TLS, with that certificate.
    pub(super) fn start_tls(manner: Manner, certificate: &Certificate) -> Self {
        Self::over(manner, Some(certificate.server()))
    }

    fn over(manner: Manner, tls: Option<Arc<ServerConfig>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            manner: Mutex::new(manner),
            received: Mutex::default(),
        });
        let ours = Arc::clone(&shared);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (shared, tls) = (Arc::clone(&ours), tls.clone());
                std::thread::spawn(move || {
                    // One that hangs is left alone before the test ends.
                    let _ = stream.set_read_timeout(Some(Duration::from_secs(60)));
                    match tls {
                        None => serve(stream, &shared),
                        Some(tls) => {
                            let connection = ServerConnection::new(tls).unwrap();
                            serve(StreamOwned::new(connection, stream), &shared);
                        }
                    }
                });
            }
        });
        Self { address, shared }
    }

    /// Of this path.
    pub(super) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// From the next request on.
    pub(super) fn change(&self, manner: Manner) {
        *self.shared.manner() = manner;
    }

    /// All requests, those that hang too.
    pub(super) fn received(&self) -> Vec<Received> {
        self.shared.received().clone()
    }

    /// Their bodies, which are events.
    pub(super) fn events(&self) -> Vec<Value> {
        self.received().iter().map(Received::json).collect()
    }

    /// How many events have that code and that state of an incident.
    pub(super) fn count(&self, code: &str, state: &str) -> usize {
        let events = self.events();
        let of_it = |it: &&Value| it["code"] == code && it["data"]["state"] == state;
        events.iter().filter(of_it).count()
    }
}

impl Shared {
    fn manner(&self) -> MutexGuard<'_, Manner> {
        self.manner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn received(&self) -> MutexGuard<'_, Vec<Received>> {
        self.received.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn serve(mut stream: impl Read + Write, shared: &Shared) {
    let mut reader = BufReader::new(&mut stream);
    let mut line = String::new();
    if reader.read_line(&mut line).is_err() || line.is_empty() {
        return;
    }
    let mut headers = BTreeMap::new();
    loop {
        let mut header = String::new();
        if reader.read_line(&mut header).is_err() || header.trim().is_empty() {
            break;
        }
        if let Some((name, value)) = header.split_once(':') {
            headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
        }
    }
    let length = headers.get("content-length").and_then(|it| it.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    if reader.read_exact(&mut body).is_err() {
        return;
    }
    let manner = *shared.manner();
    shared.received().push(Received {
        at: Instant::now(),
        line: line.trim().to_owned(),
        headers,
        body: String::from_utf8_lossy(&body).into_owned(),
    });
    match manner {
        Manner::Answer(status) => {
            let answer = format!("HTTP/1.1 {status} Answer\r\nContent-Length: 3\r\n\r\nok\n");
            let _ = stream.write_all(answer.as_bytes());
            let _ = stream.flush();
        }
        Manner::Hang => {
            // Until the other side hangs up.
            let _ = stream.read(&mut [0]);
        }
    }
}

/// A certificate of its own making for 127.0.0.1, and its key.
pub(super) struct Certificate(rcgen::CertifiedKey<rcgen::KeyPair>);

impl Certificate {
    pub(super) fn new() -> Self {
        Self(generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap())
    }

    fn server(&self) -> Arc<ServerConfig> {
        let key = self.0.signing_key.serialize_der();
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key));
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![self.0.cert.der().clone()], key)
            .unwrap();
        Arc::new(config)
    }

    /// Writes `cert.pem` and `key.pem` there.
    pub(super) fn write(&self, folder: &Path) {
        let pem = |label: &str, der: &[u8]| {
            let text = STANDARD.encode(der);
            let lines: Vec<_> = text
                .as_bytes()
                .chunks(64)
                .map(String::from_utf8_lossy)
                .collect();
            format!(
                "-----BEGIN {label}-----\n{}\n-----END {label}-----\n",
                lines.join("\n")
            )
        };
        let certificate = pem("CERTIFICATE", self.0.cert.der());
        let key = pem("PRIVATE KEY", &self.0.signing_key.serialize_der());
        std::fs::write(folder.join("cert.pem"), certificate).unwrap();
        std::fs::write(folder.join("key.pem"), key).unwrap();
    }
}
