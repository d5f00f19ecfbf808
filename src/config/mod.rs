//! The resolved configuration: defaults < file < environment < flags.

/// All settings of a process, validated.
#[derive(Debug, Clone, Default)]
pub struct Config {}
