//! The command line: exit codes, what goes to stdout and what to stderr, configuration.

use std::path::Path;
use std::process::{Command, Output};

use crate::support::{LAKEWIRE, root};

/// Runs the binary in a folder of its own.
fn lakewire_in(dir: &Path, arguments: &[&str], variables: &[(&str, &str)]) -> Output {
    Command::new(LAKEWIRE).args(arguments).envs(variables.iter().copied()).current_dir(dir).output().unwrap()
}

/// stdout, of a command that succeeds.
fn stdout(output: Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// stderr, of a command that fails with this code and prints no data.
fn failure(output: Output, exit_code: i32) -> String {
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(exit_code), "{stderr}");
    assert_eq!(String::from_utf8(output.stdout).unwrap(), "");
    stderr
}

#[test]
fn config_show_tells_where_each_value_comes_from() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("config")).unwrap();
    std::fs::write(dir.path().join("config/staging.toml"), "[run]\nparallelism = 3\n").unwrap();
    std::fs::write(dir.path().join("mine.toml"), "# mine\n[log]\nformat = \"json\"\n").unwrap();
    let arguments = ["config", "show", "--env", "staging", "--config", "mine.toml", "--lake", "/srv/lake"];
    let variables = [("LAKEWIRE__SERVER__PASSWORD", "hunter2"), ("LAKEWIRE__EXECUTION__BATCH_SIZE", "4096")];
    let shown = stdout(lakewire_in(dir.path(), &arguments, &variables));
    let line = |key: &str| {
        let line = shown.lines().find(|line| line.split_whitespace().next() == Some(key)).unwrap();
        line.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    assert_eq!(line("run.parallelism"), "run.parallelism = 3 # config/staging.toml:2");
    assert_eq!(line("log.format"), "log.format = \"json\" # mine.toml:3");
    assert_eq!(line("lake.url"), "lake.url = \"/srv/lake\" # flag --lake");
    assert_eq!(line("server.listen"), "server.listen = \"127.0.0.1:5433\" # default");
    let batch_size = "execution.batch_size = 4096 # environment variable LAKEWIRE__EXECUTION__BATCH_SIZE";
    assert_eq!(line("execution.batch_size"), batch_size);
    assert!(!shown.contains("hunter2"));
}

#[test]
fn wrong_configurations_are_refused_with_all_their_problems() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("x.toml"), "[server]\nlisten = \"0.0.0.0:1\"\n").unwrap();
    let open = failure(lakewire_in(dir.path(), &["config", "check", "--config", "x.toml"], &[]), 2);
    assert!(open.starts_with("error: x.toml:2: listening on 0.0.0.0:1 without a password"), "{open}");
    std::fs::write(dir.path().join("x.toml"), "[server]\nlistne = 1\n[memory]\ntotal = \"much\"\n").unwrap();
    let both = failure(lakewire_in(dir.path(), &["serve", "--config", "x.toml"], &[]), 2);
    assert!(both.contains("x.toml:2: unknown key server.listne (did you mean server.listen?)"), "{both}");
    assert!(both.contains("x.toml:4: memory.total must be a size"), "{both}");
    let missing = failure(lakewire_in(dir.path(), &["config", "show", "--env", "nowhere"], &[]), 2);
    assert!(missing.contains("cannot read configuration file config/nowhere.toml"), "{missing}");
    failure(lakewire_in(dir.path(), &["config", "show", "--set", "nonsense"], &[]), 2);
    failure(lakewire_in(dir.path(), &["frobnicate"], &[]), 2);
}

