//! Key holder of the management group.
//!
//! The keeper holds the key-encryption keys, the row-MAC key, the agents' certificate authority and the
//! key that signs manifests and task orders, and uses them for the server over one Unix socket. It
//! checks itself what it is asked to do: a server whose database was edited is refused. It never returns
//! a plaintext or a private key, never opens a network connection, and never makes new keys where it has
//! had some.
#![forbid(unsafe_code)]
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing))]

mod certificates;
mod cli;
mod epochs;
mod group_keys;
mod keeper;
mod maintenance;
mod quota;
mod refusal;
mod rollback;
mod rows;
mod secrets;
mod serve;
mod signing;
mod state_directory;
#[cfg(test)]
mod test_group;

use anyhow::Context;
use clap::Parser;
use cli::{Arguments, Command, KeyCommand};
use nix::sys::signal::{SigSet, Signal};
use std::process::ExitCode;
use tracing_subscriber::EnvFilter;

fn main() -> ExitCode {
    match run(Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("reeve-keeper: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: Arguments) -> anyhow::Result<()> {
    // A peer that closes its end, or a log reader that ends, must not end the keeper: writes fail instead.
    let mut pipe = SigSet::empty();
    pipe.add(Signal::SIGPIPE);
    pipe.thread_block().context("cannot block SIGPIPE")?;
    let places = arguments.places;
    match arguments.command {
        None => {
            tracing_subscriber::fmt()
                .with_writer(std::io::stderr)
                .with_target(false)
                .with_ansi(false)
                .with_env_filter(EnvFilter::try_from_env("REEVE_LOG").unwrap_or_else(|_| EnvFilter::new("info")))
                .init();
            serve::serve(&places, &arguments.serve)
        }
        Some(Command::Key(KeyCommand::Backup { out })) => maintenance::back_up_key(&places, &out),
        Some(Command::Key(KeyCommand::Restore { from })) => maintenance::restore_key(&places, &from),
        Some(Command::Key(KeyCommand::Rotate)) => maintenance::rotate_key(&places),
        Some(Command::AcceptRestore) => maintenance::accept_restore(&places),
    }
}
