//! `millstream log verify`: every partition of some directories, several at a time.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, BufWriter, Write};
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::time::Instant;

use ::log::disk::ReadOnlyDisk;
use ::log::inspect::directory::LogDirectory;
use ::log::inspect::{Finding, Findings, PartitionReport, Scope, verify};
use ::log::log_dir;
use serde_json::json;

use super::super::output::count;
use super::super::{Result, ToolError};
use super::{Use, directory_above, document, existing, line, partition_of, print_json, scope, take};
use crate::args::LogVerifyArgs;

pub(super) fn run(args: &LogVerifyArgs, json: bool) -> Result<()> {
    let start = Instant::now();
    let disk = ReadOnlyDisk;
    let mut out = Output { out: BufWriter::new(io::stdout().lock()), json, totals: Totals::default() };
    let (mut work, mut locks, mut seen) = (Vec::new(), Vec::new(), BTreeSet::new());
    for path in &args.paths {
        let path = existing(path)?;
        let is_directory = LogDirectory::is_one(&disk, &path)?;
        let directory = match (is_directory, partition_of(&path)) {
            (true, _) => Some(LogDirectory::read(&disk, &path)?),
            (false, Some(_)) => directory_above(&disk, &path)?,
            (false, None) => {
                let text = format!("{}: neither a log directory nor that of a partition", path.display());
                return Err(ToolError::Usage(text));
            }
        };
        let mut running = false;
        if let Some(directory) = &directory
            && seen.insert(directory.path.clone())
        {
            let usage = take(&disk, &directory.path)?;
            running = matches!(usage, Use::Running);
            if running {
                eprintln!(
                    "millstream: a node uses {}: only what lies before the recovery points is checked",
                    directory.path.display()
                );
            }
            locks.push((directory.path.clone(), usage));
            out.directory(directory)?;
        } else if let Some(directory) = &directory {
            let usage = locks.iter().find(|(path, _)| *path == directory.path);
            running = usage.is_some_and(|(_, usage)| matches!(usage, Use::Running));
        }
        let partitions = if is_directory {
            log_dir::list(&disk, &path)?.partitions
        } else {
            partition_of(&path).map(|id| (id, path.clone())).into_iter().collect()
        };
        for (id, path) in partitions {
            let scope = scope(directory.as_ref(), &id, running);
            work.push((path, scope));
        }
    }
    let jobs =
        args.jobs.map_or_else(|| std::thread::available_parallelism().map_or(1, NonZero::get), usize::from);
    check_all(&work, jobs, args.max_findings as usize, |report| out.partition(&report?))?;
    out.summary(start)
}

/// Checks partitions, several at a time, and hands their reports on in the order of the work.
fn check_all(
    work: &[(PathBuf, Scope)],
    jobs: usize,
    max_findings: usize,
    mut done: impl FnMut(Result<PartitionReport>) -> Result<()>,
) -> Result<()> {
    let next = AtomicUsize::new(0);
    let (send, reports) = mpsc::channel();
    std::thread::scope(|scope| {
        for _ in 0..jobs.min(work.len()) {
            let (send, next) = (send.clone(), &next);
            scope.spawn(move || {
                while let Some((at, (path, scope))) =
                    Some(next.fetch_add(1, Ordering::Relaxed)).and_then(|at| Some((at, work.get(at)?)))
                {
                    // Nobody listens where the output is gone.
                    if send.send((at, check(path, scope, max_findings))).is_err() {
                        return;
                    }
                }
            });
        }
        drop(send);
        let mut waiting = BTreeMap::new();
        let mut at = 0;
        for (index, report) in reports {
            waiting.insert(index, report);
            while let Some(report) = waiting.remove(&at) {
                done(report)?;
                at += 1;
            }
        }
        Ok(())
    })
}

fn check(path: &Path, scope: &Scope, max_findings: usize) -> Result<PartitionReport> {
    let disk = ReadOnlyDisk::shared();
    let report = verify(&disk, path, scope, max_findings)?;
    if !scope.running || report.findings.is_empty() {
        return Ok(report);
    }
    // The cleaner may have put other files in the place of those that were looked at: damage is there the second time too.
    Ok(verify(&disk, path, scope, max_findings)?)
}

#[derive(Default)]
struct Totals {
    partitions: usize,
    files: u64,
    bytes: u64,
    batches: u64,
    records: u64,
    findings: u64,
}

struct Output {
    out: BufWriter<io::StdoutLock<'static>>,
    json: bool,
    totals: Totals,
}

impl Output {
    fn directory(&mut self, directory: &LogDirectory) -> Result<()> {
        self.totals.files += directory.files;
        self.totals.bytes += directory.bytes;
        self.findings(&directory.findings, &directory.path)
    }

    fn partition(&mut self, report: &PartitionReport) -> Result<()> {
        let totals = &mut self.totals;
        totals.partitions += 1;
        totals.files += report.files;
        totals.bytes += report.bytes;
        totals.batches += report.batches;
        totals.records += report.records;
        self.findings(&report.findings, &report.path)
    }

    fn findings(&mut self, findings: &Findings, path: &Path) -> Result<()> {
        self.totals.findings += findings.list().len() as u64 + findings.left_out();
        findings.list().iter().try_for_each(|finding| self.finding(finding))?;
        match findings.left_out() {
            0 => {}
            more if self.json => {
                let path = path.to_string_lossy();
                print_json(&mut self.out, &json!({ "type": "more", "directory": path, "findings": more }))?;
            }
            more => writeln!(self.out, "{}: {more} more", path.display())?,
        }
        // Whoever waits for a large directory sees what there is.
        Ok(self.out.flush()?)
    }

    fn finding(&mut self, finding: &Finding) -> Result<()> {
        if self.json {
            return print_json(&mut self.out, &document(finding));
        }
        Ok(writeln!(self.out, "{}", line(finding))?)
    }

    fn summary(mut self, start: Instant) -> Result<()> {
        let Totals { partitions, files, bytes, batches, records, findings } = self.totals;
        let seconds = start.elapsed().as_secs_f64();
        if self.json {
            let summary = json!({
                "type": "summary",
                "partitions": partitions,
                "files": files,
                "bytes": bytes,
                "batches": batches,
                "records": records,
                "seconds": seconds,
                "findings": findings,
            });
            print_json(&mut self.out, &summary)?;
        } else {
            let found = match findings {
                0 => "all is well".to_owned(),
                n => count(n as usize, "finding", "findings"),
            };
            writeln!(
                self.out,
                "{}, {}, {bytes} bytes, {batches} batches, {records} records in {seconds:.2} s: {found}",
                count(partitions, "partition", "partitions"),
                count(files as usize, "file", "files"),
            )?;
        }
        self.out.flush()?;
        if findings == 0 { Ok(()) } else { Err(ToolError::Reported(findings as usize)) }
    }
}
