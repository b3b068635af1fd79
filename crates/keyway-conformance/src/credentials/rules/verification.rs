//! Rules about verification: whether stored credentials still open their target.

use keyway_credentials::{Candidate, Verification, Verified};

use super::{Broken, Checked, StoreFixture, VERIFIES, ensure, nobody, placed_if_told, rules};

rules! {
    in StoreFixture;
    "CRE-100" Must needs VERIFIES from ["S10"]
        "The credentials of the example verify, and those of an account that the vault does not have are not found."
        opens;
    "CRE-101" Must needs VERIFIES from ["S10"]
        "Credentials that do not open their target are told as diverged."
        diverged;
    "CRE-102" Must needs VERIFIES from ["S10", "S3"]
        "A verification checks nothing out, and nothing in."
        without_effect;
}

async fn verified(fixture: &StoreFixture<'_>, candidate: Candidate, expected: Verified) -> Checked {
    let answer = fixture.open()?.verify(&Verification::new(candidate)).await;
    let answer = answer.map_err(|error| fixture.unexpected("verify", &error))?;
    ensure(answer == expected, format!("`{expected:?}`"), format!("`{answer:?}`"))
}

async fn opens(fixture: &StoreFixture<'_>) -> Checked {
    verified(fixture, nobody()?, Verified::NotFound).await?;
    verified(fixture, fixture.example(fixture.kind()?, 0)?, Verified::Opens).await
}

async fn diverged(fixture: &StoreFixture<'_>) -> Checked {
    let candidate = placed_if_told(fixture.subject().diverged.as_ref(), "diverged example")?;
    verified(fixture, candidate, Verified::Diverged).await
}

async fn without_effect(fixture: &StoreFixture<'_>) -> Result<(), Broken> {
    let before = fixture.held()?;
    let candidate = fixture.example(fixture.kind()?, 0)?;
    drop(fixture.open()?.verify(&Verification::new(candidate)).await);
    ensure(fixture.held()? == before, "the same leases held as before", "others, after `verify`")
}
