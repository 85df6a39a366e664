//! What the ledger can refuse, and how it can fail.

/// Any error of a [`Store`](crate::Store) operation.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another shop has this subdomain.
    #[error("the subdomain is taken")]
    SubdomainTaken,
    /// The shop has a webhook with this URL.
    #[error("the URL is already subscribed")]
    DuplicateEndpoint,
    /// The shop has as many webhooks as it may.
    #[error("the shop has its {limit} webhooks")]
    WebhookLimit {
        /// How many it may have.
        limit: u32,
    },
    /// The event id was used for another event.
    #[error("the event id belongs to another event")]
    EventIdConflict,
    /// There is no such shop.
    #[error("there is no such shop")]
    ShopUnknown,
    /// The webhook is disabled.
    #[error("the webhook is disabled")]
    WebhookDisabled,
    /// A redelivery job of this webhook is still running.
    #[error("a redelivery job is running")]
    JobRunning,
    /// The connection to the ledger broke during a commit, and what became of it could not be found out.
    #[error("the answer to a commit was lost")]
    OutcomeUnknown,
    /// The ledger cannot read or write now; nothing was taken.
    #[error("the ledger is unavailable")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl StoreError {
    /// An [`StoreError::Unavailable`] for this cause.
    pub(crate) fn unavailable(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Unavailable(cause.into())
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        Self::unavailable(error)
    }
}

impl From<tokio_postgres::Error> for StoreError {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::unavailable(error)
    }
}

/// Why a ledger could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has the data folder.
    #[error("another sellvik process is using {0}; stop it first, or give this one another data folder")]
    InUse(std::path::PathBuf),
    /// The secrets were sealed with another key.
    #[error(
        "the encryption key is not the one this ledger was made with; \
         give SELLVIK_ENCRYPTION_KEY the original key"
    )]
    WrongKey,
    /// The file is not a ledger, or damaged.
    #[error("{path} is damaged or not a Sellvik ledger; restore it from a backup: {what}")]
    Damaged {
        /// The file.
        path: std::path::PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// The file was written by a version that knows more than this one.
    #[error(
        "{path} was written by a newer sellvik: its schema is version {found}, and this one knows up to \
         {known}; start the newer sellvik, or restore a backup from before"
    )]
    Newer {
        /// The file.
        path: std::path::PathBuf,
        /// Its schema's version.
        found: i64,
        /// The newest schema this version knows.
        known: i64,
    },
    /// The database was brought up to date by a version that this one cannot work beside.
    #[error(
        "the database is a newer sellvik's: its schema is version {found}, and this sellvik knows up to {known} \
         and cannot serve it any more; start the newer one"
    )]
    NewerDatabase {
        /// Its schema's version.
        found: i64,
        /// The newest schema this version knows.
        known: i64,
    },
    /// The PostgreSQL server is too old.
    #[error("the PostgreSQL server is too old; sellvik needs version {oldest} or newer")]
    OldServer {
        /// The oldest that will do.
        oldest: u32,
    },
    /// The PostgreSQL server speaks no TLS.
    #[error(
        "the PostgreSQL server speaks no TLS; let it, or, if the network to it is yours alone, \
         add sslmode=disable to SELLVIK_DATABASE_URL"
    )]
    NoTls,
    /// The file is some other program's.
    #[error("{0} is a SQLite file, but not a Sellvik ledger; give SELLVIK_DATABASE_URL another path")]
    NotALedger(std::path::PathBuf),
    /// The folder or file could not be used.
    #[error("{path} cannot be opened: {source}")]
    Io {
        /// The file or folder.
        path: std::path::PathBuf,
        /// What the operating system says.
        source: std::io::Error,
    },
    /// The schema could not be brought up to date.
    #[error("the ledger's schema could not be migrated")]
    Migrate(#[from] refinery::Error),
    /// Anything else that SQLite says while opening.
    #[error("the ledger could not be opened")]
    Sqlite(#[from] rusqlite::Error),
    /// The PostgreSQL server cannot be reached, or does not let us in.
    #[error("the PostgreSQL server of SELLVIK_DATABASE_URL cannot be used")]
    Unreachable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// Anything else that PostgreSQL says while opening.
    #[error("the ledger could not be opened")]
    Postgres(#[from] tokio_postgres::Error),
}

/// An error with everything that caused it, on one line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    use std::fmt::Write as _;
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let _ = write!(text, ": {inner}");
        cause = inner.source();
    }
    text
}