#[test]
fn query_prints_rows_in_three_formats() {
    let dir = tempfile::tempdir().unwrap();
    let query = |format: &str| {
        let sql = "select 1 as n, 'a,b' as t union all select null, null order by 1";
        stdout(lakewire_in(dir.path(), &["query", sql, "--format", format, "--lake", "."], &[]))
    };
    assert_eq!(query("table"), "n  t\n─  ───\n1  a,b\n\n(2 rows)\n");
    assert_eq!(query("csv"), "n,t\n1,\"a,b\"\n,\n");
    assert_eq!(query("json"), "[\n  {\"n\": 1, \"t\": \"a,b\"},\n  {\"n\": null, \"t\": null}\n]\n");
    let wrong = failure(lakewire_in(dir.path(), &["query", "select *\nfrom nothing_here", "--lake", "."], &[]), 2);
    assert!(wrong.contains("error: relation \"nothing_here\" does not exist"), "{wrong}");
    assert!(wrong.contains("LINE 2: from nothing_here"), "{wrong}");
}

#[test]
fn a_lake_that_is_missing_is_not_made_by_who_only_reads() {
    let lake = tempfile::tempdir().unwrap().path().join("lake");
    let address = format!("file://{}", lake.display());
    for command in [&["serve"][..], &["query", "select 1"], &["plan"], &["test"], &["run"]] {
        for name in [lake.to_str().unwrap(), &address] {
            let told = failure(lakewire_in(root(), &[command, &["--lake", name]].concat(), &[]), 2);
            assert!(told.starts_with(&format!("error: lake \"{name}\" does not exist\nhint: ")), "{told}");
            assert!(!lake.exists());
        }
    }
    let file = tempfile::NamedTempFile::new().unwrap();
    let told = failure(lakewire_in(root(), &["query", "select 1", "--lake", file.path().to_str().unwrap()], &[]), 2);
    assert!(told.contains("is not a folder"), "{told}");
}

#[test]
fn a_closed_stderr_stops_nobody() {
    let dir = tempfile::tempdir().unwrap();
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut command = Command::new(LAKEWIRE);
    command.args(["run", "--lake", dir.path().to_str().unwrap()]).current_dir(root()).stderr(writer);
    assert_eq!(command.status().unwrap().code(), Some(2));
}

#[test]
fn a_demo_without_a_project_or_a_port_says_so_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let told = failure(lakewire_in(dir.path(), &["demo"], &[]), 2);
    assert!(told.contains("there is no project in sql"), "{told}");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let lake = dir.path().join("lake");
    let told = failure(lakewire_in(root(), &["demo", "--lake", lake.to_str().unwrap(), "--listen", &address], &[]), 2);
    assert!(told.contains(&format!("cannot listen on {address}: another program does already")), "{told}");
    assert!(!lake.exists());
}

#[test]
fn commands_without_a_server_work_on_the_sample_in_its_lake() {
    let dir = tempfile::tempdir().unwrap();
    let lake = dir.path().join("lake");
    let lake = lake.to_str().unwrap();
    let sample = lakewire::source::sample::Sample { rows: 6_000, seed: 3 };
    sample.write(&dir.path().join("lake/_lakewire/sample"), |_| {}).unwrap();
    let run = |arguments: &[&str]| lakewire_in(root(), &[arguments, &["--lake", lake]].concat(), &[]);
    let planned = stdout(run(&["plan"]));
    assert!(planned.lines().any(|line| line.starts_with("gold.daily_sales") && line.contains("run")), "{planned}");
    assert_eq!(stdout(run(&["build"])), "");
    assert!(stdout(run(&["plan"])).lines().skip(2).all(|line| line.contains("skip")));
    assert_eq!(
        stdout(run(&["query", "select count(*) from bronze.online_retail", "--format", "csv"])),
        "count\n6000\n"
    );
    let test = run(&["test", "gold.daily_sales"]);
    assert!(String::from_utf8_lossy(&test.stderr).contains("tests passed"));
    stdout(test);
    let unknown = failure(run(&["run", "gold.daily_sale"]), 2);
    assert!(unknown.contains("daily_sale"), "{unknown}");
    let again = run(&["run"]);
    assert!(String::from_utf8_lossy(&again.stderr).contains("nothing changed"));
}
