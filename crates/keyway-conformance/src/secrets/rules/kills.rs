//! Tests stores on files whose process is killed during a write.

use std::collections::{BTreeMap, BTreeSet};

use keyway_secrets::{SecretChange, SecretStore, StoreError};

use super::{
    Answer, Broken, Checked, FILES, Recorded, SecretNotFound, Snapshot, StoreFixture, at, ensure, new, rules,
    text,
};
use crate::secrets::expected_error::ExpectedError;
use crate::secrets::killed_run::{KilledRun, sizes_of_cuts};

rules! {
    in StoreFixture;
    "SEC-147" Must needs FILES from ["C6", "Convection/write"]
        "If the process is killed while it lengthens a file, every acknowledged write holds, and the interrupted one is whole or absent."
        looked_at_after_kills(Look::AtValues);
    "SEC-148" Must needs FILES from ["C6", "Convection/list"]
        "If the process is killed while it lengthens a file, lists and single reads agree, and the store can be written."
        looked_at_after_kills(Look::AtLists);
}

/// A write of the process: the name of the secret, the new value, and whether the secret exists before the write. A
/// write without a value destroys the secret.
type Write = (&'static str, Option<String>, bool);

/// The names of all secrets.
const NAMES: [&str; 5] = ["a", "b", "c", "d", "e"];

/// Lists the writes of the process. Some values are short and some long, so that the file that reaches a limit first is
/// not always the same one.
fn writes(destroys: bool) -> Vec<Write> {
    let value = |mark: char, length| Some(String::from(mark).repeat(length));
    let mut writes = vec![
        ("c", value('1', 10), false),
        ("a", value('2', 1500), true),
        ("d", value('3', 4000), false),
        ("d", value('4', 700), true),
        ("e", value('5', 2500), false),
    ];
    if destroys {
        writes.push(("a", None, true));
    }
    writes
}

async fn perform(store: &dyn SecretStore, (name, value, is_there): &Write) -> Result<(), StoreError> {
    match value {
        Some(value) if *is_there => store.modify(&at(name), SecretChange::value(text(value))).await.map(drop),
        Some(value) => store.create(new(name, value)).await.map(drop),
        None => store.destroy(&at(name), None).await,
    }
}

/// Returns the secrets after these writes.
fn after(writes: &[Write]) -> BTreeMap<&'static str, String> {
    let mut secrets = BTreeMap::from(["a", "b"].map(|name| (name, format!("value of {name}"))));
    for (name, value, _) in writes {
        match value {
            Some(value) => drop(secrets.insert(name, value.clone())),
            None => drop(secrets.remove(name)),
        }
    }
    secrets
}

/// The part of a store that a rule checks after a kill.
#[derive(Clone, Copy, Debug)]
enum Look {
    AtValues,
    AtLists,
}

impl Look {
    fn rule(self) -> &'static str {
        match self {
            Self::AtValues => "SEC-147",
            Self::AtLists => "SEC-148",
        }
    }
}

/// The store that is left after the process was killed.
struct Left<'a> {
    store: Recorded<'a>,
    /// The two correct contents of the store: without and with the write that was cut short.
    either: [BTreeMap<&'static str, String>; 2],
    when: String,
}

/// Kills a process at each cut, and checks the store that is left. The killed process also runs this function, but only
/// makes the writes.
async fn looked_at_after_kills(fixture: &StoreFixture<'_>, look: Look) -> Checked {
    if let Some(run) = KilledRun::of_this_process() {
        let fixture = run.fixture(fixture);
        let store = fixture.filled(&["a", "b"]).await?;
        run.mark(&BTreeSet::new())?;
        let mut before = fixture.files();
        for (number, write) in writes(store.capabilities().destroys).iter().enumerate() {
            run.begin(number)?;
            perform(&store, write).await.works("a write")?;
            let after = fixture.files();
            run.mark(&sizes_of_cuts(&before, &after))?;
            before = after;
        }
        return Ok(());
    }
    let writes = writes(fixture.subject().capabilities().destroys);
    let whole = KilledRun::new(fixture, look.rule(), None)?;
    let all = whole.acknowledged();
    ensure(
        all == writes.len(),
        format!("{} writes in a process of its own", writes.len()),
        format!("{all}"),
    )?;
    let mut kills = 0;
    for cut in whole.cuts() {
        let run = KilledRun::new(fixture, look.rule(), Some(cut))?;
        let done = run.acknowledged();
        kills += usize::from(done < writes.len());
        let either = [done, writes.len().min(done + 1)].map(|number| after(&writes[..number]));
        let when = format!("after {done} writes, killed as a file would pass {} bytes", cut.bytes);
        fixture.history().record(&when);
        let left = Left { store: run.fixture(fixture).open()?, either, when };
        match look {
            Look::AtValues => left.must_hold_values().await?,
            Look::AtLists => left.must_list_what_it_reads().await?,
        }
    }
    if kills == 0 { Err(Broken::Missing { capability: "files that get longer" }) } else { Ok(()) }
}

impl Left<'_> {
    /// Reads a secret. Returns `None` if it does not exist.
    async fn read(&self, name: &str) -> Result<Option<String>, Broken> {
        match self.store.get(&at(name)).await {
            Err(error) if ExpectedError::of(&error) == SecretNotFound => Ok(None),
            answer => {
                let secret = answer.works(&format!("reading `{name}` {}", self.when))?;
                Ok(Some(secret.value.expose_text().unwrap_or_default().to_owned()))
            }
        }
    }

    async fn must_hold_values(&self) -> Checked {
        for name in NAMES {
            let read = self.read(name).await?;
            let fits = self.either.iter().any(|secrets| secrets.get(name) == read.as_ref());
            let observed = if read.is_some() { "another value" } else { "nothing" };
            ensure(fits, format!("`{name}` as before or as after the last write {}", self.when), observed)?;
        }
        Ok(())
    }

    async fn must_list_what_it_reads(&self) -> Checked {
        let later = self.store.create(new("later", "v")).await;
        later.works(&format!("a write {}", self.when))?;
        let listed = Snapshot::of(&self.store).await?.secrets;
        for name in NAMES.into_iter().chain(["later"]) {
            let shown = listed.get(&at(name)).and_then(|(_, value)| value.expose_text());
            let read = self.read(name).await?;
            let observed = format!("it is listed: {}, it can be read: {}", shown.is_some(), read.is_some());
            let expected = format!("`{name}` in a list as in a read {}", self.when);
            ensure(shown == read.as_deref(), expected, observed)?;
        }
        ensure(listed.contains_key(&at("later")), "the later secret in a list", "it is missing")
    }
}
