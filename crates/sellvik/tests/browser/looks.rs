//! Every screen in both themes, on a phone, and as assistive technology finds it.

use std::path::Path;

use serde_json::{Value, json};

use crate::gallery::{Gallery, SCREENS, Screen};
use crate::harness::Server;
use crate::page::Panel;

const AXE: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/clients/node_modules/axe-core/axe.min.js");

/// What axe finds wrong that keeps someone from using the page.
const JUDGE: &str = "const done = arguments[0];
    // A theme changes colours and nothing else.
    const runOnly = matchMedia('(prefers-color-scheme: dark)').matches ? ['color-contrast'] : undefined;
    axe.run(document, {resultTypes: ['violations'], runOnly}).then((found) => done(found.violations
        .filter((one) => ['serious', 'critical'].includes(one.impact))
        .map((one) => `${one.id}: ${one.nodes.map((node) => `${node.target}: ${node.failureSummary}`).join('; ')}`)),
        (error) => done([String(error)]))";

/// What lies beyond the page's right edge.
const TOO_WIDE: &str = "const width = document.documentElement.clientWidth;
    // Phones widen the window to what is too wide, but not the root element.
    if (document.scrollingElement.scrollWidth <= width) return [];
    return [...document.querySelectorAll('body *')]
        .filter((one) => one.getBoundingClientRect().right > width + 1)
        .map((one) => `${one.tagName}.${one.getAttribute('class')} ${one.textContent.trim().slice(0, 40)}`).slice(0, 8)
        .concat(`${document.scrollingElement.scrollWidth} px wide`)";

/// What still moves for readers who asked that nothing does.
const MOVING: &str = "return [...document.querySelectorAll('*')].filter((one) => {
        const style = getComputedStyle(one);
        const takes = (text) => text.split(',').some((time) => parseFloat(time) * (time.includes('ms') ? 1 : 1000) > 1);
        return takes(style.transitionDuration) || (style.animationName !== 'none' && takes(style.animationDuration));
    }).map((one) => one.outerHTML.slice(0, 80)).slice(0, 5)";

#[tokio::test(flavor = "multi_thread")]
async fn the_screens_of_webhooks_are_fit_for_everyone() {
    all_fit(&SCREENS[..SCREENS.len() / 2]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_screens_of_deliveries_and_keys_are_fit_for_everyone() {
    all_fit(&SCREENS[SCREENS.len() / 2..]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_unfit_is_found() {
    const SPOILT: &str = "const line = document.createElement('p');
        line.textContent = 'hardly to be read';
        Object.assign(line.style, {color: '#777', background: '#888', width: '2000px'});
        line.style.setProperty('transition', 'color 1s', 'important');
        document.querySelector('main').append(line)";
    let server = Server::start().await;
    let shop = server.shop().await;
    let panel = Panel::open(&server, &shop).await;
    panel.show_as("dark", 360).await;
    panel.script(&axe(), Vec::new()).await;
    for (problems, found) in [("none yet", false), ("all of it", true)] {
        let judged = panel.wait_for_script(JUDGE).await.to_string();
        assert_eq!(judged.contains("color-contrast"), found, "{problems}: {judged}");
        for script in [TOO_WIDE, MOVING] {
            let judged = panel.script(script, Vec::new()).await;
            assert_eq!(
                judged.as_array().is_some_and(|judged| !judged.is_empty()),
                found,
                "{problems}: {judged}"
            );
        }
        panel.script(SPOILT, Vec::new()).await;
    }
}

/// What judges pages, as a script.
fn axe() -> String {
    std::fs::read_to_string(Path::new(AXE)).expect("axe-core: `scripts/clients` installs it")
}

async fn all_fit(screens: &[Screen]) {
    let axe = axe();
    let gallery = Gallery::open().await;
    let panel = gallery.visitor().await;
    let mut problems = Vec::new();
    for screen in screens {
        panel.show_as("light", 1280).await;
        gallery.show(&panel, screen).await;
        panel.script(&axe, Vec::new()).await;
        for theme in ["light", "dark"] {
            panel.show_as(theme, 1280).await;
            problems.extend(found(screen, theme, &panel.wait_for_script(JUDGE).await));
        }
        problems.extend(found(screen, "moves", &panel.script(MOVING, Vec::new()).await));
        panel.show_as("light", 360).await;
        problems.extend(found(screen, "at 360 px", &panel.script(TOO_WIDE, Vec::new()).await));
        problems.extend(found(screen, "at 360 px", &panel.wait_for_script(JUDGE).await));
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

fn found(screen: &Screen, how: &str, problems: &Value) -> Vec<String> {
    let problems = problems.as_array().unwrap().iter();
    problems.map(|problem| format!("{} ({how}): {}", screen.name, problem.as_str().unwrap())).collect()
}

impl Panel {
    /// As a reader sees it who likes this theme and no movement, on a screen of this width.
    pub async fn show_as(&self, theme: &str, width: u32) {
        let features = json!([
            {"name": "prefers-color-scheme", "value": theme},
            {"name": "prefers-reduced-motion", "value": "reduce"},
        ]);
        self.tell("Emulation.setEmulatedMedia", json!({"features": features})).await;
        let height = if width < 500 { 760 } else { 900 };
        let screen = json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500});
        self.tell("Emulation.setDeviceMetricsOverride", screen).await;
    }
}
