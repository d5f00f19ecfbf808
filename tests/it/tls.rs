//! Encrypted connections, as libpq asks for them; certificates are made by openssl.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::{LAKEWIRE, Server, root, skipped};

/// A certificate of its own authority for `localhost` and 127.0.0.1, and its key; `None`, said aloud, without openssl.
fn certificate(folder: &Path, name: &str) -> Option<(PathBuf, PathBuf)> {
    let (certificate, key) = (folder.join(format!("{name}.crt")), folder.join(format!("{name}.key")));
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"])
        .args(["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"])
        .arg("-keyout")
        .arg(&key)
        .arg("-out")
        .arg(&certificate)
        .output();
    match made {
        Ok(output) if output.status.success() => Some((certificate, key)),
        Ok(output) => panic!("openssl: {}", String::from_utf8_lossy(&output.stderr)),
        Err(_) => {
            skipped("openssl is not installed");
            None
        }
    }
}

fn settings(certificate: &Path, key: &Path, more: &[&str]) -> Vec<String> {
    let tls =
        [format!("server.tls_certificate={}", certificate.display()), format!("server.tls_key={}", key.display())];
    let all = tls.into_iter().chain(more.iter().map(|setting| (*setting).to_owned()));
    all.flat_map(|setting| ["--set".to_owned(), setting]).collect()
}

/// psql's answer and its complaints.
fn ask(server: &Server, user: &str, password: &str, options: &str) -> (String, String) {
    let port = server.url.rsplit(':').next().and_then(|rest| rest.split('/').next()).unwrap().to_owned();
    let target = format!("host=127.0.0.1 port={port} dbname=lake user={user} {options}");
    let output = Command::new("psql")
        .args(["-X", "-At", "-c", "select 42", "-c", "\\conninfo", &target])
        .env("PGPASSWORD", password)
        .output()
        .unwrap_or_else(|error| panic!("psql: {error}"));
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (text(&output.stdout), text(&output.stderr))
}

#[test]
fn clients_that_ask_are_encrypted_and_can_be_sure_of_the_server() {
    let folder = tempfile::tempdir().unwrap();
    let Some((crt, key)) = certificate(folder.path(), "server") else { return };
    let Some((foreign, _)) = certificate(folder.path(), "foreign") else { return };
    let all = settings(&crt, &key, &["server.password=secret", "users.ana=geheim"]);
    let server = Server::serve(folder.path(), &all.iter().map(String::as_str).collect::<Vec<_>>());
    for options in [
        "sslmode=require".to_owned(),
        "sslmode=require channel_binding=require".to_owned(),
        format!("sslmode=verify-ca sslrootcert={}", crt.display()),
        format!("sslmode=verify-full sslrootcert={} channel_binding=require", crt.display()),
        "sslmode=require ssl_min_protocol_version=TLSv1.3".to_owned(),
        "sslmode=require ssl_max_protocol_version=TLSv1.2 channel_binding=require".to_owned(),
    ] {
        for (user, password) in [("lakewire", "secret"), ("ana", "geheim")] {
            let (out, told) = ask(&server, user, password, &options);
            assert!(out.starts_with("42\n") && out.contains("SSL connection"), "{options}: {out}{told}");
        }
    }
    let (out, _) = ask(&server, "lakewire", "secret", "sslmode=disable");
    assert!(out.starts_with("42\n") && !out.contains("SSL connection"), "{out}");
    for (user, password) in [("lakewire", "geheim"), ("ana", "secret"), ("nobody", "secret")] {
        let (_, told) = ask(&server, user, password, "sslmode=require");
        assert!(told.contains(&format!("password authentication failed for user \"{user}\"")), "{told}");
    }
    let (_, told) = ask(&server, "lakewire", "secret", &format!("sslmode=verify-ca sslrootcert={}", foreign.display()));
    assert!(told.contains("certificate verify failed"), "{told}");
}

#[test]
fn encryption_can_be_required() {
    let folder = tempfile::tempdir().unwrap();
    let Some((crt, key)) = certificate(folder.path(), "server") else { return };
    let all = settings(&crt, &key, &["server.tls_required=true"]);
    let server = Server::serve(folder.path(), &all.iter().map(String::as_str).collect::<Vec<_>>());
    let (_, told) = ask(&server, "ana", "", "sslmode=disable");
    assert!(told.contains("no pg_hba.conf entry for host") && told.contains("no encryption"), "{told}");
    assert!(ask(&server, "ana", "", "sslmode=prefer").0.contains("SSL connection"));
}

#[test]
fn broken_tls_keeps_the_server_from_starting() {
    let folder = tempfile::tempdir().unwrap();
    let Some((crt, key)) = certificate(folder.path(), "server") else { return };
    let Some((_, foreign)) = certificate(folder.path(), "foreign") else { return };
    let absent = folder.path().join("absent.crt");
    for (crt, key, expected) in [
        (&absent, &key, "could not load server certificate file"),
        (&crt, &absent, "could not load private key file"),
        (&crt, &foreign, "cannot use certificate"),
        (&key, &key, "it holds no certificate"),
        (&crt, &crt, "could not load private key file"),
    ] {
        let output = Command::new(LAKEWIRE)
            .args(["serve", "--listen", "127.0.0.1:0", "--lake"])
            .arg(folder.path())
            .args(settings(crt, key, &[]))
            .current_dir(root())
            .output()
            .unwrap();
        let told = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{told}");
        assert!(told.contains(expected), "{expected}: {told}");
    }
    let output = Command::new(LAKEWIRE)
        .args(["serve", "--listen", "127.0.0.1:0", "--set", "server.tls_required=true", "--lake"])
        .arg(folder.path())
        .current_dir(root())
        .output()
        .unwrap();
    assert!(String::from_utf8_lossy(&output.stderr).contains("TLS is required of clients"));
}

/// What a client sends before the handshake is not taken for what it sends after it.
#[tokio::test]
async fn bytes_before_the_handshake_are_not_obeyed() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let folder = tempfile::tempdir().unwrap();
    let Some((crt, key)) = certificate(folder.path(), "server") else { return };
    let all = settings(&crt, &key, &[]);
    let server = Server::serve(folder.path(), &all.iter().map(String::as_str).collect::<Vec<_>>());
    let address = server.url.split('@').nth(1).and_then(|rest| rest.split('/').next()).unwrap().to_owned();
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let mut sent = vec![0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f];
    let mut start = b"\0\x03\0\0user\0ana\0\0".to_vec();
    sent.extend_from_slice(&(start.len() as u32 + 4).to_be_bytes());
    sent.append(&mut start);
    stream.write_all(&sent).await.unwrap();
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    assert_eq!(answer.first(), Some(&b'S'));
    // at most an alert follows: no AuthenticationOk
    assert!(!answer.contains(&b'R'), "{answer:?}");
}
