//! The soak is a crate of its own: whoever only tidies does not compile what it needs.

use std::error::Error;
use std::process::Command;

/// Runs `millstream-soak` with the arguments.
pub(crate) fn run(arguments: &[&str]) -> Result<(), Box<dyn Error>> {
    // For the whole workspace, so that dependencies have the features that the tests have compiled them with: the C in
    // them takes minutes.
    let mut build = Command::new(env!("CARGO"));
    build.args(["build", "--quiet", "--workspace", "--bin", "millstream-soak"]);
    let soak = std::env::current_exe()?.with_file_name("millstream-soak");
    let sound = build.status()?.success() && Command::new(soak).args(arguments).status()?.success();
    if sound { Ok(()) } else { Err("soak: it failed, see above".into()) }
}
