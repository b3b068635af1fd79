//! Rules about the authorities behind a connection: their descriptions, and subordinate authorities.

use std::collections::BTreeSet;

use keyway_certificates::{CaId, CaInformation, CreateCa, DeleteCa, Owner};
use keyway_core::{Clock as _, Effect, PluginError as _};

use super::outcomes::is_pem;
use super::{Broken, CREATES, CertificateFixture, Checked, DELETES, Handle, broken, ensure, rules};
use crate::lock::locked;
use crate::unique::{new_intent, unique};

rules! {
    in CertificateFixture;
    "CER-070" Must from ["Barbican/ca_info", "B14"]
        "At least one authority is described, each with an id and a name of its own."
        described;
    "CER-071" Must from ["Barbican/ca_info", "B14"]
        "No description has expired when it is given."
        not_expired;
    "CER-072" Must from ["Barbican/ca_info", "B14"]
        "The default authority, if there is one, is among those that are described; a single one is the default."
        default_among_them;
    "CER-073" Must from ["Barbican/ca_info", "B11"]
        "The certificates of an authority are PEM."
        pem;
    "CER-074" Must from ["Barbican/ca_info", "B14"]
        "Asked again, also after a restart, the same authorities are described, and asking has no effect."
        stable;
    "CER-075" Must needs CREATES from ["Barbican/sub_cas", "B19"]
        "A created authority has an id of its own and the name that was asked for, and is described, also after a restart."
        creates;
    "CER-076" Must needs CREATES from ["Barbican/sub_cas", "B10"]
        "An order can name a created authority."
        created_is_known;
    "CER-077" Must needs CREATES from ["Barbican/sub_cas", "R7"]
        "An authority below a parent that is not described is refused, and nothing is created."
        unknown_parent;
    "CER-078" Must needs DELETES from ["Barbican/sub_cas", "B19"]
        "A deleted authority is described no longer, and all others still are."
        deletes;
    "CER-079" Must needs DELETES from ["Barbican/sub_cas", "B19"]
        "Deleting an authority twice, or one that never was, succeeds."
        deletes_twice;
}

pub(super) async fn all(handle: &Handle<'_, '_>) -> Result<Vec<CaInformation>, Broken> {
    let all = handle.authority.ca_information().await;
    handle.record("ca_information", &all.as_ref().map(Vec::len));
    all.map_err(|error| handle.unexpected("ca_information", &error))
}

/// Makes a request for an authority below the first authority that the plugin describes.
pub(super) async fn creation(handle: &Handle<'_, '_>) -> Result<CreateCa, Broken> {
    let all = all(handle).await?;
    let Some(parent) = all.first() else { return Err(broken("an authority to be the parent", "none")) };
    let owner = Owner::new("kit").map_err(|error| broken("an owner of the kit", error.to_string()))?;
    let name = format!("Kit {}", unique());
    let subject = format!("CN={name}");
    Ok(CreateCa::new(new_intent(), name, subject, parent.id.clone(), owner)
        .with_description("Made by the kit"))
}

pub(super) async fn created(handle: &Handle<'_, '_>, request: &CreateCa) -> Result<CaInformation, Broken> {
    let created = handle.authority.create_ca(request).await;
    handle.record("create_ca", &created.as_ref().map(drop));
    if let Ok(made) = &created {
        locked(&handle.created).push(made.id.clone());
    }
    created.map_err(|error| handle.unexpected("create_ca", &error))
}

pub(super) async fn deleted(handle: &Handle<'_, '_>, request: &DeleteCa) -> Checked {
    let deleted = handle.authority.delete_ca(request).await;
    handle.record("delete_ca", &deleted.as_ref().map(drop));
    if deleted.is_ok() {
        locked(&handle.created).retain(|left| *left != request.ca);
    }
    deleted.map_err(|error| handle.unexpected("delete_ca", &error))
}

async fn described(fixture: &CertificateFixture<'_>) -> Checked {
    let all = all(&fixture.handle()?).await?;
    ensure(!all.is_empty(), "at least one authority", "none")?;
    let ids: BTreeSet<_> = all.iter().map(|ca| &ca.id).collect();
    ensure(ids.len() == all.len(), format!("{} ids", all.len()), ids.len().to_string())?;
    let names: BTreeSet<_> = all.iter().map(|ca| ca.name.trim()).collect();
    ensure(names.len() == all.len(), format!("{} names", all.len()), names.len().to_string())?;
    let is_plain = |name: &&str| !name.is_empty() && !name.contains(char::is_control);
    ensure(names.iter().all(is_plain), "names of one line", "a name that is empty or has control characters")
}

async fn not_expired(fixture: &CertificateFixture<'_>) -> Checked {
    let now = fixture.clock.now();
    let all = all(&fixture.handle()?).await?;
    let expired = all.iter().filter(|ca| ca.expiration.is_some_and(|expiration| expiration <= now)).count();
    ensure(expired == 0, "descriptions that expire later", format!("{expired} have expired"))
}

