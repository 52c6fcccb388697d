//! The node under test: one process, ended and started again on the same port and folder.

use std::fs::{self, File};
use std::io::{Read as _, Seek as _, SeekFrom};
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::error::Error;
use crate::event::{End, What};
use crate::journal::Journal;

/// How long a start may take, and a stop.
const DEADLINE: Duration = Duration::from_secs(30);

/// What a sound node never logs.
const UNSOUND: [&str; 5] = ["panicked", " ERROR ", "corrupt", "overflow", "assertion"];

pub(crate) struct Node {
    binary: PathBuf,
    folder: PathBuf,
    port: u16,
    child: Option<Child>,
    /// How far the log is scanned, and where this process's part begins.
    scanned: u64,
    spawned_at: u64,
    /// How long the last start took.
    start: Duration,
}

impl Node {
    pub(crate) fn new(binary: &Path, folder: &Path) -> Result<Self, Error> {
        let binary = binary.canonicalize().map_err(|_| Error::NoBinary(binary.to_owned()))?;
        let start = Duration::from_millis(50);
        let folder = folder.to_owned();
        Ok(Self { binary, folder, port: low_port()?, child: None, scanned: 0, spawned_at: 0, start })
    }

    pub(crate) fn bootstrap(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Where it keeps its data.
    pub(crate) fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    fn log(&self) -> PathBuf {
        self.folder.join("node.log")
    }

    /// Starts the process and does not wait.
    pub(crate) fn spawn(&mut self, journal: &mut Journal) -> Result<(), Error> {
        let path = self.log();
        let log = File::options().create(true).append(true).open(&path).map_err(Error::file(&path))?;
        self.spawned_at = log.metadata().map_err(Error::file(&path))?.len();
        let mut command = Command::new(&self.binary);
        command.arg("server").current_dir(&self.folder).env_remove("RUST_LOG");
        let listeners = format!("listeners=PLAINTEXT://{}", self.bootstrap());
        for property in [
            &*listeners,
            "admin.listener=",
            "log.dirs=data",
            "auto.create.topics.enable=false",
            "offsets.topic.num.partitions=3",
            "group.initial.rebalance.delay.ms=0",
            // So that what seldom happens happens all the time.
            "log.segment.bytes=1048576",
            "offsets.topic.segment.bytes=1048576",
            "log.flush.offset.checkpoint.interval.ms=2000",
            "log.flush.start.offset.checkpoint.interval.ms=2000",
            "log.retention.check.interval.ms=300",
            "log.segment.delete.delay.ms=500",
        ] {
            command.args(["--override", property]);
        }
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        journal.write(What::NodeSpawned)?;
        self.child = Some(command.spawn().map_err(Error::file(&self.binary))?);
        Ok(())
    }

    /// Starts it and waits until it is ready.
    pub(crate) fn start(&mut self, journal: &mut Journal) -> Result<(), Error> {
        let spawned = Instant::now();
        self.spawn(journal)?;
        loop {
            let said = self.said(self.spawned_at)?;
            if said.contains(" ready in ") {
                self.start = spawned.elapsed();
                journal.write(What::NodeReady)?;
                return Ok(());
            }
            if let Some(status) = self.exited()? {
                journal.write(What::NodeEnded { end: End::ByItself })?;
                return Err(Error::Node(format!("{status}: {}", said.trim_end())));
            }
            if spawned.elapsed() > DEADLINE {
                return Err(Error::Node(format!("not ready after {} s", DEADLINE.as_secs())));
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// How long its last start took.
    pub(crate) fn start_took(&self) -> Duration {
        self.start
    }

    /// SIGKILL.
    pub(crate) fn kill(&mut self, journal: &mut Journal) -> Result<(), Error> {
        let by_itself = self.exited()?.is_some();
        if let Some(mut child) = self.child.take() {
            child.kill().map_err(Error::file(&self.binary))?;
            child.wait().map_err(Error::file(&self.binary))?;
            let end = if by_itself { End::ByItself } else { End::Killed };
            journal.write(What::NodeEnded { end })?;
        }
        self.scan(journal)
    }

    /// SIGTERM: it ends in time and says that all is well.
    pub(crate) fn terminate(&mut self, journal: &mut Journal) -> Result<(), Error> {
        self.signal(Signal::TERM)?;
        let by = Instant::now() + DEADLINE;
        loop {
            match self.exited()? {
                Some(status) if status.success() => break,
                Some(status) => {
                    journal.write(What::NodeSaid { line: format!("after SIGTERM: {status}") })?;
                    break;
                }
                None if Instant::now() > by => {
                    let what = format!("the node still runs {} s after SIGTERM", DEADLINE.as_secs());
                    journal.write(What::Overdue { what })?;
                    return self.kill(journal);
                }
                None => std::thread::sleep(Duration::from_millis(2)),
            }
        }
        self.child = None;
        journal.write(What::NodeEnded { end: End::Terminated })?;
        self.scan(journal)
    }

    pub(crate) fn pause(&self, journal: &mut Journal) -> Result<(), Error> {
        self.signal(Signal::STOP)?;
        journal.write(What::NodePaused).map(|_| ())
    }

    pub(crate) fn resume(&self, journal: &mut Journal) -> Result<(), Error> {
        journal.write(What::NodeResumed)?;
        self.signal(Signal::CONT)
    }

    fn signal(&self, signal: Signal) -> Result<(), Error> {
        match &self.child {
            Some(child) => Ok(kill_process(Pid::from_child(child), signal)?),
            None => Ok(()),
        }
    }

    /// Its status, if it has ended.
    pub(crate) fn exited(&mut self) -> Result<Option<std::process::ExitStatus>, Error> {
        match &mut self.child {
            Some(child) => child.try_wait().map_err(Error::file(&self.binary)),
            None => Ok(None),
        }
    }

    /// Writes down how much memory it has resident and how many files it has open.
    pub(crate) fn measure(&self, journal: &mut Journal) -> Result<(), Error> {
        let Some(child) = &self.child else { return Ok(()) };
        let of = PathBuf::from(format!("/proc/{}", child.id()));
        let status = fs::read_to_string(of.join("status")).map_err(Error::file(&of))?;
        let rss = status
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:")?.split_whitespace().next()?.parse().ok());
        let open_files = fs::read_dir(of.join("fd")).map_err(Error::file(&of))?.count() as u64;
        let rss_bytes = rss.map_or(0, |kib: u64| kib << 10);
        journal.write(What::NodeSize { rss_bytes, open_files }).map(|_| ())
    }

    /// What it has logged from a place on.
    fn said(&self, from: u64) -> Result<String, Error> {
        let path = self.log();
        let mut file = File::open(&path).map_err(Error::file(&path))?;
        file.seek(SeekFrom::Start(from)).map_err(Error::file(&path))?;
        let mut bytes = vec![];
        file.read_to_end(&mut bytes).map_err(Error::file(&path))?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// Looks through what it has logged since the last time.
    fn scan(&mut self, journal: &mut Journal) -> Result<(), Error> {
        let said = self.said(self.scanned)?;
        self.scanned += said.len() as u64;
        for line in said.lines().filter(|line| UNSOUND.iter().any(|word| line.contains(word))) {
            journal.write(What::NodeSaid { line: line.to_owned() })?;
        }
        Ok(())
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// A free port below those that the system gives to connections: a client that tries to reach a node that is down would
/// otherwise sooner or later connect to itself.
fn low_port() -> Result<u16, Error> {
    let first = 10_000 + (std::process::id() % 20_000) as u16;
    let free = |port: &u16| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok();
    (first..32_000).find(free).ok_or(Error::NoPort)
}
