//! What a node is that nobody configured: one node on loopback that is controller and broker, its data beside it.
//!
//! These go into the properties as if the file had them, so that DescribeConfigs shows what is really in force.

use super::BadProperty;
use stdx::properties::Properties;

/// Fills in what is not set. A file that says which roles it plays must also say who it is, as in Kafka: two nodes with
/// one id would be worse than an error.
pub(super) fn fill(file: &mut Properties) -> Result<(), BadProperty> {
    let has_id = file.contains("node.id") || file.contains("broker.id");
    if !file.contains("process.roles") {
        file.set("process.roles", "broker,controller");
        if !has_id {
            file.set("node.id", "1");
        }
        // One node can have no second replica. Kafka's default of three would leave it without committed offsets.
        for topic in ["offsets.topic", "transaction.state.log", "share.coordinator.state.topic"] {
            file.set_default(&format!("{topic}.replication.factor"), "1");
        }
        for topic in ["transaction.state.log", "share.coordinator.state.topic"] {
            file.set_default(&format!("{topic}.min.isr"), "1");
        }
    } else if !has_id {
        let reason = "required, and has no default value where process.roles is set".to_owned();
        return Err(BadProperty { name: "node.id".to_owned(), value: String::new(), reason });
    }
    file.set_default("listeners", "PLAINTEXT://127.0.0.1:9092");
    if !file.contains("log.dir") {
        file.set_default("log.dirs", "./millstream-data");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(file: &[(&str, &str)], name: &str, expect: Option<&str>) {
        let mut file: Properties = file.iter().copied().collect();
        fill(&mut file).expect("complete");
        assert_eq!(file.get(name), expect);
    }

    #[test]
    fn only_what_is_not_set_is_filled_in() {
        check(&[], "node.id", Some("1"));
        check(&[("node.id", "4")], "node.id", Some("4"));
        check(&[("broker.id", "4")], "node.id", None);
        check(&[("log.dir", "/x")], "log.dirs", None);
        check(&[("listeners", "A://:1")], "listeners", Some("A://:1"));
        let kafka = [("process.roles", "broker,controller"), ("node.id", "1")];
        check(&kafka, "offsets.topic.replication.factor", None);
    }

    #[test]
    fn roles_without_an_id_are_refused() {
        let mut file = [("process.roles", "broker,controller")].into_iter().collect();
        let error = fill(&mut file).expect_err("refused").to_string();
        assert_eq!(error, "node.id=: required, and has no default value where process.roles is set");
    }
}
