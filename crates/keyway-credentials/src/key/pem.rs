//! The PEM block of a private key, which may have the headers of a traditional encryption.

use der::pem::Decoder;
use keyway_core::Wiped;

use super::KeyError;

/// The label of an encrypted PKCS#8 key.
pub(super) const ENCRYPTED_PKCS8: &str = "ENCRYPTED PRIVATE KEY";

const BEGIN: &str = "-----BEGIN ";
const END: &str = "-----END ";
const DASHES: &str = "-----";
/// The headers of an encrypted block (RFC 1421, as OpenSSL writes them).
const ENCRYPTED: &str = "Proc-Type: 4,ENCRYPTED";
const CIPHER: &str = "DEK-Info: ";

pub(super) struct Block<'a> {
    pub(super) label: &'a str,
    /// Whether the block has the headers of a traditional encryption.
    pub(super) encrypted: bool,
    pub(super) bytes: Wiped<Vec<u8>>,
}

/// Reads a text that has one block. Only white space may surround it.
pub(super) fn read(text: &str) -> Result<Block<'_>, KeyError> {
    let broken = |rule| KeyError::Pem { rule };
    let text = text.trim_ascii();
    let after_begin = text.strip_prefix(BEGIN).ok_or(broken("it does not begin with -----BEGIN"))?;
    let (first_line, rest) = after_begin.split_once('\n').ok_or(broken("it has one line only"))?;
    let label = first_line
        .trim_ascii_end()
        .strip_suffix(DASHES)
        .ok_or(broken("its first line does not end with -----"))?;
    if rest.matches(END).count() != 1 {
        return Err(broken("it does not have one line that begins with -----END"));
    }
    let (encrypted, body) = without_headers(rest)?;
    // The decoder does not support headers, so it gets the block without them.
    let mut plain = Wiped::new(String::with_capacity(text.len()));
    for part in [BEGIN, label, DASHES, "\n", body] {
        plain.push_str(part);
    }
    let decoded =
        decode(&plain).ok_or(broken("it is not base64 in lines of one length, or the labels differ"))?;
    Ok(Block { label, encrypted, bytes: decoded })
}

/// Splits off the headers, which end with an empty line.
fn without_headers(rest: &str) -> Result<(bool, &str), KeyError> {
    let Some(after) = rest.strip_prefix(ENCRYPTED) else { return Ok((false, rest)) };
    let mut lines = after.splitn(4, '\n').map(str::trim_ascii_end);
    let cipher = |line: &str| line.strip_prefix(CIPHER).is_some_and(|cipher| !cipher.is_empty());
    let known = lines.next() == Some("") && lines.next().is_some_and(cipher) && lines.next() == Some("");
    match after.splitn(4, '\n').nth(3) {
        Some(body) if known => Ok((true, body)),
        _ => Err(KeyError::Pem { rule: "its headers are not Proc-Type and DEK-Info, and an empty line" }),
    }
}

fn decode(block: &str) -> Option<Wiped<Vec<u8>>> {
    let mut decoder = Decoder::new_detect_wrap(block.as_bytes()).ok()?;
    let mut bytes = Wiped::new(vec![0; decoder.remaining_len()]);
    decoder.decode(&mut bytes).ok()?;
    Some(bytes)
}
