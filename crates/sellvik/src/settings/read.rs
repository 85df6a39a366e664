//! Reading one setting each: what it means, or what it should look like.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ipnet::IpNet;
use sellvik_domain::Schedule;
use sellvik_store::EncryptionKey;
use sellvik_store::postgres::PostgresAddress;

use super::{Database, SettingsError};

/// An empty value counts as none.
pub(super) fn or<'a>(given: &'a str, default: &'a str) -> &'a str {
    if given.is_empty() { default } else { given }
}

pub(super) fn path(text: &str) -> Option<PathBuf> {
    (!text.is_empty()).then(|| PathBuf::from(text))
}

pub(super) fn database(url: &str) -> Result<Database, SettingsError> {
    let wrong = |problem: String| SettingsError::new("SELLVIK_DATABASE_URL", problem);
    if let Some(path) = url.strip_prefix("sqlite://").filter(|path| !path.is_empty()) {
        return Ok(Database::Sqlite(path.into()));
    }
    if url.starts_with("postgres://") || url.starts_with("postgresql://") {
        let address =
            PostgresAddress::parse(url).map_err(|problem| wrong(format!("cannot be used: {problem}")))?;
        return Ok(Database::Postgres(address));
    }
    Err(wrong(
        "must be sqlite:// and a path, such as sqlite://sellvik-data/sellvik.db, \
         or postgres://user:password@host/database"
            .to_owned(),
    ))
}

/// A database's address as it may be shown. Where there is a password, it ends at the last `@`.
pub(super) fn without_password(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let parameters = |text: &str| match text.split_once("password=") {
        Some((before, _)) => format!("{before}password=***"),
        None => text.to_owned(),
    };
    match rest.rsplit_once('@') {
        Some((who, host)) => {
            let user = who.split_once(':').map_or(who.to_owned(), |(user, _)| format!("{user}:***"));
            format!("{scheme}://{user}@{}", parameters(host))
        }
        None => format!("{scheme}://{}", parameters(rest)),
    }
}

/// An origin as browsers write it: scheme, host, and a port that is not the scheme's own.
pub(super) fn origin(text: &str) -> Option<String> {
    let url = url::Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https"))?;
    let bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
    let anonymous = url.username().is_empty() && url.password().is_none();
    (bare && anonymous).then(|| url.origin().ascii_serialization())
}

pub(super) fn public_url(text: &str) -> Result<Option<String>, SettingsError> {
    if text.is_empty() {
        return Ok(None);
    }
    origin(text).map(Some).ok_or_else(|| {
        let problem = "must be a scheme, host and port such as https://webhooks.example.com";
        SettingsError::new("SELLVIK_PUBLIC_URL", problem)
    })
}

/// Browsers keep a session inside another site only where its cookie is Secure.
pub(super) fn frame_ancestors(text: &str, public_url: Option<&str>) -> Result<Vec<String>, SettingsError> {
    let wrong = |problem| SettingsError::new("SELLVIK_FRAME_ANCESTORS", problem);
    let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
    let origins: Option<Vec<String>> = parts.map(origin).collect();
    let origins = origins
        .ok_or_else(|| wrong("must be origins separated by commas, such as https://admin.example.com"))?;
    if !origins.is_empty() && !public_url.is_some_and(|url| url.starts_with("https://")) {
        return Err(wrong("needs an https:// SELLVIK_PUBLIC_URL: browsers embed a session only over https"));
    }
    Ok(origins)
}

pub(super) fn encryption_key(text: &str) -> Result<Option<EncryptionKey>, SettingsError> {
    if text.is_empty() {
        return Ok(None);
    }
    let bytes = STANDARD.decode(text).ok().and_then(|bytes| bytes.try_into().ok());
    bytes.map(|bytes| Some(EncryptionKey::new(bytes))).ok_or_else(|| {
        SettingsError::new(
            "SELLVIK_ENCRYPTION_KEY",
            "must be 32 bytes in base64, such as `openssl rand -base64 32` prints",
        )
    })
}

pub(super) fn ranges(text: &str) -> Result<Vec<IpNet>, SettingsError> {
    let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
    parts.map(range).collect::<Option<_>>().ok_or_else(|| {
        SettingsError::new(
            "SELLVIK_ENDPOINT_ALLOW",
            "must be CIDRs separated by commas, such as 10.0.0.0/8,fd00::/8",
        )
    })
}

/// A CIDR or a single address. The CIDR parser would take 010.0.0.0/8 for 10/8 where a URL's 010 is octal:
/// the address alone must be one beyond doubt.
pub(super) fn range(text: &str) -> Option<IpNet> {
    let address: IpAddr = text.split('/').next()?.parse().ok()?;
    if text.contains('/') { text.parse().ok() } else { Some(address.into()) }
}

pub(super) fn name_server(text: &str) -> Result<Option<SocketAddr>, SettingsError> {
    if text.is_empty() {
        return Ok(None);
    }
    text.parse().map(Some).map_err(|_| {
        SettingsError::new("SELLVIK_ENDPOINT_DNS", "must be an address and port such as 127.0.0.1:53")
    })
}

pub(super) fn duration(name: &'static str, text: &str) -> Result<Duration, SettingsError> {
    humantime::parse_duration(text)
        .ok()
        .filter(|duration| !duration.is_zero())
        .ok_or_else(|| SettingsError::new(name, "must be a time such as 10s, 5m, 24h or 30d"))
}

pub(super) fn schedule(text: &str) -> Result<Schedule, SettingsError> {
    let wrong = |problem: &str| SettingsError::new("SELLVIK_RETRY_SCHEDULE", problem);
    let entries =
        text.split(',').map(|entry| humantime::parse_duration(entry.trim())).collect::<Result<_, _>>();
    let entries = entries.map_err(|_| wrong("must be times separated by commas, such as 0s,30s,2m"))?;
    Schedule::new(entries).map_err(wrong)
}
