//! The keys that the service makes for itself.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use sellvik_testkit::Receiver;
use tempfile::TempDir;

use super::{Node, serve};
use crate::program::Program;

const ONE: &str = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=";
const TWO: &str = "AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI=";

fn text(file: &Path) -> String {
    std::fs::read_to_string(file).unwrap().trim().to_owned()
}

#[tokio::test]
async fn key_files_are_made_for_the_services_user_only_and_used_again() {
    let folder = TempDir::new().unwrap();
    let (encryption, platform) = (folder.path().join("encryption.key"), folder.path().join("platform.key"));
    let mut node = Node::start(folder.path(), &[]).await;
    for file in [&encryption, &platform] {
        let mode = std::fs::metadata(file).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{}", file.display());
    }
    let before = (text(&encryption), text(&platform));
    assert!(before.1.starts_with("sk_platform_") && before.1.len() >= 28);
    node.program.kill();
    let node = Node::start(folder.path(), &[]).await;
    assert_eq!((text(&encryption), text(&platform)), before);
    node.platform.get("/api/v1/platform/shops").await.expect(200);
}

#[tokio::test]
async fn secrets_and_keys_are_not_in_the_ledger_in_clear() {
    let (folder, receiver) = (TempDir::new().unwrap(), Receiver::start().await);
    let mut node = Node::start(folder.path(), &[]).await;
    let shop = node.shop().await;
    let webhook = node.webhook(&shop, &receiver.url("/hook")).await;
    node.program.terminate();
    assert!(node.program.exit().await.success());
    let secret = webhook["secret"].as_str().unwrap();
    let admin = shop.key.rsplit('_').next().unwrap();
    for needle in [secret, &secret["whsec_".len()..], &shop.key, admin, &node.key] {
        for file in std::fs::read_dir(folder.path()).unwrap() {
            let file = file.unwrap();
            let bytes = std::fs::read(file.path()).unwrap();
            let found = bytes.windows(needle.len()).any(|window| window == needle.as_bytes());
            assert!(!found || file.file_name() == "platform.key", "a secret stands in {:?}", file.path());
        }
    }
}

#[tokio::test]
async fn without_its_encryption_key_a_ledger_is_not_opened_and_no_new_key_is_made() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("encryption.key");
    drop(Node::start(folder.path(), &[]).await);
    let key = std::fs::read(&file).unwrap();
    std::fs::remove_file(&file).unwrap();
    let error = Program::start(&mut serve(folder.path(), &[])).failure().await;
    assert!(error.contains("encryption.key") && error.contains("SELLVIK_ENCRYPTION_KEY"), "{error}");
    assert!(!file.exists());
    std::fs::write(&file, "half a key").unwrap();
    let error = Program::start(&mut serve(folder.path(), &[])).failure().await;
    assert!(error.contains("encryption.key") && !error.contains("half a key"), "{error}");
    std::fs::write(&file, key).unwrap();
    drop(Node::start(folder.path(), &[]).await);
}

#[tokio::test]
async fn with_another_encryption_key_a_ledger_is_not_opened() {
    let (folder, receiver) = (TempDir::new().unwrap(), Receiver::start().await);
    let mut command = serve(folder.path(), &["--endpoint-allow", "127.0.0.0/8"]);
    let mut node = Node::run(folder.path(), command.env("SELLVIK_ENCRYPTION_KEY", ONE)).await;
    assert!(!folder.path().join("encryption.key").exists());
    let shop = node.shop().await;
    node.webhook(&shop, &receiver.url("/hook")).await;
    node.program.kill();
    let mut wrong = serve(folder.path(), &[]);
    let error = Program::start(wrong.env("SELLVIK_ENCRYPTION_KEY", TWO)).failure().await;
    assert!(error.contains("the encryption key is not the one this ledger was made with"), "{error}");
    assert!(!error.contains(TWO) && !error.contains("panicked"), "{error}");
    let node = Node::run(folder.path(), &mut command).await;
    node.publish(&shop, "evt_1").await;
    receiver.wait_for("/hook", 1).await;
}
