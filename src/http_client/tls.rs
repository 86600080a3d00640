//! TLS towards a server that an operator named: its certificate is always verified, by the system's
//! certificates and those of a `ca_file`.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, Error, RootCertStore};

use super::RequestError;
use crate::words::os_words::plain;

/// Largest `ca_file`: the certificates of a whole system have about 250 KiB.
const FILE_BYTES_MAX: u64 = 1024 * 1024;

/// Certificates are read anew after this time: they may be replaced, and reading them takes some
/// milliseconds.
const READ_EVERY: Duration = Duration::from_secs(5 * 60);

/// When certificates were read, and what came of it.
type Read = (Instant, Arc<ClientConfig>);

/// Whom it believes.
#[derive(Clone)]
pub(super) struct Tls {
    ca_file: Option<Arc<Path>>,
    read: Arc<Mutex<Option<Read>>>,
}

impl fmt::Debug for Tls {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.ca_file.fmt(formatter)
    }
}

impl Tls {
    pub(super) fn new(ca_file: Option<PathBuf>) -> Self {
        Self {
            ca_file: ca_file.map(Arc::from),
            read: Arc::default(),
        }
    }

    /// Speaks TLS on an open connection.
    pub(super) async fn handshake(
        &self,
        stream: TcpStream,
        host: &str,
    ) -> Result<TlsStream<TcpStream>, RequestError> {
        let config = self.config().await.map_err(RequestError::Tls)?;
        let name = ServerName::try_from(host.to_owned())
            .map_err(|_| RequestError::Tls(format!("{host} is no name of a certificate")))?;
        let connected = TlsConnector::from(config).connect(name, stream).await;
        connected.map_err(|error| RequestError::Tls(explained(&error)))
    }
}

impl Tls {
    async fn config(&self) -> Result<Arc<ClientConfig>, String> {
        let known = self.known().clone();
        let known = known.filter(|(at, _)| at.elapsed() < READ_EVERY);
        if let Some((_, config)) = known {
            return Ok(config);
        }
        let ca_file = self.ca_file.clone();
        let config = tokio::task::spawn_blocking(move || config(ca_file.as_deref()));
        let config = config.await.map_err(|error| error.to_string())??;
        *self.known() = Some((Instant::now(), Arc::clone(&config)));
        Ok(config)
    }

    fn known(&self) -> MutexGuard<'_, Option<Read>> {
        self.read.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn explained(error: &io::Error) -> String {
    let inner = error.get_ref();
    let inner = inner.and_then(|inner| inner.downcast_ref::<Error>());
    let what = plain(error);
    if inner.is_some_and(|inner| matches!(inner, Error::InvalidCertificate(_))) {
        format!(
            "its certificate was not accepted: {what}; set `ca_file` to the certificate of its issuer"
        )
    } else {
        format!("no TLS: {what}")
    }
}

fn config(ca_file: Option<&Path>) -> Result<Arc<ClientConfig>, String> {
    let mut roots = RootCertStore::empty();
    let system = rustls_native_certs::load_native_certs();
    roots.add_parsable_certificates(system.certs);
    if let Some(file) = ca_file {
        roots.add_parsable_certificates(certificates_of(file)?);
    }
    if roots.is_empty() {
        return Err(
            "the system has no certificates to verify with: install ca-certificates, or set \
             `ca_file`"
                .to_owned(),
        );
    }
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| format!("cannot set TLS up: {error}"))?;
    let mut config = builder.with_root_certificates(roots).with_no_client_auth();
    // Without this a server that prefers h2 might choose it.
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

/// The certificates of a PEM file, at least one.
///
/// # Errors
/// What is wrong with the file, for the operator.
pub fn certificates_of(file: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let shown = file.display();
    let failed = |error: &str| format!("cannot use ca_file {shown}: {error}");
    let found = std::fs::metadata(file).map_err(|error| failed(&plain(&error)))?;
    if !found.is_file() || found.len() > FILE_BYTES_MAX {
        return Err(failed("it is no file, or larger than 1 MiB"));
    }
    let bytes = std::fs::read(file).map_err(|error| failed(&plain(&error)))?;
    let found: Vec<_> = CertificateDer::pem_slice_iter(&bytes)
        .filter_map(Result::ok)
        .collect();
    if found.is_empty() {
        return Err(failed("it has no certificate in PEM"));
    }
    Ok(found)
}
