//! Prints `docs/properties.md`.

use std::io::Write;

fn main() -> std::io::Result<()> {
    std::io::stdout().write_all(metadata::configs::reference().as_bytes())
}
