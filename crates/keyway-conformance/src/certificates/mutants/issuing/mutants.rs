//! Mutants that make wrong certificates, or that make certificates for requests that they must refuse.

use std::time::Duration;

use keyway_core::Timestamp;
use keyway_x509::{AlternativeName, PemError, PublicKeyError, RequestError};

use super::authority::new_key;
use super::{CertificateSubject, Habits, subject};
use crate::notation::mutants;

const DAY: Duration = Duration::from_secs(86_400);

/// Makes the subject of a mutant for `mutants!` from its habits.
macro_rules! issuing_mutant {
    ($name:ident ($($habit:ident: $value:expr),+)) => {
        || std::sync::Arc::new(subject(stringify!($name), Habits { $($habit: $value,)+ ..Habits::default() }))
    };
}

fn is_wildcard(name: &AlternativeName) -> bool {
    matches!(name, AlternativeName::Dns(name) if name.starts_with("*."))
}

mutants! {
    for CertificateSubject, by issuing_mutant;
    SignsAgain breaks ["CER-030"] "makes a certificate anew when an order is placed again"
        (forgets: true)
    CertifiesAnotherKey breaks ["CER-120"] "makes a certificate for a key of its own"
        (draft: |draft| draft.content.public_key = new_key().expect("a key").public_key().clone())
    DropsTheLastName breaks ["CER-121"] "leaves out the last name"
        (draft: |draft| drop(draft.names.pop()))
    DropsWildcards breaks ["CER-121"] "leaves out names with a wildcard"
        (draft: |draft| draft.names.retain(|name| !is_wildcard(name)))
    MakesExpired breaks ["CER-122"] "makes certificates that have expired"
        (draft: |draft| {
            let days_ago = |days: u64| Timestamp::from_milliseconds(draft.now.as_milliseconds() - days * 86_400_000);
            draft.content.not_after = days_ago(1);
            draft.content.not_before = days_ago(2);
        })
    MakesForTomorrow breaks ["CER-122"] "makes certificates that are valid from tomorrow"
        (draft: |draft| draft.content.not_before = draft.now.plus(DAY))
    IgnoresDays breaks ["CER-123"] "makes all certificates for 90 days"
        (draft: |draft| draft.content.not_after = draft.now.plus(90 * DAY))
    MakesAuthorities breaks ["CER-124"] "makes an authority of each client"
        (draft: |draft| draft.is_authority = true)
    ObeysTheRequest breaks ["CER-124"] "makes an authority of a client that asks for that"
        (draft: |draft| draft.is_authority = draft.request.asks_for_authority())
    CountsSerials breaks ["CER-125"] "counts its serial numbers"
        (draft: |draft| {
            draft.serial.fill(0x55);
            draft.serial[15] = u8::try_from(draft.number % 256).expect("one byte");
        })
    DrawsShortSerials breaks ["CER-125"] "has serial numbers of 4 random bytes"
        (draft: |draft| draft.serial.truncate(4))
    NumbersKeys breaks ["CER-126"] "takes its serial number from the key"
        (draft: |draft| {
            let identifier = draft.key_identifier.iter().flatten().skip(4).copied();
            draft.serial = [0x40].into_iter().chain(identifier).collect();
        })
    LeavesOutTheSigner breaks ["CER-127"] "does not name the key that signed it"
        (draft: |draft| draft.issuer_key_identifier = None)
    LeavesOutItsKey breaks ["CER-129"] "does not name its own key"
        (draft: |draft| draft.key_identifier = None)
    NamesAnotherKey breaks ["CER-127"] "names another key that signed it"
        (draft: |draft| draft.issuer_key_identifier = draft.key_identifier.clone())
    SignsWithAnotherKey breaks ["CER-128"] "signs with a key that is not described"
        (draft: |draft| draft.signer = draft.root_key.clone())
    SignsWithAnotherKeyAlone breaks ["CER-128"] "signs with a key that is not described, and gives no chain"
        (draft: |draft| {
            draft.signer = draft.root_key.clone();
            draft.intermediates.clear();
        })
    GivesAnotherChain breaks ["CER-128"] "gives the certificate of another authority"
        (draft: |draft| draft.intermediates = draft.root.clone())
    PlacesWhatItRefuses breaks ["CER-130", "CER-131", "CER-132", "CER-133"] "places an order, and then refuses its request"
        (places_refused: true)
    NamesByTheHost breaks ["CER-038"] "names what it keeps by the host of the request"
        (names_by_host: true)
    BelievesRequests breaks ["CER-130"] "does not verify the signature of a request"
        (overlooks: |error| matches!(error, RequestError::Signature))
    TakesTheFirstRequest breaks ["CER-131"] "takes one request of several"
        (overlooks: |error| matches!(error, RequestError::Pem(PemError::Several { .. })))
    CertifiesShortKeys breaks ["CER-132"] "makes certificates for short keys"
        (overlooks: |error| matches!(error, RequestError::PublicKey(PublicKeyError::RsaBits { .. })))
    TakesAnyLabel breaks ["CER-133"] "takes any text of PEM for a request"
        (overlooks: |error| matches!(error, RequestError::Pem(PemError::Label { .. })))
    TakesAnyContent breaks ["CER-133"] "does not read what it certifies"
        (overlooks: |error| matches!(error, RequestError::Malformed { .. } | RequestError::NotBase64))
}
