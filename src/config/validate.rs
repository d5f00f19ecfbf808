//! Settings that are fine alone and wrong together.

use tracing_subscriber::filter::LevelFilter;

use super::layers::Layers;
use super::{ByteSize, Config, Problem};

/// Below this DataFusion cannot plan a sort.
const LEAST_MEMORY: ByteSize = ByteSize::mib(64);

pub(super) fn contradictions(config: &Config, layers: &Layers, problems: &mut Vec<Problem>) {
    let mut check = |wrong: bool, section: &str, key: &str, message: String, hint: &str| {
        if wrong {
            let hint = Some(hint.to_owned());
            problems.push(Problem::new(&layers.origin(section, key), message).with_hint(hint));
        }
    };
    let (server, memory, ingest) = (&config.server, &config.memory, &config.ingest);
    check(
        !server.listen.is_loopback() && server.password.is_none() && config.users.is_empty(),
        "server",
        "listen",
        format!(
            "listening on {} without a password would let anybody on the network read and change the lake",
            server.listen
        ),
        "set server.password (environment variable LAKEWIRE__SERVER__PASSWORD), or listen on 127.0.0.1",
    );
    check(
        server.tls_certificate.is_some() != server.tls_key.is_some(),
        "server",
        if server.tls_certificate.is_some() { "tls_certificate" } else { "tls_key" },
        "TLS needs both a certificate and its key".to_owned(),
        "set server.tls_certificate and server.tls_key, both PEM files",
    );
    check(
        server.tls_required && server.tls_certificate.is_none(),
        "server",
        "tls_required",
        "TLS is required of clients, but the server has no certificate".to_owned(),
        "set server.tls_certificate and server.tls_key, both PEM files",
    );
    check(
        memory.total.size() < LEAST_MEMORY,
        "memory",
        "total",
        format!("memory.total of {} is too little to run queries in", memory.total),
        "give it 64MiB or more",
    );
    check(
        memory.per_query > memory.total,
        "memory",
        "per_query",
        format!("one query may use {} but all of them together only {}", memory.per_query, memory.total),
        "lower memory.per_query or raise memory.total",
    );
    check(
        ingest.max_field_size > ingest.max_row_size,
        "ingest",
        "max_field_size",
        format!("a field may have {} but its whole row only {}", ingest.max_field_size, ingest.max_row_size),
        "lower ingest.max_field_size or raise ingest.max_row_size",
    );
    check(
        !is_log_level(&config.log.level),
        "log",
        "level",
        format!("log.level \"{}\" is not a log level", config.log.level),
        "write error, warn, info, debug or trace, or per module \"info,lakewire::run=debug\"",
    );
}

/// `info`, or `info,lakewire::run=debug`.
fn is_log_level(directives: &str) -> bool {
    directives.split(',').all(|directive| {
        let level = directive.rsplit_once('=').map_or(directive, |(_, level)| level);
        level.parse::<LevelFilter>().is_ok()
    })
}
