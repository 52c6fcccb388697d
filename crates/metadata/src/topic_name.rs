//! The rules for names of topics.

/// The longest name: it must fit a directory's name with `-partition` and a suffix behind it.
pub const MAX_LENGTH: usize = 249;

/// The metadata log itself, which nobody creates.
pub const CLUSTER_METADATA: &str = "__cluster_metadata";

/// The topics that belong to coordinators.
const INTERNAL: [&str; 3] = ["__consumer_offsets", "__transaction_state", "__share_group_state"];

/// Whether a topic belongs to a coordinator, and is `is_internal` in answers.
pub fn is_internal(name: &str) -> bool {
    INTERNAL.contains(&name)
}

/// Refuses a name that cannot be a topic's, with Kafka's words.
pub fn validate(name: &str) -> Result<(), String> {
    let reason = match name {
        "" => "the empty string is not allowed".to_owned(),
        "." | ".." => format!("'{name}' is not allowed"),
        _ if name.encode_utf16().count() > MAX_LENGTH => {
            format!("the length of '{name}' is longer than the max allowed length {MAX_LENGTH}")
        }
        _ if !name.bytes().all(is_legal) => format!(
            "'{name}' contains one or more characters other than ASCII alphanumerics, '.', '_' and '-'"
        ),
        _ => return Ok(()),
    };
    Err(format!("Topic name is invalid: {reason}"))
}

fn is_legal(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-')
}

/// Whether two such names can collide in the names of metrics, where `.` and `_` are one.
pub(crate) fn has_collision_chars(name: &str) -> bool {
    name.contains(['.', '_'])
}

/// What names that collide have in common.
pub(crate) fn unify_collision_chars(name: &str) -> String {
    name.replace('.', "_")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_judged_as_kafka_does() {
        let check = |name: &str, expect: Result<(), &str>| {
            assert_eq!(
                validate(name).as_ref().map_err(String::as_str),
                expect.as_ref().map_err(|e| *e),
                "{name}"
            );
        };
        check("orders", Ok(()));
        check("a.b_c-9", Ok(()));
        check("", Err("Topic name is invalid: the empty string is not allowed"));
        check(".", Err("Topic name is invalid: '.' is not allowed"));
        check("..", Err("Topic name is invalid: '..' is not allowed"));
        check("...", Ok(()));
        let long = "x".repeat(250);
        check(&long[..249], Ok(()));
        check(
            &long,
            Err(&format!(
                "Topic name is invalid: the length of '{long}' is longer than the max allowed length 249"
            )),
        );
        for name in ["a b", "é", "a/b", "a\n", "a:b"] {
            check(
                name,
                Err(&format!(
                    "Topic name is invalid: '{name}' contains one or more characters other than ASCII \
                     alphanumerics, '.', '_' and '-'"
                )),
            );
        }
    }
}
