//! The soak is a crate of its own: whoever only tidies does not compile what it needs.

use std::error::Error;
use std::process::Command;

/// Runs `millstream-soak` with the arguments.
pub(crate) fn run(arguments: &[&str]) -> Result<(), Box<dyn Error>> {
    let mut command = Command::new(env!("CARGO"));
    command.args(["run", "--quiet", "--package", "millstream-soak", "--"]).args(arguments);
    if command.status()?.success() { Ok(()) } else { Err("soak: it failed, see above".into()) }
}
