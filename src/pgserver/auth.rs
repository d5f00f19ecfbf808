//! SCRAM-SHA-256, where a password is configured.

use std::fmt;

use pgwire::api::auth::Password;
use pgwire::api::auth::sasl::scram::{SCRAM_ITERATIONS, ScramServerAuth, gen_salted_password};
use pgwire::messages::startup::Authentication;

use super::errors::Halt;
use super::frontend::{Body, violation};
use super::io::{Reader, Writer};
use crate::error::{Error, ErrorKind, Result};

const MECHANISM: &str = "SCRAM-SHA-256";
const SALT_BYTES: usize = 16;

/// What is kept of the password.
pub(super) struct Verifier {
    salt: Vec<u8>,
    salted: Vec<u8>,
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Verifier(…)")
    }
}

impl Verifier {
    /// Salts the password anew; takes some milliseconds, on purpose.
    pub(super) fn new(password: &str) -> Self {
        let mut salt = vec![0; SALT_BYTES];
        rand::fill(&mut salt[..]);
        let salted = gen_salted_password(password, &salt, SCRAM_ITERATIONS);
        Self { salt, salted }
    }

    /// Asks the client for its proof; `28P01` where it is wrong.
    pub(super) async fn authenticate(&self, user: &str, reader: &mut Reader, writer: &mut Writer) -> Result<(), Halt> {
        writer.put(&Authentication::SASL(vec![MECHANISM.to_owned()]));
        writer.flush().await?;
        let first = client_first(&password_message(reader).await?).map_err(Halt::Fatal)?;
        let password = Password::new(Some(self.salt.clone()), self.salted.clone());
        let (answer, state) = ScramServerAuth::new()
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

async fn password_message(reader: &mut Reader) -> Result<bytes::Bytes, Halt> {
    let frame = reader.frame().await?;
    match frame.tag {
        b'p' => Ok(frame.body),
        other => Err(Halt::Fatal(violation(format!("expected SASL response, got message type {other}")))),
    }
}

/// SASLInitialResponse: the mechanism, then the client's first message.
fn client_first(body: &bytes::Bytes) -> Result<bytes::Bytes> {
    let mut body = Body(body.clone());
    if body.string()? != MECHANISM {
        return Err(violation("client selected an invalid SASL authentication mechanism"));
    }
    let length = body.u32()? as usize;
    if length != body.0.len() {
        return Err(violation("invalid message format"));
    }
    Ok(body.0)
}
