//! `millstream log repair`: what can be done about damaged partitions, shown, and done when asked for.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use ::log::disk::{Disk, OsDisk};
use ::log::inspect::repair::{Action, Method, Plan};
use metadata::topic_name::CLUSTER_METADATA;
use protocol::{Offset, TopicPartition};
use serde_json::json;

use super::super::output::count;
use super::super::{Result, ToolError};
use super::{Use, directory_above, document, existing, line, partition_of, print_json, scope, take};
use crate::args::LogRepairArgs;

/// What was mended may show what else there is, for instance an index of what is gone. More rounds than this, and it does not end.
const MAX_ROUNDS: usize = 3;

pub(super) fn run(args: &LogRepairArgs, json: bool) -> Result<()> {
    let (mut left, mut planned) = (0, 0);
    for path in &args.paths {
        let path = existing(path)?;
        let Some(id) = partition_of(&path) else {
            return Err(ToolError::Usage(format!("{}: not the directory of a partition", path.display())));
        };
        if *id.topic == *CLUSTER_METADATA {
            // A change that is missing would make another cluster of it.
            let text = format!(
                "{}: nothing can be taken out of the cluster metadata; put a copy in its place",
                path.display()
            );
            return Err(ToolError::Usage(text));
        }
        let mut repair = Repair { args, json, id, path, out: io::stdout().lock() };
        let outcome = repair.run()?;
        left += outcome.left;
        planned += outcome.planned;
    }
    if planned > 0 && !args.execute && !json {
        writeln!(io::stdout().lock(), "nothing was changed: --execute does it")?;
    }
    if left == 0 { Ok(()) } else { Err(ToolError::Reported(left)) }
}

/// How many findings stay, and how many actions were not carried out, since only the plan was asked for.
struct Outcome {
    left: usize,
    planned: usize,
}

struct Repair<'a> {
    args: &'a LogRepairArgs,
    json: bool,
    id: TopicPartition,
    path: PathBuf,
    out: io::StdoutLock<'static>,
}

impl Repair<'_> {
    fn run(&mut self) -> Result<Outcome> {
        let disk = OsDisk::shared();
        let directory = directory_above(&*disk, &self.path)?;
        // Until the end: no node may start on what is being mended.
        let _lock = directory.as_ref().map(|directory| lock(&*disk, &directory.path)).transpose()?;
        let method = if self.args.cut { Method::Cut } else { Method::TakeOut };
        let mut plan = Plan::make(&disk, &self.path, &scope(directory.as_ref(), &self.id, false), method)?;
        self.show(&plan)?;
        if !self.args.execute {
            return Ok(Outcome { left: plan.left.len(), planned: plan.actions.len() });
        }
        for _ in 0..MAX_ROUNDS {
            if plan.actions.is_empty() {
                break;
            }
            let aside = plan.carry_out(&disk, directory.as_ref())?;
            self.show_done(&plan.actions, &aside)?;
            // Checkpoints may have changed with it.
            let directory = directory_above(&*disk, &self.path)?;
            plan = Plan::make(&disk, &self.path, &scope(directory.as_ref(), &self.id, false), method)?;
        }
        let left = plan.left.len() + plan.actions.len();
        self.show_result(left)?;
        Ok(Outcome { left, planned: 0 })
    }

    fn show(&mut self, plan: &Plan) -> Result<()> {
        if self.json {
            let objects = plan.report.findings.list().iter().map(document);
            let actions = plan.actions.iter().map(|action| {
                json!({ "type": "action", "directory": self.path.to_string_lossy(), "action": action.to_string() })
            });
            let lost = plan.lost().into_iter().map(|(first, next, bytes)| {
                json!({
                    "type": "lost",
                    "directory": self.path.to_string_lossy(),
                    "first_offset": first.get(),
                    "last_offset": next.map(|next| next.get() - 1),
                    "bytes": bytes,
                })
            });
            let all: Vec<_> = objects.chain(actions).chain(lost).collect();
            return all.iter().try_for_each(|object| print_json(&mut self.out, object));
        }
        for finding in plan.report.findings.list() {
            writeln!(self.out, "{}", line(finding))?;
        }
        for action in plan.actions.iter().filter(|_| !self.args.execute) {
            writeln!(self.out, "{}: to do: {action}", self.path.display())?;
        }
        for (first, next, bytes) in plan.lost() {
            writeln!(self.out, "{}: lost: {} ({bytes} bytes)", self.path.display(), offsets(first, next))?;
        }
        for finding in &plan.left {
            writeln!(self.out, "{}: byte {}: stays as it is", finding.path.display(), finding.position)?;
        }
        if plan.report.findings.is_empty() {
            writeln!(self.out, "{}: nothing to mend", self.path.display())?;
        }
        Ok(())
    }

    fn show_done(&mut self, actions: &[Action], aside: &[PathBuf]) -> Result<()> {
        if self.json {
            return aside.iter().try_for_each(|path| {
                print_json(&mut self.out, &json!({ "type": "set_aside", "file": path.to_string_lossy() }))
            });
        }
        for action in actions {
            writeln!(self.out, "{}: done: {action}", self.path.display())?;
        }
        for path in aside {
            writeln!(self.out, "{}: kept", path.display())?;
        }
        Ok(())
    }

    fn show_result(&mut self, left: usize) -> Result<()> {
        if self.json {
            let path = self.path.to_string_lossy();
            return print_json(
                &mut self.out,
                &json!({ "type": "summary", "directory": path, "findings": left }),
            );
        }
        let text = match left {
            0 => "all is well".to_owned(),
            n => format!("{} left", count(n, "finding", "findings")),
        };
        Ok(writeln!(self.out, "{}: {text}", self.path.display())?)
    }
}

fn lock(disk: &dyn Disk, log_dir: &Path) -> Result<Use> {
    match take(disk, log_dir)? {
        Use::Running => {
            let text = format!("a node uses {}: stop it before its logs are mended", log_dir.display());
            Err(ToolError::Refused(text))
        }
        usage => Ok(usage),
    }
}

fn offsets(first: Offset, next: Option<Offset>) -> String {
    match next.map(|next| next.get() - 1) {
        Some(last) if last == first.get() => format!("offset {last}"),
        Some(last) if last > first.get() => format!("offsets {first} to {last}"),
        Some(_) => "no offsets".to_owned(),
        None => format!("from offset {first} on"),
    }
}
