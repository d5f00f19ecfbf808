//! Parses arguments, starts the runtime, turns an error into an exit code: all in [`lakewire::cli`].

use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    lakewire::cli::main()
}
