//! Generates the messages from `schemas/` into `OUT_DIR`: one module a message, and the tables over them.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::semicolon_if_nothing_returned,
    reason = "a build script stops the build with what went wrong"
)]

mod generate;
mod schema;
mod tables;

use std::path::{Path, PathBuf};
use std::{env, fs};

fn main() {
    println!("cargo::rerun-if-changed=build");
    println!("cargo::rerun-if-changed=schemas");
    let mut files: Vec<PathBuf> = Vec::new();
    for family in fs::read_dir("schemas").unwrap() {
        for file in fs::read_dir(family.unwrap().path()).unwrap() {
            files.push(file.unwrap().path());
        }
    }
    files.sort();
    let messages: Vec<schema::Message> = files.iter().map(|file| schema::read(file)).collect();
    let out = PathBuf::from(env::var_os("OUT_DIR").unwrap());
    write(&out.join("messages.rs"), &generate::messages(&messages));
    write(&out.join("api_keys.rs"), &tables::api_keys(&messages));
    write(&out.join("any.rs"), &tables::any_message(&messages));
    write(&out.join("metadata_records.rs"), &tables::metadata_records(&messages));
}

fn write(path: &Path, text: &str) {
    fs::write(path, text).unwrap();
}
