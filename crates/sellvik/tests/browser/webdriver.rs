//! As much of the W3C's `WebDriver` protocol as the tests need: JSON over HTTP. The libraries for it would
//! change how JSON is read and written in everything that is built beside the tests.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sellvik_testkit::Client;
use serde_json::{Value, json};

/// What elements are called on the wire.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// What the driver says of something that did not work.
#[derive(Debug)]
pub struct Refused(Value);

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.0["error"], self.0["message"])
    }
}

pub type Result<T> = std::result::Result<T, Refused>;

/// How an element is looked for.
pub enum By<'a> {
    Css(&'a str),
    XPath(&'a str),
}

/// Keys that write nothing, by the protocol's code points.
pub mod key {
    pub const TAB: &str = "\u{e004}";
    pub const ENTER: &str = "\u{e007}";
    pub const SPACE: &str = "\u{e00d}";
}

/// A browser under control; it ends when this is dropped.
pub struct WebDriver {
    client: Client,
    authority: String,
    session: String,
}

impl WebDriver {
    /// A new browser of the driver that listens at this address.
    pub async fn new(address: &str, capabilities: &Value) -> Result<Self> {
        let client = Client::new(address);
        let wanted = json!({"capabilities": {"alwaysMatch": capabilities}});
        let session = value(&client.post("/session", &wanted).await)?;
        let session = session["sessionId"].as_str().unwrap().to_owned();
        let authority = address.trim_start_matches("http://").to_owned();
        Ok(Self { client, authority, session })
    }

    async fn post(&self, path: &str, body: Value) -> Result<Value> {
        value(&self.client.post(&format!("/session/{}{path}", self.session), &body).await)
    }

    async fn get(&self, path: &str) -> Result<Value> {
        value(&self.client.get(&format!("/session/{}{path}", self.session)).await)
    }

    pub async fn goto(&self, url: &str) -> Result<()> {
        self.post("/url", json!({"url": url})).await.map(drop)
    }

    pub async fn current_url(&self) -> Result<String> {
        self.get("/url").await.map(text)
    }

    pub async fn refresh(&self) -> Result<()> {
        self.post("/refresh", json!({})).await.map(drop)
    }

    pub async fn source(&self) -> Result<String> {
        self.get("/source").await.map(text)
    }

    /// Runs a script; what it returns.
    pub async fn execute(&self, script: &str, arguments: Vec<Value>) -> Result<Value> {
        self.post("/execute/sync", json!({"script": script, "args": arguments})).await
    }

    /// Runs a script; what it gives to its last argument.
    pub async fn execute_async(&self, script: &str, arguments: Vec<Value>) -> Result<Value> {
        self.post("/execute/async", json!({"script": script, "args": arguments})).await
    }

    /// A command of the browser's own protocol.
    pub async fn tell(&self, method: &str, parameters: Value) -> Result<Value> {
        self.post("/goog/cdp/execute", json!({"cmd": method, "params": parameters})).await
    }

    /// A picture of the page, as PNG.
    pub async fn screenshot(&self) -> Result<Vec<u8>> {
        Ok(STANDARD.decode(text(self.get("/screenshot").await?)).unwrap())
    }

    /// Presses keys, one after the other, where the focus is.
    pub async fn press(&self, keys: &str) -> Result<()> {
        let stroke =
            |key: char| ["keyDown", "keyUp"].map(|kind| json!({"type": kind, "value": key.to_string()}));
        let strokes: Vec<Value> = keys.chars().flat_map(stroke).collect();
        let actions = json!({"actions": [{"type": "key", "id": "keyboard", "actions": strokes}]});
        self.post("/actions", actions).await.map(drop)
    }

    /// What a script of the page asks the reader; an error if nothing.
    pub async fn alert(&self) -> Result<String> {
        self.get("/alert/text").await.map(text)
    }

    /// The first such element.
    pub async fn find(&self, by: By<'_>) -> Result<Element<'_>> {
        let id = self.post("/element", by.wire()).await?;
        Ok(self.element(&id))
    }

    /// Every such element.
    pub async fn find_all(&self, by: By<'_>) -> Result<Vec<Element<'_>>> {
        let ids = self.post("/elements", by.wire()).await?;
        Ok(ids.as_array().unwrap().iter().map(|id| self.element(id)).collect())
    }

    fn element(&self, id: &Value) -> Element<'_> {
        Element { driver: self, id: id[ELEMENT].as_str().unwrap().to_owned() }
    }
}

impl Drop for WebDriver {
    /// Waits for the browser's end, so that the next one does not find the machine busy with it.
    fn drop(&mut self) {
        let Ok(mut driver) = TcpStream::connect(&self.authority) else { return };
        let (session, host) = (&self.session, &self.authority);
        let request =
            format!("DELETE /session/{session} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        // A driver that is gone has taken its browsers along.
        let _ = driver.write_all(request.as_bytes());
        let _ = driver.read(&mut [0]);
    }
}

impl By<'_> {
    fn wire(&self) -> Value {
        match self {
            Self::Css(selector) => json!({"using": "css selector", "value": selector}),
            Self::XPath(path) => json!({"using": "xpath", "value": path}),
        }
    }
}

/// An element of a page.
pub struct Element<'a> {
    driver: &'a WebDriver,
    id: String,
}

impl Element<'_> {
    async fn post(&self, what: &str, body: Value) -> Result<Value> {
        self.driver.post(&format!("/element/{}/{what}", self.id), body).await
    }

    async fn get(&self, what: &str) -> Result<Value> {
        self.driver.get(&format!("/element/{}/{what}", self.id)).await
    }

    /// What is read of it.
    pub async fn text(&self) -> Result<String> {
        self.get("text").await.map(text)
    }

    /// An attribute, as it was written.
    pub async fn attr(&self, name: &str) -> Result<Option<String>> {
        Ok(self.get(&format!("attribute/{name}")).await?.as_str().map(str::to_owned))
    }

    /// A property, as it is now.
    pub async fn prop(&self, name: &str) -> Result<Option<String>> {
        let value = self.get(&format!("property/{name}")).await?;
        Ok(match value {
            Value::Null => None,
            Value::String(text) => Some(text),
            other => Some(other.to_string()),
        })
    }

    pub async fn is_displayed(&self) -> Result<bool> {
        Ok(self.get("displayed").await? == true)
    }

    pub async fn click(&self) -> Result<()> {
        self.post("click", json!({})).await.map(drop)
    }

    pub async fn clear(&self) -> Result<()> {
        self.post("clear", json!({})).await.map(drop)
    }

    /// Types this.
    pub async fn send_keys(&self, keys: &str) -> Result<()> {
        self.post("value", json!({"text": keys})).await.map(drop)
    }

    /// To the middle of the window, where no bar lies over it.
    pub async fn scroll_into_view(&self) -> Result<()> {
        let script = "arguments[0].scrollIntoView({block: 'center', inline: 'center', behavior: 'instant'})";
        self.driver.execute(script, vec![json!({ELEMENT: self.id})]).await.map(drop)
    }
}

fn value(answer: &sellvik_testkit::Answer) -> Result<Value> {
    let mut body = answer.json();
    let value = body["value"].take();
    if answer.status == 200 { Ok(value) } else { Err(Refused(value)) }
}

fn text(value: Value) -> String {
    match value {
        Value::String(text) => text,
        other => panic!("not a text: {other}"),
    }
}
