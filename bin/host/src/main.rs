//! `reeve-host`: already is the account. Obeys the broker on descriptor 3, runs scripts as itself, and tells
//! the agent what came of them. Ends when its control socket closes.

mod host;
mod run;

use std::process::ExitCode;

fn main() -> ExitCode {
    std::panic::set_hook(Box::new(|info| {
        // Without the payload: it could hold a value.
        let place = info.location().map(ToString::to_string).unwrap_or_default();
        eprintln!("reeve-host: internal error at {place}; this is a bug, please report it");
    }));
    match host::Host::start().and_then(host::Host::serve) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("reeve-host: {error}");
            ExitCode::FAILURE
        }
    }
}
