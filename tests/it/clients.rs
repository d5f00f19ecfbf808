//! Clients and Delta readers of other makers against the demo: the Python scripts of `tests/clients`.

use std::process::Command;

use crate::support::{Server, real_demo, root, sample_demo};

/// Runs a script with the Python that `scripts/test` has prepared; says so where there is none.
fn run(script: &str) {
    run_with(script, ".venv", sample_demo());
}

fn run_with(script: &str, environment: &str, demo: &Server) {
    let python = root().join(environment).join("bin/python");
    if !python.exists() {
        eprintln!("SKIPPED: {environment} is absent, scripts/test makes it");
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

#[test]
fn psycopg_3() {
    run("psycopg3.py");
}

#[test]
fn psycopg_2() {
    run("psycopg2_basic.py");
}

#[test]
fn sqlalchemy() {
    run("sqlalchemy_reflect.py");
}

#[test]
fn adbc_and_pandas() {
    run("adbc_pandas.py");
}

/// In each of its three ways to send a query; with `--no-vacuum`, as its own tables are not there.
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

/// Runs a program that comes with a PostgreSQL server to its good end; `None`, said aloud, where there is none.
fn server_program(name: &str, arguments: impl Fn(&mut Command)) -> Option<String> {
    let folder = std::path::Path::new("/usr/lib/postgresql/15/bin");
    let path = if folder.is_dir() { folder.join(name) } else { name.into() };
    let mut command = Command::new(path);
    arguments(&mut command);
    let Ok(output) = command.output() else {
        eprintln!("SKIPPED: {name} is not installed");
        return None;
    };
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{name}: {text}");
    Some(text)
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
