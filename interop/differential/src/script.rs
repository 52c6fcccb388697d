//! The notation of scripts. A file holds scripts, a script steps; a line that starts with a space goes on with the one before.
//!
//! ```text
//! == the title of a script             runs once for each version of its APIs: $v is its number
//! !newest                              only at the newest versions
//! !from 5                              only from version 5 on
//! Api {field: value} -> id=path        asks both brokers; keeps a value of each one's answer as $id
//! Api@3 {..}                           at this version
//! c2> Api {..}                         asks on another connection and goes on
//! c2<                                  the answer to that
//! c2x                                  closes that connection
//! quiet Api {..}                       set-up: newest version, the answers are not compared
//! until Api {..} : path = value        set-up: asked until each broker answers so
//! topic NAME PARTITIONS                set-up: a topic that both brokers serve; its id is $id
//! producer ID                          set-up: a transactional producer, its identity is $pid and $epoch
//! ended ID STATE                       set-up: until the transaction of this id is in this state
//! | name | other |                     a table: the steps after it run for each row, with $name and $other
//! | 1    | 2     |
//! ```

/// What a step does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// Asks on a connection, and waits for the answer unless it is read later.
    Ask {
        wait: bool,
    },
    /// Reads an answer that was not waited for.
    Receive,
    HangUp,
    Quiet,
    /// Until this path has this value.
    Until {
        path: String,
        value: String,
    },
}

/// One step.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    pub(crate) action: Action,
    pub(crate) connection: String,
    pub(crate) api: String,
    pub(crate) version: Option<i16>,
    /// The request, before variables are filled in.
    pub(crate) request: String,
    /// Name and path of what is kept.
    pub(crate) keep: Vec<(String, String)>,
}

/// A script.
#[derive(Clone, Debug, Default)]
pub(crate) struct Script {
    pub(crate) title: String,
    pub(crate) newest_only: bool,
    pub(crate) from: i16,
    /// Steps before the table.
    pub(crate) before: Vec<Step>,
    pub(crate) names: Vec<String>,
    pub(crate) rows: Vec<Vec<String>>,
    /// Steps for each row; without a table they run once.
    pub(crate) steps: Vec<Step>,
}

/// The scripts of a file.
pub(crate) fn parse(text: &str) -> Result<Vec<Script>, String> {
    let mut scripts: Vec<Script> = vec![];
    for line in logical_lines(text) {
        if let Some(title) = line.strip_prefix("== ") {
            scripts.push(Script { title: title.trim().to_owned(), ..Script::default() });
            continue;
        }
        let script = scripts.last_mut().ok_or_else(|| format!("before the first title: {line}"))?;
        if line == "!newest" {
            script.newest_only = true;
        } else if let Some(from) = line.strip_prefix("!from ") {
            script.from = from.parse().map_err(|_| format!("from which version: {line}"))?;
        } else if let Some(cells) = line.strip_prefix('|') {
            let cells = cells.trim_end().trim_end_matches('|').split('|');
            let cells: Vec<_> = cells.map(|cell| cell.trim().to_owned()).collect();
            if script.names.is_empty() {
                script.before = std::mem::take(&mut script.steps);
                script.names = cells;
            } else if cells.len() == script.names.len() {
                script.rows.push(cells);
            } else {
                return Err(format!("{} cells, not {}: {line}", cells.len(), script.names.len()));
            }
        } else if let Some(topic) = line.strip_prefix("topic ") {
            for line in topic_lines(topic) {
                script.steps.push(step(&line)?);
            }
        } else if let Some(id) = line.strip_prefix("producer ") {
            for line in producer_lines(id) {
                script.steps.push(step(&line)?);
            }
        } else if let Some((id, state)) = line.strip_prefix("ended ").and_then(|ended| ended.split_once(' '))
        {
            script.steps.push(step(&ended_line(id, state))?);
        } else {
            script.steps.push(step(&line).map_err(|error| format!("{error}: {line}"))?);
        }
    }
    for script in &mut scripts {
        if script.names.is_empty() {
            script.rows.push(vec![]);
        }
    }
    Ok(scripts)
}

fn topic_lines(topic: &str) -> [String; 4] {
    let (name, partitions) = topic.split_once(' ').unwrap_or((topic, "1"));
    let last = partitions.trim().parse::<i32>().unwrap_or(1) - 1;
    [
        format!(
            "quiet CreateTopics {{topics: [{{name: {name}, numPartitions: {partitions}, replicationFactor: 1}}], timeoutMs: 9000}}"
        ),
        format!(
            "until ListOffsets {{replicaId: -1, topics: [{{name: {name}, partitions: [{{partitionIndex: 0, timestamp: -1}}]}}]}} : topics[{name}].partitions[0].errorCode = 0"
        ),
        format!(
            "until ListOffsets {{replicaId: -1, topics: [{{name: {name}, partitions: [{{partitionIndex: {last}, timestamp: -1}}]}}]}} : topics[{name}].partitions[{last}].errorCode = 0"
        ),
        format!("quiet Metadata {{topics: [{{name: {name}}}]}} -> id=topics[{name}].topicId"),
    ]
}

