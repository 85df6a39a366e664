//! The keys that the service makes for itself at first start, in files only its user can read.

use std::io::{Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sellvik_actions::PlatformKeys;
use sellvik_clock::World;
use sellvik_store::EncryptionKey;
use sellvik_store::sqlite::holds_secrets;

use crate::error::StartError;
use crate::settings::{Database, PlatformKey, Settings};

const PLATFORM_KEY: &str = "platform.key";

/// Refuses a ledger that somebody emptied: the platform's key is made after the ledger, so where there is
/// one a ledger was there.
pub(crate) fn refuse_an_emptied(ledger: &Path) -> Result<(), StartError> {
    let empty = std::fs::metadata(ledger).is_ok_and(|file| file.len() == 0);
    let key = beside(ledger, PLATFORM_KEY);
    if empty && key.exists() { Err(StartError::Emptied { ledger: ledger.to_owned(), key }) } else { Ok(()) }
}

/// The encryption key: as set, or from its file, or made anew if nothing is encrypted yet.
pub(crate) fn encryption_key(settings: &Settings, world: &World) -> Result<EncryptionKey, StartError> {
    if let Some(key) = &settings.encryption_key {
        return Ok(key.clone());
    }
    // Nodes share theirs; a file beside one of them would be another one's loss.
    let Database::Sqlite(ledger) = &settings.database else {
        return Err(StartError::KeyNeeded("SELLVIK_ENCRYPTION_KEY, 32 bytes in base64"));
    };
    let file = beside(ledger, "encryption.key");
    if let Some(text) = read(&file)? {
        let bytes = STANDARD.decode(text.trim()).ok().and_then(|bytes| bytes.try_into().ok());
        return bytes.map(EncryptionKey::new).ok_or(StartError::KeyFile(file));
    }
    if holds_secrets(ledger)? {
        return Err(StartError::KeyMissing(file));
    }
    let bytes: [u8; 32] = world.random();
    write(&file, &STANDARD.encode(bytes))?;
    Ok(EncryptionKey::new(bytes))
}

/// The platform keys: as set, or from their file, or one made anew.
pub(crate) fn platform_keys(settings: &Settings, world: &World) -> Result<Vec<PlatformKey>, StartError> {
    if !settings.platform_keys.is_empty() {
        return Ok(settings.platform_keys.clone());
    }
    let Database::Sqlite(ledger) = &settings.database else {
        return Err(StartError::KeyNeeded("SELLVIK_PLATFORM_KEY"));
    };
    let file = beside(ledger, PLATFORM_KEY);
    if let Some(text) = read(&file)? {
        return Ok(vec![PlatformKey::new(text.trim())]);
    }
    let key = PlatformKeys::mint(&world.random());
    write(&file, &key)?;
    tracing::info!(file = %file.display(), "made a platform key");
    Ok(vec![PlatformKey::new(&key)])
}

fn beside(ledger: &Path, name: &str) -> PathBuf {
    ledger.with_file_name(name)
}

fn read(file: &Path) -> Result<Option<String>, StartError> {
    let io = |source| StartError::Io { path: file.to_owned(), source };
    match std::fs::File::open(file) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(io(error)),
        Ok(mut open) => {
            let mut text = String::new();
            open.read_to_string(&mut text).map_err(io)?;
            Ok(Some(text))
        }
    }
}

fn write(file: &Path, text: &str) -> Result<(), StartError> {
    let io = |source| StartError::Io { path: file.to_owned(), source };
    if let Some(folder) = file.parent() {
        std::fs::create_dir_all(folder).map_err(io)?;
    }
    let mut open =
        std::fs::File::options().write(true).create_new(true).mode(0o600).open(file).map_err(io)?;
    open.write_all(format!("{text}\n").as_bytes()).and_then(|()| open.sync_all()).map_err(io)
}
