//! Settings: one table makes flags, environment, `sellvik config` and the documentation.

use std::fmt::Write as _;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use sellvik_domain::Schedule;
use sellvik_store::EncryptionKey;
use sellvik_store::postgres::PostgresAddress;

mod read;

use read::{
    database, duration, encryption_key, frame_ancestors, name_server, or, path, public_url, ranges, schedule,
    without_password,
};

/// What counts where a setting is absent or empty.
mod default {
    pub(super) const LISTEN: &str = "127.0.0.1:8080";
    pub(super) const DATABASE_URL: &str = "sqlite://sellvik-data/sellvik.db";
    pub(super) const RETRY_SCHEDULE: &str = "0s,30s,2m,10m,30m,2h,6h,18h,24h";
    pub(super) const DELIVERY_TIMEOUT: &str = "10s";
    pub(super) const DRAIN_AFTER_DELETE: &str = "5m";
    pub(super) const RETENTION: &str = "30d";
    pub(super) const WEBHOOKS_PER_SHOP: &str = "100";
    pub(super) const LOG: &str = "info";
}

/// Every setting of `serve`, as it was given. An empty value counts as none.
#[derive(Debug, Clone, Args)]
pub struct ServeArgs {
    /// Address and port to listen on.
    #[arg(long, env = "SELLVIK_LISTEN", default_value = default::LISTEN)]
    pub listen: String,

    /// Scheme, host and port that browsers reach the service by: what panel links start with, and what
    /// makes cookies Secure. The listen address if empty.
    #[arg(long, env = "SELLVIK_PUBLIC_URL", default_value = "")]
    pub public_url: String,

    /// The ledger: `sqlite://` and a path (`sqlite:///…` for an absolute one), or `postgres://…`, which any
    /// number of nodes may share.
    #[arg(long, env = "SELLVIK_DATABASE_URL", default_value = default::DATABASE_URL, hide_env_values = true)]
    pub database_url: Secret,

    /// Platform keys, `sk_platform_…`; several, separated by commas, for rotation. Without one, one is made
    /// at first start and kept in a file beside the data; with PostgreSQL it must be given.
    #[arg(
        long,
        env = "SELLVIK_PLATFORM_KEY",
        default_value = "",
        hide_env_values = true,
        hide_default_value = true
    )]
    pub platform_key: Secret,

    /// What secrets are encrypted with at rest: 32 bytes in base64. Without one, one is made at first start
    /// and kept in a file beside the data; with PostgreSQL it must be given, the same to every node.
    #[arg(
        long,
        env = "SELLVIK_ENCRYPTION_KEY",
        default_value = "",
        hide_env_values = true,
        hide_default_value = true
    )]
    pub encryption_key: Secret,

    /// Address ranges that endpoints may use although the address rules forbid them: CIDRs, separated by
    /// commas.
    #[arg(long, env = "SELLVIK_ENDPOINT_ALLOW", default_value = "")]
    pub endpoint_allow: String,

    /// A PEM file of more certificate authorities to trust for endpoints, beside the system's.
    #[arg(long, env = "SELLVIK_ENDPOINT_CA", default_value = "")]
    pub endpoint_ca: String,

    /// A name server to resolve endpoints with, as address and port, instead of the system's.
    #[arg(long, env = "SELLVIK_ENDPOINT_DNS", default_value = "")]
    pub endpoint_dns: String,

    /// When attempts are made, counted from the event's acceptance.
    #[arg(long, env = "SELLVIK_RETRY_SCHEDULE", default_value = default::RETRY_SCHEDULE)]
    pub retry_schedule: String,

    /// How long an attempt may take, from resolving the name to the answer's head.
    #[arg(long, env = "SELLVIK_DELIVERY_TIMEOUT", default_value = default::DELIVERY_TIMEOUT)]
    pub delivery_timeout: String,

    /// How long a deleted webhook's deliveries go on.
    #[arg(long, env = "SELLVIK_DRAIN_AFTER_DELETE", default_value = default::DRAIN_AFTER_DELETE)]
    pub drain_after_delete: String,

    /// How long deliveries and event ids are kept.
    #[arg(long, env = "SELLVIK_RETENTION", default_value = default::RETENTION)]
    pub retention: String,

    /// How many webhooks a shop may have.
    #[arg(long, env = "SELLVIK_WEBHOOKS_PER_SHOP", default_value = default::WEBHOOKS_PER_SHOP)]
    pub webhooks_per_shop: String,

    /// A folder with more event types, one JSON file each.
    #[arg(long, env = "SELLVIK_CATALOG_DIR", default_value = "")]
    pub catalog_dir: String,

    /// Origins that may embed the panel in a frame, separated by commas; none may if empty.
    #[arg(long, env = "SELLVIK_FRAME_ANCESTORS", default_value = "")]
    pub frame_ancestors: String,

    /// What to log, as a filter: `info`, `warn`, `sellvik_dispatch=debug`, …
    #[arg(long, env = "SELLVIK_LOG", default_value = default::LOG)]
    pub log: String,

    /// For development: makes a dev shop with a key, allows loopback endpoints, serves a receiver at
    /// /dev/receiver and prints what to try next. Listens on loopback only.
    #[arg(long)]
    pub dev: bool,
}

