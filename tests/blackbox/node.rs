//! A node as a child process: started on free ports in a folder of its own, ended with the value.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// How long anything may take before a test fails rather than hangs.
pub(crate) const DEADLINE: Duration = Duration::from_secs(30);

pub(crate) struct Node {
    child: Option<Child>,
    folder: PathBuf,
    overrides: Vec<String>,
    pub(crate) address: SocketAddr,
    pub(crate) admin: SocketAddr,
    _keep: Option<TempDir>,
}

/// The command that runs the server in `folder` with free ports.
pub(crate) fn server_command(folder: &Path, overrides: &[String]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_millstream"));
    command.arg("server").current_dir(folder);
    let fixed = ["listeners=PLAINTEXT://127.0.0.1:0", "admin.listener=127.0.0.1:0", "group.initial.rebalance.delay.ms=0"];
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
        let folder = tempfile::tempdir().unwrap();
        let mut node = Self::launch(folder.path().to_owned(), overrides.iter().map(|o| (*o).to_owned()).collect());
        node._keep = Some(folder);
        node
    }

    fn launch(folder: PathBuf, overrides: Vec<String>) -> Self {
        let mut child = server_command(&folder, &overrides).spawn().unwrap();
        let stderr = child.stderr.take().unwrap();
        let (send, lines) = mpsc::channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                eprintln!("[node] {line}");
                let _ = send.send(line);
            }
        });
        let by = Instant::now() + DEADLINE;
        let ready = loop {
            let line = lines.recv_timeout(by.saturating_duration_since(Instant::now())).expect("the node became ready");
            if line.contains("ready") {
                break line;
            }
        };
        let address = |key: &str| -> SocketAddr {
            let rest = ready.split(key).nth(1).unwrap_or_else(|| panic!("{key} in: {ready}"));
            rest.split(|c: char| c.is_whitespace() || c == ',').next().unwrap().parse().unwrap()
        };
        Self { child: Some(child), folder, overrides, address: address("PLAINTEXT://"), admin: address("admin http://"), _keep: None }
    }

    pub(crate) fn bootstrap(&self) -> String {
        self.address.to_string()
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.folder.join("millstream-data")
    }

    /// SIGKILL.
    pub(crate) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    /// SIGTERM; the exit status.
    pub(crate) fn stop(&mut self) -> std::process::ExitStatus {
        let mut child = self.child.take().unwrap();
        let status = Command::new("kill").arg(child.id().to_string()).status().unwrap();
        assert!(status.success());
        let by = Instant::now() + DEADLINE;
        loop {
            if let Some(status) = child.try_wait().unwrap() {
                return status;
            }
            assert!(Instant::now() < by, "the node did not stop");
            std::thread::yield_now();
        }
    }

    /// Starts again on the same folder, on new ports.
    pub(crate) fn start_again(&mut self) {
        assert!(self.child.is_none());
        let keep = self._keep.take();
        *self = Self::launch(self.folder.clone(), self.overrides.clone());
        self._keep = keep;
    }

    /// A GET on the admin listener: status code and body.
    pub(crate) fn get(&self, path: &str) -> (u16, String) {
        use std::io::{Read as _, Write as _};
        let mut stream = std::net::TcpStream::connect(self.admin).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n").unwrap();
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
