//! Layers, types and what is said of mistakes.

use std::path::{Path, PathBuf};

use super::layers::{Layers, Origin};
use super::*;

/// Problems of the defaults with one more file, one line each.
fn problems_of(file: &str) -> Vec<String> {
    let mut problems = Vec::new();
    let mut layers = Layers::defaults_with(&[], &mut problems);
    layers.add_toml(file, Some(Path::new("my.toml")), &mut problems);
    match Config::resolve(&layers, problems) {
        Ok(_) => Vec::new(),
        Err(error) => match error.detail() {
            Some(detail) => detail.lines().map(str::to_owned).collect(),
            None => vec![format!("{} ({})", error.message(), error.hint().unwrap_or_default())],
        },
    }
}

#[test]
fn the_defaults_are_a_whole_and_valid_configuration() {
    let config = Config::with(&[]).unwrap();
    assert_eq!(config.server.listen.to_string(), "127.0.0.1:5433");
    assert_eq!(config.server.password, None);
    assert_eq!(config.lake.release_poll_interval, Duration::from_secs(1));
    assert!(config.entries().iter().all(|entry| entry.origin == Origin::Default));
    assert!(config.entries().iter().all(|entry| !entry.key.starts_with("test.")));
}

#[test]
fn the_shipped_environments_are_valid() {
    for (name, password) in [("development", ""), ("production", "secret")] {
        let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("config/{name}.toml"));
        let mut problems = Vec::new();
        let mut layers = Layers::defaults_with(&[("server.password", password)], &mut problems);
        layers.add_toml(&std::fs::read_to_string(&path).unwrap(), Some(&path), &mut problems);
        assert!(Config::resolve(&layers, problems).is_ok(), "{name}");
    }
}

#[test]
fn later_layers_win_and_values_know_their_origin() {
    let mut problems = Vec::new();
    let mut layers = Layers::defaults_with(&[], &mut problems);
    layers.add_toml("[run]\nparallelism = 3\n[log]\nlevel = \"warn\"", Some(Path::new("my.toml")), &mut problems);
    let variables =
        [("LAKEWIRE__LOG__LEVEL".to_owned(), "debug".to_owned()), ("AWS_REGION".to_owned(), "eu".to_owned())];
    layers.add_environment(&variables, &mut problems);
    let config = Config::resolve(&layers, problems).unwrap();
    assert_eq!((config.run.parallelism, config.log.level.as_str()), (3, "debug"));
    assert_eq!(config.storage["aws_region"].expose(), "eu");
    let origin = |key: &str| config.entries().iter().find(|entry| entry.key == key).unwrap().origin.to_string();
    assert_eq!(origin("run.parallelism"), "my.toml:2");
    assert_eq!(origin("log.level"), "environment variable LAKEWIRE__LOG__LEVEL");
    assert_eq!(origin("lake.url"), "default");
}

#[test]
fn unknown_names_suggest_the_nearest() {
    assert_eq!(
        problems_of("[server]\nlistne = \"x\""),
        ["my.toml:2: unknown key server.listne (did you mean server.listen?)"]
    );
    assert_eq!(problems_of("\n[servr]\nport = 1"), ["my.toml:3: unknown section \"servr\" (did you mean server?)"]);
    assert_eq!(problems_of("[lake]\nlisten = 1"), ["my.toml:2: unknown key lake.listen (did you mean server.listen?)"]);
    assert_eq!(
        problems_of("listen = 1"),
        ["my.toml:1: \"listen\" stands outside a section (did you mean server.listen?)"]
    );
}

#[test]
fn all_problems_come_at_once() {
    let found =
        problems_of("[server]\nmax_connections = 0\nmax_message_size = \"big\"\n[run]\nparallelism = \"two\"\n[x]\n");
    assert_eq!(
        found,
        [
            "my.toml:6: unknown section \"x\" (the sections are lake, maintenance, server, limits, memory, execution, project, ingest, \
             run, sample, log, vars, storage, users)",
            "my.toml:2: server.max_connections must lie between 1 and 1000000, not 0",
            "my.toml:3: server.max_message_size must be a size such as 512, \"64KiB\" or \"2GiB\", not \"big\"",
            "my.toml:5: run.parallelism must be a whole number, 0 or more, not \"two\"",
        ]
    );
}

#[test]
fn contradictions_are_refused_with_a_sentence() {
    let open = Config::with(&[("server.listen", "0.0.0.0:5433")]).unwrap_err();
    assert!(open.message().contains("without a password"), "{open}");
    assert!(Config::with(&[("server.listen", "0.0.0.0:5433"), ("server.password", "x")]).is_ok());
    assert!(Config::with(&[("memory.total", "1GiB"), ("memory.per_query", "2GiB")]).is_err());
    assert!(Config::with(&[("log.level", "loud")]).is_err());
    assert!(Config::with(&[("log.level", "warn,lakewire::run=debug")]).is_ok());
}

#[test]
fn secrets_are_masked() {
    let settings = [("server.password", "hunter2"), ("storage.aws_secret_access_key", "hunter2")];
    let config = Config::with(&settings).unwrap();
    assert!(config.entries().iter().all(|entry| !entry.value.contains("hunter2")));
    assert!(!format!("{:?}", config.server).contains("hunter2"));
    assert_eq!(config.server.password.unwrap().expose(), "hunter2");
}

#[test]
fn variables_keep_their_type() {
    let config = Config::with(&[("vars.days", "7"), ("vars.name", "x7"), ("vars.on", "true")]).unwrap();
    assert_eq!(serde_json::to_string(&config.vars).unwrap(), r#"{"days":7,"name":"x7","on":true}"#);
}
