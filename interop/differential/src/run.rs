//! Runs scripts against both brokers.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::broker::{Answer, Broker};
use crate::compare::{Comparison, differences, mask};
use crate::coverage::Coverage;
use crate::decode::{self, Line};
use crate::encode;
use crate::schema::Api;
use crate::script::{Action, Script, Step, fill};
use crate::value::Value;
use crate::versions::Versions;

/// Apache Kafka answers a change before its brokers show it: an answer that differs is asked for again for as long, when
/// the request changes nothing.
const PATIENCE: Duration = Duration::from_secs(1);
pub(crate) const CORRELATION_ID: i32 = 7;

/// Both brokers, and what is known of them.
pub(crate) struct Runner {
    pub(crate) apis: BTreeMap<String, Rc<Api>>,
    pub(crate) versions: Versions,
    pub(crate) kafka: Broker,
    pub(crate) millstream: Broker,
    pub(crate) comparison: Comparison,
    pub(crate) coverage: Coverage,
}

/// What a script asked on a connection and has not read yet.
type Pending = BTreeMap<String, (Rc<Api>, i16, String)>;

impl Runner {
    pub(crate) fn api(&self, name: &str) -> Result<Rc<Api>, String> {
        self.apis.get(name).cloned().ok_or_else(|| format!("there is no API {name}"))
    }

    /// Runs a script at every version that its requests have.
    pub(crate) fn script(&mut self, script: &Script) -> Result<(), String> {
        let mut versions: Option<(i16, i16)> = None;
        for step in script.steps.iter().chain(&script.before) {
            if matches!(step.action, Action::Ask { .. }) && step.version.is_none() {
                let (low, high) = self.versions.both(&step.api)?;
                versions = Some(versions.map_or((low, high), |(l, h)| (l.min(low), h.max(high))));
            }
        }
        let (low, high) = versions.unwrap_or((0, 0));
        let start = Instant::now();
        let before = (self.comparison.equal + self.comparison.excused, self.comparison.unexplained);
        for version in if script.newest_only { high } else { low.max(script.from) }..=high {
            self.kafka.forget();
            self.millstream.forget();
            let mut pending = Pending::new();
            let number = version.to_string();
            let named = BTreeMap::from([("v", number.as_str())]);
            for step in &script.before {
                self.step(&script.title, step, version, &named, &mut pending)?;
            }
            for row in &script.rows {
                let mut named = named.clone();
                named.extend(script.names.iter().map(String::as_str).zip(row.iter().map(String::as_str)));
                let title = match row.as_slice() {
                    [] => script.title.clone(),
                    row => format!("{} ({})", script.title, row.join(", ")),
                };
                for step in &script.steps {
                    self.step(&title, step, version, &named, &mut pending)?;
                }
            }
        }
        let good = self.comparison.equal + self.comparison.excused - before.0;
        if self.comparison.unexplained == before.1 {
            println!("ok   {}: {good} answers", script.title);
        }
        if start.elapsed() > Duration::from_secs(2) {
            println!("     | {} took {} ms", script.title, start.elapsed().as_millis());
        }
        Ok(())
    }

    fn step(
        &mut self,
        title: &str,
        step: &Step,
        version: i16,
        named: &BTreeMap<&str, &str>,
        pending: &mut Pending,
    ) -> Result<(), String> {
        let failed = |error: String| format!("{title}: {} {}: {error}", step.api, step.request);
        match &step.action {
            Action::HangUp => {
                self.kafka.hang_up(&step.connection);
                self.millstream.hang_up(&step.connection);
                Ok(())
            }
            Action::Receive => {
                let (api, version, asked) =
                    pending.remove(&step.connection).ok_or_else(|| failed("nothing was asked".into()))?;
                let answers = self.receive(&step.connection, &api, version);
                // What is kept has a name in place of it where the answers are compared.
                self.keep(step, &answers, named).map_err(failed)?;
                self.judge(&asked, &api, version, &answers);
                Ok(())
            }
            Action::Quiet | Action::Until { .. } => self.prepare(step, named).map_err(failed),
            Action::Ask { wait } => {
                let api = self.api(&step.api)?;
                let version = match step.version {
                    // Also of an API that is not advertised yet.
                    Some(version) => version,
                    None => {
                        let (low, high) = self.versions.both(&step.api)?;
                        version.clamp(low, high)
                    }
                };
                let asked = format!("{} {version}: {title}", api.name);
                let frames = self.frames(&api, version, step, named).map_err(failed)?;
                if !*wait {
                    self.send(&step.connection, &frames);
                    pending.insert(step.connection.clone(), (api, version, asked));
                    return Ok(());
                }
                let answers = self.ask(&asked, step, &api, version, &frames);
                // What is kept has a name in place of it where the answers are compared.
                self.keep(step, &answers, named).map_err(failed)?;
                self.judge(&asked, &api, version, &answers);
                Ok(())
            }
        }
    }

