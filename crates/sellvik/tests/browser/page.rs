//! What a merchant does with a page, and sees on it.

use std::ops::AsyncFn;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::browser::Browser;
use crate::harness::{Server, Shop};
use crate::webdriver::{By, Element, Result};

/// How long a test waits for what a page shows.
const PATIENCE: Duration = Duration::from_secs(20);

/// What a session may do that may do all.
pub const ALL: [&str; 3] = ["read", "write", "keys"];

/// A merchant's browser in a shop's panel.
pub struct Panel {
    pub browser: Browser,
    /// Where the panel begins.
    pub home: String,
}

impl Panel {
    /// In a session that may do all.
    pub async fn open(server: &Server, shop: &Shop) -> Self {
        Self::open_with(server, shop, &ALL, json!({})).await
    }

    /// In a session of these capabilities, in a browser of these preferences.
    pub async fn open_with(server: &Server, shop: &Shop, may: &[&str], preferences: Value) -> Self {
        let browser = Browser::start_with(preferences).await;
        let panel = Self { browser, home: format!("{}/panel/{}", server.url(), shop.id) };
        panel.enter(server, shop, may).await;
        panel
    }

    /// Comes in by a new link.
    pub async fn enter(&self, server: &Server, shop: &Shop, may: &[&str]) {
        self.visit(&link(server, shop, may).await).await;
    }

    /// Opens an address, of the panel if it begins with a slash or is empty.
    pub async fn visit(&self, to: &str) {
        let address = if to.starts_with("http") { to.to_owned() } else { format!("{}{to}", self.home) };
        self.browser.driver.goto(&address).await.unwrap();
    }

    /// The page's address below the panel's.
    pub async fn at(&self) -> String {
        let url = self.browser.driver.current_url().await.unwrap();
        url.strip_prefix(&self.home).unwrap_or(&url).to_owned()
    }

    pub async fn reload(&self) {
        self.browser.driver.refresh().await.unwrap();
    }

    /// Runs a script in the page.
    pub async fn script(&self, script: &str, arguments: Vec<Value>) -> Value {
        self.browser.driver.execute(script, arguments).await.unwrap()
    }

    /// Runs a script that calls its last argument once it is done.
    pub async fn wait_for_script(&self, script: &str) -> Value {
        self.browser.driver.execute_async(script, Vec::new()).await.unwrap()
    }

    /// A value of the page.
    pub async fn value(&self, expression: &str) -> Value {
        self.script(&format!("return {expression}"), Vec::new()).await
    }

    /// Tells the browser's own protocol.
    pub async fn tell(&self, method: &str, parameters: Value) -> Value {
        self.browser.driver.tell(method, parameters).await.unwrap()
    }

    /// The text of all that stands on the page.
    pub async fn text(&self) -> String {
        self.browser.driver.find(By::Css("body")).await.unwrap().text().await.unwrap()
    }

    /// The text of the first element that this selects.
    pub async fn text_of(&self, css: &str) -> String {
        self.element(css).await.text().await.unwrap()
    }

    /// Leaves a mark that no other page has.
    pub async fn mark(&self) {
        self.script("window.marked = true", Vec::new()).await;
    }

    /// Fails if the page was loaded anew since it was marked.
    pub async fn is_still_marked(&self) {
        assert_eq!(self.value("window.marked").await, true, "the page was loaded anew");
    }

