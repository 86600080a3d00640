//! TLS towards a server: whose certificate is believed, and how that is set up. Nothing of it is read or
//! built before the first server is spoken to.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::client::WantsClientCert;
use tokio_rustls::rustls::client::danger::{
    HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier,
};
use tokio_rustls::rustls::crypto::{CryptoProvider, ring};
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_rustls::rustls::{
    ClientConfig, ConfigBuilder, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
    WantsVerifier,
};

use crate::words::os_words::plain;

/// Largest `ca_file`: the certificates of a whole system have about 250 KiB.
const FILE_BYTES_MAX: u64 = 1024 * 1024;

/// Certificates are read anew after this time: they may be replaced, and reading them takes some
/// milliseconds.
const READ_EVERY: Duration = Duration::from_secs(5 * 60);

/// Why there is no TLS.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TlsError {
    /// Nothing to begin with, whatever the server does.
    #[error("{0}")]
    Unready(String),
    /// Nothing to verify with. What reading the system's certificates met.
    #[error(
        "the system has no certificates to verify with: install ca-certificates, or set `ca_file`"
    )]
    NoIssuers(String),
    #[error("{0} is no name of a certificate")]
    NoName(String),
    #[error(
        "its certificate was not accepted: {0}; set `ca_file` to the certificate of its issuer"
    )]
    Certificate(String),
    #[error("no TLS: {0}")]
    Handshake(String),
}

/// Whose certificate is believed.
#[derive(Clone, Debug)]
enum Trust {
    /// One by the system's issuers, and by those of this file.
    Issuers(Option<Arc<Path>>),
    Anybody,
}

/// When it was built, and what came of it.
type Built = (Instant, Arc<ClientConfig>);

/// Speaks TLS. Cheap to clone.
#[derive(Clone)]
pub struct Tls {
    trust: Trust,
    built: Arc<Mutex<Option<Built>>>,
}

impl fmt::Debug for Tls {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.trust.fmt(formatter)
    }
}

impl Tls {
    /// Believes the system's certificates, and those of `ca_file`.
    pub fn verified(ca_file: Option<PathBuf>) -> Self {
        Self::of(Trust::Issuers(ca_file.map(Arc::from)))
    }

    /// Takes any certificate, as HAProxy itself does with `verify none`: for whoever only wants to know
    /// whether a server answers.
    pub fn unverified() -> Self {
        Self::of(Trust::Anybody)
    }

    fn of(trust: Trust) -> Self {
        Self {
            trust,
            built: Arc::default(),
        }
    }

    /// Speaks TLS on an open connection with the server of that name or address.
    ///
    /// # Errors
    /// Why it does not work.
    pub async fn handshake(
        &self,
        stream: TcpStream,
        name: &str,
    ) -> Result<TlsStream<TcpStream>, TlsError> {
        let config = self.config().await?;
        let server = ServerName::try_from(name.to_owned());
        let server = server.map_err(|_| TlsError::NoName(name.to_owned()))?;
        let connected = TlsConnector::from(config).connect(server, stream).await;
        connected.map_err(|error| explained(&error))
    }

    async fn config(&self) -> Result<Arc<ClientConfig>, TlsError> {
        let known = self.built().clone();
        let config = match (&self.trust, known) {
            (Trust::Anybody, Some((_, config))) => return Ok(config),
            (Trust::Issuers(_), Some((at, config))) if at.elapsed() < READ_EVERY => {
                return Ok(config);
            }
            (Trust::Anybody, None) => believing_anybody()?,
            (Trust::Issuers(file), _) => {
                let file = file.clone();
                let reading = tokio::task::spawn_blocking(move || believing(file.as_deref()));
                let read = reading.await;
                read.map_err(|error| TlsError::Unready(error.to_string()))??
            }
        };
        *self.built() = Some((Instant::now(), Arc::clone(&config)));
        Ok(config)
    }

    fn built(&self) -> MutexGuard<'_, Option<Built>> {
        self.built.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn explained(error: &io::Error) -> TlsError {
    let inner = error.get_ref();
    let inner = inner.and_then(|inner| inner.downcast_ref::<Error>());
    if inner.is_some_and(|inner| matches!(inner, Error::InvalidCertificate(_))) {
        TlsError::Certificate(plain(error))
    } else {
        TlsError::Handshake(plain(error))
    }
}

/// Reads files: takes some milliseconds.
fn believing(ca_file: Option<&Path>) -> Result<Arc<ClientConfig>, TlsError> {
    let mut roots = RootCertStore::empty();
    let system = rustls_native_certs::load_native_certs();
    roots.add_parsable_certificates(system.certs);
    if let Some(file) = ca_file {
        roots.add_parsable_certificates(certificates_of(file).map_err(TlsError::Unready)?);
    }
    if roots.is_empty() {
        let why = system.errors.first().map(ToString::to_string);
        let why = why.unwrap_or_else(|| "none found".to_owned());
        return Err(TlsError::NoIssuers(why));
    }
    Ok(finished(begun()?.with_root_certificates(roots)))
}

fn believing_anybody() -> Result<Arc<ClientConfig>, TlsError> {
    let builder = begun()?;
    let anybody = Anybody(Arc::clone(builder.crypto_provider()));
    let builder = builder.dangerous();
    Ok(finished(
        builder.with_custom_certificate_verifier(Arc::new(anybody)),
    ))
}

fn begun() -> Result<ConfigBuilder<ClientConfig, WantsVerifier>, TlsError> {
    ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| TlsError::Unready(format!("cannot set TLS up: {error}")))
}

fn finished(builder: ConfigBuilder<ClientConfig, WantsClientCert>) -> Arc<ClientConfig> {
    let mut config = builder.with_no_client_auth();
    // Without this a server that prefers h2 might choose it.
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Arc::new(config)
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

/// Verifies nothing.
#[derive(Debug)]
struct Anybody(Arc<CryptoProvider>);

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
