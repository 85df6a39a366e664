//! The receivers that the panel offers to copy, each run as it stands: with the service's own signatures,
//! and with what is not one.
//!
//! What they read requests with is stood in for, so that no package is needed. Node and Python are always
//! there; PHP and Ruby run with `--ignored` where they are installed.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use sellvik_domain::{Signer, Timestamp, WebhookSecret};

/// Letters of several bytes, and bytes that parsing and writing again would change.
const BODY: &str =
    r#"{ "id":"evt_1","type":"order.created","data":{"name":"Ayşe 🧵","total":1.50,"a":"\u0041"} }"#;

const MINUTE: Duration = Duration::from_mins(1);

/// A receiver in a folder of its own, with what stands in for its framework.
struct Receiver {
    program: &'static str,
    arguments: Vec<String>,
    folder: PathBuf,
}

impl Receiver {
    fn new(program: &'static str, file: &str, stand_in: &str, place: &str) -> Self {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(file);
        let place = folder.join(place);
        fs::create_dir_all(place.parent().unwrap()).unwrap();
        fs::copy(here.join("tests/stand_ins").join(stand_in), place).unwrap();
        fs::copy(here.join("src/snippets").join(file), folder.join(file)).unwrap();
        Self { program, arguments: vec![file.to_owned()], folder }
    }

    fn with(mut self, arguments: &[&str]) -> Self {
        self.arguments.splice(0..0, arguments.iter().map(|&argument| argument.to_owned()));
        self
    }

    /// The status it answers a request with.
    fn answer(&self, secret: &WebhookSecret, signature: Option<&str>, body: &[u8]) -> u16 {
        let mut command = Command::new(self.program);
        command.args(&self.arguments).current_dir(&self.folder).env("PYTHONPATH", ".");
        command.env("SELLVIK_WEBHOOK_SECRET", secret.reveal()).env_remove("SIGNATURE");
        if let Some(signature) = signature {
            command.env("SIGNATURE", signature);
        }
        let pipes = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        let mut process = pipes.unwrap_or_else(|error| panic!("{} must be installed: {error}", self.program));
        // One that does not read its body may close it before it is written.
        let _ = process.stdin.take().unwrap().write_all(body);
        let output = process.wait_with_output().unwrap();
        let words = String::from_utf8_lossy(&output.stdout);
        let status = words.lines().find_map(|line| line.strip_prefix("status ")?.parse().ok());
        status
            .unwrap_or_else(|| panic!("{}: {words}{}", self.program, String::from_utf8_lossy(&output.stderr)))
    }

    fn takes_only_what_the_service_signed(&self) {
        let (ours, others) = (WebhookSecret::new(&[7; 32]), WebhookSecret::new(&[8; 32]));
        let now = now();
        let good = signature(&ours, now, BODY);
        assert_eq!(self.answer(&ours, Some(&good), BODY.as_bytes()), 200, "a genuine request");
        let two_minutes_ago = signature(&ours, now.before(2 * MINUTE), BODY);
        assert_eq!(self.answer(&ours, Some(&two_minutes_ago), BODY.as_bytes()), 200, "one that took a while");

        let (t, v1) = good.split_once(',').unwrap();
        let empty = signature(&ours, now, "");
        for (header, body, why) in [
            (Some(good.as_str()), BODY.replace("1.50", "0.50"), "a changed body"),
            (Some(&good), BODY.replace("1.50", "1.5"), "a body that was parsed and written again"),
            (Some(&good), String::new(), "no body"),
            (Some(&empty), BODY.to_owned(), "the signature of another body"),
            (Some(&signature(&others, now, BODY)), BODY.to_owned(), "another secret"),
            (Some(&signature(&ours, now.before(6 * MINUTE), BODY)), BODY.to_owned(), "an old request"),
            (Some(&signature(&ours, now.after(6 * MINUTE), BODY)), BODY.to_owned(), "one from the future"),
            (Some(&format!("t={},{v1}", now.as_secs() + 1)), BODY.to_owned(), "another time"),
            (Some(&format!("{t},v1=")), BODY.to_owned(), "an empty signature"),
            (Some(&good[..good.len() - 2]), BODY.to_owned(), "half a signature"),
            (Some(&format!("{t},v1=ünicode")), BODY.to_owned(), "what is not hexadecimal"),
            (Some(t), BODY.to_owned(), "a time only"),
            (Some(v1), BODY.to_owned(), "a signature only"),
            (Some(&format!("t=soon,{v1}")), BODY.to_owned(), "a time that is none"),
            (Some(&format!("t={},{v1}", "9".repeat(400))), BODY.to_owned(), "a time beyond reckoning"),
            (Some(",=,t,==;"), BODY.to_owned(), "rubbish"),
            (Some(""), BODY.to_owned(), "an empty header"),
            (None, BODY.to_owned(), "no header"),
        ] {
            assert_eq!(self.answer(&ours, header, body.as_bytes()), 401, "{why}");
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "the receivers go by the machine's own clock")]
fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    Timestamp::from_millis(since.as_millis().try_into().unwrap())
}

/// As the service's courier makes it.
fn signature(secret: &WebhookSecret, at: Timestamp, body: &str) -> String {
    Signer::new(secret, None, at).sign(at, "evt_1", body.as_bytes()).sellvik
}

#[test]
fn the_receiver_in_node_takes_only_what_the_service_signed() {
    let receiver = Receiver::new("node", "webhook.mjs", "express.js", "node_modules/express/index.js");
    let package = r#"{"name": "express", "type": "module", "exports": "./index.js"}"#;
    fs::write(receiver.folder.join("node_modules/express/package.json"), package).unwrap();
    receiver.takes_only_what_the_service_signed();
}

#[test]
fn the_receiver_in_python_takes_only_what_the_service_signed() {
    Receiver::new("python3", "webhook.py", "flask.py", "flask.py").takes_only_what_the_service_signed();
}

#[test]
#[ignore = "needs PHP: apt-get install php-cli"]
fn the_receiver_in_php_takes_only_what_the_service_signed() {
    let receiver = Receiver::new("php", "webhook.php", "request.php", "request.php");
    receiver.with(&["-d", "auto_prepend_file=request.php"]).takes_only_what_the_service_signed();
}

#[test]
#[ignore = "needs Ruby: apt-get install ruby"]
fn the_receiver_in_ruby_takes_only_what_the_service_signed() {
    let receiver = Receiver::new("ruby", "webhook.rb", "sinatra.rb", "sinatra.rb");
    receiver.with(&["-I", "."]).takes_only_what_the_service_signed();
}
