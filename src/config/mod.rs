//! The resolved configuration: defaults < `config/<env>.toml` < `--config` < environment < flags.
//!
//! `config/default.toml` is documentation, default and list of keys in one; the structs below give each key its type.
//!
//! Invariant: every key has a row in `config/default.toml` and a field here; neither has one that the other lacks.
//! Invariant: a `Config` that exists is valid as a whole; all problems are reported at once.
//! Invariant: `std::env` is read in [`environment`] and nowhere else in the crate.

mod environment;
mod layers;
mod types;
mod validate;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

pub use environment::variable;
pub use layers::{Invocation, Origin};
pub use types::{ByteSize, ListenAddr, LogFormat, MemorySize, Secret};

use crate::error::{Error, ErrorKind, Result};
use layers::{Layers, Raw};

/// Declares the sections: a struct each, the list of their keys, and how they are read from the layers.
macro_rules! sections {
    ($(
        $(#[$section_doc:meta])*
        $section:ident: $Section:ident {
            $($(#[$doc:meta])* $field:ident: $ty:ty $(, in $range:expr)?;)*
        }
    )*) => {
        $(
            $(#[$section_doc])*
            #[derive(Debug, Clone)]
            pub struct $Section { $($(#[$doc])* pub $field: $ty,)* }

            impl $Section {
                fn read(layers: &Layers, problems: &mut Vec<Problem>) -> Option<Self> {
                    $(
                        let $field = layers.read::<$ty>(stringify!($section), stringify!($field), problems);
                        $(let $field = layers.within(
                            stringify!($section), stringify!($field), $field, $range, problems);)?
                    )*
                    Some(Self { $($field: $field?,)* })
                }
            }
        )*

        /// All settings of a process, validated. See `config/default.toml` for what each is for.
        #[derive(Debug, Clone)]
        pub struct Config {
            $($(#[$section_doc])* pub $section: $Section,)*
            /// Variables of the project, `{{ var('name') }}`.
            pub vars: BTreeMap<String, serde_json::Value>,
            /// Options of the object store, by the names of the `object_store` crate, lower case.
            pub storage: BTreeMap<String, Secret>,
            /// Passwords of further users, by name.
            pub users: BTreeMap<String, Secret>,
            entries: Vec<Entry>,
        }

        impl Config {
            fn read(layers: &Layers, problems: &mut Vec<Problem>) -> Option<Self> {
                $(let $section = $Section::read(layers, problems);)*
                Some(Self {
                    $($section: $section?,)*
                    vars: layers.map("vars", Raw::to_json),
                    storage: layers.map("storage", |raw| Secret::new(raw.to_text())),
                    users: layers.map("users", |raw| Secret::new(raw.to_text())),
                    entries: layers.entries(),
                })
            }
        }

        /// Sections with their keys, in the order of declaration. Free maps (`vars`, `storage`, `users`) have no keys.
        const SECTIONS: &[(&str, Option<&[&str]>)] = &[
            $((stringify!($section), Some(&[$(stringify!($field)),*])),)*
            ("vars", None),
            ("storage", None),
            ("users", None),
        ];
    };
}

sections! {
    /// Where the lake lies, and how closely it is followed.
    lake: Lake {
        url: String;
        release_poll_interval: Duration, in Duration::from_millis(10)..=Duration::from_secs(3600);
        /// Commits; 0: never.
        checkpoint_interval: u64;
        adopt_interval: Duration, in Duration::from_millis(10)..=Duration::from_secs(86_400);
        release_retention: Duration;
    }
    /// What the server does by itself to keep the lake in order.
    maintenance: Maintenance {
        /// Zero: never.
        interval: Duration;
        target_file_size: ByteSize, in ByteSize::kib(1)..=ByteSize::gib(16);
        /// 0: never.
        compact_files: usize;
        file_retention: Duration;
        vacuum: bool;
    }
    /// The PostgreSQL wire.
    server: Server {
        listen: ListenAddr;
        database: String;
        user: String;
        /// `None`: no authentication.
        password: Option<Secret>;
        /// PEM files; `None`: no TLS.
        tls_certificate: Option<PathBuf>;
        tls_key: Option<PathBuf>;
        tls_required: bool;
        max_connections: usize, in 1..=1_000_000;
        max_message_size: ByteSize, in ByteSize::kib(16)..=ByteSize::gib(1);
        authentication_timeout: Duration, in Duration::from_secs(1)..=Duration::from_secs(3600);
        shutdown_timeout: Duration;
    }
    /// Limits of a session.
    limits: Limits {
        /// Zero: no limit.
        statement_timeout: Duration;
        /// Zero: no limit.
        idle_in_transaction_session_timeout: Duration;
        max_prepared_statements: usize, in 1..=1_000_000;
        max_portals: usize, in 1..=1_000_000;
    }
    /// Memory, disk for spilling, caches.
    memory: Memory {
        total: MemorySize;
        per_query: MemorySize;
        /// `None`: the system's folder for temporary files.
        spill_dir: Option<PathBuf>;
        spill_limit: ByteSize;
        metadata_cache: ByteSize;
        /// Count of table snapshots.
        snapshot_cache: usize, in 1..=10_000_000;
    }
    /// How one query executes.
    execution: Execution {
        /// 0: one per CPU; see [`Config::target_partitions`].
        target_partitions: usize, in 0..=4096;
        batch_size: usize, in 64..=1_048_576;
    }
    /// The dbt project.
    project: ProjectConfig {
        dir: PathBuf;
        target: String;
    }
    /// Reading of source files.
    ingest: Ingest {
        data_dir: PathBuf;
        max_reject_ratio: f64, in 0.0..=1.0;
        max_rejects: usize;
        max_field_size: ByteSize, in ByteSize::kib(1)..=ByteSize::gib(1);
        max_row_size: ByteSize, in ByteSize::kib(1)..=ByteSize::gib(1);
        batch_rows: usize, in 64..=1_048_576;
    }
    /// Pipeline runs.
    run: Run {
        /// 0: one per CPU; see [`Config::run_parallelism`].
        parallelism: usize, in 0..=4096;
        lock_timeout: Duration;
        failure_sample_rows: usize, in 0..=100_000;
    }
    /// Generated data.
    sample: Sample {
        rows: usize, in 1..=100_000_000;
        seed: u64;
    }
    /// What is logged, and how.
    log: Log {
        format: LogFormat;
        level: String;
    }
    /// Hooks for the crash tests.
    test: Test {
        crash_at: Option<String>;
    }
}

/// One effective setting, as `config show` prints it. Secrets are masked.
#[derive(Debug, Clone)]
pub struct Entry {
    pub key: String,
    /// As TOML.
    pub value: String,
    pub origin: Origin,
}

/// Something wrong with one setting, or with several together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Problem {
    /// Begins with the place: `config/production.toml:4: unknown key …`.
    message: String,
    hint: Option<String>,
}

impl Problem {
    fn new(origin: &Origin, message: impl std::fmt::Display) -> Self {
        Self { message: format!("{origin}: {message}"), hint: None }
    }
    fn with_hint(mut self, hint: Option<String>) -> Self {
        self.hint = hint;
        self
    }
}

impl Config {
    /// Reads all layers and validates the whole.
    ///
    /// # Errors
    /// Every unknown key, bad value and contradiction of all layers, in one error of kind `Config`.
    pub fn load(invocation: &Invocation) -> Result<Self> {
        let mut problems = Vec::new();
        let layers = Layers::gather(invocation, &mut problems);
        Self::resolve(&layers, problems)
    }

    /// The defaults with some settings changed; reads neither files nor the environment. For tests and embedding.
    ///
    /// # Errors
    /// As [`Config::load`].
    pub fn with(settings: &[(&str, &str)]) -> Result<Self> {
        let mut problems = Vec::new();
        let layers = Layers::defaults_with(settings, &mut problems);
        Self::resolve(&layers, problems)
    }

    fn resolve(layers: &Layers, mut problems: Vec<Problem>) -> Result<Self> {
        let config = Self::read(layers, &mut problems);
        if let Some(config) = &config {
            validate::contradictions(config, layers, &mut problems);
        }
        match config {
            Some(config) if problems.is_empty() => Ok(config),
            _ => Err(report(problems)),
        }
    }

    /// Every effective setting with its origin, in the order of `config/default.toml`; hidden sections only where set.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }
    /// Degree of parallelism of one query.
    pub fn target_partitions(&self) -> usize {
        or_cpus(self.execution.target_partitions)
    }
    /// Models that run at the same time.
    pub fn run_parallelism(&self) -> usize {
        or_cpus(self.run.parallelism)
    }
    /// Where queries spill to.
    pub fn spill_dir(&self) -> PathBuf {
        self.memory.spill_dir.clone().unwrap_or_else(environment::temp_dir)
    }
}

fn or_cpus(count: usize) -> usize {
    if count > 0 { count } else { std::thread::available_parallelism().map_or(1, usize::from) }
}

fn report(mut problems: Vec<Problem>) -> Error {
    if problems.len() == 1 {
        let Problem { message, hint } = problems.remove(0);
        let error = Error::new(ErrorKind::Config, message);
        return match hint {
            Some(hint) => error.with_hint(hint),
            None => error,
        };
    }
    let lines: Vec<_> = problems
        .into_iter()
        .map(|problem| match problem.hint {
            Some(hint) => format!("{} ({hint})", problem.message),
            None => problem.message,
        })
        .collect();
    Error::new(ErrorKind::Config, format!("{} problems in the configuration", lines.len()))
        .with_detail(lines.join("\n"))
        .with_hint("`lakewire config show` prints where each value comes from; config/default.toml explains each")
}

#[cfg(test)]
mod tests;
