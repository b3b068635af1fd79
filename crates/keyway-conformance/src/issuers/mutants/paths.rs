//! Mutants that join foreign text to the path of a folder.

use std::fs;

use super::{IssuerSubject, issuer_mutant, mutants};

mutants! {
    for IssuerSubject, by issuer_mutant;
    WritesTheSubject breaks ["ISS-033"] "writes a file named as the subject of the user"
        (before: |issuer, request| {
            let _ = fs::write(issuer.ledger.folder().join(request.context.requester.user_info.subject()), "seen");
            Ok(())
        })
    AnswersAFile breaks ["ISS-034"] "answers the file that was entered"
        (entry: |issuer, request, entry| {
            let name = request.parameters.text("pass_phrase").unwrap_or_default();
            if let Ok(text) = fs::read_to_string(issuer.ledger.folder().join(name)) {
                entry.secret = text;
            }
        })
    RemovesTheStateFile breaks ["ISS-035"] "removes the file of a state"
        (revoking: |issuer, revocation| {
            let _ = fs::remove_file(issuer.ledger.folder().join(revocation.state.as_str()));
            Ok(())
        })
    FoldsStates breaks ["ISS-058"] "takes states for the same that differ in case alone"
        (revoke: |issuer, revocation| {
            let state = revocation.state.as_str().to_lowercase();
            for entry in issuer.ledger.entries() {
                if entry.state.to_lowercase() == state {
                    issuer.ledger.remove(&entry.state);
                }
            }
            Ok(())
        })
}
