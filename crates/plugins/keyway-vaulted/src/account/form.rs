//! The form in which an account is stored: one JSON object.

use keyway_core::json::Reader;
use keyway_core::{Integer, IntentId, Json, JsonObject, SecretText, Timestamp, Wiped};
use keyway_credentials::{
    CredentialKind, LeaseId, Password, PrivateKey, Rotation, SessionId, TargetCredential,
};

use super::{AccountError, Returned, StoredAccount, StoredChange, StoredLease, TotpSeed, UsedCode};

/// The entry that tells an account from a password, and its value: the version of the form.
const MARK: (&str, u64) = ("keyway-vaulted", 1);

const KINDS: [(CredentialKind, &str); 4] = [
    (CredentialKind::Passwords, "password"),
    (CredentialKind::PrivateKeys, "key"),
    (CredentialKind::Certificates, "certificate"),
    (CredentialKind::TotpCodes, "totp"),
];

const ROTATIONS: [(Rotation, &str); 4] = [
    (Rotation::NotRotated, "not-rotated"),
    (Rotation::Rotated, "rotated"),
    (Rotation::Scheduled, "scheduled"),
    (Rotation::Diverged, "diverged"),
];

/// Reads a text: an account, a private key, or else a password.
pub(super) fn read(text: &str) -> Result<StoredAccount, AccountError> {
    let is_account = text.trim_start().starts_with('{') && text.contains(MARK.0);
    if is_account {
        return match Reader::STRICT.read(text.as_bytes())? {
            Json::Object(entries) => Object(entries).account(),
            _ => Err(AccountError::Entry { entry: MARK.0, expected: "an account is a JSON object" }),
        };
    }
    if text.trim_start().starts_with("-----BEGIN ") {
        return Ok(StoredAccount::new().with_key(PrivateKey::new(text, None)?));
    }
    Ok(StoredAccount::new().with_password(text))
}

/// Writes an account.
pub(super) fn write(account: &StoredAccount) -> Wiped<String> {
    let StoredAccount { password, key, totp, has_certificates, leases, change, returned, used_code, voided } =
        account;
    let mut entries = JsonObject::from([(MARK.0.to_owned(), number(MARK.1))]);
    let mut set = |name: &str, value: Option<Json>| {
        if let Some(value) = value {
            entries.insert(name.to_owned(), value);
        }
    };
    set("password", password.clone().map(Json::Text));
    set("key", key.as_ref().map(key_entry));
    set("totp", totp.as_ref().map(seed_entry));
    set("certificates", has_certificates.then_some(Json::Boolean(true)));
    set("leases", (!leases.is_empty()).then(|| Json::Array(leases.iter().map(lease_entry).collect())));
    set("change", change.as_ref().map(change_entry));
    set(
        "returned",
        returned.as_ref().map(|Returned { lease, rotation }| {
            object([("lease", Json::text(lease.as_str())), ("rotation", name_of(&ROTATIONS, rotation))])
        }),
    );
    set(
        "used_code",
        used_code.as_ref().map(|UsedCode { valid_from, lease }| {
            object([("valid_from", moment(*valid_from)), ("lease", Json::text(lease.as_str()))])
        }),
    );
    let voided_entry = || Json::Array(voided.iter().map(|intent| Json::text(intent.as_str())).collect());
    set("voided", (!voided.is_empty()).then(voided_entry));
    Json::Object(entries).to_ascii()
}