/// A setting that is never printed.
#[derive(Clone, Default)]
pub struct Secret(String);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(redacted)")
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl std::str::FromStr for Secret {
    type Err = std::convert::Infallible;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self(text.to_owned()))
    }
}

/// Where the ledger is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Database {
    /// A file of the embedded store.
    Sqlite(PathBuf),
    /// A PostgreSQL database.
    Postgres(PostgresAddress),
}

/// Settings that were read and found good.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "each is described at ServeArgs, by the same name")]
pub struct Settings {
    pub listen: SocketAddr,
    pub public_url: Option<String>,
    pub database: Database,
    pub platform_keys: Vec<PlatformKey>,
    pub encryption_key: Option<EncryptionKey>,
    pub endpoint_allow: Vec<IpNet>,
    pub endpoint_ca: Option<PathBuf>,
    pub endpoint_dns: Option<SocketAddr>,
    pub retry_schedule: Schedule,
    pub delivery_timeout: Duration,
    pub drain_after_delete: Duration,
    pub retention: Duration,
    pub webhooks_per_shop: u32,
    pub catalog_dir: Option<PathBuf>,
    pub frame_ancestors: Vec<String>,
    pub log: String,
    pub dev: bool,
}

/// A platform key as the operator gave it; never printed.
#[derive(Clone)]
pub struct PlatformKey(String);

impl PlatformKey {
    pub(crate) fn new(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// The key in clear.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for PlatformKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PlatformKey(redacted)")
    }
}

/// A setting that cannot be used: which, and what it should look like.
#[derive(Debug, thiserror::Error)]
#[error("{name}: {problem}")]
pub struct SettingsError {
    name: &'static str,
    problem: String,
}

impl SettingsError {
    fn new(name: &'static str, problem: impl Into<String>) -> Self {
        Self { name, problem: problem.into() }
    }
}

