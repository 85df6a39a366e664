//! A PostgreSQL server of the tests' own: made in a folder of its own, gone with the process that started it.

use std::ffi::OsStr;
use std::fs::Permissions;
use std::io::{BufRead as _, BufReader, BufWriter, Write};
use std::net::TcpListener;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::TestTls;

mod faults;

/// `nobody`: PostgreSQL refuses to run as root.
const NOBODY: u32 = 65_534;

/// Starts the server, says when it takes connections, and ends it when its standard input ends: so it never
/// outlives who started it, whatever becomes of that one.
const KEEPER: &str = r#"
set -eu
bin=$1 folder=$2 port=$3 options=$4
mkdir -p "$folder"
[ -e "$folder/data/PG_VERSION" ] ||
    "$bin/initdb" -D "$folder/data" -U sellvik -A trust -E UTF8 --no-locale --no-sync >"$folder/initdb.log"
"$bin/pg_ctl" -D "$folder/data" -l "$folder/server.log" -w -t 60 -s \
    -o "-p $port -c listen_addresses=127.0.0.1 -c unix_socket_directories= $options" start ||
    { cat "$folder/server.log" >&2; exit 1; }
echo ready
read -r over || true
"$bin/pg_ctl" -D "$folder/data" -m immediate -s stop || true
rm -rf "$folder"
"#;

/// A running server.
pub struct Postgres {
    bin: PathBuf,
    folder: PathBuf,
    port: u16,
    options: String,
    keeper: Option<Keeper>,
    schemas: AtomicU32,
}

struct Keeper {
    process: Child,
    told: Option<ChildStdin>,
}

impl Postgres {
    /// The one that a test process's tests share, each in a schema of its own. It keeps nothing on disk that a
    /// crash would spare: the tests that crash a server start their own.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Postgres> = OnceLock::new();
        SHARED.get_or_init(|| Self::start("-c fsync=off -c max_connections=1000 -c shared_buffers=64MB"))
    }

    /// Starts a server with these options, beside what a test needs anyway.
    pub fn start(options: &str) -> Self {
        let mut server = Self::new(options);
        server.run();
        server
    }

    /// Starts one that also speaks TLS, with this identity.
    pub fn start_tls(tls: &TestTls) -> Self {
        let mut server = Self::new("");
        std::fs::create_dir(&server.folder).unwrap();
        let identity = server.folder.join("identity.pem");
        std::fs::write(&identity, tls.identity_pem()).unwrap();
        std::fs::set_permissions(&identity, Permissions::from_mode(0o600)).unwrap();
        if is_root() {
            for path in [&server.folder, &identity] {
                chown(path, Some(NOBODY), Some(NOBODY)).unwrap();
            }
        }
        let identity = identity.display();
        server.options = format!("-c ssl=on -c ssl_cert_file={identity} -c ssl_key_file={identity}");
        server.run();
        server
    }

    fn new(options: &str) -> Self {
        let port = free_port();
        let folder = std::env::temp_dir().join(format!("sellvik-postgres-{}-{port}", std::process::id()));
        Self {
            bin: bin(),
            folder,
            port,
            options: options.to_owned(),
            keeper: None,
            schemas: AtomicU32::new(0),
        }
    }

    fn run(&mut self) {
        let mut command = as_nobody("sh");
        command.args(["-c", KEEPER, "sh"]).arg(&self.bin).arg(&self.folder);
        command.arg(self.port.to_string()).arg(&self.options);
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut ready = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut ready).unwrap();
        assert_eq!(ready, "ready\n", "PostgreSQL did not start; its folder is {}", self.folder.display());
        let told = process.stdin.take();
        self.keeper = Some(Keeper { process, told });
    }

    /// The server's process; its sessions are children of it.
    pub fn pid(&self) -> u32 {
        let file = std::fs::read_to_string(self.folder.join("data/postmaster.pid")).unwrap();
        file.lines().next().unwrap().parse().unwrap()
    }

    /// An address with a schema that nothing was written to yet.
    pub fn schema(&self) -> String {
        let schema = format!("ledger_{}", self.schemas.fetch_add(1, Ordering::Relaxed));
        self.sql(&format!("CREATE SCHEMA {schema}"));
        format!("{}?options=-csearch_path%3D{schema}", self.address())
    }

    /// Its database's address.
    pub fn address(&self) -> String {
        format!("postgres://sellvik@127.0.0.1:{}/postgres", self.port)
    }

    /// The port it listens on, on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// What a statement prints, as `psql` shows it without frills.
    pub fn sql(&self, sql: &str) -> String {
        self.ask(&self.address(), sql)
    }

    /// Runs a `COPY … FROM STDIN` in the schema that this address tells.
    pub fn copy(&self, address: &str, sql: &str) -> Copy {
        let mut client = Command::new(self.bin.join("psql"))
            .args(["-qX", "-v", "ON_ERROR_STOP=1", "-d", address, "-c", sql])
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        let rows = BufWriter::new(client.stdin.take().unwrap());
        Copy { client, rows }
    }

    /// What a statement prints, in the schema that this address tells.
    pub fn ask(&self, address: &str, sql: &str) -> String {
        let done = Command::new(self.bin.join("psql"))
            .args(["-qtAX", "-v", "ON_ERROR_STOP=1", "-d", address, "-c", sql])
            .output()
            .unwrap();
        assert!(done.status.success(), "{sql}: {}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8(done.stdout).unwrap().trim_end().to_owned()
    }
}

/// Rows on their way into a table: lines as `COPY … FROM STDIN` takes them.
pub struct Copy {
    client: Child,
    rows: BufWriter<ChildStdin>,
}

impl Copy {
    /// Waits until all of them are there.
    pub fn finish(self) {
        let Self { mut client, mut rows } = self;
        rows.flush().unwrap();
        drop(rows);
        assert!(client.wait().unwrap().success());
    }
}

impl Write for Copy {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.rows.write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.rows.flush()
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        if let Some(Keeper { mut process, told }) = self.keeper.take() {
            drop(told);
            let _ = process.wait();
        }
    }
}

/// Where the server's programs are: Debian keeps them out of the path, one folder for each version.
fn bin() -> PathBuf {
    let debian = Path::new("/usr/lib/postgresql");
    let versions =
        std::fs::read_dir(debian).into_iter().flatten().flatten().map(|entry| entry.path().join("bin"));
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut found: Vec<PathBuf> =
        versions.chain(std::env::split_paths(&path)).filter(|bin| bin.join("initdb").exists()).collect();
    // The newest, and Debian's own folders first: what else is in the path may lack some of the programs.
    found.sort_by_key(|bin| (bin.starts_with(debian), bin.clone()));
    found.pop().expect("PostgreSQL's server is not installed; scripts/test installs it")
}

/// A command in a group of its own, so that what ends the tests by the keyboard leaves it to its keeper.
fn as_nobody(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    // Wherever the tests are run, it may not be let in.
    command.process_group(0).current_dir("/");
    if is_root() {
        command.uid(NOBODY).gid(NOBODY);
    }
    command
}

fn is_root() -> bool {
    let me = Command::new("id").arg("-u").output().unwrap();
    me.stdout.trim_ascii() == b"0"
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}
