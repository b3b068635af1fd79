//! Texts that a shell would run: nothing of them is run, wherever they stand.
//!
//! Who logs in chooses much of what a provider tells, and all that is entered; a state may be made of either.

use std::fs;
use std::path::Path;

use keyway_issuers::{CredentialRef, CredentialRequest, Json, Parameters, RequestOutcome, UserInfo};
use tempfile::TempDir;

use super::provoked::contained;
use super::rules;
use crate::issuers::place::{Desk, Place};
use crate::{Broken, broken, ensure};

rules! {
    "ISS-030" Must from ["WaTTS/user_info", "WaTTS/watts_userid", "W7"]
        "Nothing that the login told is run as a command, by no request and by no revocation; it may be refused."
        claims;
    "ISS-031" Must from ["WaTTS/params", "W7"]
        "Nothing that was entered is run as a command; it may be refused."
        entered;
    "ISS-032" Must from ["WaTTS/cred_state", "W7"]
        "Nothing that a state holds is run as a command; it may be refused."
        states;
}

/// What reaches out of a text that somebody put into a line of a shell: what it is called, and how it is
/// written, with `{}` for the command. Whatever follows on the line is a comment.
const FORMS: [(&str, &str); 6] = [
    ("$(...)", "$({})"),
    ("backquotes", "`{}`"),
    ("a semicolon", "; {} #"),
    ("a single quote", "'; {} #"),
    ("a double quote", "\"; {} #"),
    ("a line of its own", "\n{}\n"),
];

/// A folder that stays empty unless something is run.
struct Trap(TempDir);

/// A text that makes a file in the trap's folder when a shell gets it.
struct Bait {
    form: &'static str,
    text: String,
}

impl Trap {
    fn new() -> Result<Self, Broken> {
        // A path that needs no quotes: else what is run would not make the file that is looked for.
        let plain = |path: &Path| {
            path.to_str().is_some_and(|text| {
                text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/._-".contains(&byte))
            })
        };
        let folders = [std::env::temp_dir(), "/tmp".into()];
        let made = folders
            .iter()
            .filter(|folder| plain(folder))
            .find_map(|folder| tempfile::Builder::new().prefix("keyway-kit-").tempdir_in(folder).ok());
        let expected = "a folder for temporary files whose path is of letters, digits and `/._-`";
        made.map(Self).ok_or_else(|| broken(expected, "the system gave none: set TMPDIR"))
    }

    fn baits(&self) -> Vec<Bait> {
        FORMS.iter().map(|(form, text)| self.bait(form, text)).collect()
    }

    /// The commonest form, and all of them in one text, for whom each alone would take too long to ask. Some
    /// refuse the latter for its lines alone.
    fn few_baits(&self) -> [Bait; 2] {
        let (form, text) = FORMS[0];
        [self.bait(form, text), self.bait("every form", "$({})`{}`; {} #\n{}\n'; {} #\n\"; {} #")]
    }

    fn bait(&self, form: &'static str, text: &str) -> Bait {
        let command = format!("touch {}", self.0.path().join("was-run").display());
        Bait { form, text: text.replace("{}", &command) }
    }

    /// Demands that nothing was run. Any file will do: a shell may have made its name longer.
    fn is_empty(&self, of: &str, by: &str) -> Result<(), Broken> {
        let run = fs::read_dir(self.0.path()).map_or(true, |mut files| files.next().is_some());
        ensure(!run, format!("that nothing of {of} is run"), format!("a command in it was run by {by}"))
    }
}

impl Bait {
    /// A text that it is hidden in.
    fn behind(&self, text: &str) -> String {
        format!("{text}{}", self.text)
    }

    /// The same in every text of a value; what holds none is replaced.
    fn within(&self, value: &Json) -> Json {
        match value {
            Json::Text(text) => Json::text(self.behind(text.expose())),
            Json::Array(list) if !list.is_empty() => {
                Json::Array(list.iter().map(|value| self.within(value)).collect())
            }
            Json::Object(entries) if !entries.is_empty() => {
                Json::Object(entries.iter().map(|(name, value)| (name.clone(), self.within(value))).collect())
            }
            _ => Json::text(self.text.clone()),
        }
    }
}

