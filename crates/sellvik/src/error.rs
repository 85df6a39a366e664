//! Why the service did not start, in sentences for whoever starts it.

use std::net::SocketAddr;
use std::path::PathBuf;

use sellvik_catalog::CatalogError;
use sellvik_egress::EgressError;
use sellvik_store::OpenError;

/// Why the service did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the operating system says.
        source: std::io::Error,
    },
    /// A file could not be read or made.
    #[error("{path} cannot be read or written: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the operating system says.
        source: std::io::Error,
    },
    /// The ledger holds secrets, and the key that opens them is gone.
    #[error(
        "the ledger holds encrypted secrets, but there is no {0}; restore it, or set SELLVIK_ENCRYPTION_KEY"
    )]
    KeyMissing(PathBuf),
    /// A key that nodes share was not given.
    #[error("with PostgreSQL, give {0}, the same to every node")]
    KeyNeeded(&'static str),
    /// The ledger is an empty file, and was not always.
    #[error(
        "{ledger} is empty, although {key} says that it was a ledger; \
         restore it from a backup, or remove it to begin with an empty one"
    )]
    Emptied {
        /// The ledger.
        ledger: PathBuf,
        /// What was made after it.
        key: PathBuf,
    },
    /// A key file holds something else.
    #[error("{0} does not hold a key of 32 bytes in base64; restore it")]
    KeyFile(PathBuf),
    /// A platform key is malformed.
    #[error("SELLVIK_PLATFORM_KEY: each key is sk_platform_ and at least 16 characters more")]
    PlatformKey,
    /// The ledger could not be opened.
    #[error(transparent)]
    Ledger(#[from] OpenError),
    /// The event catalogue could not be loaded.
    #[error("the event catalogue could not be loaded")]
    Catalog(#[from] CatalogError),
    /// Outgoing connections could not be set up.
    #[error("outgoing connections could not be set up")]
    Egress(#[from] EgressError),
    /// The dev shop could not be made.
    #[error("the dev shop could not be made")]
    Dev(#[from] sellvik_actions::ActionError),
}
