//! Processes of their own: the real binary, and the programs that merchants would write.

use std::io::{BufRead as _, BufReader, Read};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::sync::watch;

/// How long a test waits for a line or an end before it fails.
const PATIENCE: Duration = Duration::from_secs(30);

/// A process, there until it is dropped at the latest.
pub struct Program {
    child: Child,
    pub out: Lines,
    pub err: Lines,
}

impl Program {
    /// Starts it, with nothing to read and everything it writes kept.
    pub fn start(command: &mut Command) -> Self {
        let command = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let out = Lines::of(child.stdout.take().unwrap());
        let err = Lines::of(child.stderr.take().unwrap());
        Self { child, out, err }
    }

    /// Ends it at once, as `kill -9` does.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Asks it to end, as a service manager does.
    pub fn terminate(&self) {
        self.signal("TERM");
    }

    /// Stops it in its tracks until [`Program::resume`].
    pub fn pause(&self) {
        self.signal("STOP");
    }

    /// Lets it go on.
    pub fn resume(&self) {
        self.signal("CONT");
    }

    fn signal(&self, name: &str) {
        let signal = format!("kill -{name} {}", self.child.id());
        assert!(Command::new("sh").args(["-c", &signal]).status().unwrap().success());
    }

    /// Waits for its end, and for the last of what it wrote.
    pub async fn exit(&mut self) -> ExitStatus {
        let started = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                self.out.finish();
                self.err.finish();
                return status;
            }
            let (out, err) = (self.out.text(), self.err.text());
            assert!(started.elapsed() < PATIENCE, "it goes on and on: {out}\n{err}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Waits for an end in good order; what it wrote to standard output.
    pub async fn success(mut self) -> String {
        let status = self.exit().await;
        assert!(status.success(), "{status}: {}\n{}", self.out.text(), self.err.text());
        self.out.text()
    }

    /// Waits for an end with an exit code that says so; what it wrote to standard error.
    pub async fn failure(mut self) -> String {
        let status = self.exit().await;
        let err = self.err.text();
        assert!(status.code().is_some_and(|code| code != 0), "{status}: {}\n{err}", self.out.text());
        err
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The lines a process has written so far.
pub struct Lines {
    so_far: Arc<watch::Sender<Vec<String>>>,
    reader: Option<JoinHandle<()>>,
}

impl Lines {
    fn of(pipe: impl Read + Send + 'static) -> Self {
        let so_far = Arc::new(watch::Sender::new(Vec::new()));
        let writer = so_far.clone();
        let reader = std::thread::spawn(move || {
            for line in BufReader::new(pipe).lines() {
                let Ok(line) = line else { break };
                writer.send_modify(|lines| lines.push(line));
            }
        });
        Self { so_far, reader: Some(reader) }
    }

    fn finish(&mut self) {
        if let Some(reader) = self.reader.take() {
            reader.join().unwrap();
        }
    }

    /// The lines so far.
    pub fn all(&self) -> Vec<String> {
        self.so_far.borrow().clone()
    }

    /// What was written so far.
    pub fn text(&self) -> String {
        self.all().join("\n")
    }

    /// Waits for the first line that `find` makes something of; that.
    pub async fn first<T>(&self, what: &str, find: impl Fn(&str) -> Option<T>) -> T {
        let mut changes = self.so_far.subscribe();
        let has = |lines: &Vec<String>| lines.iter().any(|line| find(line).is_some());
        let came = tokio::time::timeout(PATIENCE, changes.wait_for(has)).await.is_ok();
        assert!(came, "waited for {what}; so far: {}", self.text());
        self.all().iter().find_map(|line| find(line)).unwrap()
    }
}
