//! `reeve-broker`: opens credentials and starts logons for this computer's health service.
//!
//! Root, without a network of its own, one thread, one poll. It believes the trust file, what the keeper
//! signed, and the computer's own policy; the agent only asks.

mod agent_requests;
mod arguments;
mod authorise;
mod disk;
mod hosts;
mod identity;
mod logon;
mod messages;
mod peer;
mod policy;
mod serve;
mod trust;

use arguments::{Arguments, Command};
use std::process::ExitCode;

fn main() -> ExitCode {
    std::panic::set_hook(Box::new(|info| {
        // Without the payload: it could hold a secret.
        let place = info.location().map(ToString::to_string).unwrap_or_default();
        eprintln!("reeve-broker: internal error at {place}; this is a bug, please report it");
    }));
    let result = Arguments::parse(std::env::args().skip(1)).and_then(|arguments| match arguments.command {
        Command::Serve => serve::serve(&arguments),
        Command::Identity { json } => identity::print(&arguments, json),
        Command::Held { json } => disk::print_held(&arguments, json),
        Command::Logon => logon::run(),
        Command::Help => {
            println!("{}", arguments::HELP);
            Ok(())
        }
    });
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