impl Settings {
    /// Reads every setting; the first that cannot be used is the error.
    pub fn resolve(args: &ServeArgs) -> Result<Self, SettingsError> {
        let listen: SocketAddr = or(&args.listen, default::LISTEN).parse().map_err(|_| {
            SettingsError::new("SELLVIK_LISTEN", "must be an address and port such as 127.0.0.1:8080")
        })?;
        let mut endpoint_allow = ranges(&args.endpoint_allow)?;
        if args.dev {
            if !listen.ip().is_loopback() {
                return Err(SettingsError::new("SELLVIK_LISTEN", "--dev listens on loopback only"));
            }
            endpoint_allow.push(IpNet::V4(Ipv4Net::new_assert(Ipv4Addr::new(127, 0, 0, 0), 8)));
            endpoint_allow.push(IpNet::V6(Ipv6Net::new_assert(Ipv6Addr::LOCALHOST, 128)));
        }
        let retry_schedule = schedule(or(&args.retry_schedule, default::RETRY_SCHEDULE))?;
        let retention = duration("SELLVIK_RETENTION", or(&args.retention, default::RETENTION))?;
        let epoch = sellvik_domain::Timestamp::EPOCH;
        if retention < retry_schedule.ends(epoch).since(epoch) {
            return Err(SettingsError::new(
                "SELLVIK_RETENTION",
                "must not be shorter than the retry schedule",
            ));
        }
        let public_url = public_url(&args.public_url)?;
        Ok(Self {
            listen,
            frame_ancestors: frame_ancestors(&args.frame_ancestors, public_url.as_deref())?,
            public_url,
            database: database(or(&args.database_url.0, default::DATABASE_URL))?,
            platform_keys: args
                .platform_key
                .0
                .split(',')
                .map(str::trim)
                .filter(|key| !key.is_empty())
                .map(PlatformKey::new)
                .collect(),
            encryption_key: encryption_key(&args.encryption_key.0)?,
            endpoint_allow,
            endpoint_ca: path(&args.endpoint_ca),
            endpoint_dns: name_server(&args.endpoint_dns)?,
            retry_schedule,
            delivery_timeout: duration(
                "SELLVIK_DELIVERY_TIMEOUT",
                or(&args.delivery_timeout, default::DELIVERY_TIMEOUT),
            )?,
            drain_after_delete: duration(
                "SELLVIK_DRAIN_AFTER_DELETE",
                or(&args.drain_after_delete, default::DRAIN_AFTER_DELETE),
            )?,
            retention,
            webhooks_per_shop: or(&args.webhooks_per_shop, default::WEBHOOKS_PER_SHOP)
                .parse()
                .ok()
                .filter(|many| *many > 0)
                .ok_or_else(|| {
                    SettingsError::new("SELLVIK_WEBHOOKS_PER_SHOP", "must be a whole number from 1")
                })?,
            catalog_dir: path(&args.catalog_dir),
            log: or(&args.log, default::LOG).to_owned(),
            dev: args.dev,
        })
    }
}

impl ServeArgs {
    /// Every setting as `NAME=value`, secrets masked.
    pub fn listing(&self) -> String {
        let mask = |secret: &Secret| if secret.0.is_empty() { String::new() } else { "(set)".to_owned() };
        let rows = [
            ("SELLVIK_LISTEN", self.listen.clone()),
            ("SELLVIK_PUBLIC_URL", self.public_url.clone()),
            ("SELLVIK_DATABASE_URL", without_password(&self.database_url.0)),
            ("SELLVIK_PLATFORM_KEY", mask(&self.platform_key)),
            ("SELLVIK_ENCRYPTION_KEY", mask(&self.encryption_key)),
            ("SELLVIK_ENDPOINT_ALLOW", self.endpoint_allow.clone()),
            ("SELLVIK_ENDPOINT_CA", self.endpoint_ca.clone()),
            ("SELLVIK_ENDPOINT_DNS", self.endpoint_dns.clone()),
            ("SELLVIK_RETRY_SCHEDULE", self.retry_schedule.clone()),
            ("SELLVIK_DELIVERY_TIMEOUT", self.delivery_timeout.clone()),
            ("SELLVIK_DRAIN_AFTER_DELETE", self.drain_after_delete.clone()),
            ("SELLVIK_RETENTION", self.retention.clone()),
            ("SELLVIK_WEBHOOKS_PER_SHOP", self.webhooks_per_shop.clone()),
            ("SELLVIK_CATALOG_DIR", self.catalog_dir.clone()),
            ("SELLVIK_FRAME_ANCESTORS", self.frame_ancestors.clone()),
            ("SELLVIK_LOG", self.log.clone()),
        ];
        rows.map(|(name, value)| format!("{name}={value}")).join("\n")
    }
}

/// The settings as a Markdown table.
pub(crate) fn markdown<'a>(arguments: impl Iterator<Item = &'a clap::Arg>) -> String {
    let mut table = "| environment | flag | default | |\n|---|---|---|---|\n".to_owned();
    for argument in arguments {
        let (Some(name), Some(flag)) = (argument.get_env(), argument.get_long()) else { continue };
        let default = argument.get_default_values().first().map(|value| value.to_string_lossy());
        let default =
            default.filter(|value| !value.is_empty()).map_or(String::new(), |value| format!("`{value}`"));
        let about = argument.get_help().map(ToString::to_string).unwrap_or_default();
        let _ = writeln!(table, "| `{}` | `--{flag}` | {default} | {about} |", name.to_string_lossy());
    }
    table
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
mod tests;
