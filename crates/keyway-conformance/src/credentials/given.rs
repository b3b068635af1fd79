//! Credentials of any kind, as one type.

use keyway_credentials::{
    Certificates, CredentialError, CredentialKind, CredentialStore, Fetch, FetchOutcome, Passwords,
    PrivateKeys, RemoteAppCredentials, TotpCodes,
};

/// Credentials of one kind.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Given {
    Passwords(Passwords),
    PrivateKeys(PrivateKeys),
    Certificates(Certificates),
    TotpCodes(TotpCodes),
    RemoteApp(RemoteAppCredentials),
}

/// All kinds.
pub(super) const KINDS: [CredentialKind; 5] = [
    CredentialKind::Passwords,
    CredentialKind::PrivateKeys,
    CredentialKind::Certificates,
    CredentialKind::TotpCodes,
    CredentialKind::RemoteApp,
];

pub(super) type Answer = Result<FetchOutcome<Given>, CredentialError>;

/// Returns the name of the operation that fetches a kind.
pub(super) const fn name(kind: CredentialKind) -> &'static str {
    match kind {
        CredentialKind::Passwords => "passwords",
        CredentialKind::PrivateKeys => "private_keys",
        CredentialKind::Certificates => "certificates",
        CredentialKind::TotpCodes => "totp_codes",
        _ => "remote_app_credentials",
    }
}

/// Returns the name of an outcome, without its credentials.
pub(super) const fn word<C>(outcome: &FetchOutcome<C>) -> &'static str {
    match outcome {
        FetchOutcome::Found(_) => "Found",
        FetchOutcome::NotFound => "NotFound",
        FetchOutcome::Busy(_) => "Busy",
        FetchOutcome::NeedInfo(_) => "NeedInfo",
        FetchOutcome::Unsupported => "Unsupported",
        FetchOutcome::Denied(_) => "Denied",
        FetchOutcome::Unavailable { .. } => "Unavailable",
        _ => "another outcome",
    }
}

/// Fetches credentials of a kind.
pub(super) async fn fetch(store: &dyn CredentialStore, kind: CredentialKind, fetch: &Fetch) -> Answer {
    Ok(match kind {
        CredentialKind::Passwords => store.passwords(fetch).await?.map(Given::Passwords),
        CredentialKind::PrivateKeys => store.private_keys(fetch).await?.map(Given::PrivateKeys),
        CredentialKind::Certificates => store.certificates(fetch).await?.map(Given::Certificates),
        CredentialKind::TotpCodes => store.totp_codes(fetch).await?.map(Given::TotpCodes),
        _ => store.remote_app_credentials(fetch).await?.map(Given::RemoteApp),
    })
}

impl Given {
    /// Lists the secret texts in the credentials.
    pub(super) fn secrets(&self) -> Vec<String> {
        let passwords = |all: &Passwords| all.iter().map(|it| it.expose().to_owned()).collect();
        let key = |key: &keyway_credentials::PrivateKey| {
            // One line of the key is enough, because a text that shows the key has this line, even if its line ends
            // differ.
            let line = key.expose_pem().lines().nth(1).unwrap_or_default().to_owned();
            [Some(line), key.expose_passphrase().map(str::to_owned)].into_iter().flatten()
        };
        match self {
            Self::Passwords(all) => passwords(all),
            Self::PrivateKeys(all) => all.iter().flat_map(key).collect(),
            Self::Certificates(all) => all.iter().flat_map(|it| key(&it.key)).collect(),
            Self::TotpCodes(all) => all.iter().map(|it| it.code.expose().to_owned()).collect(),
            Self::RemoteApp(app) => passwords(&app.passwords),
        }
    }
}
