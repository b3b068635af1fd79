//! Gives fuzz targets access to the functions that read untrusted bytes.

use keyway_core::Wiped;

use crate::answer::{Record, json, page, record};
use crate::environment_record::EnvironmentRecord;
use crate::failure::{Failure, Refusal};
use crate::item_key::ItemKey;
use crate::kept_content::Content;
use crate::profile::Profile;
use crate::secret_record::SecretRecord;

/// The number of the project that the answers belong to.
pub const PROJECT: u64 = 4711;

fn key() -> ItemKey {
    ItemKey::new(&[1; 32], &[2; 32])
}

/// Decrypts a text of the service with a fixed key.
pub fn open(text: &str) -> Option<Vec<u8>> {
    key().open(text).ok().map(Wiped::take)
}

/// Encrypts under an initialization vector.
pub fn seal(plaintext: &[u8], iv: &[u8; 16]) -> String {
    key().seal_with(plaintext, iv)
}

/// Makes a text with a valid tag from any initialization vector and any ciphertext.
pub fn authenticate(iv: &[u8; 16], ciphertext: &[u8]) -> String {
    key().authenticated(iv, ciphertext)
}

/// The items of a page: their ids, and their decrypted texts.
#[derive(Debug, PartialEq, Eq)]
pub struct PageRead {
    /// The number of items in all pages.
    pub count: u64,
    /// The ids, which become parts of paths.
    pub ids: Vec<String>,
    /// The decrypted text of each item, or `None` if it cannot be decrypted.
    pub opened: Vec<Option<String>>,
}

/// Reads an answer as a page of secrets, and decrypts name, environment, description and value of each secret.
pub fn secrets(body: &[u8]) -> Option<PageRead> {
    read_page::<SecretRecord>(body, |record| {
        let secret = record.secret(&key()).ok()?;
        Some(format!("{:?} {:?}", secret.header.address, secret.value.expose_text()))
    })
}

/// Reads an answer as a page of environments, and decrypts each environment.
pub fn environments(body: &[u8]) -> Option<PageRead> {
    read_page::<EnvironmentRecord>(body, |record| Some(format!("{:?}", record.environment(&key()).ok()?)))
}

fn read_page<R: Record>(body: &[u8], opened: impl Fn(&R) -> Option<String>) -> Option<PageRead> {
    let page = page::<R>(body).ok()?;
    let ids = page.records.iter().map(|record| record.id().to_owned()).collect();
    Some(PageRead { count: page.count, ids, opened: page.records.iter().map(opened).collect() })
}

/// Reads an answer in all other ways: as the profile, a single item, a number, an error, and the content of a cache
/// file. Returns the messages of the errors.
pub fn read_otherwise(status: u16, body: &[u8]) -> Vec<String> {
    let mut said = Vec::new();
    said.extend(Profile::read(body).err().map(|error| error.to_string()));
    said.extend(record::<SecretRecord>(body).err().map(|error| error.to_string()));
    said.extend(record::<EnvironmentRecord>(body).err().map(|error| error.to_string()));
    said.extend(json(body).err().map(|error| error.to_string()));
    let refused = || Failure::Refused(Refusal::new(status, None, body));
    said.push(refused().of_read("read").to_string());
    said.push(refused().of_write("write").to_string());
    let _ = Content::read(("http://127.0.0.1", PROJECT), body);
    said
}
