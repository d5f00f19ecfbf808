//! SCRAM-SHA-256, where passwords are configured; bound to the certificate where the connection has one.

use std::collections::BTreeMap;
use std::fmt;

use bytes::Bytes;
use pgwire::api::auth::Password;
use pgwire::api::auth::sasl::scram::{SCRAM_ITERATIONS, ScramServerAuth, gen_salted_password};
use pgwire::messages::startup::Authentication;

use super::errors::Halt;
use super::frontend::{Body, violation};
use super::io::{Reader, Writer};
use crate::error::{Error, ErrorKind, Result};

const MECHANISM: &str = "SCRAM-SHA-256";
const MECHANISM_BOUND: &str = "SCRAM-SHA-256-PLUS";
const SALT_BYTES: usize = 16;

/// What is kept of the passwords.
pub(super) struct Users {
    known: BTreeMap<String, Verifier>,
    /// What everybody else is checked against, in vain: a stranger does not learn who is known.
    nobody: Verifier,
}

struct Verifier {
    salt: Vec<u8>,
    salted: Vec<u8>,
}

impl fmt::Debug for Users {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.known.keys()).finish()
    }
}

impl Verifier {
    /// Salts the password anew; takes some milliseconds, on purpose.
    fn new(password: &str) -> Self {
        let mut salt = vec![0; SALT_BYTES];
        rand::fill(&mut salt[..]);
        let salted = gen_salted_password(password, &salt, SCRAM_ITERATIONS);
        Self { salt, salted }
    }
}

impl Users {
    pub(super) fn new(passwords: &BTreeMap<String, String>) -> Self {
        let mut random = [0u8; 32];
        rand::fill(&mut random[..]);
        let known = passwords.iter().map(|(user, password)| (user.clone(), Verifier::new(password))).collect();
        Self { known, nobody: Verifier::new(&random.map(|byte| format!("{byte:02x}")).concat()) }
    }

    /// Asks the client for its proof; `28P01` where it is wrong, or there is no such user.
    ///
    /// `bound` is the server's side of SCRAM where the connection is encrypted.
    pub(super) async fn authenticate(
        &self,
        user: &str,
        bound: Option<&ScramServerAuth>,
        reader: &mut Reader,
        writer: &mut Writer,
    ) -> Result<(), Halt> {
        let mechanisms = bound.iter().map(|_| MECHANISM_BOUND).chain([MECHANISM]).map(str::to_owned).collect();
        writer.put(&Authentication::SASL(mechanisms));
        writer.flush().await?;
        let first = client_first(&password_message(reader).await?, bound.is_some()).map_err(Halt::Fatal)?;
        let verifier = self.known.get(user).unwrap_or(&self.nobody);
        let password = Password::new(Some(verifier.salt.clone()), verifier.salted.clone());
        let unbound = ScramServerAuth::new();
        let (answer, state) = bound
            .unwrap_or(&unbound)
            .on_client_first_message(&first, password)
            .map_err(|error| Halt::Fatal(violation("malformed SCRAM message").with_source(error)))?;
        writer.put(&Authentication::SASLContinue(answer.into()));
        writer.flush().await?;
        let proof = password_message(reader).await?;
        let verified = state.on_client_final_message(&proof).map_err(|error| {
            Halt::Fatal(
                Error::new(ErrorKind::InvalidPassword, format!("password authentication failed for user \"{user}\""))
                    .with_source(error),
            )
        })?;
        writer.put(&Authentication::SASLFinal(verified.into()));
        Ok(())
    }
}

async fn password_message(reader: &mut Reader) -> Result<Bytes, Halt> {
    let frame = reader.frame().await?;
    match frame.tag {
        b'p' => Ok(frame.body),
        other => Err(Halt::Fatal(violation(format!("expected SASL response, got message type {other}")))),
    }
}

/// SASLInitialResponse: the mechanism, then the client's first message, which must agree on the binding. A client that
/// could bind, and was told that the server cannot, was lied to by somebody in between.
fn client_first(body: &Bytes, can_bind: bool) -> Result<Bytes> {
    let mut body = Body::plain(body.clone());
    let mechanism = body.string()?;
    if mechanism != MECHANISM && !(can_bind && mechanism == MECHANISM_BOUND) {
        return Err(violation("client selected an invalid SASL authentication mechanism"));
    }
    let length = body.u32()? as usize;
    if length != body.0.len() {
        return Err(violation("invalid message format"));
    }
    let first = body.0;
    if mechanism == MECHANISM_BOUND && !first.starts_with(b"p=tls-server-end-point,") {
        return Err(violation("malformed SCRAM message").with_detail("Unsupported SCRAM channel-binding type."));
    }
    if mechanism == MECHANISM && first.starts_with(b"p=") {
        return Err(violation("malformed SCRAM message").with_detail(
            "The client selected SCRAM-SHA-256 without channel binding, but the SCRAM message includes channel binding \
             data.",
        ));
    }
    if can_bind && first.starts_with(b"y,") {
        return Err(Error::new(ErrorKind::InvalidAuthorization, "SCRAM channel binding negotiation error").with_detail(
            "The client supports SCRAM channel binding but thinks the server does not. However, this server does support \
             channel binding.",
        ));
    }
    Ok(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first(mechanism: &str, message: &str) -> Bytes {
        let mut body = format!("{mechanism}\0").into_bytes();
        body.extend_from_slice(&(message.len() as u32).to_be_bytes());
        body.extend_from_slice(message.as_bytes());
        body.into()
    }

    #[test]
    fn the_binding_must_agree_with_the_mechanism() {
        for (mechanism, message, can_bind, good) in [
            (MECHANISM, "n,,n=,r=x", false, true),
            (MECHANISM, "y,,n=,r=x", false, true),
            (MECHANISM, "y,,n=,r=x", true, false),
            (MECHANISM, "p=tls-server-end-point,,n=,r=x", true, false),
            (MECHANISM_BOUND, "p=tls-server-end-point,,n=,r=x", true, true),
            (MECHANISM_BOUND, "p=tls-server-end-point,,n=,r=x", false, false),
            (MECHANISM_BOUND, "n,,n=,r=x", true, false),
            ("PLAIN", "n,,n=,r=x", true, false),
        ] {
            assert_eq!(client_first(&first(mechanism, message), can_bind).is_ok(), good, "{mechanism} {message}");
        }
    }
}
