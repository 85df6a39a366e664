//! What is read from flags and environment, and what is refused.

use super::*;
use clap::Parser;

#[derive(Parser)]
struct Only {
    #[command(flatten)]
    args: ServeArgs,
}

fn resolve(flags: &[&str]) -> Result<Settings, SettingsError> {
    let all = [&["serve"], flags].concat();
    Settings::resolve(&Only::try_parse_from(all).unwrap().args)
}

#[test]
fn the_defaults_are_the_contracts() {
    let settings = resolve(&[]).unwrap();
    assert_eq!(settings.retry_schedule, Schedule::default());
    assert_eq!(settings.delivery_timeout, Duration::from_secs(10));
    assert_eq!(settings.retention, Duration::from_hours(720));
    assert_eq!(settings.database, Database::Sqlite("sellvik-data/sellvik.db".into()));
}

#[test]
fn what_cannot_be_used_is_named() {
    for (flag, value) in [
        ("--listen", "localhost"),
        ("--database-url", "mysql://x"),
        ("--encryption-key", "c2hvcnQ="),
        ("--endpoint-allow", "10.0.0.0/33"),
        ("--endpoint-allow", "010.0.0.0/8"),
        ("--endpoint-allow", "010.0.0.1"),
        ("--retry-schedule", "30s,0s"),
        ("--retry-schedule", "soon"),
        ("--delivery-timeout", "0s"),
        ("--retention", "1h"),
        ("--webhooks-per-shop", "0"),
        ("--endpoint-dns", "resolver"),
        ("--public-url", "webhooks.example.com"),
        ("--public-url", "https://example.com/webhooks"),
        ("--frame-ancestors", "*"),
        ("--frame-ancestors", "https://admin.example.com"),
    ] {
        let name = format!("SELLVIK_{}", flag[2..].replace('-', "_").to_uppercase());
        let error = resolve(&[flag, value]).unwrap_err();
        assert_eq!(error.name, name, "{error}");
    }
    assert!(resolve(&["--dev", "--listen", "0.0.0.0:1"]).is_err());
}

#[test]
fn secrets_are_never_printed() {
    let only = Only::try_parse_from(["serve", "--platform-key", "sk_platform_topsecrettopsecret"]).unwrap();
    assert!(!format!("{:?} {}", only.args, only.args.listing()).contains("topsecret"));
    let settings = Settings::resolve(&only.args).unwrap();
    assert!(!format!("{settings:?}").contains("topsecret"));
}

#[test]
fn origins_are_as_browsers_write_them() {
    let settings = resolve(&[
        "--public-url",
        "https://Webhooks.example.com:443/",
        "--frame-ancestors",
        "https://admin.example.com, http://localhost:3000",
    ]);
    let settings = settings.unwrap();
    assert_eq!(settings.public_url.as_deref(), Some("https://webhooks.example.com"));
    assert_eq!(settings.frame_ancestors, ["https://admin.example.com", "http://localhost:3000"]);
}

#[test]
fn an_address_is_shown_without_its_password() {
    for (address, shown) in [
        ("sqlite://sellvik-data/sellvik.db", "sqlite://sellvik-data/sellvik.db"),
        ("postgres://ann@one,two:5433/db", "postgres://ann@one,two:5433/db"),
        ("postgres://ann:hush@one/db?sslmode=require", "postgres://ann:***@one/db?sslmode=require"),
        ("postgres://ann:h@us:h@one/db", "postgres://ann:***@one/db"),
        ("postgres:///db?user=ann&password=hush", "postgres:///db?user=ann&password=***"),
    ] {
        assert_eq!(without_password(address), shown);
    }
}
