//! Rules about typed credentials: keys, certificates, one-time codes, remote applications.

use keyway_core::Clock as _;
use keyway_credentials::{CredentialKind, FetchOutcome, KeyType, TotpCode, TotpCodes};

use super::{APPS, Broken, CERTIFICATES, CODES, Checked, KEYS, StoreFixture, broken, ensure, rules};
use crate::credentials::given::{Given, word};

rules! {
    in StoreFixture;
    "CRE-020" Should needs KEYS from ["S7", "SPS/private_keys"]
        "The type of each private key can be read from the key, also if it needs a passphrase."
        key_types;
    "CRE-021" Should needs KEYS from ["S7"]
        "No private key is of DSA, which targets refuse by now."
        deprecated_keys;
    "CRE-022" Must needs CERTIFICATES from ["S7"]
        "A certificate is a line of OpenSSH, or PEM."
        certificates;
    "CRE-023" Must needs CODES from ["S7", "S10"]
        "A one-time code has a period, which has not ended."
        code_periods;
    "CRE-024" Must needs CODES from ["S10"]
        "One one-time code is not handed out twice in its period, also not to another session."
        code_once;
    "CRE-025" Must needs CODES from ["S10"]
        "When the period of a one-time code has ended, there is another one."
        next_code;
    "CRE-026" Must needs APPS from ["K1"]
        "The start of a remote application, and what is shown beside it, has no password."
        launch;
}

/// Fetches the example of a kind.
async fn given(fixture: &StoreFixture<'_>, kind: CredentialKind) -> Result<Given, Broken> {
    Ok(fixture.session()?.found(kind, &fixture.example(kind, 0)?).await?.given)
}

async fn each_key(fixture: &StoreFixture<'_>, expected: &str, is_it: fn(Option<KeyType>) -> bool) -> Checked {
    let Given::PrivateKeys(keys) = given(fixture, CredentialKind::PrivateKeys).await? else { return Ok(()) };
    for (number, key) in keys.iter().enumerate() {
        let facts = key.facts();
        let observed = format!("key {}: {:?} of the form {:?}", number + 1, facts.key_type, facts.form);
        ensure(is_it(facts.key_type), expected, observed)?;
    }
    Ok(())
}

async fn key_types(fixture: &StoreFixture<'_>) -> Checked {
    each_key(fixture, "keys whose type can be read", |key_type| key_type.is_some()).await
}

async fn deprecated_keys(fixture: &StoreFixture<'_>) -> Checked {
    let is_it = |key_type: Option<KeyType>| !key_type.is_some_and(KeyType::is_deprecated);
    each_key(fixture, "keys of a type that is not deprecated", is_it).await
}

async fn certificates(fixture: &StoreFixture<'_>) -> Checked {
    let Given::Certificates(all) = given(fixture, CredentialKind::Certificates).await? else { return Ok(()) };
    for credential in &all {
        let text = credential.certificate.trim();
        let word = text.split(' ').next().unwrap_or_default();
        let is_line = word.ends_with("-cert-v01@openssh.com") && !text.contains('\n');
        let is_pem = text.starts_with("-----BEGIN CERTIFICATE-----");
        ensure(is_line || is_pem, "a line of OpenSSH, or PEM", "a text of another form")?;
    }
    Ok(())
}

async fn codes(fixture: &StoreFixture<'_>) -> Result<TotpCodes, Broken> {
    match given(fixture, CredentialKind::TotpCodes).await? {
        Given::TotpCodes(codes) => Ok(codes),
        _ => Err(broken("one-time codes", "another kind")),
    }
}

async fn code_periods(fixture: &StoreFixture<'_>) -> Checked {
    let now = |fixture: &StoreFixture<'_>| fixture.clock.now();
    for code in &codes(fixture).await? {
        ensure(!code.period.is_zero(), "a period", "none")?;
        let end = code.valid_from.plus(code.period);
        ensure(end > now(fixture), "a code whose period has not ended", "one that is over")?;
    }
    Ok(())
}

/// Fetches one-time codes again without waiting. Returns the codes, if the store found any.
async fn again(fixture: &StoreFixture<'_>) -> Result<Option<TotpCodes>, Broken> {
    let kind = CredentialKind::TotpCodes;
    match fixture.session()?.fetch(kind, &fixture.example(kind, 0)?).await? {
        Ok(FetchOutcome::Found(found)) => match found.credentials {
            Given::TotpCodes(codes) => Ok(Some(codes)),
            _ => Ok(None),
        },
        _ => Ok(None),
    }
}

async fn code_once(fixture: &StoreFixture<'_>) -> Checked {
    let first = codes(fixture).await?;
    // The check-in of a lease does not make its code available again.
    fixture.give_all_back().await;
    for codes in again(fixture).await?.iter().flatten() {
        let twice = is_among(&first, codes);
        ensure(!twice, "another code, or none, within the period", "the same code again")?;
    }
    Ok(())
}

/// Tells whether one of the codes has the same digits. Its period does not matter, because the target compares digits.
fn is_among(all: &TotpCodes, other: &TotpCode) -> bool {
    all.iter().any(|code| code.code.expose() == other.code.expose())
}

async fn next_code(fixture: &StoreFixture<'_>) -> Checked {
    let first = codes(fixture).await?;
    fixture.give_all_back().await;
    let longest = first.iter().map(|code| code.period).max().unwrap_or(TotpCode::USUAL_PERIOD);
    fixture.clock.advance(longest);
    let kind = CredentialKind::TotpCodes;
    match fixture.session()?.fetch(kind, &fixture.example(kind, 0)?).await? {
        Ok(FetchOutcome::Found(found)) => match found.credentials {
            Given::TotpCodes(next) => {
                let same = next.iter().any(|code| is_among(&first, code));
                ensure(!same, "another code in the next period", "the same one")
            }
            _ => Err(broken("one-time codes", "another kind")),
        },
        Ok(other) => Err(broken("a code of the next period", word(&other))),
        Err(error) => Err(fixture.unexpected("totp_codes", &error)),
    }
}

async fn launch(fixture: &StoreFixture<'_>) -> Checked {
    let Given::RemoteApp(app) = given(fixture, CredentialKind::RemoteApp).await? else { return Ok(()) };
    let arguments = app.launch.as_ref().map(keyway_credentials::LaunchInformation::arguments);
    let host_app = app.launch.as_ref().and_then(|launch| launch.host_app.clone());
    let shown = arguments.into_iter().flatten().chain(host_app).chain(app.additional_information);
    let is_shown = shown.into_iter().any(|text| fixture.shows(&text));
    ensure(!is_shown, "a start without a password", "one that shows it")
}
