//! Tests from which sources a client takes its credentials for the service.

use std::fs;
use std::path::Path;

use super::{
    Broken, Checked, ClientAnswer, GivenCredentials, SecretStoreSubject, StoreFixture, TakenCredentials,
    broken, ensure, rules,
};
use crate::notation::needs;

needs! {
    of SecretStoreSubject;
    CREDENTIALS "credentials of a service"
        |subject| subject.client.credentials(&GivenCredentials::default()).is_some();
}

rules! {
    in StoreFixture;
    "SEC-270" Must needs CREDENTIALS from ["L7", "Locker/credentials"]
        "Each field of the credentials comes from the explicit value, else from the environment (`LOCKER_` forms first), else from `~/.locker/credentials`; a blank value counts as missing."
        fields_have_their_precedence plain;
    "SEC-271" Must needs CREDENTIALS from ["L7", "L6", "Locker/credentials", "Locker/errors"]
        "A missing key is `unauthorized`, a file that others can read is refused, and neither key shows in an error or a debugging text."
        bad_credentials_are_refused plain;
}

/// The default address of the service, as the seed documents it.
const DEFAULT_API_BASE: &str = "https://api.locker.io/locker_secrets";

/// Chooses the content of one source of a field at random: missing, blank, or a value.
fn place(fixture: &StoreFixture<'_>, value: &str) -> Option<String> {
    match fixture.random() % 4 {
        0 | 1 => None,
        2 => Some(["", " ", "\t"][usize::try_from(fixture.random() % 3).unwrap_or(0)].to_owned()),
        _ => Some(value.to_owned()),
    }
}

/// Returns the first value that is not blank.
fn first(places: &[&Option<String>]) -> Option<String> {
    places.iter().find_map(|place| place.as_ref().filter(|text| !text.trim().is_empty()).cloned())
}

fn write_file(home: &Path, fields: &[(&str, &Option<String>)], mode: u32) -> Checked {
    let text: String = fields
        .iter()
        .filter_map(|(name, value)| value.as_ref().map(|value| format!("{name} = {value}\n")))
        .collect();
    let folder = home.join(".locker");
    let file = folder.join("credentials");
    let written = fs::create_dir_all(&folder).and_then(|()| fs::write(&file, text));
    #[cfg(unix)]
    let written = written.and_then(|()| {
        use std::os::unix::fs::PermissionsExt as _;
        fs::set_permissions(&file, fs::Permissions::from_mode(mode))
    });
    let _ = mode;
    written.map_err(|error| broken("a file of credentials to test with", format!("the system: {error}")))
}

fn home() -> Result<tempfile::TempDir, Broken> {
    tempfile::tempdir().map_err(|error| broken("a folder to work in", format!("the system: {error}")))
}

fn fields_have_their_precedence(fixture: &StoreFixture<'_>) -> Checked {
    for _ in 0..60 {
        let home = home()?;
        // The four sources of a field: an explicit value, the variable with the prefix `LOCKER_`, the variable without
        // the prefix (which the base does not have), and the file.
        let [id, key, base] = ["id", "key", "https://base"].map(|field| {
            ["explicit", "locker", "plain", "file"].map(|from| place(fixture, &format!("{field}-{from}")))
        });
        write_file(
            home.path(),
            &[("access_key_id", &id[3]), ("secret_access_key", &key[3]), ("api_base", &base[3])],
            0o600,
        )?;
        let mut environment = vec![("HOME".to_owned(), home.path().to_string_lossy().into_owned())];
        for (name, value) in [
            ("LOCKER_ACCESS_KEY_ID", &id[1]),
            ("ACCESS_KEY_ID", &id[2]),
            ("LOCKER_SECRET_ACCESS_KEY", &key[1]),
            ("SECRET_ACCESS_KEY", &key[2]),
            ("LOCKER_API_BASE", &base[1]),
        ] {
            environment.extend(value.as_ref().map(|value| (name.to_owned(), value.clone())));
        }
        let given = GivenCredentials {
            access_key_id: id[0].clone(),
            secret_access_key: key[0].clone(),
            api_base: base[0].clone(),
            environment,
        };
        let Some(taken) = fixture.subject().client.credentials(&given) else {
            return Err(Broken::Missing { capability: "credentials of a service" });
        };
        let all = |field: &[Option<String>; 4]| first(&[&field[0], &field[1], &field[2], &field[3]]);
        let which =
            format!("from id {id:?}, key {key:?}, base {base:?} (explicit, LOCKER_ form, plain form, file)");
        let (Some(id), Some(key)) = (all(&id), all(&key)) else {
            taken.fails_as("credentials without a key", "unauthorized")?;
            continue;
        };
        // The base has only three sources: no variable without the prefix sets it.
        let base = first(&[&base[0], &base[1], &base[3]]).unwrap_or_else(|| DEFAULT_API_BASE.to_owned());
        let TakenCredentials { access_key_id, secret_access_key, api_base, .. } =
            taken.works("credentials with both keys")?;
        let right = access_key_id == id && secret_access_key == key && api_base == base;
        let observed = format!("{access_key_id:?}, {secret_access_key:?} and {api_base:?}");
        ensure(right, format!("{id:?}, {key:?} and {base:?} {which}"), observed)?;
    }
    Ok(())
}

fn bad_credentials_are_refused(fixture: &StoreFixture<'_>) -> Checked {
    let home = home()?;
    let [id, key] = ["id", "key"].map(|field| format!("Kanari-{field}-{:016x}", fixture.random()));
    let lent = |more: &[(&str, &str)]| {
        let mut environment = vec![("HOME".to_owned(), home.path().to_string_lossy().into_owned())];
        environment.extend(more.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        GivenCredentials { environment, ..GivenCredentials::default() }
    };
    let take = |given: &GivenCredentials| {
        let taken = fixture.subject().client.credentials(given);
        taken.ok_or(Broken::Missing { capability: "credentials of a service" })
    };
    let mut shown = Vec::new();
    let alone = take(&lent(&[("LOCKER_SECRET_ACCESS_KEY", &key)]))?;
    shown.push(alone.fails_as("a secret access key alone", "unauthorized")?.shown);
    let alone = take(&lent(&[("LOCKER_ACCESS_KEY_ID", &id)]))?;
    shown.push(alone.fails_as("an access key ID alone", "unauthorized")?.shown);
    let (id, key) = (Some(id), Some(key));
    let fields = [("access_key_id", &id), ("secret_access_key", &key)];
    write_file(home.path(), &fields, 0o600)?;
    shown.push(take(&lent(&[]))?.works("a file that only its owner can read")?.shown);
    #[cfg(unix)]
    for mode in [0o604, 0o640, 0o644] {
        write_file(home.path(), &fields, mode)?;
        match take(&lent(&[]))? {
            Ok(_) => return Err(broken(format!("a file of mode {mode:o} refused"), "it was read")),
            Err(failure) => shown.push(failure.shown),
        }
    }
    write_file(home.path(), &[("access_key_id", &id), ("secret_access_key\n=", &key)], 0o600)?;
    shown.extend(take(&lent(&[]))?.err().map(|failure| failure.shown));
    for canary in [&id, &key].into_iter().flatten() {
        let clean = !shown.iter().any(|text| text.contains(canary));
        ensure(clean, "neither key in an error or a debugging text", "one shows there")?;
    }
    Ok(())
}
