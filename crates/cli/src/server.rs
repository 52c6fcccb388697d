//! `millstream server`.

use std::process::ExitCode;

use crate::args::ServerArgs;

/// Until the node is wired in, the one thing it can do is say so.
pub(crate) fn run(args: ServerArgs) -> ExitCode {
    let file = args.file.map_or_else(|| "no file".to_owned(), |f| f.display().to_string());
    eprintln!("millstream: this build has no server ({file}, {} overrides)", args.overrides.len());
    ExitCode::FAILURE
}
