//! What befalls a server: it stops, comes back, is copied, takes over.

use std::time::{Duration, Instant};

use super::{Postgres, as_nobody};

/// How long a standby may take to catch up.
const PATIENCE: Duration = Duration::from_secs(30);

impl Postgres {
    /// Ends it without a word to anybody, as a crash does; what was committed is on disk.
    pub fn crash(&self) {
        self.pg_ctl(&["-m", "immediate", "stop"]);
    }

    /// Stops it in good order: sessions are told, and ended.
    pub fn stop(&self) {
        self.pg_ctl(&["-m", "fast", "stop"]);
    }

    /// Starts it again on the same port, after [`Postgres::crash`] or [`Postgres::stop`].
    pub fn start_again(&self) {
        let options = format!(
            "-p {} -c listen_addresses=127.0.0.1 -c unix_socket_directories= {}",
            self.port, self.options
        );
        let log = self.folder.join("server.log").display().to_string();
        self.pg_ctl(&["-l", &log, "-t", "60", "-o", &options, "start"]);
    }

    /// A standby that has what this one answers as committed, from now on.
    #[must_use]
    pub fn standby(&self) -> Self {
        let mut standby = Self::new(&self.options);
        let copied = as_nobody(self.bin.join("pg_basebackup"))
            .arg("-D")
            .arg(standby.folder.join("data"))
            .args(["-h", "127.0.0.1", "-U", "sellvik", "-p", &self.port.to_string()])
            .args(["-R", "-X", "stream", "-c", "fast", "--no-sync"])
            .output()
            .unwrap();
        assert!(copied.status.success(), "{}", String::from_utf8_lossy(&copied.stderr));
        standby.run();
        self.sql("ALTER SYSTEM SET synchronous_standby_names = '*'");
        self.sql("SELECT pg_reload_conf()");
        let started = Instant::now();
        while self.sql("SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'") != "1" {
            assert!(started.elapsed() < PATIENCE, "the standby does not follow");
            std::thread::sleep(Duration::from_millis(50));
        }
        standby
    }

    /// Makes a standby the server that takes writes.
    pub fn promote(&self) {
        self.pg_ctl(&["-t", "60", "promote"]);
    }

    fn pg_ctl(&self, what: &[&str]) {
        let mut command = as_nobody(self.bin.join("pg_ctl"));
        // Nothing of ours is left open in a server that it starts.
        let done = command.arg("-D").arg(self.folder.join("data")).args(["-w", "-s"]).args(what).status();
        assert!(done.unwrap().success(), "pg_ctl {what:?}; the log is in {}", self.folder.display());
    }
}
