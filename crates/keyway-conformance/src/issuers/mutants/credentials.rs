//! Mutants with faults in credentials, or in the references to them (`state` on the wire).

use keyway_issuers::{CredentialPart, Issued};

use super::{IssuerSubject, issuer_mutant, mutants};

mutants! {
    for IssuerSubject, by issuer_mutant;
    HasNoState breaks ["ISS-021"] "gives every credential an empty state"
        (entry: |_, _, entry| entry.state.clear())
    IsUndefined breaks ["ISS-021"] "gives every credential the state `undefined`"
        (entry: |_, _, entry| entry.state = String::from("undefined"))
    StateIsTheSecret breaks ["ISS-022"] "puts the value of the credential into the state"
        (entry: |_, _, entry| entry.state = format!("state {}", entry.secret))
    StateIsTheToken breaks ["ISS-023"] "puts the access token of the user into the state"
        (entry: |_, request, entry| {
            let token = request.context.requester.access_token.as_ref().map_or("", |token| token.expose());
            entry.state = format!("state {token} {}", entry.intent);
        })
    HasNoNames breaks ["ISS-025"] "gives a part of the credential no name"
        (issued: |issued| issued.credential[0].name.clear())
    HasNoRows breaks ["ISS-026"] "shows a text in no rows"
        (issued: |issued| change_part(issued, 1, |file| file.size(0, 40)))
    HasTooManyColumns breaks ["ISS-026"] "shows a text in four billion columns"
        (issued: |issued| change_part(issued, 1, |file| file.size(2, 4_000_000_000)))
    PutsAllOnOneLine breaks ["ISS-027"] "shows two lines as one"
        (issued: |issued| change_part(issued, 0, |secret| {
            CredentialPart::text("secret", format!("{}\nand more", secret.expose_value()))
        }))
    SavesAnywhere breaks ["ISS-028"] "lets a file be saved outside its folder"
        (issued: |issued| change_part(issued, 1, |file| file.save_as("../.ssh/authorized_keys")))
    TellsTooMuch breaks ["ISS-029"] "answers with two megabytes"
        (issued: |issued| change_part(issued, 1, |_| CredentialPart::textfile("a file", "x".repeat(2 << 20))))
}

/// Changes one part of a credential.
pub(super) fn change_part(
    issued: &mut Issued,
    at: usize,
    change: impl FnOnce(CredentialPart) -> CredentialPart,
) {
    let part = issued.credential.remove(at);
    issued.credential.insert(at, change(part));
}
