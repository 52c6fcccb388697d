//! The one binary of millstream.
fn main() {}