/// The user of the example, with a bait in these claims.
fn told(user: &UserInfo, claims: &[String], bait: &Bait) -> UserInfo {
    let mut all = user.claims().clone();
    for claim in claims {
        let value = all.get(claim).map_or_else(|| Json::text(bait.text.clone()), |value| bait.within(value));
        all.insert(claim.clone(), value);
    }
    // Issuer and subject are the texts that they were, or longer.
    UserInfo::from_claims(all).unwrap_or_else(|| user.clone())
}

/// What a login told but for the issuer: operators say by name whose users they serve.
fn claims_of(user: &UserInfo) -> Vec<String> {
    user.claims().keys().filter(|name| *name != "iss").cloned().collect()
}

async fn claims(place: &Place<'_>) -> Result<(), Broken> {
    let trap = Trap::new()?;
    let desk = place.desk().await?;
    let user = &place.subject().example.user;
    let mut names = claims_of(user);
    if !names.iter().any(|name| name == "groups") {
        names.push("groups".to_owned());
    }
    let mut all_answered = true;
    for bait in trap.baits() {
        let what = format!("the claims, with {},", bait.form);
        let request = of_logins(of_user(desk.example()?, &told(user, &names, &bait)), &bait);
        all_answered &= is_answered(&desk, &trap, &request, &what).await?;
    }
    if all_answered {
        return Ok(());
    }
    // Each alone, since what is refused for one claim may not have come to the others.
    for bait in trap.few_baits() {
        for name in &names {
            let what = format!("the claim `{name}`, with {},", bait.form);
            let one = told(user, std::slice::from_ref(name), &bait);
            is_answered(&desk, &trap, &of_user(desk.example()?, &one), &what).await?;
        }
        if !place.subject().example.logins.is_empty() {
            let what = format!("the claims of another login, with {},", bait.form);
            is_answered(&desk, &trap, &of_logins(desk.example()?, &bait), &what).await?;
        }
        // A revocation sees the claims, too.
        if let Some(Ok((context, issued))) = contained(desk.made()).await {
            let all = of_user(CredentialRequest::new(context), &told(user, &names, &bait));
            let what = format!("the claims, with {},", bait.form);
            revoke(&desk, &trap, &of_logins(all, &bait), &issued.state, &what).await?;
        }
    }
    Ok(())
}

fn of_user(mut request: CredentialRequest, user: &UserInfo) -> CredentialRequest {
    request.context.user = user.user_id();
    request.context.user_info = user.clone();
    request
}

/// The same request with a bait in all that its other logins told.
fn of_logins(mut request: CredentialRequest, bait: &Bait) -> CredentialRequest {
    for login in &mut request.context.additional_logins {
        login.user_info = told(&login.user_info, &claims_of(&login.user_info), bait);
    }
    request
}

/// Asks, and revokes what was made; whether something was made.
async fn is_answered(
    desk: &Desk<'_, '_>,
    trap: &Trap,
    request: &CredentialRequest,
    of: &str,
) -> Result<bool, Broken> {
    // Whether it is answered well, refused well or panics is the business of other rules.
    let answer = contained(desk.request(request)).await;
    trap.is_empty(of, "a request")?;
    match answer {
        Some(Ok(RequestOutcome::Issued(issued))) => {
            revoke(desk, trap, request, &issued.state, of).await?;
            Ok(true)
        }
        _ => Ok(false),
    }
}

/// Revokes in the context of a request, however that ends.
async fn revoke(
    desk: &Desk<'_, '_>,
    trap: &Trap,
    request: &CredentialRequest,
    state: &CredentialRef,
    of: &str,
) -> Result<(), Broken> {
    if let Some(Ok(())) = contained(desk.revoke(&request.context, state)).await {
        desk.forget(state);
    }
    trap.is_empty(of, "a revocation")
}

async fn entered(place: &Place<'_>) -> Result<(), Broken> {
    let trap = Trap::new()?;
    let desk = place.desk().await?;
    let example = &place.subject().example;
    for set in desk.description.parameter_sets().iter().filter(|set| !set.is_empty()) {
        let usual = example.entered(set, false);
        let keys: Vec<_> = set.parameters().iter().map(|parameter| parameter.key.as_str()).collect();
        let mut all_answered = true;
        for bait in trap.baits() {
            let what = format!("{}, with {},", keys.join(", "), bait.form);
            let request = desk.asking(hidden(&usual, &keys, &bait))?;
            all_answered &= is_answered(&desk, &trap, &request, &what).await?;
        }
        if all_answered || keys.len() == 1 {
            continue;
        }
        // Each alone, since what is refused for one may not have come to the others.
        for bait in trap.few_baits() {
            for key in &keys {
                let what = format!("{key}, with {},", bait.form);
                let request = desk.asking(hidden(&usual, &[key], &bait))?;
                is_answered(&desk, &trap, &request, &what).await?;
            }
        }
    }
    Ok(())
}

