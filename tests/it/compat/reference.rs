//! A PostgreSQL of our own in a temporary folder.

use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use super::answer::Peer;

/// The user that the raw client logs in as.
const USER: &str = "ana";

/// A running server; ends with the value, or with the test process.
pub struct Reference {
    pub address: SocketAddr,
    shell: Child,
    _folder: TempDir,
}

impl Reference {
    /// `None` where no PostgreSQL 15 is installed.
    pub fn start() -> Option<Self> {
        let programs = programs()?;
        let folder = tempfile::tempdir().expect("a temporary folder");
        let who = unprivileged();
        if let Some((user, group)) = who {
            chown(folder.path(), Some(user), Some(group)).expect("the folder is ours to give away");
        }
        let run = |program: &str| {
            let mut command = Command::new(program);
            command.current_dir(folder.path());
            if let Some((user, group)) = who {
                command.uid(user).gid(group);
            }
            command
        };
        let data = folder.path().join("data");
        let data = data.to_str().expect("a path in UTF-8");
        let initdb = run(programs.join("initdb").to_str()?)
            .args(["-D", data, "-U", USER, "-A", "trust", "-E", "UTF8", "--locale=C", "--lc-ctype=C.UTF-8", "-N"])
            .output()
            .expect("initdb starts");
        assert!(initdb.status.success(), "initdb: {}", String::from_utf8_lossy(&initdb.stderr));
        let port = free_port();
        let shell = run("sh")
            .args(["-c", r#""$0" "$@" >log 2>&1 & pid=$!; cat >/dev/null; kill -INT $pid 2>/dev/null; wait $pid"#])
            .arg(programs.join("postgres"))
            .args(["-D", data, "-c", "listen_addresses=127.0.0.1", "-c", "fsync=off", "-c", "timezone=Etc/UTC"])
            .args(["-c", &format!("port={port}"), "-c", "unix_socket_directories="])
            .stdin(Stdio::piped())
            .spawn()
            .expect("a shell");
        Some(Self { address: SocketAddr::from(([127, 0, 0, 1], port)), shell, _folder: folder })
    }

    /// Waits until the server answers, makes database `lake` and in it the tables.
    pub async fn load(&self, tables: &[(String, String, String)]) {
        let maintenance = format!("host=127.0.0.1 port={} user={USER} dbname=postgres", self.address.port());
        let mut tries = 0;
        let (client, connection) = loop {
            match tokio_postgres::connect(&maintenance, tokio_postgres::NoTls).await {
                Ok(connected) => break connected,
                Err(error) => assert!(tries < 300, "PostgreSQL does not answer: {error}"),
            }
            tries += 1;
            tokio::time::sleep(Duration::from_millis(100)).await;
        };
        tokio::spawn(connection);
        client.simple_query("create database lake").await.expect("a database");
        let mut peer = Peer::connect(self.address).await;
        for (schema, name, query) in tables {
            let made = format!("create schema if not exists {schema}; create table {schema}.{name} as {query}");
            let answer = peer.simple(&made).await;
            assert!(answer.error.is_none(), "{name}: {answer:?}");
        }
        peer.simple("analyze").await;
    }
}

impl Drop for Reference {
    fn drop(&mut self) {
        drop(self.shell.stdin.take());
        let _ = self.shell.wait();
    }
}

/// The folder of a PostgreSQL 15's programs: the version that Lakewire says it is. Debian keeps it off the path.
fn programs() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let debian = PathBuf::from("/usr/lib/postgresql/15/bin");
    std::iter::once(debian).chain(std::env::split_paths(&path)).find(|folder| is_15(&folder.join("postgres")))
}

fn is_15(program: &Path) -> bool {
    let version = Command::new(program).arg("--version").output();
    version.is_ok_and(|output| String::from_utf8_lossy(&output.stdout).contains("(PostgreSQL) 15."))
}

/// PostgreSQL refuses to run as root: user and group to run it as instead.
fn unprivileged() -> Option<(u32, u32)> {
    let number = |arguments: &[&str]| {
        let output = Command::new("id").args(arguments).output().expect("id runs");
        String::from_utf8_lossy(&output.stdout).trim().parse::<u32>().ok()
    };
    if number(&["-u"]) != Some(0) {
        return None;
    }
    let known = |name: &&str| Some((number(&["-u", name])?, number(&["-g", name])?));
    Some(["postgres", "nobody"].iter().find_map(known).expect("a user to run PostgreSQL as"))
}

fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    listener.local_addr().expect("an address").port()
}
