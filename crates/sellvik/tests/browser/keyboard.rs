//! Without a mouse.

use serde_json::Value;

use crate::gallery::{Gallery, SCREENS};
use crate::harness::Server;
use crate::page::Panel;
use crate::webdriver::key;

/// Names everything that the keyboard should reach. Of a group of radio buttons that is one.
const REACHABLE: &str = "window.order = [];
    return [...document.querySelectorAll('a[href], button, input, select, textarea, summary, [tabindex]')]
        .filter((one) => one.tabIndex >= 0 && !one.disabled && one.type !== 'hidden' && one.checkVisibility()
            && !(one.type === 'radio' && !one.checked))
        .map((one, at) => { one.dataset.stop = at; return one.outerHTML.slice(0, 120); })";

/// Where the focus is, and what is wrong there; null once it has left the page.
const STOP: &str = "const one = document.activeElement;
    if (!one || one === document.body) return null;
    const style = getComputedStyle(one), box = one.getBoundingClientRect();
    // Times have parts that show the focus by themselves.
    const seen = one.type === 'datetime-local' || (style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) > 0) || style.boxShadow !== 'none';
    const at = document.elementFromPoint(box.x + Math.min(box.width, 24) / 2, box.y + Math.min(box.height, 24) / 2);
    const label = one.closest('label');
    const clear = at && (one.contains(at) || at.contains(one) || label?.contains(at));
    const problem = !seen ? 'its focus is not seen: ' : !clear ? 'it lies under something: ' : '';
    return [one.dataset.stop ?? '', problem && problem + one.outerHTML.slice(0, 120)]";

#[tokio::test(flavor = "multi_thread")]
async fn the_tab_key_reaches_everything_and_its_place_is_seen() {
    let gallery = Gallery::open().await;
    let panel = gallery.visitor().await;
    let mut problems = Vec::new();
    for screen in SCREENS
        .iter()
        .filter(|screen| ["list", "new", "webhook", "delivery", "redelivery", "keys"].contains(&screen.name))
    {
        gallery.show(&panel, screen).await;
        problems.extend(walk(&panel).await.into_iter().map(|problem| format!("{}: {problem}", screen.name)));
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_focus_that_is_not_seen_is_found() {
    const SPOILT: &str =
        "Object.assign(document.querySelector('.actions a').style, {outline: 'none', boxShadow: 'none'})";
    let server = Server::start().await;
    let shop = server.shop().await;
    let panel = Panel::open(&server, &shop).await;
    assert_eq!(walk(&panel).await, Vec::<String>::new());
    panel.reload().await;
    panel.script(SPOILT, Vec::new()).await;
    let problems = walk(&panel).await.join("\n");
    assert!(problems.contains("its focus is not seen"), "{problems}");
}

/// Goes through the page by the tab key; what is wrong.
async fn walk(panel: &Panel) -> Vec<String> {
    let reachable = panel.script(REACHABLE, Vec::new()).await;
    let reachable = reachable.as_array().unwrap();
    let (mut reached, mut problems) = (vec![false; reachable.len()], Vec::new());
    // Inputs of times have several stops.
    for _ in 0..reachable.len() * 2 + 20 {
        panel.keys(key::TAB).await;
        let Value::Array(stop) = panel.script(STOP, Vec::new()).await else {
            // Before the first stop the focus is still with the browser, after the last one again.
            if reached.contains(&true) {
                break;
            }
            continue;
        };
        if let Ok(at) = stop[0].as_str().unwrap_or_default().parse::<usize>() {
            reached[at] = true;
        }
        problems.extend(stop[1].as_str().filter(|problem| !problem.is_empty()).map(str::to_owned));
    }
    let missed = reachable.iter().zip(&reached).filter(|(_, reached)| !**reached);
    problems.extend(missed.map(|(one, _)| format!("the tab key does not reach {one}")));
    problems
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_is_made_by_the_keyboard_alone() {
    let server = Server::start().await;
    let shop = server.shop().await;
    let panel = Panel::open(&server, &shop).await;

    can_type(&panel).await;
    panel.keys(key::TAB).await;
    let focused = async || {
        let focused = panel.value("document.activeElement.textContent").await;
        Ok((panel.value("document.activeElement === document.body").await == false).then_some(focused))
    };
    assert_eq!(panel.until("the focus on something", focused).await, "Skip to content");
    panel.keys(key::ENTER).await;
    panel
        .until("the focus in the content", async || {
            Ok((panel.value("document.activeElement.id").await == "main").then_some(()))
        })
        .await;
    tab_to(&panel, "New webhook", "document.activeElement.textContent").await;
    panel.keys(key::ENTER).await;
    panel.see_heading("New webhook").await;
    tab_to(&panel, "url", "document.activeElement.id").await;
    panel.keys("http://127.0.0.1:9/erp").await;
    tab_to(&panel, "order.paid", "document.activeElement.value ?? ''").await;
    panel.keys(key::SPACE).await;
    panel.see_in("#count", "1 of").await;
    tab_to(&panel, "Create webhook", "document.activeElement.textContent").await;
    panel.keys(key::ENTER).await;
    panel.see_heading("Your webhook is ready").await;
}

/// Waits until the window has the focus: keys that come earlier are lost.
async fn can_type(panel: &Panel) {
    panel
        .until("the focus in the window", async || {
            Ok((panel.value("document.hasFocus()").await == true).then_some(()))
        })
        .await;
}

async fn tab_to(panel: &Panel, wanted: &str, expression: &str) {
    for _ in 0..200 {
        panel.keys(key::TAB).await;
        if panel.value(expression).await == wanted {
            return;
        }
    }
    panic!("the tab key does not reach {wanted:?}");
}
