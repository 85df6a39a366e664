//! `serve --dev`: what a developer sees in the first minute.

use std::process::Command;

use sellvik_testkit::Client;
use serde_json::Value;
use tempfile::TempDir;

use super::{Node, serve};
use crate::harness::eventually;
use crate::program::Program;

/// What the dev service says should be pasted, once it has said it all.
async fn lines_to_paste(node: &Node) -> String {
    let last = |line: &str| line.contains("\"capabilities\"").then_some(());
    node.program.out.first("the last line to paste", last).await;
    let lines = node.program.out.all();
    // A link is for a browser, all else for a shell.
    let pasted =
        lines.iter().filter_map(|line| line.strip_prefix("  ")).filter(|line| !line.starts_with("http"));
    pasted.collect::<Vec<_>>().join("\n")
}

async fn dev(folder: &TempDir) -> Node {
    Node::run(folder.path(), &mut serve(folder.path(), &["--dev"])).await
}

/// Pastes the lines into a shell of its own; what it printed.
async fn paste(lines: &str, seed: u32) -> String {
    // The shell's chance is seeded, because the lines use it to make a URL up.
    let script = format!("RANDOM={seed}\n{lines}");
    let mut shell = Command::new("bash");
    shell.args(["-euo", "pipefail", "-c", &script]).env("no_proxy", "*").env("NO_PROXY", "*");
    Program::start(&mut shell).success().await
}

fn exported(lines: &str, name: &str) -> String {
    let export = format!("export {name}=");
    lines.lines().find_map(|line| line.strip_prefix(&export)).unwrap().to_owned()
}

#[tokio::test]
async fn the_lines_it_prints_work_when_pasted_and_when_pasted_again() {
    let curl = Command::new("curl").arg("--version").output();
    assert!(curl.is_ok(), "curl is not installed: run scripts/clients, then this test again");
    let folder = TempDir::new().unwrap();
    let node = dev(&folder).await;
    let lines = lines_to_paste(&node).await;
    assert_eq!(exported(&lines, "SELLVIK"), format!("http://{}", node.address));
    for round in 1..=2_usize {
        let printed = paste(&lines, u32::try_from(round).unwrap()).await;
        assert!(printed.contains(r#""secret":"whsec_"#), "{printed}");
        assert!(printed.contains(&format!(r#""deliveries":{round}"#)), "{printed}");
        assert!(printed.contains(r#""items":[{"id":"del_"#), "{printed}");
        assert!(printed.contains("/enter/"), "{printed}");
        assert!(!printed.contains("error"), "{printed}");
        // One delivery in the first round; two in the second, which has two webhooks.
        let many = round * (round + 1) / 2;
        eventually("what the receiver got", async || {
            let got = node.platform.get("/dev/receiver").await.expect(200);
            let all = got.as_array().unwrap();
            let good = all.iter().all(|one| one["verified"] == true && one["event"] == "order.cancelled");
            if good && all.len() == many { Ok(()) } else { Err(got) }
        })
        .await;
    }
}

#[tokio::test]
async fn the_link_it_prints_opens_the_panel_once() {
    let folder = TempDir::new().unwrap();
    let node = dev(&folder).await;
    lines_to_paste(&node).await;
    let start = format!("http://{}", node.address);
    let printed = |line: &str| {
        let path = line.trim().strip_prefix(&start)?;
        path.contains("/enter/").then(|| path.to_owned())
    };
    let link = node.program.out.first("a panel link", printed).await;
    let browser = Client::new(&node.address);
    let entered = browser.send("GET", &link, &[], Vec::new()).await;
    assert_eq!(entered.status, 303);
    let cookie = entered.headers["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();
    let home = entered.headers["location"].to_str().unwrap().to_owned();
    let page = browser.send("GET", &home, &[("Cookie", &cookie)], Vec::new()).await;
    assert_eq!(page.status, 200);
    let page = String::from_utf8(page.body.to_vec()).unwrap();
    assert!(page.contains("Dev shop") && page.contains("API keys"), "{page}");
    assert_eq!(browser.send("GET", &link, &[], Vec::new()).await.status, 401);
}

#[tokio::test]
async fn the_page_of_the_receiver_shows_what_came() {
    let folder = TempDir::new().unwrap();
    let node = dev(&folder).await;
    paste(&lines_to_paste(&node).await, 1).await;
    eventually("a delivery on the page", async || {
        let answer = node.platform.send("GET", "/dev/receiver", &[("Accept", "text/html")], Vec::new()).await;
        let page = String::from_utf8(answer.body.to_vec()).unwrap();
        if page.contains("signature verified") { Ok(()) } else { Err(Value::from(page)) }
    })
    .await;
}

#[tokio::test]
async fn it_refuses_to_listen_beyond_loopback() {
    let folder = TempDir::new().unwrap();
    for address in ["0.0.0.0:0", "[::]:0", "192.0.2.1:0"] {
        let database = format!("sqlite://{}", folder.path().join("sellvik.db").display());
        let arguments = ["serve", "--dev", "--listen", address, "--database-url", &database];
        let mut program = Program::start(&mut super::sellvik(&arguments));
        assert!(program.exit().await.code().is_some_and(|code| code != 0));
        assert!(program.err.text().contains("--dev listens on loopback only"), "{}", program.err.text());
        assert_eq!(program.out.text(), "");
        assert!(!folder.path().join("sellvik.db").exists());
    }
}

#[tokio::test]
async fn a_restart_ends_the_key_of_the_start_before() {
    let folder = TempDir::new().unwrap();
    let mut node = dev(&folder).await;
    let first = exported(&lines_to_paste(&node).await, "SELLVIK_ADMIN_KEY");
    node.program.kill();
    let node = dev(&folder).await;
    let second = exported(&lines_to_paste(&node).await, "SELLVIK_ADMIN_KEY");
    let list =
        async |key: &str| Client::new(&node.address).with_bearer(key).get("/api/v1/admin/webhooks").await;
    let refused = list(&first).await;
    assert_eq!((refused.status, refused.code().as_str()), (401, "invalid_key"));
    list(&second).await.expect(200);
    let shops = node.platform.get("/api/v1/platform/shops").await.expect(200);
    let shops = shops["items"].as_array().unwrap();
    assert_eq!(shops.len(), 1, "the same dev shop as before");
    let keys = format!("/api/v1/platform/shops/{}/keys", shops[0]["id"].as_str().unwrap());
    let keys = node.platform.get(&keys).await.expect(200);
    assert_eq!(keys["items"].as_array().unwrap().len(), 1, "{keys}");
}

#[tokio::test]
async fn without_dev_there_is_no_dev_receiver_and_nothing_on_standard_output() {
    let folder = TempDir::new().unwrap();
    let mut node = Node::start(folder.path(), &[]).await;
    assert_eq!(node.platform.get("/dev/receiver").await.code(), "not_found");
    node.program.terminate();
    assert!(node.program.exit().await.success());
    assert_eq!(node.program.out.text(), "");
}
