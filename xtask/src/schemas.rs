//! Refreshes `crates/protocol/schemas` from the message definitions inside Kafka's published artifacts.
//!
//! Only facts are kept (names, types, version ranges, defaults, flags); the prose is dropped.

use std::error::Error;
use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

/// The artifact, the folder inside its jar, and our folder.
const SOURCES: &[(&str, &str, &str)] = &[
    ("kafka-clients", "common/message", "client"),
    ("kafka-group-coordinator", "common/message", "group"),
    ("kafka-transaction-coordinator", "common/message", "transaction"),
    ("kafka-share-coordinator", "common/message", "share"),
    ("kafka-metadata", "common/metadata", "metadata"),
    ("kafka-raft", "common/message", "raft"),
    ("kafka-storage", "message", "storage"),
];

/// Reads `<artifact>-<version>.jar` of every source from `jars` and rewrites the schema files.
pub(crate) fn refresh(jars: &Path, version: &str) -> Result<(), Box<dyn Error>> {
    let target = Path::new("crates/protocol/schemas");
    let mut count = 0;
    for (artifact, folder, ours) in SOURCES {
        let jar = jars.join(format!("{artifact}-{version}.jar"));
        let listing = unzip(&["-Z1"], &jar, &[&format!("{folder}/*.json")])?;
        let out = target.join(ours);
        if out.exists() {
            fs::remove_dir_all(&out)?;
        }
        fs::create_dir_all(&out)?;
        for entry in listing.lines() {
            let text = unzip(&["-p"], &jar, &[entry])?;
            let name = entry.rsplit('/').next().unwrap_or(entry);
            let mut schema: Value = serde_json::from_str(&strip_comments(&text))
                .map_err(|e| format!("{}: {entry}: {e}", jar.display()))?;
            if schema["validVersions"] == "none" {
                continue;
            }
            drop_prose(&mut schema);
            fs::write(out.join(name), render(&schema) + "\n")?;
            count += 1;
        }
    }
    eprintln!("{count} schemas of Kafka {version}");
    Ok(())
}

fn unzip(options: &[&str], jar: &Path, names: &[&str]) -> Result<String, Box<dyn Error>> {
    let output = Command::new("unzip").args(options).arg(jar).args(names).output()?;
    if !output.status.success() {
        return Err(format!("unzip {}: {}", jar.display(), String::from_utf8_lossy(&output.stderr)).into());
    }
    Ok(String::from_utf8(output.stdout)?)
}

fn strip_comments(text: &str) -> String {
    text.lines()
        .map(|line| if line.trim_start().starts_with("//") { "" } else { line })
        .collect::<Vec<_>>()
        .join("\n")
}

fn drop_prose(value: &mut Value) {
    match value {
        Value::Object(map) => {
            map.shift_remove("about");
            map.values_mut().for_each(drop_prose);
        }
        Value::Array(items) => items.iter_mut().for_each(drop_prose),
        _ => {}
    }
}

/// One field a line: a diff of two Kafka versions reads as what changed.
fn render(schema: &Value) -> String {
    fn put(value: &Value, depth: usize, out: &mut String) {
        let pad = "  ".repeat(depth);
        match value {
            Value::Object(map) => {
                let flat = depth > 0
                    && !map.values().any(|v| v.as_array().is_some_and(|a| a.iter().any(Value::is_object)));
                let (open, separator, close) = if flat {
                    ("{ ".to_owned(), ", ".to_owned(), " }".to_owned())
                } else {
                    (format!("{{\n{pad}  "), format!(",\n{pad}  "), format!("\n{pad}}}"))
                };
                out.push_str(&open);
                for (i, (key, item)) in map.iter().enumerate() {
                    if i > 0 {
                        out.push_str(&separator);
                    }
                    out.push_str(&format!("\"{key}\": "));
                    put(item, depth + 1, out);
                }
                out.push_str(&close);
            }
            Value::Array(items) if items.iter().any(Value::is_object) => {
                out.push('[');
                for (i, item) in items.iter().enumerate() {
                    out.push_str(if i > 0 { ",\n" } else { "\n" });
                    out.push_str(&format!("{pad}  "));
                    put(item, depth + 1, out);
                }
                out.push_str(&format!("\n{pad}]"));
            }
            other => out.push_str(&other.to_string()),
        }
    }
    let mut out = String::new();
    put(schema, 0, &mut out);
    out
}
