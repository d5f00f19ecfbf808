//! What the tests stand on: servers, lakes, clients.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::OnceLock;

use tempfile::TempDir;
use tokio_postgres::{Client, NoTls, SimpleQueryMessage};

/// The binary under test.
pub const LAKEWIRE: &str = env!("CARGO_BIN_EXE_lakewire");

/// The project's root.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Says what is not tested because something is not installed; fails where all of it has to be, as in continuous integration.
pub fn skipped(why: &str) {
    assert!(std::env::var("LAKEWIRE_SKIPS").as_deref() != Ok("refused"), "{why}");
    eprintln!("SKIPPED: {why}");
}

/// The folder of real data; `None`, said aloud, where it is absent.
pub fn shared_data() -> Option<PathBuf> {
    let folder = root().join("../shared/data");
    if folder.is_dir() {
        return Some(folder);
    }
    eprintln!("SKIPPED: ../shared/data is absent, so nothing was checked against the real data");
    None
}

/// Runs the binary in the project's root to its end.
pub fn lakewire(arguments: &[&str]) -> Output {
    Command::new(LAKEWIRE).args(arguments).current_dir(root()).output().expect("lakewire starts")
}

/// Runs the binary and wants exit code 0; answers stdout.
pub fn lakewire_ok(arguments: &[&str]) -> String {
    let output = lakewire(arguments);
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "lakewire {arguments:?}: {}\n{stdout}\n{stderr}", output.status);
    stdout.into_owned()
}

/// A server process. Ends with the value, or with the test process however that ends: a shell waits on its stdin.
pub struct Server {
    shell: Child,
    /// `postgresql://lakewire@127.0.0.1:…/lake`.
    pub url: String,
    pub lake: PathBuf,
    _folder: Option<TempDir>,
}

impl Server {
    /// Serves an existing lake.
    pub fn serve(lake: &Path, arguments: &[&str]) -> Self {
        let lake_text = lake.to_str().expect("a path in UTF-8");
        let mut all = vec!["serve", "--lake", lake_text, "--listen", "127.0.0.1:0"];
        all.extend(arguments);
        Self::start(&all, lake.to_owned(), None)
    }

    /// `lakewire demo` on a lake of its own.
    pub fn demo(arguments: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let lake = folder.path().join("lake");
        let lake_text = lake.to_str().expect("a path in UTF-8").to_owned();
        let mut all = vec!["demo", "--lake", &lake_text, "--listen", "127.0.0.1:0"];
        all.extend(arguments);
        Self::start(&all, lake, Some(folder))
    }

    fn start(arguments: &[&str], lake: PathBuf, folder: Option<TempDir>) -> Self {
        let mut shell = Command::new("sh")
            .args(["-c", r#""$0" "$@" & pid=$!; cat >/dev/null; kill $pid 2>/dev/null; wait $pid"#, LAKEWIRE])
            .args(arguments)
            .current_dir(root())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("a shell");
        let stdout = shell.stdout.take().expect("stdout is piped");
        let mut lines = BufReader::new(stdout).lines();
        let url = loop {
            match lines.next() {
                Some(Ok(line)) => {
                    if let Some(word) = line.split_whitespace().find(|word| word.starts_with("postgresql://")) {
                        break word.to_owned();
                    }
                }
                _ => panic!("lakewire {arguments:?} ended before it was ready"),
            }
        };
        std::thread::spawn(move || lines.for_each(drop));
        Self { shell, url, lake, _folder: folder }
    }

    pub async fn connect(&self) -> Client {
        connect(&self.url).await
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.shell.stdin.take());
        let _ = self.shell.wait();
    }
}

pub async fn connect(url: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.expect("the server takes connections");
    tokio::spawn(async move {
        // who waits for an answer is told that the connection is closed, and not why
        if let Err(error) = connection.await
            && !error.is_closed()
        {
            eprintln!("a connection ended: {error:?}");
        }
    });
    client
}

/// Rows of a simple query as text; null as `NULL`.
pub async fn rows(client: &Client, sql: &str) -> Vec<Vec<String>> {
    let messages = client.simple_query(sql).await.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
    let cells = |row: &tokio_postgres::SimpleQueryRow| {
        (0..row.len()).map(|i| row.get(i).unwrap_or("NULL").to_owned()).collect()
    };
    messages
        .iter()
        .filter_map(|message| match message {
            SimpleQueryMessage::Row(row) => Some(cells(row)),
            _ => None,
        })
        .collect()
}

/// The one value of a query.
pub async fn value(client: &Client, sql: &str) -> String {
    let rows = rows(client, sql).await;
    assert!(rows.len() == 1 && rows[0].len() == 1, "{sql}: one value wanted, got {rows:?}");
    rows[0][0].clone()
}

/// The error of a statement: SQLSTATE and message.
pub async fn error(client: &Client, sql: &str) -> (String, String) {
    let error = client.simple_query(sql).await.expect_err(sql);
    let error = error.as_db_error().unwrap_or_else(|| panic!("{sql}: {error:?}"));
    (error.code().code().to_owned(), error.message().to_owned())
}

/// The generated demo, made once for all tests that only read: 20,000 rows, seed 7; a checkpoint at every commit, so that
/// other Delta readers read those, too.
pub fn sample_demo() -> &'static Server {
    static DEMO: OnceLock<Server> = OnceLock::new();
    let settings = ["sample.rows=20000", "sample.seed=7", "lake.checkpoint_interval=1"];
    DEMO.get_or_init(|| Server::demo(&settings.map(|setting| ["--set", setting]).concat()))
}

/// The demo on the real data, made once for all tests that only read.
pub fn real_demo() -> Option<&'static Server> {
    static DEMO: OnceLock<Option<Server>> = OnceLock::new();
    DEMO.get_or_init(|| {
        let data = shared_data()?;
        Some(Server::demo(&["--data", data.to_str().expect("a path in UTF-8")]))
    })
    .as_ref()
}

/// Runs Python code with the tests' environment, which must end well; says so where there is none.
pub fn python(arguments: &[&str], code: &str) -> Option<String> {
    let python = root().join(".venv/bin/python");
    if !python.exists() {
        skipped(".venv is absent, scripts/test makes it");
        return None;
    }
    // threads of some packages abort the interpreter as it ends, after all is checked
    let ended = format!("{code}\nimport os, sys\nsys.stdout.flush()\nos._exit(0)");
    let output = Command::new(python).arg("-c").arg(ended).args(arguments).output().expect("python starts");
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{}\n{stdout}\n{stderr}\n{code}", output.status);
    Some(stdout.into_owned())
}

/// What `psql` prints for a command, or `None`, said aloud, where psql is not installed.
pub fn psql(url: &str, arguments: &[&str]) -> Option<String> {
    let run = Command::new("psql").arg(url).args(["-X", "-v", "ON_ERROR_STOP=1"]).args(arguments).output();
    let Ok(output) = run else {
        skipped("psql is not installed");
        return None;
    };
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "psql {arguments:?}: {text}");
    Some(text)
}

/// A server over a lake of its own that begins empty.
pub struct Lake {
    pub server: Server,
    pub folder: tempfile::TempDir,
}

impl Lake {
    pub fn new() -> Self {
        Self::with(&[])
    }

    pub fn with(arguments: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self { server: Server::serve(folder.path(), arguments), folder }
    }

    pub async fn client(&self) -> Client {
        self.server.connect().await
    }
}

/// Runs statements that must succeed.
pub async fn run(client: &Client, sql: &str) {
    client.batch_execute(sql).await.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
}
