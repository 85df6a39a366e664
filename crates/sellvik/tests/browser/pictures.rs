//! The pictures in `docs/panel`, taken anew if `SELLVIK_SCREENSHOTS` is 1.

use std::path::Path;

use serde_json::json;

use crate::gallery::{Gallery, SCREENS};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/panel");

/// Largest picture, in bytes: they are kept with the sources.
const BYTES_MAX: usize = 150_000;

/// A screen, the theme, and the size of the picture.
const PICTURES: [(&str, &str, u32, u32); 16] = [
    ("list", "light", 1280, 620),
    ("list", "dark", 1280, 620),
    ("new", "light", 1280, 900),
    ("new", "dark", 1280, 900),
    ("secret", "light", 1280, 900),
    ("rotated", "dark", 1280, 900),
    ("webhook", "light", 1280, 1250),
    ("webhook", "dark", 1280, 1250),
    ("delivery-failing", "light", 1280, 1000),
    ("delivery-failing", "dark", 1280, 1000),
    ("redelivery", "light", 1280, 800),
    ("redelivery", "dark", 1280, 800),
    ("keys", "light", 1280, 800),
    ("keys", "dark", 1280, 800),
    ("list", "light", 360, 760),
    ("webhook-failing", "dark", 360, 760),
];

#[tokio::test(flavor = "multi_thread")]
async fn pictures_are_taken_if_asked_for() {
    if std::env::var("SELLVIK_SCREENSHOTS").as_deref() != Ok("1") {
        return;
    }
    let gallery = Gallery::open().await;
    std::fs::create_dir_all(FOLDER).unwrap();
    for (name, theme, width, height) in PICTURES {
        // Each by a visitor of its own, so that none shows what an earlier one did.
        let panel = gallery.visitor().await;
        let screen = SCREENS.iter().find(|screen| screen.name == name).unwrap();
        panel.show_as(theme, width).await;
        panel.tell("Emulation.setScrollbarsHidden", json!({"hidden": true})).await;
        let size = json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500});
        panel.tell("Emulation.setDeviceMetricsOverride", size).await;
        gallery.show(&panel, screen).await;
        panel.script("document.activeElement?.blur(); scrollTo(0, 0)", Vec::new()).await;
        let picture = panel.browser.driver.screenshot().await.unwrap();
        assert!(picture.len() < BYTES_MAX, "{name} in {theme} has {} bytes", picture.len());
        let phone = if width < 500 { "-phone" } else { "" };
        std::fs::write(Path::new(FOLDER).join(format!("{name}{phone}-{theme}.png")), picture).unwrap();
    }
}
