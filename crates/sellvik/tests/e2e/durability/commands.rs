//! The commands beside `serve`, and what `serve` refuses to start with.

use serde_json::{Value, json};
use tempfile::TempDir;

use super::{Node, sellvik, serve};
use crate::program::Program;

#[tokio::test]
async fn help_names_the_commands_and_every_setting() {
    let help = Program::start(&mut sellvik(&["--help"])).success().await;
    for command in ["serve", "config", "openapi"] {
        assert!(help.contains(command), "{help}");
    }
    let help = Program::start(&mut sellvik(&["serve", "--help"])).success().await;
    for setting in ["SELLVIK_LISTEN", "SELLVIK_DATABASE_URL", "SELLVIK_ENDPOINT_ALLOW", "--dev"] {
        assert!(help.contains(setting), "{help}");
    }
    let version = Program::start(&mut sellvik(&["--version"])).success().await;
    assert!(version.starts_with("sellvik "), "{version}");
}

#[tokio::test]
async fn openapi_prints_the_document_that_the_service_serves() {
    let folder = TempDir::new().unwrap();
    let printed = Program::start(&mut sellvik(&["openapi"])).success().await;
    let printed: Value = serde_json::from_str(&printed).unwrap();
    let node = Node::start(folder.path(), &[]).await;
    assert_eq!(printed, node.platform.get("/api/v1/openapi.json").await.expect(200));
}

#[tokio::test]
async fn config_prints_every_setting_with_secrets_masked_and_makes_nothing() {
    let folder = TempDir::new().unwrap();
    let (platform, encryption) =
        ("sk_platform_topsecrettopsecret", "dG9wc2VjcmV0dG9wc2VjcmV0dG9wc2VjcmV0dG9wc2U=");
    let mut command = sellvik(&["config", "--webhooks-per-shop", "7"]);
    command.current_dir(folder.path());
    command.env("SELLVIK_PLATFORM_KEY", platform).env("SELLVIK_ENCRYPTION_KEY", encryption);
    let mut program = Program::start(&mut command);
    assert!(program.exit().await.success(), "{}", program.err.text());
    let (out, err) = (program.out.text(), program.err.text());
    for line in [
        "SELLVIK_PLATFORM_KEY=(set)",
        "SELLVIK_ENCRYPTION_KEY=(set)",
        "SELLVIK_WEBHOOKS_PER_SHOP=7",
        "SELLVIK_LISTEN=127.0.0.1:8080",
    ] {
        assert!(out.lines().any(|one| one == line), "{out}");
    }
    for secret in [platform, encryption, "topsecret"] {
        assert!(!out.contains(secret) && !err.contains(secret), "{out}\n{err}");
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn a_setting_that_cannot_be_used_is_named_and_secrets_are_not_echoed() {
    let folder = TempDir::new().unwrap();
    for (name, value) in [
        ("SELLVIK_LISTEN", "localhost"),
        ("SELLVIK_RETRY_SCHEDULE", "soon"),
        ("SELLVIK_ENCRYPTION_KEY", "dG9wc2VjcmV0"),
        ("SELLVIK_PLATFORM_KEY", "topsecret"),
    ] {
        let mut command = sellvik(&["serve"]);
        let error = Program::start(command.current_dir(folder.path()).env(name, value)).failure().await;
        assert!(error.contains(name), "{error}");
        assert!(!error.contains("topsecret") && !error.contains("dG9wc2VjcmV0"), "{error}");
    }
}

#[tokio::test]
async fn a_second_process_on_the_same_folder_is_refused_with_a_sentence() {
    let folder = TempDir::new().unwrap();
    let first = Node::start(folder.path(), &[]).await;
    let error = Program::start(&mut serve(folder.path(), &[])).failure().await;
    assert!(error.contains("another sellvik process is using"), "{error}");
    assert!(!error.contains("panicked"), "{error}");
    first.platform.get("/api/health").await.expect(200);
    first.shop().await;
}

#[tokio::test]
async fn an_address_in_use_is_refused_with_a_sentence() {
    let (one, two) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let node = Node::start(one.path(), &[]).await;
    let database = format!("sqlite://{}", two.path().join("sellvik.db").display());
    let mut command = sellvik(&["serve", "--listen", &node.address, "--database-url", &database]);
    let error = Program::start(&mut command).failure().await;
    assert!(error.contains(&format!("cannot listen on {}", node.address)), "{error}");
}

#[tokio::test]
async fn a_ledger_that_is_no_ledger_is_refused_and_left_as_it_is() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("sellvik.db");
    let text = "not a ledger, but somebody's only copy of something\n".repeat(100);
    std::fs::write(&file, &text).unwrap();
    let error = Program::start(&mut serve(folder.path(), &[])).failure().await;
    assert!(error.contains("damaged or not a Sellvik ledger"), "{error}");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), text);
}

#[tokio::test]
async fn health_answers_once_the_service_says_that_it_listens() {
    let folder = TempDir::new().unwrap();
    let node = Node::start(folder.path(), &[]).await;
    let health = node.platform.get("/api/health").await.expect(200);
    assert_eq!(health["status"], json!("ok"));
}