    /// The request as each broker gets it.
    fn frames(
        &self,
        api: &Api,
        version: i16,
        step: &Step,
        named: &BTreeMap<&str, &str>,
    ) -> Result<[Vec<u8>; 2], String> {
        let frame = |broker: &Broker| -> Result<Vec<u8>, String> {
            let known =
                |name: &str| named.get(name).copied().or_else(|| broker.kept.get(name).map(String::as_str));
            let value = Value::parse(&fill(&step.request, known)?)?;
            let header_version = if api.request.flexible.contain(version) { 2 } else { 1 };
            let mut frame = encode::header(api.key, version, header_version, CORRELATION_ID);
            frame.append(encode::message(&api.request, version, &value)?);
            Ok(frame.bytes)
        };
        Ok([frame(&self.kafka)?, frame(&self.millstream)?])
    }

    fn send(&mut self, connection: &str, frames: &[Vec<u8>; 2]) {
        // A failure shows when the answer is read.
        let _ = self.kafka.send(connection, &frames[0]);
        let _ = self.millstream.send(connection, &frames[1]);
    }

    fn receive(&mut self, connection: &str, api: &Api, version: i16) -> [Vec<Line>; 2] {
        let brokers = [&mut self.kafka, &mut self.millstream];
        brokers.map(|broker| lines(api, version, &broker.receive(connection, CORRELATION_ID)))
    }

    fn ask(
        &mut self,
        asked: &str,
        step: &Step,
        api: &Api,
        version: i16,
        frames: &[Vec<u8>; 2],
    ) -> [Vec<Line>; 2] {
        let start = Instant::now();
        loop {
            self.send(&step.connection, frames);
            let answers = self.receive(&step.connection, api, version);
            let differs =
                self.differences(&answers).iter().any(|found| !self.comparison.excuses(asked, found));
            if !differs || !changes_nothing(api) || start.elapsed() > PATIENCE {
                return answers;
            }
            sleep(Duration::from_millis(50));
        }
    }

    fn differences(&self, answers: &[Vec<Line>; 2]) -> Vec<crate::compare::Difference> {
        let masked = |broker: &Broker, lines: &[Line]| mask(lines.to_vec(), &broker.kept, &broker.address);
        differences(&masked(&self.kafka, &answers[0]), &masked(&self.millstream, &answers[1]))
    }

    pub(crate) fn judge(&mut self, asked: &str, api: &Api, version: i16, answers: &[Vec<Line>; 2]) {
        self.coverage.saw(&api.name, version, &answers[0]);
        let differences = self.differences(answers);
        self.comparison.count(asked, differences);
    }

    fn keep(
        &mut self,
        step: &Step,
        answers: &[Vec<Line>; 2],
        named: &BTreeMap<&str, &str>,
    ) -> Result<(), String> {
        for (name, path) in &step.keep {
            let path = &fill(path, |name| named.get(name).copied())?;
            for (broker, lines) in [&mut self.kafka, &mut self.millstream].into_iter().zip(answers) {
                // A version that does not tell it leaves what was known.
                match find(lines, path) {
                    Some(value) => broker.kept.insert(name.clone(), value.trim_matches('"').to_owned()),
                    None if broker.kept.contains_key(name) => None,
                    None => broker.kept.insert(name.clone(), "0".to_owned()),
                };
            }
        }
        Ok(())
    }

    /// Asks without comparing, at the newest version.
    fn prepare(&mut self, step: &Step, named: &BTreeMap<&str, &str>) -> Result<(), String> {
        let api = self.api(&step.api)?;
        let version = match step.version {
            Some(version) => version,
            None => self.versions.both(&step.api)?.1,
        };
        let start = Instant::now();
        loop {
            let frames = self.frames(&api, version, step, named)?;
            self.send(&step.connection, &frames);
            let answers = self.receive(&step.connection, &api, version);
            self.keep(step, &answers, named)?;
            let Action::Until { path, value } = &step.action else { return Ok(()) };
            let path = &fill(path, |name| named.get(name).copied())?;
            let value = &fill(value, |name| named.get(name).copied())?;
            if answers.iter().all(|lines| find(lines, path) == Some(value)) {
                return Ok(());
            }
            if start.elapsed() > Duration::from_secs(20) {
                let seen =
                    answers.each_ref().map(|lines| find(lines, path).unwrap_or("(not there)").to_owned());
                return Err(format!("{path} is {seen:?} and does not become {value}"));
            }
            sleep(Duration::from_millis(50));
        }
    }
}

fn find<'a>(lines: &'a [Line], path: &str) -> Option<&'a str> {
    lines.iter().find(|(known, _)| known == path).map(|(_, value)| value.as_str())
}

/// An answer as lines; a broker that does not answer is a line too.
pub(crate) fn lines(api: &Api, version: i16, answer: &Answer) -> Vec<Line> {
    match answer {
        // The header of ApiVersions' answer is never flexible, so that every client reads it (KIP-511).
        Answer::Frame(bytes) => decode::message(&api.response, version, bytes, api.name != "ApiVersions"),
        Answer::Closed => vec![("answer".into(), "the connection is closed".into())],
        Answer::Silent => vec![("answer".into(), "none".into())],
        Answer::Wrong(what) => vec![("answer".into(), what.clone())],
    }
}

fn changes_nothing(api: &Api) -> bool {
    let reads = [
        "Describe",
        "List",
        "Metadata",
        "FindCoordinator",
        "OffsetFetch",
        "OffsetForLeaderEpoch",
        "ApiVersions",
        "ReadShareGroupStateSummary",
    ];
    reads.iter().any(|start| api.name.starts_with(start))
}
