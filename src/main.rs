//! The `larder` program: takes redis-server's place on the command line.

mod start;

use larder::stdx::alloc::Jemalloc;
use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: Jemalloc = Jemalloc;

fn main() -> ExitCode {
    start::main()
}
