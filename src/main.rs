//! The command line.

use std::process::ExitCode;

// Measured: more XML and small requests a second than with the system's allocator.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    kakehashi::cli::run()
}
