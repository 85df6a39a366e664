//! One driver for all tests, and a browser of its own for each.

use std::io::{BufRead as _, BufReader};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};
use std::sync::LazyLock;
use std::thread;

use serde_json::json;
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::webdriver::WebDriver;

/// Browsers at work at the same time, at most: each takes a processor.
static PLACES: Semaphore = Semaphore::const_new(2);

static DRIVER: LazyLock<Driver> = LazyLock::new(Driver::start);

/// Starts the driver in a process group and a folder of its own, and takes both away, browsers and their
/// profiles with them, once its standard input ends: with this program, however that comes about.
const KEEPER: &str = r#"
    trap '' HUP INT TERM
    set -m
    export TMPDIR=$(mktemp -d)
    HOME=$TMPDIR chromedriver --port=0 --log-level=SEVERE </dev/null &
    read -r _
    kill -KILL -- -$!
    wait
    rm -rf "$TMPDIR"
"#;

/// Nothing but the panel is loaded: a browser of its own accord asks its maker for a lot.
const FLAGS: [&str; 16] = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--no-default-browser-check",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-domain-reliability",
    "--disable-extensions",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--disable-features=OptimizationHints,MediaRouter,Translate,AutofillServerCommunication",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
    "--lang=en-GB",
];

struct Driver {
    address: String,
    /// Holds its standard input open.
    _keeper: Child,
}

impl Driver {
    fn start() -> Self {
        let mut keeper = Command::new("bash")
            .args(["-c", KEEPER])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .unwrap();
        let mut said = BufReader::new(keeper.stdout.take().unwrap()).lines();
        let port = said
            .by_ref()
            .map_while(Result::ok)
            .find_map(|line| {
                line.strip_prefix("ChromeDriver was started successfully on port ").map(str::to_owned)
            })
            .expect("chromedriver: `scripts/clients` installs it");
        // Whatever else it says is read, so that it never waits for a reader.
        thread::spawn(move || said.count());
        let address = format!("http://127.0.0.1:{}", port.trim_end_matches('.'));
        Self { address, _keeper: keeper }
    }
}

/// A browser without a past: the driver gives each a new profile. It ends when it is dropped.
pub struct Browser {
    pub driver: WebDriver,
    _place: SemaphorePermit<'static>,
}

impl Browser {
    /// With these preferences of its profile.
    pub async fn start_with(preferences: serde_json::Value) -> Self {
        let place = PLACES.acquire().await.unwrap();
        let flags: Vec<&str> = FLAGS.into_iter().chain(["--window-size=1280,900"]).collect();
        let wanted = json!({
            "browserName": "chrome",
            // What no test expects is left open for it to see, instead of being closed unseen.
            "unhandledPromptBehavior": "ignore",
            "goog:chromeOptions": {"args": flags, "prefs": preferences},
        });
        let address = tokio::task::spawn_blocking(|| DRIVER.address.as_str()).await.unwrap();
        let driver = WebDriver::new(address, &wanted).await.unwrap();
        Self { driver, _place: place }
    }
}
