//! Storage for the state (the books) of a scripted plugin, in memory or in a folder.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::locked;

/// The place of the state (the books): shared memory, or a file that several processes share.
#[derive(Debug)]
pub(crate) enum Shelf<B> {
    Memory(Arc<Mutex<B>>),
    Folder(PathBuf),
}

impl<B> Clone for Shelf<B> {
    fn clone(&self) -> Self {
        match self {
            Self::Memory(books) => Self::Memory(Arc::clone(books)),
            Self::Folder(folder) => Self::Folder(folder.clone()),
        }
    }
}

impl<B: Default + Serialize + DeserializeOwned> Shelf<B> {
    /// Creates empty books in memory.
    pub(crate) fn memory() -> Self {
        Self::Memory(Arc::default())
    }

    /// Reads and changes the books under a lock. Blocks if they are in a folder.
    pub(crate) fn with<T>(&self, work: impl FnOnce(&mut B) -> T) -> io::Result<T> {
        match self {
            Self::Memory(books) => Ok(work(&mut locked(books))),
            Self::Folder(folder) => in_file(folder, work),
        }
    }
}

/// Reads and changes the books of a folder. After a kill, the file holds either the old books or the new ones.
fn in_file<B: Default + Serialize + DeserializeOwned, T>(
    folder: &Path,
    work: impl FnOnce(&mut B) -> T,
) -> io::Result<T> {
    fs::create_dir_all(folder)?;
    let lock = File::create(folder.join("books.lock"))?;
    lock.lock()?;
    let (file, draft) = (folder.join("books.json"), folder.join("books.draft"));
    let mut books = match fs::read(&file) {
        Ok(text) => serde_json::from_slice(&text)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => B::default(),
        Err(error) => return Err(error),
    };
    let result = work(&mut books);
    fs::write(&draft, serde_json::to_vec(&books)?)?;
    fs::rename(draft, file)?;
    Ok(result)
}