fn object<const N: usize>(entries: [(&str, Json); N]) -> Json {
    Json::Object(entries.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
}

fn number(number: u64) -> Json {
    Json::Integer(Integer::parse(&number.to_string()).expect("digits are a number"))
}

fn moment(moment: Timestamp) -> Json {
    number(moment.as_milliseconds())
}

fn name_of<T: PartialEq>(names: &[(T, &'static str)], value: &T) -> Json {
    let found = names.iter().find(|(known, _)| known == value);
    Json::text(found.map_or("", |(_, name)| name))
}

fn key_entry(key: &PrivateKey) -> Json {
    let mut entries = JsonObject::from([("pem".to_owned(), Json::text(key.expose_pem()))]);
    if let Some(passphrase) = key.expose_passphrase() {
        entries.insert("passphrase".to_owned(), Json::text(passphrase));
    }
    Json::Object(entries)
}

fn seed_entry(seed: &TotpSeed) -> Json {
    object([
        ("seed", Json::Text(seed.seed.clone())),
        ("algorithm", Json::text(seed.algorithm.as_str())),
        ("digits", number(seed.digits.into())),
        ("period", number(seed.period)),
    ])
}

fn lease_entry(lease: &StoredLease) -> Json {
    object([
        ("id", Json::text(lease.id.as_str())),
        ("session", Json::text(lease.session.as_str())),
        ("kind", name_of(&KINDS, &lease.kind)),
        ("since", moment(lease.since)),
        ("until", moment(lease.until)),
        ("certificates", number(lease.certificates.into())),
        ("renewal", lease.renewal.as_ref().map_or(Json::Null, |intent| Json::text(intent.as_str()))),
    ])
}

fn change_entry(change: &StoredChange) -> Json {
    let new = match &change.new {
        TargetCredential::PrivateKey(key) => ("key", key_entry(key)),
        TargetCredential::Password(password) => ("password", Json::text(password.expose())),
        other => unreachable!("no change is to {other:?}"),
    };
    object([
        ("lease", Json::text(change.lease.as_str())),
        ("diverged", Json::Boolean(change.has_diverged)),
        new,
    ])
}

/// The entries of an object that are not read yet. An entry that is left at the end is an error.
struct Object(JsonObject);

impl Object {
    fn account(mut self) -> Result<StoredAccount, AccountError> {
        if self.number(MARK.0)? != MARK.1 {
            return Err(AccountError::UnknownEntry);
        }
        let leases = self.list("leases", |lease| Self::of("leases", lease)?.lease())?;
        let voided = self.list("voided", |intent| match intent {
            Json::Text(intent) => Ok(LeaseId::new(intent.expose())?),
            _ => Err(AccountError::Entry { entry: "voided", expected: "texts" }),
        })?;
        let account = StoredAccount {
            password: self.optional("password")?,
            key: self.object("key")?.map(Self::key).transpose()?,
            totp: self.object("totp")?.map(Self::seed).transpose()?,
            has_certificates: self.flag("certificates")?,
            leases,
            change: self.object("change")?.map(Self::change).transpose()?,
            returned: self.object("returned")?.map(Self::returned).transpose()?,
            used_code: self.object("used_code")?.map(Self::used_code).transpose()?,
            voided,
        };
        self.empty(account)
    }

    fn of(entry: &'static str, value: Json) -> Result<Self, AccountError> {
        match value {
            Json::Object(entries) => Ok(Self(entries)),
            _ => Err(AccountError::Entry { entry, expected: "an object" }),
        }
    }

    /// Returns `read` if every entry was read.
    fn empty<T>(self, read: T) -> Result<T, AccountError> {
        if self.0.is_empty() { Ok(read) } else { Err(AccountError::UnknownEntry) }
    }

    fn object(&mut self, entry: &'static str) -> Result<Option<Self>, AccountError> {
        self.0.remove(entry).map(|value| Self::of(entry, value)).transpose()
    }

    fn list<T>(
        &mut self,
        entry: &'static str,
        read: impl FnMut(Json) -> Result<T, AccountError>,
    ) -> Result<Vec<T>, AccountError> {
        match self.0.remove(entry) {
            None => Ok(Vec::new()),
            Some(Json::Array(items)) => items.into_iter().map(read).collect(),
            Some(_) => Err(AccountError::Entry { entry, expected: "a list" }),
        }
    }

    fn optional(&mut self, entry: &'static str) -> Result<Option<SecretText>, AccountError> {
        match self.0.remove(entry) {
            None => Ok(None),
            Some(Json::Text(text)) => Ok(Some(text)),
            Some(_) => Err(AccountError::Entry { entry, expected: "a text" }),
        }
    }

    fn text(&mut self, entry: &'static str) -> Result<SecretText, AccountError> {
        self.optional(entry)?.ok_or(AccountError::Entry { entry, expected: "a text" })
    }

    fn flag(&mut self, entry: &'static str) -> Result<bool, AccountError> {
        match self.0.remove(entry) {
            None => Ok(false),
            Some(Json::Boolean(truth)) => Ok(truth),
            Some(_) => Err(AccountError::Entry { entry, expected: "true or false" }),
        }
    }

    fn number(&mut self, entry: &'static str) -> Result<u64, AccountError> {
        let number = match self.0.remove(entry) {
            Some(Json::Integer(number)) => number.decimal().parse().ok(),
            _ => None,
        };
        number.ok_or(AccountError::Entry { entry, expected: "a number that is not negative" })
    }

    fn small<T: TryFrom<u64>>(&mut self, entry: &'static str) -> Result<T, AccountError> {
        let number = T::try_from(self.number(entry)?);
        number.map_err(|_| AccountError::Entry { entry, expected: "a smaller number" })
    }

    fn moment(&mut self, entry: &'static str) -> Result<Timestamp, AccountError> {
        self.number(entry).map(Timestamp::from_milliseconds)
    }

    fn named<T: Copy>(
        &mut self,
        entry: &'static str,
        names: &[(T, &'static str)],
    ) -> Result<T, AccountError> {
        let text = self.text(entry)?;
        let found = names.iter().find(|(_, name)| *name == text.expose());
        found
            .map(|(value, _)| *value)
            .ok_or(AccountError::Entry { entry, expected: "one of the known names" })
    }

    fn lease_id(&mut self, entry: &'static str) -> Result<LeaseId, AccountError> {
        Ok(LeaseId::new(self.text(entry)?.expose())?)
    }

    fn intent(&mut self, entry: &'static str) -> Result<Option<IntentId>, AccountError> {
        match self.0.remove(entry) {
            Some(Json::Null) => Ok(None),
            Some(Json::Text(text)) => {
                let intent = IntentId::new(text.expose());
                intent.map(Some).ok_or(AccountError::Entry { entry, expected: "the id of an intent" })
            }
            _ => Err(AccountError::Entry { entry, expected: "a text or null" }),
        }
    }

    fn key(mut self) -> Result<PrivateKey, AccountError> {
        let passphrase = self.optional("passphrase")?;
        let key = PrivateKey::new(self.text("pem")?, passphrase)?;
        self.empty(key)
    }

    fn seed(mut self) -> Result<TotpSeed, AccountError> {
        let mut seed = TotpSeed::new(self.text("seed")?.expose())?;
        if self.0.contains_key("algorithm") {
            seed = seed.with_algorithm(self.text("algorithm")?.expose())?;
        }
        if self.0.contains_key("digits") {
            seed = seed.with_digits(self.small("digits")?)?;
        }
        if self.0.contains_key("period") {
            seed = seed.with_period(self.number("period")?)?;
        }
        self.empty(seed)
    }

    fn lease(mut self) -> Result<StoredLease, AccountError> {
        let lease = StoredLease {
            id: self.lease_id("id")?,
            session: SessionId::new(self.text("session")?.expose())?,
            kind: self.named("kind", &KINDS)?,
            since: self.moment("since")?,
            until: self.moment("until")?,
            certificates: self.small("certificates")?,
            renewal: self.intent("renewal")?,
        };
        self.empty(lease)
    }

    fn change(mut self) -> Result<StoredChange, AccountError> {
        let (lease, has_diverged) = (self.lease_id("lease")?, self.flag("diverged")?);
        let new = match self.object("key")? {
            Some(key) => TargetCredential::PrivateKey(key.key()?),
            None => TargetCredential::Password(Password::new(self.text("password")?)),
        };
        self.empty(StoredChange { lease, new, has_diverged })
    }

    fn returned(mut self) -> Result<Returned, AccountError> {
        let returned =
            Returned { lease: self.lease_id("lease")?, rotation: self.named("rotation", &ROTATIONS)? };
        self.empty(returned)
    }

    fn used_code(mut self) -> Result<UsedCode, AccountError> {
        let used = UsedCode { valid_from: self.moment("valid_from")?, lease: self.lease_id("lease")? };
        self.empty(used)
    }
}

#[cfg(test)]
mod tests;
