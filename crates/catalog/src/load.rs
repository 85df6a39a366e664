//! The catalogue: the built-in folder, then the operator's.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use include_dir::{Dir, include_dir};

use crate::bounds::{FILE_MAX_BYTES, TYPES_MAX};
use crate::error::CatalogError;
use crate::event_type::EventType;

static BUILT_IN: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/events");

/// Every event type there is. Loaded once, never changed.
#[derive(Debug)]
pub struct Catalog {
    types: BTreeMap<String, EventType>,
}

impl Catalog {
    /// The built-in types only.
    pub fn built_in() -> Result<Self, CatalogError> {
        let mut catalog = Self { types: BTreeMap::new() };
        for file in BUILT_IN.files() {
            catalog.add(&Path::new("built-in").join(file.path()), file.contents())?;
        }
        Ok(catalog)
    }

    /// The built-in types plus every `*.json` of the operator's folder, each of which holds one
    /// event type in the same shape as the built-in ones. Whatever else lies there is ignored.
    pub fn with_folder(folder: &Path) -> Result<Self, CatalogError> {
        let mut catalog = Self::built_in()?;
        let files = json_files(folder)
            .map_err(|source| CatalogError::FolderUnreadable { folder: folder.to_owned(), source })?;
        // A file is one type, so the count is known before any is read.
        let count = catalog.len() + files.len();
        if count > TYPES_MAX {
            return Err(CatalogError::TooManyTypes { folder: folder.to_owned(), count });
        }
        for file in files {
            catalog.add(&file, &read(&file)?)?;
        }
        Ok(catalog)
    }

    /// The type called `name`, if there is one.
    pub fn get(&self, name: &str) -> Option<&EventType> {
        self.types.get(name)
    }

    /// Every type, sorted by name.
    pub fn iter(&self) -> impl Iterator<Item = &EventType> {
        self.types.values()
    }

    /// How many types there are.
    pub fn len(&self) -> usize {
        self.types.len()
    }

    /// Whether there are none, which a loaded catalogue never is.
    pub fn is_empty(&self) -> bool {
        self.types.is_empty()
    }

    fn add(&mut self, file: &Path, content: &[u8]) -> Result<(), CatalogError> {
        let event_type = EventType::parse(file, content)?;
        let name = event_type.name().to_owned();
        if let Some(first) = self.types.get(&name) {
            let first = first.origin().to_owned();
            return Err(CatalogError::Duplicate { file: file.to_owned(), name, first });
        }
        self.types.insert(name, event_type);
        Ok(())
    }
}

/// Sorted, so that the same folder always gives the same error.
fn json_files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "json") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

fn read(file: &Path) -> Result<Vec<u8>, CatalogError> {
    let content =
        content(file).map_err(|source| CatalogError::FileUnreadable { file: file.to_owned(), source })?;
    if content.len() > FILE_MAX_BYTES {
        return Err(CatalogError::FileTooLarge { file: file.to_owned() });
    }
    Ok(content)
}

/// At most one byte more than allowed. Asks first what the path is, links followed: opening a pipe
/// would wait for a writer that never comes.
fn content(file: &Path) -> io::Result<Vec<u8>> {
    if !fs::metadata(file)?.is_file() {
        return Err(io::Error::other("not a regular file"));
    }
    let mut content = Vec::new();
    File::open(file)?.take(FILE_MAX_BYTES as u64 + 1).read_to_end(&mut content)?;
    Ok(content)
}

#[cfg(test)]
mod built_in_tests;
#[cfg(test)]
mod tests;