async fn default_among_them(fixture: &CertificateFixture<'_>) -> Checked {
    let handle = fixture.handle()?;
    let all = all(&handle).await?;
    let default = handle.authority.default_ca().await;
    let expected = "a default authority that is described";
    match default.map_err(|error| fixture.unexpected("default_ca", &error))? {
        Some(default) => {
            let among = all.iter().any(|ca| ca.id == default.id && ca.name == default.name);
            ensure(among, expected, "one that is not")
        }
        None => ensure(all.len() != 1, expected, "none, though there is a single one"),
    }
}

async fn pem(fixture: &CertificateFixture<'_>) -> Checked {
    for ca in all(&fixture.handle()?).await? {
        is_pem(ca.signing_certificate.as_ref(), "the certificate of an authority")?;
        is_pem(ca.intermediates.as_ref(), "the intermediates of an authority")?;
    }
    Ok(())
}

fn ids(all: &[CaInformation]) -> BTreeSet<CaId> {
    all.iter().map(|ca| ca.id.clone()).collect()
}

async fn stable(fixture: &CertificateFixture<'_>) -> Checked {
    let handle = fixture.handle()?;
    let before = fixture.listed().ok();
    let first = ids(&all(&handle).await?);
    for (handle, when) in [(handle, "when it is asked again"), (fixture.handle()?, "after a restart")] {
        let same = ids(&all(&handle).await?) == first;
        ensure(same, "the same authorities", format!("others {when}"))?;
    }
    ensure(fixture.listed().ok() == before, "no effect", "an effect")
}

async fn creates(fixture: &CertificateFixture<'_>) -> Checked {
    let handle = fixture.handle()?;
    let before = ids(&all(&handle).await?);
    let request = creation(&handle).await?;
    let made = created(&handle, &request).await?;
    ensure(!before.contains(&made.id), "an id of its own", "that of another authority")?;
    for (handle, when) in [(handle, "at once"), (fixture.handle()?, "after a restart")] {
        let all = all(&handle).await?;
        let is_it = |ca: &CaInformation| ca.id == made.id && ca.name == request.name;
        ensure(all.iter().any(is_it), format!("the new authority {when}, with its name"), "none")?;
        ensure(
            all.len() == before.len() + 1,
            format!("{} authorities", before.len() + 1),
            all.len().to_string(),
        )?;
    }
    Ok(())
}

async fn created_is_known(fixture: &CertificateFixture<'_>) -> Checked {
    let handle = fixture.handle()?;
    let made = created(&handle, &creation(&handle).await?).await?;
    let example = fixture.example().clone().ca(made.id);
    let mut order = fixture.order_of(example.metadata()?, &example)?;
    fixture.handle()?.certified(&mut order).await.map(drop)
}

async fn unknown_parent(fixture: &CertificateFixture<'_>) -> Checked {
    let handle = fixture.handle()?;
    let before = all(&handle).await?.len();
    let mut request = creation(&handle).await?;
    request.parent = nowhere()?;
    match handle.authority.create_ca(&request).await {
        Ok(_) => return Err(broken("a refusal", "an authority was created")),
        Err(error) => {
            let observed = format!("one that does not: {:?}", error.kind());
            ensure(error.effect() == Effect::None, "an error that says that nothing happened", observed)?;
        }
    }
    let after = all(&handle).await?.len();
    ensure(after == before, format!("{before} authorities"), after.to_string())
}

fn nowhere() -> Result<CaId, Broken> {
    CaId::new("kit-no-such-ca").map_err(|error| broken("an id of the kit", error.to_string()))
}

/// Creates an authority to delete. Skips the rule if the plugin cannot create authorities.
async fn one_to_delete(handle: &Handle<'_, '_>) -> Result<CaId, Broken> {
    if !handle.authority.capabilities().creates_cas {
        return Err(Broken::Missing { capability: "creates_cas" });
    }
    Ok(created(handle, &creation(handle).await?).await?.id)
}

async fn deletes(fixture: &CertificateFixture<'_>) -> Checked {
    let handle = fixture.handle()?;
    let (kept, gone) = (one_to_delete(&handle).await?, one_to_delete(&handle).await?);
    let mut expected = ids(&all(&handle).await?);
    deleted(&handle, &DeleteCa::new(new_intent(), gone.clone())).await?;
    expected.remove(&gone);
    for handle in [handle, fixture.handle()?] {
        let found = ids(&all(&handle).await?);
        ensure(!found.contains(&gone), "nothing under the deleted id", "it is still there")?;
        ensure(found == expected, format!("{} others", expected.len()), found.len().to_string())?;
    }
    deleted(&fixture.handle()?, &DeleteCa::new(new_intent(), kept)).await
}

async fn deletes_twice(fixture: &CertificateFixture<'_>) -> Checked {
    let handle = fixture.handle()?;
    if let Ok(gone) = one_to_delete(&handle).await {
        let request = DeleteCa::new(new_intent(), gone.clone());
        deleted(&handle, &request).await?;
        deleted(&handle, &request).await?;
        deleted(&fixture.handle()?, &DeleteCa::new(new_intent(), gone)).await?;
    }
    deleted(&handle, &DeleteCa::new(new_intent(), nowhere()?)).await
}
