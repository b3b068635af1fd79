//! An authority that makes real certificates, and its mutants.
//!
//! It takes orders as the scripted authority does, and replaces each certificate by a real one.

mod authority;
mod draft;
mod mutants;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use keyway_certificates::{
    Capabilities, CertificateAuthority, CertificateError, IssuedCertificate, Layered, OrderMetadata, Pem,
    RequestTypes,
};
use keyway_core::Json;
use keyway_x509::{AlternativeName, CertificateRequest, KeyType, PrivateKey, RequestError};
use serde_json::json;

// These imports are for the files of this folder.
use super::{CertificateSubject, ScriptedCa, plugin};
use crate::Mutant;
use crate::certificates::OrderExample;
use crate::certificates::requests::REQUEST_DATA;
use crate::lock::locked;
use authority::SigningAuthority;
use draft::Draft;

/// The field with the validity in days.
const DAYS: &str = "days";

/// The declared capabilities, which concern only orders. The scripted authority below could not revoke the real
/// certificates, because it does not know them.
const CAPABILITIES: Capabilities = Capabilities::MINIMAL
    .request_types(RequestTypes::SIMPLE_CMC)
    .cancels(true)
    .idempotent(true)
    .reconciles(true);

/// The ways in which a mutant differs from the correct authority.
#[derive(Clone, Copy, Debug)]
struct Habits {
    /// Changes a certificate before it is signed.
    draft: fn(&mut Draft),
    /// Tells whether the authority accepts a request in spite of this fault.
    overlooks: fn(&RequestError) -> bool,
    /// Makes a new certificate for each call, also for an order that has one.
    forgets: bool,
    /// Places an order before the authority refuses it.
    places_refused: bool,
    /// Names what the authority keeps with an order by the first name of the request.
    names_by_host: bool,
}

impl Default for Habits {
    fn default() -> Self {
        Self {
            draft: |_| {},
            overlooks: |_| false,
            forgets: false,
            places_refused: false,
            names_by_host: false,
        }
    }
}

/// The state that all handles of the authority share.
struct Office {
    signer: SigningAuthority,
    habits: Habits,
    /// The certificates, by the ids of their orders.
    issued: Mutex<BTreeMap<String, IssuedCertificate>>,
}

impl Office {
    /// Reads the request of an order. Returns `None` if the request is not acceptable and the authority overlooks the
    /// fault.
    fn request(&self, metadata: &OrderMetadata) -> Result<Option<CertificateRequest>, CertificateError> {
        match CertificateRequest::from_request_data(metadata.required_text(REQUEST_DATA)?) {
            Ok(request) => Ok(Some(request)),
            Err(error) if (self.habits.overlooks)(&error) => Ok(None),
            Err(error) => Err(CertificateError::invalid(REQUEST_DATA, error.to_string())),
        }
    }

    fn days(metadata: &OrderMetadata) -> Result<u32, CertificateError> {
        let days = match metadata.get(DAYS) {
            None => Some(90),
            Some(Json::Integer(days)) => days.decimal().parse().ok().filter(|days| (1..=90).contains(days)),
            Some(_) => None,
        };
        days.ok_or_else(|| CertificateError::invalid(DAYS, "it must be a number from 1 to 90"))
    }
}

impl fmt::Debug for Office {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Office").field("habits", &self.habits).finish_non_exhaustive()
    }
}

/// A handle of the authority.
#[derive(Debug)]
struct Issuing {
    ca: ScriptedCa,
    office: Arc<Office>,
}

/// Converts a PEM text of this authority, which is always short enough for the contract.
fn pem(text: &str) -> Result<Pem, CertificateError> {
    Ok(Pem::new(text)?)
}

fn example() -> OrderExample {
    let made = || -> Result<String, Box<dyn std::error::Error>> {
        let (key, _) = PrivateKey::generate(KeyType::EcdsaP256)?;
        let names = [AlternativeName::dns("door.example.com")?];
        Ok(CertificateRequest::sign(&key, &"CN=door.example.com".parse()?, &names)?.to_pem())
    };
    let request = made().expect("the kit makes a request");
    OrderExample::new(json!({ "request_type": "simple-cmc", REQUEST_DATA: STANDARD.encode(request) }))
}

/// Makes the subject of an authority with the given `habits`.
fn subject(name: &str, habits: Habits) -> CertificateSubject {
    let signer = SigningAuthority::new().expect("the kit makes an authority");
    let office = Arc::new(Office { signer, habits, issued: Mutex::default() });
    let opened = move |ca| -> Arc<dyn CertificateAuthority> {
        Arc::new(Layered(Issuing { ca, office: Arc::clone(&office) }))
    };
    let ca = ScriptedCa::new().with_capabilities(CAPABILITIES);
    let refused = json!({ "request_type": "simple-cmc", REQUEST_DATA: STANDARD.encode("no request") });
    plugin::subject(name, ca, opened)
        .example(example())
        .refused(OrderExample::new(refused))
        .issues()
        .days_field(DAYS)
}

/// Lists the mutants of this authority.
pub(super) fn all() -> &'static [Mutant<CertificateSubject>] {
    mutants::MUTANTS
}

/// Makes an authority that makes a real certificate for each request.
pub fn issuing() -> CertificateSubject {
    subject("issuing", Habits::default())
}

/// Makes an authority whose serial numbers have 64 random bits. The first byte of each fourth number happens to be
/// zero.
pub fn short_serials() -> CertificateSubject {
    let draft = |draft: &mut Draft| {
        draft.serial.truncate(8);
        if draft.number.is_multiple_of(4) {
            draft.serial[0] = 0;
        }
    };
    subject("short serials", Habits { draft, ..Habits::default() })
}

/// Makes an authority whose certificates have no identifier of their own key.
#[cfg(test)]
pub(super) fn without_key_identifier() -> CertificateSubject {
    let draft = |draft: &mut Draft| draft.key_identifier = None;
    subject("without key identifier", Habits { draft, ..Habits::default() })
}
