//! Small sealed records of one token: the header of the store, and the records of environments.
//!
//! ```text
//! format (1 byte) | key id (8) | token
//! ```
//!
//! The plaintext of each kind of record starts with its own letter, so that kinds cannot be confused: `H` and `V` are
//! the two tokens of a secret, `S` is the store's header, `E` an environment.

use keyway_seal::{KeyId, KeyRing};
use keyway_secrets::StoreError;
use zeroize::Zeroizing;

const FORMAT: u8 = 1;
const KEY_ID_BYTES: usize = 8;

/// Seals `plaintext`.
pub(crate) fn seal(plaintext: &[u8], keys: &KeyRing) -> Result<Vec<u8>, StoreError> {
    let mut out = Vec::with_capacity(1 + KEY_ID_BYTES + keyway_seal::token_len(plaintext.len()));
    out.push(FORMAT);
    out.extend_from_slice(&keys.primary_id().to_bytes());
    keys.seal_into(plaintext, &mut out).map_err(StoreError::from_seal)?;
    Ok(out)
}

/// Returns the id of the key that sealed a note.
pub(crate) fn sealed_by(what: &'static str, note: &[u8]) -> Result<KeyId, StoreError> {
    parse(what, note).map(|(key, _)| key)
}

/// Opens a note from [`seal`].
pub(crate) fn open(
    what: &'static str,
    note: &[u8],
    keys: &KeyRing,
) -> Result<Zeroizing<Vec<u8>>, StoreError> {
    let (key, token) = parse(what, note)?;
    keys.open_with(key, token).map_err(|error| StoreError::from_open(what, &error))
}

fn parse<'a>(what: &'static str, note: &'a [u8]) -> Result<(KeyId, &'a [u8]), StoreError> {
    match note {
        [] => Err(StoreError::corrupt(what, "it is empty")),
        [FORMAT, rest @ ..] => match rest.split_first_chunk::<KEY_ID_BYTES>() {
            Some((key, token)) => Ok((KeyId::from_bytes(*key), token)),
            None => Err(StoreError::corrupt(what, "it is cut off")),
        },
        [format, ..] => {
            Err(StoreError::corrupt(what, format!("format {format} where {FORMAT} was expected")))
        }
    }
}
