//! Clients and Delta readers of other makers against the demo: the Python scripts of `tests/clients`.

use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;

use crate::compat::reference::Reference;
use crate::support::{Server, psql, real_demo, root, rows, sample_demo, skipped};

/// Runs a script with the Python that `scripts/test` has prepared; says so where there is none.
fn run(script: &str) {
    run_with(script, ".venv", sample_demo());
}

fn run_with(script: &str, environment: &str, demo: &Server) {
    let python = root().join(environment).join("bin/python");
    if !python.exists() {
        skipped(&format!("{environment} is absent, scripts/test makes it"));
        return;
    }
    let output = Command::new(python)
        .arg(root().join("tests/clients").join(script))
        .arg(&demo.url)
        .arg(&demo.lake)
        .output()
        .expect("python starts");
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{script}: {}\n{stdout}\n{stderr}", output.status);
}

/// Runs a script of tests/clients against PostgreSQL 15 and against Lakewire: it prints the same, line for line.
async fn run_beside_postgres(script: &str) {
    let (program, installed) = match script.strip_prefix("node/") {
        Some(_) => ("node".into(), root().join("tests/clients/node/node_modules")),
        None => (root().join(".venv/bin/python"), root().join(".venv/bin/python")),
    };
    let Some(reference) = Reference::start().filter(|_| installed.exists()) else {
        skipped(&format!("{} or a PostgreSQL 15 is absent, scripts/test installs them", installed.display()));
        return;
    };
    reference.load(&[]).await;
    let folder = tempfile::tempdir().expect("a temporary folder");
    let server = Server::serve(folder.path(), &["--set", "server.user=ana"]);
    let printed = |url: &str| {
        let output = Command::new(&program).arg(root().join("tests/clients").join(script)).arg(url).output();
        let output = output.expect("the program starts");
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{script}: {}\n{stderr}", output.status);
        String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect::<Vec<_>>()
    };
    let (wanted, got) = (printed(&format!("postgresql://ana@{}/lake", reference.address)), printed(&server.url));
    assert!(wanted.len() >= 40, "{script} printed {} lines", wanted.len());
    let differences: Vec<String> = wanted
        .iter()
        .zip(&got)
        .filter(|(wanted, got)| wanted != got)
        .map(|(wanted, got)| format!("PostgreSQL: {wanted}\nLakewire:   {got}"))
        .collect();
    assert!(differences.is_empty() && wanted.len() == got.len(), "{script}:\n{}", differences.join("\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn parameters_are_taken_as_by_postgres() {
    run_beside_postgres("parameters.py").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn random_queries_have_the_same_rows() {
    run_beside_postgres("random_queries.py").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn random_writes_leave_the_same_rows() {
    run_beside_postgres("random_writes.py").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn django_s_orm_sees_no_difference() {
    run_beside_postgres("django_orm.py").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sqlalchemy_s_orm_and_pandas_see_no_difference() {
    run_beside_postgres("sqlalchemy_orm.py").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn knex_sees_no_difference() {
    run_beside_postgres("node/knex.mjs").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sequelize_sees_no_difference() {
    run_beside_postgres("node/sequelize.mjs").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn typeorm_sees_no_difference() {
    run_beside_postgres("node/typeorm.mjs").await;
}

#[test]
fn psycopg_3() {
    run("psycopg3.py");
}

#[test]
fn psycopg_2() {
    run("psycopg2_basic.py");
}

#[test]
fn character_sets() {
    run("charsets.py");
}

#[test]
fn sqlalchemy() {
    run("sqlalchemy_reflect.py");
}

#[test]
fn sqlalchemy_with_asyncpg() {
    run("sqlalchemy_async.py");
}

#[test]
fn asyncpg() {
    run("asyncpg_whole.py");
}

#[test]
fn pgcli() {
    run("pgcli_session.py");
}

/// `java FILE.java` compiles and runs it.
#[test]
fn pgjdbc() {
    let driver = Path::new("/usr/share/java/postgresql.jar");
    if !driver.exists() || Command::new("java").arg("-version").output().is_err() {
        skipped("pgjdbc or Java is not installed");
        return;
    }
    let demo = sample_demo();
    let (_, at) = demo.url.split_once('@').expect("a URL with a user");
    let output = Command::new("java")
        .arg("-cp")
        .arg(driver)
        .arg(root().join("tests/clients/Jdbc.java"))
        .arg(format!("jdbc:postgresql://{at}"))
        .output()
        .expect("java starts");
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "Jdbc.java: {}\n{stdout}\n{stderr}", output.status);
}

/// Every command of psql that describes something; what it prints of the lake is looked at by others.
#[test]
fn psql_describes() {
    let commands = include_str!("../clients/psql_commands.txt");
    let mut wrong = Vec::new();
    for command in commands.lines() {
        let output = Command::new("psql").arg(&sample_demo().url).args(["-X", "-c", command]).output();
        let Ok(output) = output else {
            skipped("psql is not installed");
            return;
        };
        let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        // nothing found is a failure to psql
        if !(output.status.success() || text.starts_with("Did not find any")) || text.contains("ERROR") {
            wrong.push(format!("{command}: {text}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What comes with psql connects to a database called `postgres` or `template1` first: here that is the lake.
#[test]
fn programs_of_postgres_find_the_lake() {
    let server: std::net::SocketAddr =
        sample_demo().url.split(['@', '/']).nth(3).and_then(|at| at.parse().ok()).expect("an address in the URL");
    let run = |program: &str, args: &[&str]| {
        let output = Command::new(program)
            .args(["-h", &server.ip().to_string(), "-p", &server.port().to_string(), "-U", "lakewire"])
            .args(args)
            .output()
            .unwrap_or_else(|error| panic!("{program} is not installed: {error}"));
        let told = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        (output.status.success(), told)
    };
    let expect = |program: &str, args: &[&str], part: &str| {
        let (done, told) = run(program, args);
        assert!(done && told.contains(part), "{program} {args:?}: {told}");
    };
    expect("psql", &["-X", "-l"], "lake | lakewire | UTF8");
    expect("psql", &["-X", "-d", "template1", "-Atc", "select current_database()"], "lake\n");
    expect("pg_dumpall", &["--globals-only"], "CREATE ROLE lakewire;");
    expect("vacuumdb", &["--all"], "vacuuming database \"lake\"");
    expect("pg_dump", &["-t", "gold.country_sales", "lake"], "COPY gold.country_sales (");
    let (done, told) = run("createdb", &["other"]);
    assert!(!done && told.contains("CREATE DATABASE is not supported"), "{told}");
}

/// `\\d` of tables with keys is what it is of PostgreSQL's.
#[tokio::test]
async fn psql_describes_keys_and_numbers_as_of_postgres() {
    let Some(reference) = Reference::start() else {
        skipped("no PostgreSQL 15 is installed");
        return;
    };
    reference.load(&[]).await;
    let folder = tempfile::tempdir().expect("a temporary folder");
    let server = Server::serve(folder.path(), &["--set", "server.user=ana"]);
    let told = |url: &str| {
        let script = root().join("tests/clients/described.sql");
        let output = Command::new("psql").args(["-X", "-f"]).arg(script).arg(url).output().expect("psql starts");
        assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    let wanted = told(&format!("postgresql://ana@{}/lake", reference.address));
    assert!(wanted.contains("REFERENCES parents(id) ON DELETE CASCADE"), "{wanted}");
    assert_eq!(told(&server.url), wanted);
}

/// What pg_dump writes of a lake, a PostgreSQL reads.
#[tokio::test]
async fn pg_dump_writes_what_postgres_reads() {
    let Some(reference) = Reference::start() else {
        skipped("no PostgreSQL 15 is installed");
        return;
    };
    let folder = tempfile::tempdir().expect("a temporary folder");
    let server = Server::serve(folder.path(), &[]);
    let client = server.connect().await;
    let made =
        "create table public.parts (id integer not null, name text, price numeric(10, 2), at timestamptz, tags text[]);
                create view public.dear as select id, name from public.parts where price > 100;";
    for statement in made.split(';').filter(|statement| !statement.trim().is_empty()) {
        client.simple_query(statement).await.expect(statement);
    }
    let arguments = ["--schema-only", "--schema=public", "--no-owner"];
    let dump = server_program("pg_dump", |program| {
        program.args(arguments).arg(&server.url);
    });
    let Some(dump) = dump else { return };
    assert!(dump.contains("CREATE TABLE public.parts") && dump.contains("CREATE VIEW public.dear"), "{dump}");
    reference.load(&[]).await;
    let file = tempfile::NamedTempFile::new().expect("a temporary file");
    std::fs::write(file.path(), dump.replace("CREATE SCHEMA public;", "")).expect("a file is written");
    let url = format!("postgresql://ana@{}/lake", reference.address);
    let loaded = psql(&url, &["-q", "-f", file.path().to_str().expect("UTF-8")]);
    assert!(loaded.is_some_and(|text| !text.contains("ERROR")));
    let columns = psql(
        &url,
        &[
            "-Atc",
            "select attname || ' ' || format_type(atttypid, atttypmod) from pg_attribute \
        where attrelid = 'public.parts'::regclass and attnum > 0 order by attnum",
        ],
    );
    let expected = "id integer\nname text\nprice numeric(10,2)\nat timestamp with time zone\ntags text[]\n";
    assert_eq!(columns.as_deref(), Some(expected));
}

#[test]
fn adbc_and_pandas() {
    run("adbc_pandas.py");
}

/// A demo that may be written to.
fn writable_demo() -> &'static Server {
    static DEMO: OnceLock<Server> = OnceLock::new();
    DEMO.get_or_init(|| Server::demo(&["--set", "sample.rows=2000", "--set", "sample.seed=7"]))
}

#[test]
fn writers() {
    run_with("writers.py", ".venv", writable_demo());
}

#[test]
fn copying() {
    run_with("copying.py", ".venv", writable_demo());
}

#[test]
fn odbc() {
    run_with("odbc.py", ".venv", writable_demo());
}

#[test]
fn clickhouse_and_duckdb() {
    run_with("engines.py", ".venv", writable_demo());
}

#[test]
fn node_postgres() {
    node("pg.mjs");
}

#[test]
fn postgres_js() {
    node("postgres.mjs");
}

/// Runs a script with the packages that `scripts/test` has installed; says so where there are none.
fn node(script: &str) {
    let folder = root().join("tests/clients/node");
    if !folder.join("node_modules").is_dir() {
        skipped("tests/clients/node/node_modules is absent, scripts/test makes it");
        return;
    }
    let output = Command::new("node").arg(folder.join(script)).arg(&writable_demo().url).output().expect("node starts");
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{script}: {}\n{stdout}\n{stderr}", output.status);
}

/// In each of its three ways to send a query of ours; with `--no-vacuum`, as its own tables are not there.
#[test]
fn pgbench() {
    let script = tempfile::NamedTempFile::new().expect("a temporary file");
    let query =
        "\\set least random(1, 9)\nselect count(*), sum(net_revenue) from gold.daily_sales where orders > :least;\n";
    std::fs::write(script.path(), query).expect("a script is written");
    for mode in ["simple", "extended", "prepared"] {
        let Some(text) = server_program("pgbench", |program| {
            program.args(["--no-vacuum", "--transactions=20", "--client=2", "--protocol", mode, "--file"]);
            program.arg(script.path()).arg(&sample_demo().url);
        }) else {
            return;
        };
        assert!(text.contains("actually processed: 40/40"), "{mode}: {text}");
    }
}

/// Its own tables, and its own transactions over them, which conflict and are tried again.
#[tokio::test]
async fn pgbench_s_own_bank() {
    let lake = tempfile::tempdir().expect("a temporary folder");
    let server = Server::serve(lake.path(), &[]);
    let made = server_program("pgbench", |program| {
        program.args(["--initialize", "--quiet"]).arg(&server.url);
    });
    if made.is_none() {
        return;
    }
    for mode in ["simple", "extended", "prepared"] {
        let text = server_program("pgbench", |program| {
            program.args(["--no-vacuum", "--transactions=2", "--client=2", "--max-tries=50", "--protocol", mode]);
            program.arg(&server.url);
        });
        let text = text.unwrap_or_default();
        assert!(text.contains("actually processed: 4/4"), "{mode}: {text}");
    }
    let sums = "select (select sum(abalance) from pgbench_accounts) = sum(delta), (select sum(bbalance) from
                pgbench_branches) = sum(delta), (select sum(tbalance) from pgbench_tellers) = sum(delta), count(*)
                from pgbench_history";
    assert_eq!(rows(&server.connect().await, sums).await, [["t", "t", "t", "12"]]);
}

/// Runs a program that comes with a PostgreSQL server to its good end; `None`, said aloud, where there is none.
fn server_program(name: &str, arguments: impl Fn(&mut Command)) -> Option<String> {
    let folder = std::path::Path::new("/usr/lib/postgresql/15/bin");
    let path = if folder.is_dir() { folder.join(name) } else { name.into() };
    let mut command = Command::new(path);
    arguments(&mut command);
    let Ok(output) = command.output() else {
        skipped(&format!("{name} is not installed"));
        return None;
    };
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{name}: {text}");
    Some(text)
}

/// Its seeds, models, snapshots, tests and docs, and the project that comes with Lakewire.
#[test]
fn dbt() {
    if root().join(".venv/bin/dbt").exists() {
        let demo = Server::demo(&["--set", "sample.rows=2000", "--set", "sample.seed=8"]);
        run_with("dbt_project.py", ".venv", &demo);
    } else {
        skipped("dbt is absent, scripts/test installs it");
    }
}

#[test]
fn other_delta_readers_see_the_same_rows() {
    run("delta_readers.py");
}

#[test]
fn lifetimes_finds_no_likelier_model_and_expects_the_same_purchases() {
    if let Some(demo) = real_demo() {
        run_with("clv_lifetimes.py", ".venv-lifetimes", demo);
    }
}
