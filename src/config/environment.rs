//! The process's environment: variables, temporary folder, memory of the machine.

use std::path::PathBuf;

/// Prefix of the variables that are settings.
pub(super) const PREFIX: &str = "LAKEWIRE__";
/// Names the environment whose file is read, unless `--env` does.
pub(super) const ENV_NAME: &str = "LAKEWIRE_ENV";
/// Variables with these prefixes are options of the object store.
pub(super) const STORAGE_PREFIXES: [&str; 3] = ["AWS_", "AZURE_", "GOOGLE_"];

/// A variable's value; `None` where it is not set or not UTF-8.
pub fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// All variables whose name and value are UTF-8, sorted.
pub(super) fn variables() -> Vec<(String, String)> {
    let mut variables: Vec<_> = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect();
    variables.sort();
    variables
}

pub(super) fn temp_dir() -> PathBuf {
    std::env::temp_dir()
}

/// Bytes of memory this process may count on: the container's limit, else the machine's. `None` where neither is known.
pub(super) fn memory_bytes() -> Option<u64> {
    let machine = std::fs::read_to_string("/proc/meminfo").ok().and_then(|text| meminfo_total(&text));
    let container = ["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"]
        .iter()
        .find_map(|path| std::fs::read_to_string(path).ok()?.trim().parse::<u64>().ok());
    match (machine, container) {
        (Some(machine), Some(container)) => Some(machine.min(container)),
        (machine, container) => machine.or(container),
    }
}

fn meminfo_total(text: &str) -> Option<u64> {
    let kib: u64 =
        text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kib.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    #[test]
    fn reads_meminfo() {
        assert_eq!(super::meminfo_total("MemTotal:       24608052 kB\nMemFree: 1 kB\n"), Some(24_608_052 * 1024));
        assert_eq!(super::meminfo_total("nothing"), None);
    }
}