    /// Asks the page again and again until it answers; a page that is being replaced, or an element that
    /// is not there yet, is no answer.
    pub async fn until<T>(&self, what: &str, ask: impl AsyncFn() -> Result<Option<T>>) -> T {
        let started = Instant::now();
        loop {
            let answer = ask().await;
            if let Ok(Some(answer)) = answer {
                return answer;
            }
            if started.elapsed() > PATIENCE {
                let error = answer.err().map(|error| error.to_string()).unwrap_or_default();
                let error: String = error.chars().take(400).collect();
                let (at, text) = (self.at().await, self.text().await);
                panic!("waited for {what}; at {at} is seen:\n{text}\n{error}");
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Waits until the page shows this text.
    pub async fn see(&self, text: &str) {
        self.see_in("body", text).await;
    }

    /// Waits until an element that this selects shows this text.
    pub async fn see_in(&self, css: &str, text: &str) {
        self.until(&format!("{text:?} in {css}"), async || {
            for element in self.browser.driver.find_all(By::Css(css)).await? {
                if squeeze(&element.text().await?).contains(text) {
                    return Ok(Some(()));
                }
            }
            Ok(None)
        })
        .await;
    }

    /// Waits until the page's heading begins so.
    pub async fn see_heading(&self, text: &str) {
        self.until(&format!("the heading {text:?}"), async || {
            let heading = self.browser.driver.find(By::Css("h1")).await?.text().await?;
            Ok(heading.starts_with(text).then_some(()))
        })
        .await;
    }

    /// As [`Panel::see_heading`], where it does not change by itself: looks at the page anew.
    pub async fn see_heading_at_last(&self, text: &str) {
        self.until(&format!("the heading {text:?}"), async || {
            let heading = self.browser.driver.find(By::Css("h1")).await?.text().await?;
            if heading.starts_with(text) {
                return Ok(Some(()));
            }
            self.browser.driver.refresh().await.map(|()| None)
        })
        .await;
    }

    /// Waits until the page's address below the panel's is like this.
    pub async fn arrive(&self, like: &str) -> String {
        self.until(&format!("an address with {like:?}"), async || {
            let at = self.at().await;
            Ok(at.contains(like).then_some(at))
        })
        .await
    }

    /// Fails if this is seen.
    pub async fn see_nothing_of(&self, text: &str) {
        let all = self.text().await;
        assert!(!all.contains(text), "{text:?} is seen:\n{all}");
    }

    /// The first element that this selects, once it is there and seen.
    pub async fn element(&self, css: &str) -> Element<'_> {
        self.until(css, async || {
            let element = self.browser.driver.find(By::Css(css)).await?;
            Ok(element.is_displayed().await?.then_some(element))
        })
        .await
    }

    /// How many elements this selects.
    pub async fn count(&self, css: &str) -> usize {
        self.browser.driver.find_all(By::Css(css)).await.unwrap().len()
    }

    /// Clicks what is selected; if that leads to another page, waits for it.
    pub async fn click(&self, css: &str) {
        self.press_on(&self.element(css).await).await;
    }

    /// Clicks the link or button that reads so.
    pub async fn press(&self, label: &str) {
        self.press_on(&self.named(label).await).await;
    }

    /// The link, button or summary that reads so, once it is seen.
    pub async fn named(&self, label: &str) -> Element<'_> {
        let quoted = format!("normalize-space(.)=\"{label}\"");
        let path = format!("//*[self::a or self::button or self::summary][{quoted}]");
        self.until(&format!("a link or button {label:?}"), async || {
            for element in self.browser.driver.find_all(By::XPath(&path)).await? {
                if element.is_displayed().await? {
                    return Ok(Some(element));
                }
            }
            Ok(None)
        })
        .await
    }

    /// Whether there is a link or button that reads so.
    pub async fn offers(&self, label: &str) -> bool {
        let quoted = format!("normalize-space(.)=\"{label}\"");
        let path = format!("//*[self::a or self::button or self::summary][{quoted}]");
        for element in self.browser.driver.find_all(By::XPath(&path)).await.unwrap() {
            if element.is_displayed().await.unwrap() {
                return true;
            }
        }
        false
    }

    async fn press_on(&self, element: &Element<'_>) {
        // Not to the edge of the window, where a bar may lie over it.
        element.scroll_into_view().await.unwrap();
        self.until("something to click", async || element.click().await.map(Some)).await;
    }

    /// The field with this label.
    pub async fn field(&self, label: &str) -> Element<'_> {
        let path = format!(
            "//*[@id=//label[normalize-space(.)=\"{label}\"]/@for] | //label[normalize-space(.)=\"{label}\"]//*[self::input or self::select]"
        );
        self.until(&format!("a field {label:?}"), async || {
            let element = self.browser.driver.find(By::XPath(&path)).await?;
            Ok(element.is_displayed().await?.then_some(element))
        })
        .await
    }

    /// Writes into the field with this label, in place of what it held.
    pub async fn write(&self, label: &str, text: &str) {
        let field = self.field(label).await;
        field.clear().await.unwrap();
        field.send_keys(text).await.unwrap();
    }

    /// Presses keys where the focus is.
    pub async fn keys(&self, keys: &str) {
        self.browser.driver.press(keys).await.unwrap();
    }

    /// What is said to be wrong with the field of this id.
    pub async fn problem_of(&self, id: &str) -> String {
        let problem = self.browser.driver.find(By::Css(&format!("#{id}-problem"))).await.unwrap();
        squeeze(&problem.text().await.unwrap())
    }

    /// The page as it came and was changed since.
    pub async fn source(&self) -> String {
        self.browser.driver.source().await.unwrap()
    }

    /// Lets pages write to the clipboard and tests read it.
    pub async fn allow_the_clipboard(&self) {
        let permissions = json!({"permissions": ["clipboardReadWrite", "clipboardSanitizedWrite"]});
        self.tell("Browser.grantPermissions", permissions).await;
    }

    /// What the clipboard holds.
    pub async fn clipboard(&self) -> Value {
        self.wait_for_script("navigator.clipboard.readText().then(arguments[0])").await
    }
}

/// A one-time link into a shop's panel.
pub async fn link(server: &Server, shop: &Shop, may: &[&str]) -> String {
    let path = format!("/api/v1/platform/shops/{}/panel-links", shop.id);
    let link = server.platform.post(&path, &json!({"capabilities": may})).await.expect(201);
    link["url"].as_str().unwrap().to_owned()
}

/// With single spaces for all white space.
pub fn squeeze(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
