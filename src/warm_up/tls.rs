//! TLS towards a server that HAProxy reaches over TLS (`srv_use_ssl`), or for an https
//! `warm_up_url`. Built when the first such server is warmed up, not before.

use std::io;
use std::sync::Arc;

use tokio::net::TcpStream;
use tokio::sync::OnceCell;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::client::danger::{
    HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier,
};
use tokio_rustls::rustls::crypto::{CryptoProvider, ring};
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_rustls::rustls::{
    ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
};

use super::Fault;
use super::target::Target;
use crate::words::os_words::plain;

/// The TLS settings of one backend's warm-up.
pub(super) struct Tls {
    is_verified: bool,
    config: OnceCell<Result<Arc<ClientConfig>, String>>,
}

impl Tls {
    /// `is_verified`: `tls_verify`.
    pub(super) const fn new(is_verified: bool) -> Self {
        Self {
            is_verified,
            config: OnceCell::const_new(),
        }
    }

    /// Speaks TLS on an open connection.
    pub(super) async fn handshake(
        &self,
        stream: TcpStream,
        target: &Target,
    ) -> Result<TlsStream<TcpStream>, Fault> {
        let config = self
            .config
            .get_or_init(|| build(self.is_verified))
            .await
            .clone()
            .map_err(Fault::Hopeless)?;
        let name = ServerName::try_from(target.name.clone()).map_err(|_| {
            Fault::Hopeless(format!(
                "{:?} is no name that a certificate can carry; see `host`",
                target.name
            ))
        })?;
        TlsConnector::from(config)
            .connect(name, stream)
            .await
            .map_err(|error| Fault::Broken(self.explain(&error)))
    }

    fn explain(&self, error: &io::Error) -> String {
        let is_certificate = error
            .get_ref()
            .and_then(|inner| inner.downcast_ref::<Error>())
            .is_some_and(|inner| matches!(inner, Error::InvalidCertificate(_)));
        let what = plain(error);
        if is_certificate && self.is_verified {
            format!(
                "its certificate was not accepted: {what}; set `host` to the name in it, add its \
                 issuer to the system's certificates, or set tls_verify = false"
            )
        } else {
            format!(
                "no TLS: {what}; if it speaks the PROXY protocol first, or only TLS versions below \
                 1.2, set warm_up_url to an address that answers HTTP/1.1; where a TLS handshake \
                 works and HTTP/1.1 does not, requests = 0 is enough"
            )
        }
    }
}

async fn build(is_verified: bool) -> Result<Arc<ClientConfig>, String> {
    let provider = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| format!("cannot set TLS up: {error}"))?;
    let mut config = if is_verified {
        builder
            .with_root_certificates(system_roots().await?)
            .with_no_client_auth()
    } else {
        builder
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Unverified(provider)))
            .with_no_client_auth()
    };
    // Without this a server that prefers h2 might choose it.
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

/// The system's own certificates; reading them takes some milliseconds of file I/O.
async fn system_roots() -> Result<RootCertStore, String> {
    let found = tokio::task::spawn_blocking(rustls_native_certs::load_native_certs)
        .await
        .map_err(|error| format!("cannot read the system's certificates: {error}"))?;
    let mut roots = RootCertStore::empty();
    let (added, _) = roots.add_parsable_certificates(found.certs);
    if added > 0 {
        return Ok(roots);
    }
    let why = found.errors.first().map(ToString::to_string);
    Err(format!(
        "tls_verify = true, and the system has no certificates to verify with ({}); install \
         ca-certificates",
        why.as_deref().unwrap_or("none found")
    ))
}

/// Takes any certificate, as HAProxy itself does with `verify none`: the warm-up proves that a
/// server answers, HAProxy proves who it is.
#[derive(Debug)]
struct Unverified(Arc<CryptoProvider>);

impl ServerCertVerifier for Unverified {
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
