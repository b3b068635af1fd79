//! The books of an authority: what exists there, which calls came, and which effects they had.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use keyway_certificates::{CertificateError, IntentId};
use serde::{Deserialize, Serialize};

use super::CaCall;
use crate::lock::locked;

/// An effect that a call had.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[non_exhaustive]
pub struct CaEffect {
    /// The operation.
    pub call: CaCall,
    /// The id of the order or of the authority that was made or changed, or the word `certificate`.
    pub object: String,
    /// The intent of the call.
    pub intent: String,
}

/// The state of an order at the authority.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum OrderState {
    /// Is looked at so many times more before there is a certificate.
    Open {
        looks: u32,
    },
    Issued,
    /// Is canceled at the next look.
    Canceling,
    Canceled,
}

/// A subordinate authority.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct SubCa {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) description: Option<String>,
}

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Books {
    pub(super) calls: BTreeMap<CaCall, u64>,
    pub(super) effects: Vec<CaEffect>,
    /// The orders by their tickets.
    pub(super) orders: BTreeMap<String, OrderState>,
    pub(super) cas: Vec<SubCa>,
    pub(super) revoked: BTreeSet<String>,
    pub(super) numbers: u64,
}

impl Books {
    /// Notes an effect.
    pub(super) fn enter(&mut self, call: CaCall, object: &str, intent: &IntentId) {
        let intent = intent.as_str().to_owned();
        self.effects.push(CaEffect { call, object: object.to_owned(), intent });
    }

    /// Returns the object of an effect that a call with this intent had.
    pub(super) fn done(&self, call: CaCall, intent: &IntentId) -> Option<&str> {
        let is_it = |effect: &&CaEffect| effect.call == call && effect.intent == intent.as_str();
        self.effects.iter().find(is_it).map(|effect| effect.object.as_str())
    }
}

/// The place where the books are: shared memory, or a file that several processes share.
#[derive(Clone, Debug)]
pub(super) enum Shelf {
    Memory(Arc<Mutex<Books>>),
    Folder(PathBuf),
}

impl Shelf {
    /// Works on the books, alone.
    pub(super) fn with<T>(&self, work: impl FnOnce(&mut Books) -> T) -> Result<T, CertificateError> {
        match self {
            Self::Memory(books) => Ok(work(&mut locked(books))),
            Self::Folder(folder) => {
                in_file(folder, work).map_err(|error| CertificateError::system("open its books", error))
            }
        }
    }
}

/// Works on the books of a folder. A killed process leaves the former books or the new ones.
fn in_file<T>(folder: &Path, work: impl FnOnce(&mut Books) -> T) -> io::Result<T> {
    fs::create_dir_all(folder)?;
    let lock = File::create(folder.join("books.lock"))?;
    lock.lock()?;
    let (file, draft) = (folder.join("books.json"), folder.join("books.draft"));
    let mut books = match fs::read(&file) {
        Ok(text) => serde_json::from_slice(&text)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => Books::default(),
        Err(error) => return Err(error),
    };
    let result = work(&mut books);
    fs::write(&draft, serde_json::to_vec(&books)?)?;
    fs::rename(draft, file)?;
    Ok(result)
}
