//! A node as a child process: started on free ports in a folder of its own, ended with the value.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// How long anything may take before a test fails rather than hangs.
pub(crate) const DEADLINE: Duration = Duration::from_secs(30);

pub(crate) struct Node {
    child: Option<Child>,
    folder: PathBuf,
    overrides: Vec<String>,
    log: Receiver<String>,
    pub(crate) address: SocketAddr,
    /// Where health and metrics are, unless they are off.
    pub(crate) admin: Option<SocketAddr>,
    pub(crate) ready_line: String,
    /// What the node logged before it was ready.
    pub(crate) early_lines: Vec<String>,
    keep: Option<TempDir>,
}

/// The command that runs the server in `folder` with free ports. What `overrides` say wins.
pub(crate) fn server_command(folder: &Path, overrides: &[String]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_millstream"));
    command.arg("server").current_dir(folder).env_remove("RUST_LOG");
    let fixed = [
        "listeners=PLAINTEXT://127.0.0.1:0",
        "admin.listener=127.0.0.1:0",
        "group.initial.rebalance.delay.ms=0",
    ];
    let all = fixed.iter().map(|text| (*text).to_owned()).chain(overrides.iter().cloned());
    for text in all {
        command.arg("--override").arg(text);
    }
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    command
}

impl Node {
    pub(crate) fn start() -> Self {
        Self::start_with(&[])
    }

    pub(crate) fn start_with(overrides: &[&str]) -> Self {
        let keep = tempfile::tempdir().unwrap();
        let overrides = overrides.iter().map(|o| (*o).to_owned()).collect();
        let mut node = Self::launch(keep.path().to_owned(), overrides);
        node.keep = Some(keep);
        node
    }

    fn launch(folder: PathBuf, overrides: Vec<String>) -> Self {
        let mut child = server_command(&folder, &overrides).spawn().unwrap();
        let stderr = child.stderr.take().unwrap();
        let (send, log) = mpsc::channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                eprintln!("[node] {line}");
                let _ = send.send(line);
            }
        });
        let by = Instant::now() + DEADLINE;
        let mut early_lines = vec![];
        let ready_line = loop {
            let left = by.saturating_duration_since(Instant::now());
            let line = log.recv_timeout(left).expect("the node became ready");
            if line.contains("ready in") {
                break line;
            }
            early_lines.push(line);
        };
        let address = |after: &str| -> Option<SocketAddr> {
            let rest = ready_line.split(after).nth(1)?;
            rest.split(|c: char| c.is_whitespace() || c == ',').next()?.parse().ok()
        };
        let found = (address("://").expect("an address"), address("admin http://"));
        let (address, admin) = found;
        Self {
            child: Some(child),
            folder,
            overrides,
            log,
            address,
            admin,
            ready_line,
            early_lines,
            keep: None,
        }
    }

    pub(crate) fn bootstrap(&self) -> String {
        self.address.to_string()
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The lines logged since somebody last looked.
    pub(crate) fn new_lines(&self) -> Vec<String> {
        self.log.try_iter().collect()
    }

    /// Waits for a line.
    pub(crate) fn wait_for_line(&self, part: &str) {
        let by = Instant::now() + DEADLINE;
        loop {
            let left = by.saturating_duration_since(Instant::now());
            let line = self.log.recv_timeout(left);
            if line.unwrap_or_else(|_| panic!("the node has not said '{part}'")).contains(part) {
                return;
            }
        }
    }

    /// SIGKILL.
    pub(crate) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    /// SIGTERM; the exit status.
    pub(crate) fn stop(&mut self) -> ExitStatus {
        let mut child = self.child.take().unwrap();
        let status = Command::new("kill").arg(child.id().to_string()).status().unwrap();
        assert!(status.success());
        wait_for_exit(&mut child)
    }

    /// Waits until the node ends on its own; the exit status.
    pub(crate) fn wait(&mut self) -> ExitStatus {
        wait_for_exit(&mut self.child.take().unwrap())
    }

    /// Starts again on the same folder with the same properties; on new ports where they are 0.
    pub(crate) fn start_again(&mut self) {
        assert!(self.child.is_none());
        let keep = self.keep.take();
        *self = Self::launch(self.folder.clone(), self.overrides.clone());
        self.keep = keep;
    }

    /// A GET on the admin listener: status code and body.
    pub(crate) fn get(&self, path: &str) -> (u16, String) {
        let mut stream = TcpStream::connect(self.admin.unwrap()).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        write!(stream, "GET {path} HTTP/1.0\r\nHost: test\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let code = answer.split_whitespace().nth(1).unwrap().parse().unwrap();
        (code, answer.split_once("\r\n\r\n").map(|(_, body)| body.to_owned()).unwrap_or_default())
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Waits for a child that ends on its own.
pub(crate) fn wait_for_exit(child: &mut Child) -> ExitStatus {
    let by = Instant::now() + DEADLINE;
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status;
        }
        if Instant::now() > by {
            child.kill().unwrap();
            panic!("the process did not end");
        }
        std::thread::yield_now();
    }
}

/// Asks again and again until there is an answer.
pub(crate) fn eventually<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let by = Instant::now() + DEADLINE;
    loop {
        if let Some(found) = ask() {
            return found;
        }
        assert!(Instant::now() < by, "waited in vain for {what}");
        std::thread::yield_now();
    }
}
