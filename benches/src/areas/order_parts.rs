//! Repeats the unavoidable work of a certificate order, except signatures and commits: it seals, reads and encodes.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use keyway_seal::{Key, KeyRing, token_len};
use x509_cert::Certificate;
use x509_cert::der::{Decode as _, Encode as _};
use x509_cert::request::CertReq;

use super::BenchError;
use crate::peers::recording::Changes;

/// The prefix of every key under which the host stores a record.
const OF_HOST: &[u8] = b"keyway-host\0";
/// The bytes before the token in a record of the local authority.
const BEFORE_TOKEN: usize = 1 + 8;

/// Values, texts and a certificate as in one certificate order. The benchmark seals, opens, reads and encodes them
/// without Keyway's engine.
pub(super) struct Parts {
    keys: KeyRing,
    /// Plaintexts as long as the values that the order seals. `sealed` has the values that the order opens.
    plaintexts: Vec<Vec<u8>>,
    sealed: Vec<String>,
    fields: String,
    request: String,
    certificates: Vec<String>,
    encoded: Certificate,
}

impl Parts {
    /// Takes the sizes of the values from the commits of one certificate order. The earliest commit must come first.
    pub(super) fn of<'a>(
        commits: impl Iterator<Item = &'a Changes>,
        fields: String,
        request: String,
        certificates: Vec<String>,
    ) -> Result<Self, BenchError> {
        let mut tokens = Vec::new();
        let mut first = BTreeMap::new();
        for (key, value) in commits.flatten() {
            let Some(value) = value else { continue };
            if !key.starts_with(OF_HOST) {
                tokens.extend(value.len().checked_sub(BEFORE_TOKEN));
            } else if let Some(fixed) = fixed_len(value) {
                // The fixed part of a record is the same in every commit, and is sealed only once. It is counted after
                // the loop.
                let state = value.len() - size_of::<u32>() - fixed;
                tokens.push(state);
                first.entry(key.clone()).or_insert((fixed, state));
            }
        }
        tokens.extend(first.values().map(|(fixed, _)| fixed));
        let keys = KeyRing::new([Key::generate()?])?;
        let plaintexts: Vec<_> =
            tokens.into_iter().filter_map(plaintext_len).map(|length| vec![7; length]).collect();
        // The host reads an order once, when the order is due.
        let largest = first.values().max().copied().ok_or("the order has no record")?;
        let mut sealed = Vec::new();
        for length in [largest.0, largest.1].into_iter().filter_map(plaintext_len) {
            sealed.push(keys.seal(&vec![7; length])?);
        }
        let first = certificates.first().ok_or("no certificate")?;
        let encoded = Certificate::from_der(&body_of(first))?;
        Ok(Self { keys, plaintexts, sealed, fields, request, certificates, encoded })
    }

    /// Returns the number of values that the order seals, and their total length in bytes.
    pub(super) fn sealed(&self) -> (usize, usize) {
        (self.plaintexts.len(), self.plaintexts.iter().map(Vec::len).sum())
    }

    /// Seals the values that the order stores, and opens those that it reads.
    pub(super) fn seal(&self) {
        for plaintext in &self.plaintexts {
            let mut out = Vec::with_capacity(token_len(plaintext.len()));
            self.keys.seal_into(plaintext, &mut out).expect("it is sealed");
        }
        for sealed in &self.sealed {
            drop(self.keys.open(sealed.as_bytes()).expect("it is opened"));
        }
    }

    /// Reads the metadata, the request, and each certificate, once.
    pub(super) fn read(&self) {
        let fields: serde_json::Value = serde_json::from_str(&self.fields).expect("the metadata");
        drop(fields);
        let pem = STANDARD.decode(&self.request).expect("the request in base64");
        let pem = std::str::from_utf8(&pem).expect("the request in PEM");
        drop(CertReq::from_der(&body_of(pem)).expect("the request"));
        for certificate in &self.certificates {
            drop(Certificate::from_der(&body_of(certificate)).expect("a certificate"));
        }
    }

    /// Encodes the certificate.
    pub(super) fn encode(&self) {
        let der = self.encoded.to_der().expect("a certificate");
        drop(STANDARD.encode(&der));
    }
}

/// Decodes the only block of a PEM text. The decoder of `der` is not used, because it works in constant time and takes
/// several times as long.
fn body_of(pem: &str) -> Vec<u8> {
    let body: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
    STANDARD.decode(body).expect("a PEM text")
}

/// Returns the length of the fixed part of a value that the host stored, or `None` if the value does not have the
/// layout of a record with a fixed part and a state.
fn fixed_len(value: &[u8]) -> Option<usize> {
    let length = usize::try_from(u32::from_le_bytes(*value.first_chunk()?)).ok()?;
    (value.len() > size_of::<u32>() + length && length >= token_len(0)).then_some(length)
}

/// Returns the length of the longest plaintext whose token has at most the given length, or `None` if every token is
/// longer.
fn plaintext_len(token: usize) -> Option<usize> {
    (0..token).rev().find(|length| token_len(*length) <= token)
}
