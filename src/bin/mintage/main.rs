//! The `mintage` command: arguments in, an exit status out.

mod args;
mod book;
mod claims;
mod clock;
mod command;
mod document;
mod enrol;
mod failure;
mod files;
mod instance;
mod journal;
mod keys;
#[cfg(feature = "serve")]
mod log;
mod machine;
mod memory;
mod online;
mod output;
#[cfg(test)]
mod pages;
mod process;
mod progress;
mod prompt;
mod qr;
mod random;
mod render;
mod request;
mod times;
mod tree;
mod verdict;

use std::process::ExitCode;

#[cfg(target_env = "musl")]
#[global_allocator]
static ALLOCATOR: dlmalloc::GlobalDlmalloc = dlmalloc::GlobalDlmalloc;

fn main() -> ExitCode {
    process::survive_size_limit();
    let cli = match args::parse(std::env::args_os()) {
        Ok(cli) => cli,
        Err(error) => return failure::usage(&error, std::env::args_os()),
    };
    let terminal = render::Terminal::new(&cli.global);
    command::run(cli, &terminal).unwrap_or_else(|error| failure::report(&error, &terminal))
}
