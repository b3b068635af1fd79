//! Mutants that keep their secrets in files, and a correct store that does so too.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use keyway_core::SecretValue;
use keyway_secrets::{NewValue, Secret, SecretAddress, SecretStore, StoreError};
use keyway_storage::{
    Batch, CommitOutcome, Expectation, ItemAction, Layered, Memory, Storage, StorageError, StorageLayer,
};

use super::{SecretStoreSubject, mutants, operation, store_mutant};
use crate::secrets::reference::{self, ReferenceStore};

/// A storage engine that keeps each record in its own file. It reads the files only when it is opened. After that, it
/// works on a copy in memory, and also writes each commit to the files.
#[derive(Debug)]
struct Files {
    engine: Memory,
    folder: PathBuf,
    write: Write,
}

/// A function that writes a file.
type Write = fn(&Path, &[u8]) -> io::Result<()>;

/// Writes the content to a new file, and renames this file over the old one.
const RENAMED: Write = |file, content| {
    let made = file.with_extension("new");
    fs::write(&made, content)?;
    fs::rename(made, file)
};

/// Truncates a file and writes it again.
const IN_PLACE: Write = |file, content| fs::write(file, content);

impl Files {
    fn open(folder: &Path, write: Write) -> Self {
        let mut batch = Batch::new();
        for file in fs::read_dir(folder).into_iter().flatten().flatten() {
            if let (Ok(name), Ok(content)) = (file.file_name().into_string(), fs::read(file.path()))
                && file.path().extension().is_none()
            {
                batch = batch.put(name.replace(' ', "/"), content, Expectation::Any);
            }
        }
        let engine = Memory::new();
        if !batch.is_empty() {
            // A commit to the engine in memory never waits, so one poll completes it.
            let done = pin!(engine.commit(batch)).poll(&mut Context::from_waker(Waker::noop()));
            assert!(matches!(done, Poll::Ready(Ok(_))), "the engine takes what it gave");
        }
        Self { engine, folder: folder.to_owned(), write }
    }

    fn keep(&self, batch: Batch) -> io::Result<()> {
        for item in batch.into_items() {
            let (key, action) = item.into_parts();
            let file = self.folder.join(String::from_utf8_lossy(&key).replace('/', " "));
            match action {
                ItemAction::Put { value } => (self.write)(&file, &value)?,
                ItemAction::Delete => fs::remove_file(file)?,
                _ => {}
            }
        }
        Ok(())
    }
}

impl StorageLayer for Files {
    type Inner = Memory;

    fn inner(&self) -> &Memory {
        &self.engine
    }

    async fn commit(&self, batch: Batch) -> Result<CommitOutcome, StorageError> {
        let outcome = self.engine.commit(batch.clone()).await?;
        if let CommitOutcome::Committed(_) = outcome {
            let kept = self.keep(batch);
            kept.map_err(|error| StorageError::Engine { action: "write", source: Arc::new(error) })?;
        }
        Ok(outcome)
    }
}

/// Makes a store keep its records in files.
fn on_files(subject: SecretStoreSubject, write: Write) -> SecretStoreSubject {
    subject.lending(move |resources, folder| {
        resources.with(Arc::new(Layered(Files::open(folder, write))) as Arc<dyn Storage>)
    })
}

/// Makes a subject of a store that keeps its secrets in files and is correct.
pub(super) fn sound() -> SecretStoreSubject {
    on_files(reference::sound("files"), RENAMED)
}

/// Makes the subject of a mutant that keeps its records in files, for `mutants!`.
macro_rules! file_mutant {
    ($name:ident $write:ident $change:tt) => {
        || {
            let subject = store_mutant!($name FULL $change)();
            Arc::new(on_files(Arc::into_inner(subject).expect("it is new"), $write))
        }
    };
}

/// The text that stands for a value in a list if the value is in its own file.
const ELSEWHERE: &str = "in a file of its own";

fn file_of(address: &SecretAddress) -> String {
    format!("values/{}", address.name)
}

/// Returns a listed value. If the list has [`ELSEWHERE`] instead, reads the value from its file, and returns `None` if
/// the file does not exist.
async fn value(store: &ReferenceStore, address: &SecretAddress, listed: SecretValue) -> Option<SecretValue> {
    if listed.expose_text() != Some(ELSEWHERE) {
        return Some(listed);
    }
    let record = store.storage.get(file_of(address).as_bytes()).await.ok().flatten()?;
    Some(SecretValue::text(String::from_utf8_lossy(&record.value).into_owned()))
}

// The closure of `WritesInPlace` changes nothing: the fault of this mutant is `IN_PLACE`, the way in which it writes
// its file.
mutants! {
    for SecretStoreSubject, by file_mutant;
    WritesInPlace of IN_PLACE breaks ["SEC-147"] "empties its file and fills it again" (|store| store.habits.pauses = 0)
    IndexesFirst of RENAMED breaks ["SEC-148"] "lists a secret before it writes the value"
        (create |mutant, secret| {
            let given = secret.value.as_given().and_then(SecretValue::expose_text).unwrap_or_default();
            let file = Batch::new().put(file_of(&secret.address), given, Expectation::Any);
            secret.value = NewValue::Given(SecretValue::text(ELSEWHERE));
            let header = mutant.store.create(secret).await?;
            let kept = mutant.store.storage.commit(file).await;
            kept.map(|_| header).map_err(|error| StoreError::system("write a value", error))
        },
        get |mutant, address| {
            let Secret { header, value: listed } = mutant.store.get(address).await?;
            let value = value(&mutant.store, address, listed).await;
            let value = value.ok_or_else(|| StoreError::SecretNotFound { address: address.clone() })?;
            Ok(Secret { header, value })
        },
        list |mutant, query| {
            let mut page = mutant.store.list(query).await?;
            for listed in &mut page.secrets {
                if let Some(there) = listed.value.take() {
                    let address = &listed.header.address;
                    listed.value = value(&mutant.store, address, there.clone()).await.or(Some(there));
                }
            }
            Ok(page)
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::RunOptions;

    /// Checks that the store without faults passes, since each mutant is this store with one fault.
    #[test]
    fn a_store_that_replaces_its_files_survives_kills() {
        for rule in ["SEC-147", "SEC-148"] {
            let report = crate::secrets::suite().run(&Arc::new(sound()), &RunOptions::default().only(rule));
            assert!(report.totals().passed == 1, "{}", report.format(crate::Format::Table));
        }
    }
}