/// The coordinator of this id is asked first: one that is not ready yet would refuse the identity.
fn producer_lines(id: &str) -> [String; 2] {
    [
        format!(
            "until DescribeTransactions {{transactionalIds: [{id}]}} : transactionStates[{id}].errorCode = 105"
        ),
        format!(
            "quiet InitProducerId {{transactionalId: {id}, transactionTimeoutMs: 900000}} -> pid=producerId, epoch=producerEpoch"
        ),
    ]
}

/// EndTxn is answered before the markers are written.
fn ended_line(id: &str, state: &str) -> String {
    format!(
        "until DescribeTransactions {{transactionalIds: [{id}]}} : transactionStates[{id}].transactionState = \"{state}\""
    )
}

fn logical_lines(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = vec![];
    for line in text.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#')) {
        match lines.last_mut() {
            Some(last) if line.starts_with(' ') => {
                last.push(' ');
                last.push_str(line.trim());
            }
            _ => lines.push(line.trim_end().to_owned()),
        }
    }
    lines
}

fn step(line: &str) -> Result<Step, String> {
    let (first, rest) = line.split_once(' ').unwrap_or((line, ""));
    let plain = |action, connection: &str| Step {
        action,
        connection: connection.to_owned(),
        api: String::new(),
        version: None,
        request: String::new(),
        keep: vec![],
    };
    if let Some(connection) = first.strip_suffix('<') {
        let keep = keep(rest.trim().strip_prefix("->").unwrap_or_default())?;
        return Ok(Step { keep, ..plain(Action::Receive, connection) });
    }
    if let (Some(connection), "") = (first.strip_suffix('x'), rest) {
        return Ok(plain(Action::HangUp, connection));
    }
    let (action, connection, rest) = match (first, first.strip_suffix('>')) {
        ("quiet", _) => (Action::Quiet, "set-up", rest),
        ("until", _) => (Action::Until { path: String::new(), value: String::new() }, "set-up", rest),
        (_, Some(connection)) => (Action::Ask { wait: false }, connection, rest),
        _ => (Action::Ask { wait: true }, "main", line),
    };
    let (api, rest) = rest.split_once(' ').ok_or("no request")?;
    let end = rest.rfind('}').ok_or("no request")? + 1;
    let (request, tail) = rest.split_at(end);
    let (api, version) = match api.split_once('@') {
        Some((api, version)) => (api, Some(version.parse().map_err(|_| "no version")?)),
        None => (api, None),
    };
    let mut step =
        Step { api: api.to_owned(), version, request: request.to_owned(), ..plain(action, connection) };
    let tail = tail.trim();
    if let Action::Until { .. } = step.action {
        let (path, value) =
            tail.strip_prefix(':').and_then(|tail| tail.split_once('=')).ok_or("until what")?;
        step.action = Action::Until { path: path.trim().to_owned(), value: value.trim().to_owned() };
    } else if !tail.is_empty() {
        step.keep = keep(tail.strip_prefix("->").ok_or("what follows the request")?)?;
    }
    Ok(step)
}

fn keep(text: &str) -> Result<Vec<(String, String)>, String> {
    let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
    parts
        .map(|part| {
            let (name, path) = part.split_once('=').ok_or("name=path")?;
            Ok((name.to_owned(), path.to_owned()))
        })
        .collect()
}

/// The text with each `$name` that is known filled in; the longest name counts.
pub(crate) fn fill<'a>(text: &str, known: impl Fn(&str) -> Option<&'a str> + Copy) -> Result<String, String> {
    let mut filled = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('$') {
        filled.push_str(before);
        let end = after.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(after.len());
        let (name, after) = after.split_at(end);
        let value = known(name).ok_or_else(|| format!("${name} is not known"))?;
        // A cell of a table may name what an answer gave.
        filled.push_str(&fill(value, known)?);
        rest = after;
    }
    filled.push_str(rest);
    Ok(filled)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_is_read() {
        let text = "# first\n== one\nquiet A {}\n| x | y |\n| 1 | a b |\n| 2 | c |\nB@3 {f: $x,\n   g: $y} -> id=a.b\nc2> C {}\nc2<\nc2x\n";
        let scripts = parse(text).unwrap();
        assert_eq!(scripts.len(), 1);
        let script = &scripts[0];
        assert_eq!((script.before.len(), script.rows.len(), script.steps.len()), (1, 2, 4));
        assert_eq!(script.rows[0], ["1", "a b"]);
        assert_eq!(script.steps[0].version, Some(3));
        assert_eq!(script.steps[0].request, "{f: $x, g: $y}");
        assert_eq!(script.steps[0].keep, [("id".to_owned(), "a.b".to_owned())]);
        assert_eq!(script.steps[2].action, Action::Receive);
        assert_eq!(script.steps[3].action, Action::HangUp);
    }

    #[test]
    fn variables_are_filled_in() {
        let known = |name: &str| (name == "v").then_some("3");
        assert_eq!(fill("a-$v-$v, $v", known).unwrap(), "a-3-3, 3");
        assert!(fill("$nothing", known).is_err());
    }
}
