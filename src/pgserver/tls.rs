//! TLS: the certificate, and how a connection comes to be encrypted.
//!
//! Invariant: where TLS is configured the server starts with it or not at all.
//! Invariant: what a client sends before the handshake is never taken for what it sends after it.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use bytes::BytesMut;
use pgwire::api::auth::sasl::scram::ScramServerAuth;
use pgwire::messages::response::{GssEncResponse, SslResponse};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{ProtocolVersion, ServerConfig, ServerConnection};

use super::errors::{Disconnect, Halt};
use super::frontend::violation;
use super::io::{Reader, Writer};
use crate::engine::Encryption;
use crate::error::{Error, ErrorKind, Result};

const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f];
const GSS_REQUEST: [u8; 8] = [0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x30];
/// How often a client may ask for encryption before it must start.
const REQUESTS_MAX: usize = 2;
/// First byte of a handshake without a request, as libpq sends it with `sslnegotiation=direct`.
const HANDSHAKE: u8 = 0x16;
/// What both sides say they speak, by ALPN.
const ALPN: &[u8] = b"postgresql";

/// What is needed to encrypt connections.
pub(super) struct Tls {
    acceptor: TlsAcceptor,
    /// For channel binding; `None` for a certificate whose signature has no hash of its own.
    scram: Option<ScramServerAuth>,
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tls(…)")
    }
}

impl Tls {
    /// Reads certificate chain and private key, both PEM.
    ///
    /// # Errors
    /// `Config` where a file is not there or not what it should be, or the key is another certificate's.
    pub(super) fn load(certificate: &Path, key: &Path) -> Result<Self> {
        let (pem, key_pem) = (read("server certificate", certificate)?, read("private key", key)?);
        let wrong = |what: &str, file: &Path, reason: &dyn fmt::Display| {
            Error::new(ErrorKind::Config, format!("could not load {what} file \"{}\": {reason}", file.display()))
        };
        let chain = CertificateDer::pem_slice_iter(&pem)
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| wrong("server certificate", certificate, &error))?;
        if chain.is_empty() {
            return Err(wrong("server certificate", certificate, &"it holds no certificate")
                .with_hint("The file must be PEM: -----BEGIN CERTIFICATE-----."));
        }
        let private = PrivateKeyDer::from_pem_slice(&key_pem).map_err(|error| {
            wrong("private key", key, &error).with_hint("The file must be PEM, and the key not encrypted.")
        })?;
        let mut config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .map(|builder| builder.with_no_client_auth())
            .and_then(|builder| builder.with_single_cert(chain, private))
            .map_err(|error| {
                let (certificate, key) = (certificate.display(), key.display());
                let message = format!("cannot use certificate \"{certificate}\" with key \"{key}\": {error}");
                Error::new(ErrorKind::Config, message).with_source(error)
            })?;
        config.alpn_protocols = vec![ALPN.to_vec()];
        let mut scram = ScramServerAuth::new();
        let bound = scram.configure_certificate(&pem);
        if let Err(error) = &bound {
            tracing::info!(%error, "no channel binding with this certificate");
        }
        Ok(Self { acceptor: TlsAcceptor::from(Arc::new(config)), scram: bound.is_ok().then_some(scram) })
    }

    /// The server's side of SCRAM-SHA-256-PLUS.
    pub(super) fn scram(&self) -> Option<&ScramServerAuth> {
        self.scram.as_ref()
    }

    /// The handshake.
    pub(super) async fn encrypt(
        &self,
        stream: TcpStream,
        direct: bool,
        message_bytes_max: usize,
    ) -> Result<(Reader, Writer, Encryption), Disconnect> {
        let stream = self.acceptor.accept(stream).await?;
        if direct && stream.get_ref().1.alpn_protocol() != Some(ALPN) {
            // anybody's TLS might have come here
            return Err(Disconnect::Io(std::io::Error::other("a direct TLS connection without ALPN")));
        }
        let encryption = encryption(stream.get_ref().1);
        let (read, write) = tokio::io::split(stream);
        Ok((Reader::new(read, message_bytes_max), Writer::new(write), encryption))
    }
}

/// What the handshake settled on, in OpenSSL's words for TLS 1.3.
fn encryption(connection: &ServerConnection) -> Encryption {
    let suite = connection.negotiated_cipher_suite().and_then(|suite| suite.suite().as_str()).unwrap_or_default();
    Encryption {
        version: match connection.protocol_version() {
            Some(ProtocolVersion::TLSv1_2) => "TLSv1.2",
            _ => "TLSv1.3",
        },
        cipher: suite.replace("TLS13_", "TLS_"),
        bits: if suite.contains("128") { 128 } else { 256 },
    }
}

fn read(what: &str, file: &Path) -> Result<Vec<u8>> {
    std::fs::read(file).map_err(|error| {
        let message = format!("could not load {what} file \"{}\": {error}", file.display());
        Error::new(ErrorKind::Config, message).with_source(error)
    })
}

/// What a connection begins with.
#[derive(Debug)]
pub(super) enum Beginning {
    /// Plain; these bytes were read.
    Plain(BytesMut),
    /// A handshake follows; `direct` where the client did not ask first.
    Handshake { direct: bool },
}

/// Answers requests for encryption.
pub(super) async fn begin(stream: &mut TcpStream, tls: Option<&Tls>) -> Result<Beginning, Halt> {
    let lost = |error: std::io::Error| Halt::Lost(Disconnect::from(error));
    let mut first = [0; 1];
    if tls.is_some() && stream.peek(&mut first).await.map_err(lost)? == 1 && first == [HANDSHAKE] {
        return Ok(Beginning::Handshake { direct: true });
    }
    for _ in 0..REQUESTS_MAX {
        let mut request = BytesMut::with_capacity(SSL_REQUEST.len());
        // no byte more: it would belong to the handshake
        while request.len() < SSL_REQUEST.len() {
            let mut piece = [0; 8];
            let room = piece.get_mut(request.len()..).unwrap_or_default();
            let count = stream.read(room).await.map_err(lost)?;
            request.extend_from_slice(room.get(..count).unwrap_or_default());
            if count == 0 {
                return Ok(Beginning::Plain(request));
            }
        }
        let mut answer = BytesMut::new();
        let put = if request[..] == SSL_REQUEST {
            let response = if tls.is_some() { SslResponse::Accept } else { SslResponse::Refuse };
            pgwire::messages::Message::encode(&response, &mut answer)
        } else if request[..] == GSS_REQUEST {
            pgwire::messages::Message::encode(&GssEncResponse::Refuse, &mut answer)
        } else {
            return Ok(Beginning::Plain(request));
        };
        put.map_err(|error| Halt::Fatal(violation("no answer to a request for encryption").with_source(error)))?;
        stream.write_all(&answer).await.map_err(lost)?;
        if tls.is_some() && request[..] == SSL_REQUEST {
            return Ok(Beginning::Handshake { direct: false });
        }
    }
    Ok(Beginning::Plain(BytesMut::new()))
}
