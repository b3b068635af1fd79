use std::sync::LazyLock;

use proptest::prelude::*;
use ssh_key::rand_core::OsRng;
use ssh_key::{Algorithm, LineEnding};

use super::*;

static KEY: LazyLock<String> = LazyLock::new(|| {
    let key = ssh_key::PrivateKey::random(&mut OsRng, Algorithm::Ed25519).unwrap();
    key.to_openssh(LineEnding::LF).unwrap().to_string()
});

fn read_value(value: &serde_json::Value) -> Result<StoredAccount, AccountError> {
    read(&value.to_string())
}

#[test]
fn a_plain_text_is_a_password_or_a_key() {
    for password in ["correct horse", "", "{", "{\"a\": 1}", "  spaces  "] {
        assert_eq!(read(password).unwrap(), StoredAccount::new().with_password(password), "{password}");
    }
    let key = read(&KEY).unwrap();
    assert!(key.password.is_none() && key.key.is_some());
    assert!(matches!(read("-----BEGIN OPENSSH PRIVATE KEY-----\nAA\n"), Err(AccountError::Key(_))));
}

#[test]
fn the_form_is_the_documented_one() {
    let account = read_value(&serde_json::json!({
        "keyway-vaulted": 1,
        "password": "correct horse",
        "key": { "pem": *KEY },
        "totp": { "seed": "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ" },
        "certificates": true,
    }))
    .unwrap();
    let seed = TotpSeed::new("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ").unwrap();
    let key = PrivateKey::new(KEY.as_str(), None).unwrap();
    let expected = StoredAccount::new().with_password("correct horse").with_key(key).with_totp(seed);
    assert_eq!(account, expected.with_certificates());
}

#[test]
fn other_objects_are_refused_without_their_content() {
    let account = |more: &str| format!("{{\"keyway-vaulted\": 1, {more}}}");
    for refused in [
        "{\"keyway-vaulted\": 2}".to_owned(),
        "{\"keyway-vaulted\": 1".to_owned(),
        account("\"password\": 7"),
        account("\"password\": \"n33dle\", \"new\": \"n33dle\""),
        account("\"password\": \"n33dle\", \"password\": \"b\""),
        account("\"key\": {\"pem\": \"n33dle\"}"),
        account("\"key\": {\"pem\": \"n33dle\", \"other\": 1}"),
        account("\"totp\": {\"seed\": \"n33dle\"}"),
        account("\"leases\": {}"),
        account("\"leases\": [{\"id\": \"\"}]"),
        account("\"leases\": [{\"id\": \"a\", \"session\": \"s\", \"kind\": \"n33dle\"}]"),
        account("\"change\": {\"lease\": \"a\"}"),
        account("\"used_code\": {\"valid_from\": -1, \"lease\": \"a\"}"),
    ] {
        let error = read(&refused).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("n33dle"), "{error}");
    }
}

fn lease_id() -> impl Strategy<Value = LeaseId> {
    "[a-z0-9-]{1,9}".prop_map(|id| LeaseId::new(id).unwrap())
}

fn moments() -> impl Strategy<Value = Timestamp> {
    any::<u64>().prop_map(Timestamp::from_milliseconds)
}

fn lease() -> impl Strategy<Value = StoredLease> {
    let kinds = prop::sample::select(KINDS.map(|(kind, _)| kind).to_vec());
    let renewals = prop::option::of("[a-z0-9-]{1,9}");
    (lease_id(), "\\PC{1,9}", kinds, moments(), moments(), any::<u32>(), renewals).prop_map(
        |(id, session, kind, since, until, certificates, renewal)| StoredLease {
            id,
            session: SessionId::new(session).unwrap(),
            kind,
            since,
            until,
            certificates,
            renewal: renewal.and_then(IntentId::new),
        },
    )
}

fn change() -> impl Strategy<Value = StoredChange> {
    (lease_id(), ".{0,9}", any::<[bool; 2]>()).prop_map(|(lease, secret, [is_key, has_diverged])| {
        let new = if is_key {
            TargetCredential::PrivateKey(PrivateKey::new(KEY.as_str(), None).unwrap())
        } else {
            TargetCredential::Password(Password::new(secret))
        };
        StoredChange { lease, new, has_diverged }
    })
}

prop_compose! {
    fn accounts()(
        password in prop::option::of(".{0,9}"),
        [has_key, has_seed, has_certificates] in any::<[bool; 3]>(),
        leases in prop::collection::vec(lease(), 0..3),
        change in prop::option::of(change()),
        returned in prop::option::of((lease_id(), prop::sample::select(ROTATIONS.map(|(it, _)| it).to_vec()))),
        used_code in prop::option::of((moments(), lease_id())),
        voided in prop::collection::vec(lease_id(), 0..3),
    ) -> StoredAccount {
        let seed = || TotpSeed::new("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ").unwrap();
        StoredAccount {
            password: password.map(SecretText::from),
            key: has_key.then(|| PrivateKey::new(KEY.as_str(), None).unwrap()),
            totp: has_seed.then(|| seed().with_algorithm("SHA256").unwrap().with_digits(8).unwrap()),
            has_certificates,
            leases,
            change,
            returned: returned.map(|(lease, rotation)| Returned { lease, rotation }),
            used_code: used_code.map(|(valid_from, lease)| UsedCode { valid_from, lease }),
            voided,
        }
    }
}

proptest! {
    #[test]
    fn a_written_account_is_read(account in accounts()) {
        prop_assert_eq!(read(&write(&account)).unwrap(), account);
    }

    #[test]
    fn any_text_is_read_or_refused(text in "\\{\"keyway-vaulted\": ?1,?.{0,40}") {
        let _ = read(&text);
    }
}
