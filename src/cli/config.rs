//! `lakewire config show|check`

use clap::Subcommand;

use super::output;
use crate::config::Config;
use crate::error::Result;

#[derive(Debug, Subcommand)]
pub(super) enum ConfigCommand {
    /// Print every setting with where its value came from
    Show,
    /// Say whether the configuration is valid, and print nothing else
    Check,
}

impl ConfigCommand {
    /// The configuration was resolved before; had it been wrong, nobody would be here.
    pub(super) fn execute(&self, config: &Config) -> Result<()> {
        match self {
            Self::Show => output::print(show(config)),
            Self::Check => {
                output::tell("the configuration is valid\n");
                Ok(())
            }
        }
    }
}

fn show(config: &Config) -> String {
    let width = |of: fn(&crate::config::Entry) -> usize| config.entries().iter().map(of).max().unwrap_or(0);
    let (keys, values) = (width(|entry| entry.key.len()), width(|entry| entry.value.len()));
    let line =
        |entry: &crate::config::Entry| format!("{:keys$} = {:values$}  # {}\n", entry.key, entry.value, entry.origin);
    config.entries().iter().map(line).collect()
}