/// What is usually entered, with a bait in some of it.
fn hidden(usual: &Parameters, keys: &[&str], bait: &Bait) -> Parameters {
    let mut values = usual.values().clone();
    for (key, value) in &mut values {
        if keys.contains(&key.as_str()) {
            *value = bait.within(value);
        }
    }
    values.into()
}

async fn states(place: &Place<'_>) -> Result<(), Broken> {
    let trap = Trap::new()?;
    let desk = place.desk().await?;
    let request = CredentialRequest::new(desk.context()?);
    // Behind a state of its own, which it may look at first, and alone.
    let made = contained(desk.made()).await.and_then(Result::ok);
    let state = made.map(|(_, issued)| issued.state);
    for bait in trap.baits() {
        let behind = state.as_ref().map(|state| bait.behind(state.as_str()));
        for state in behind.into_iter().chain([bait.text.clone()]) {
            let what = format!("a state, with {},", bait.form);
            revoke(&desk, &trap, &request, &CredentialRef::new(state), &what).await?;
        }
    }
    Ok(())
}

#[cfg(all(test, unix))]
mod tests {
    use std::process::Command;

    use super::*;

    /// Runs a line of a careless program, with the bait in the place of `{}`.
    fn catches(line: &str, removed: &[char], bait: impl Fn(&Trap) -> Bait) -> bool {
        let trap = Trap::new().unwrap();
        let text = bait(&trap).behind("joe").replace(removed, "");
        Command::new("sh").args(["-c", &line.replace("{}", &text)]).output().unwrap();
        trap.is_empty("it", "it").is_err()
    }

    #[test]
    fn every_bait_catches_a_line_that_the_others_may_miss() {
        for (bait, line, removed) in [
            (0, "echo \"/CN={}@example\" >/dev/null", &['"', '`'][..]),
            (1, "echo \"/CN={}@example\" >/dev/null", &['"', '$']),
            (2, "echo {} >/dev/null", &['"', '\'', '$', '`', '\n']),
            (3, "echo '{}' >/dev/null", &[]),
            (4, "echo \"{}\" >/dev/null", &['$', '`']),
            (5, "echo {} >/dev/null", &['"', '\'', '$', '`', ';']),
        ] {
            assert!(catches(line, removed, |trap| trap.baits().remove(bait)), "{}", FORMS[bait].0);
        }
        for bait in 0..FORMS.len() {
            assert!(!catches("echo nothing of it", &[], |trap| trap.baits().remove(bait)));
        }
    }

    #[test]
    fn all_forms_in_one_text_catch_every_careless_line() {
        for line in ["echo {} >/dev/null", "echo '{}' >/dev/null", "echo \"/CN={}@example\" >/dev/null"] {
            let all = |trap: &Trap| {
                let [_, all] = trap.few_baits();
                all
            };
            assert!(catches(line, &[], all), "{line}");
        }
    }

    #[test]
    fn a_careful_line_runs_nothing() {
        let trap = Trap::new().unwrap();
        for bait in trap.baits().into_iter().chain(trap.few_baits()) {
            let text = bait.behind("joe");
            let said = Command::new("sh").args(["-c", "printf %s \"$1\"", "sh", &text]).output().unwrap();
            assert_eq!(said.stdout, text.as_bytes());
        }
        trap.is_empty("it", "it").unwrap();
    }

    #[test]
    fn a_bait_is_in_every_text_of_a_value() {
        let bait = Bait { form: "it", text: "!".to_owned() };
        let value = |json| Json::from(json);
        assert!(bait.within(&value(serde_json::json!("a"))) == value(serde_json::json!("a!")));
        assert!(
            bait.within(&value(serde_json::json!({"a": ["b", 1], "c": []})))
                == value(serde_json::json!({"a": ["b!", "!"], "c": "!"}))
        );
    }
}
