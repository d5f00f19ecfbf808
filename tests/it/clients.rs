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
fn other_delta_readers_see_the_same_rows() {
    run("delta_readers.py");
}

#[test]
fn lifetimes_finds_no_likelier_model_and_expects_the_same_purchases() {
    if let Some(demo) = real_demo() {
        run_with("clv_lifetimes.py", ".venv-lifetimes", demo);
    }
}
