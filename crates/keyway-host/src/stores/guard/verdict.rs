//! Judges whether a plugin's answer keeps the contract: pure functions of question and answer.

use std::collections::BTreeSet;

use keyway_core::SecretValue;
use keyway_secrets::{
    Capabilities, Cursor, Environment, EnvironmentChange, EnvironmentFilter, EnvironmentName,
    EnvironmentPage, ListQuery, NewEnvironment, NewSecret, NewValue, Secret, SecretAddress, SecretChange,
    SecretHeader, SecretPage, SecretRevision, SecretVersion, SecretWrite, StoreError, StoreInfo,
};

/// A violation, in words that hold no secret.
pub(super) type Violation = String;

pub(super) fn created(
    declared: Capabilities,
    asked: &Expected<'_>,
    answer: &SecretHeader,
) -> Result<(), Violation> {
    header(declared, asked.address, answer)?;
    ensure(
        answer.version.is_none_or(|version| version == SecretVersion::FIRST),
        "a new secret is not of version 1",
    )?;
    ensure(
        !declared.descriptions || answer.description.as_deref() == asked.description,
        "the description is another",
    )
}

/// The parts of a `create` that its answer must repeat.
pub(super) struct Expected<'a> {
    pub(super) address: &'a SecretAddress,
    pub(super) description: Option<&'a str>,
}

pub(super) fn modified(
    declared: Capabilities,
    address: &SecretAddress,
    expected: Option<&SecretRevision>,
    description: Option<&Option<String>>,
    answer: &SecretHeader,
) -> Result<(), Violation> {
    header(declared, address, answer)?;
    if let Some(expected) = expected {
        ensure(answer.id == expected.id, "the id is not the one that was expected")?;
        ensure(
            answer.version == expected.version.map(SecretVersion::next),
            "the version is not the one after that which was expected",
        )?;
    }
    ensure(
        description.is_none_or(|description| answer.description == *description),
        "the description is another",
    )
}

pub(super) fn got(declared: Capabilities, address: &SecretAddress, answer: &Secret) -> Result<(), Violation> {
    header(declared, address, &answer.header)?;
    value(declared, &answer.value)
}

pub(super) fn listed(
    declared: Capabilities,
    query: &ListQuery,
    answer: &SecretPage,
) -> Result<(), Violation> {
    ensure(answer.secrets.len() <= query.limit.max(1), "the page holds more than was asked for")?;
    page(answer.secrets.is_empty(), query.after.as_ref(), answer.next.as_ref())?;
    let mut seen = BTreeSet::new();
    for listed in &answer.secrets {
        let address = &listed.header.address;
        header(declared, address, &listed.header)?;
        ensure(seen.insert(address), "the page holds a secret twice")?;
        ensure(
            match &query.environment {
                EnvironmentFilter::All => true,
                EnvironmentFilter::Shared => address.environment.is_none(),
                EnvironmentFilter::In(environment) => address.environment.as_ref() == Some(environment),
            },
            "the page holds a secret of another environment",
        )?;
        match &listed.value {
            Some(listed) if query.with_values => value(declared, listed)?,
            None if !query.with_values => {}
            Some(_) => return Err("values came that were not asked for".to_owned()),
            None => return Err("values were asked for and did not come".to_owned()),
        }
    }
    Ok(())
}

pub(super) fn counted(answer: &StoreInfo) -> Result<(), Violation> {
    ensure(answer.secrets.exact, "the secrets were to be counted, and are estimated")
}

pub(super) fn environment_created(asked: &NewEnvironment, answer: &Environment) -> Result<(), Violation> {
    environment_of(&asked.name, answer)?;
    ensure(answer.external_url == asked.external_url, "the external URL is another")
}

pub(super) fn environment_modified(
    name: &EnvironmentName,
    change: &EnvironmentChange,
    answer: &Environment,
) -> Result<(), Violation> {
    environment_of(name, answer)?;
    ensure(answer.external_url == change.external_url, "the external URL is another")
}

pub(super) fn environment_of(name: &EnvironmentName, answer: &Environment) -> Result<(), Violation> {
    ensure(answer.name == *name, "the answer is about another environment")
}

pub(super) fn environments_listed(
    after: Option<&Cursor>,
    limit: usize,
    answer: &EnvironmentPage,
) -> Result<(), Violation> {
    ensure(answer.environments.len() <= limit.max(1), "the page holds more than was asked for")?;
    page(answer.environments.is_empty(), after, answer.next.as_ref())?;
    let names: BTreeSet<_> = answer.environments.iter().map(|environment| &environment.name).collect();
    ensure(names.len() == answer.environments.len(), "the page holds an environment twice")
}

/// Checks that the store declares such a value, or that it generates values.
///
/// # Errors
/// [`StoreError::Unsupported`] or [`StoreError::UnsupportedValue`], for the caller.
pub(super) fn supported_value(declared: Capabilities, value: &NewValue) -> Result<(), StoreError> {
    match value {
        NewValue::Generated(_) if !declared.generates_values => Err(NewValue::unsupported()),
        NewValue::Given(value) if !declared.stores(value.kind()) => {
            Err(StoreError::UnsupportedValue { kind: value.kind() })
        }
        _ => Ok(()),
    }
}

/// Checks that the store declares everything that a new secret needs, and that its name may be
/// created.
///
/// # Errors
/// [`StoreError::InvalidName`], and those of [`supported_value`].
pub(super) fn supported_creation(declared: Capabilities, secret: &NewSecret) -> Result<(), StoreError> {
    if secret.description.is_some() && !declared.descriptions {
        return Err(StoreError::Unsupported { what: "descriptions" });
    }
    supported_value(declared, &secret.value)?;
    Ok(secret.address.name.check_creatable()?)
}

/// Checks that the store declares everything that a change needs.
///
/// # Errors
/// Those of [`supported_value`].
pub(super) fn supported_change(declared: Capabilities, change: &SecretChange) -> Result<(), StoreError> {
    if change.expected.is_some() && !declared.versions {
        return Err(StoreError::Unsupported { what: "versions" });
    }
    if change.description.is_some() && !declared.descriptions {
        return Err(StoreError::Unsupported { what: "descriptions" });
    }
    change.value.as_ref().map_or(Ok(()), |value| supported_value(declared, value))
}

/// The parts of a write that its answer must repeat.
pub(super) struct Asked {
    address: SecretAddress,
    creates: bool,
    /// Whether it sets the description, even to none.
    describes: bool,
    description: Option<String>,
    expected: Option<SecretRevision>,
}

impl Asked {
    pub(super) fn of(write: &SecretWrite) -> Self {
        let mut asked = Self {
            address: write.address().clone(),
            creates: false,
            describes: true,
            description: None,
            expected: None,
        };
        match write {
            SecretWrite::Create(secret) => {
                asked.creates = true;
                asked.description.clone_from(&secret.description);
            }
            SecretWrite::Modify(_, change) => {
                asked.describes = change.description.is_some();
                asked.description = change.description.clone().flatten();
                asked.expected.clone_from(&change.expected);
            }
            _ => {}
        }
        asked
    }
}

pub(super) fn all_written(
    declared: Capabilities,
    asked: &[Asked],
    answers: &[SecretHeader],
) -> Result<(), Violation> {
    ensure(asked.len() == answers.len(), "there is not one header for each write")?;
    asked.iter().zip(answers).try_for_each(|(asked, answer)| {
        let Asked { address, description, expected, .. } = asked;
        if asked.creates {
            created(declared, &Expected { address, description: description.as_deref() }, answer)
        } else {
            modified(declared, address, expected.as_ref(), asked.describes.then_some(description), answer)
        }
    })
}

fn header(declared: Capabilities, address: &SecretAddress, header: &SecretHeader) -> Result<(), Violation> {
    ensure(header.address == *address, "the answer is about another secret")?;
    ensure(!header.id.is_empty(), "the id is empty")?;
    ensure(
        header.version.is_some() == declared.versions,
        "it declares whether it keeps versions, and does otherwise",
    )?;
    ensure(
        declared.descriptions || header.description.is_none(),
        "it declares that it keeps no descriptions, and gives one",
    )?;
    ensure(
        header.created.is_some() == declared.dates && header.modified.is_some() == declared.dates,
        "it declares whether it keeps dates, and does otherwise",
    )?;
    ensure(header.created <= header.modified, "the secret was modified before it was created")
}

fn value(declared: Capabilities, value: &SecretValue) -> Result<(), Violation> {
    ensure(declared.stores(value.kind()), "the value is of a kind that it declares not to hold")
}

fn page(empty: bool, after: Option<&Cursor>, next: Option<&Cursor>) -> Result<(), Violation> {
    ensure(!(empty && next.is_some()), "a page is empty although more follows")?;
    ensure(next.is_none() || next != after, "the next page begins where this one began")
}

fn ensure(holds: bool, violation: &str) -> Result<(), Violation> {
    if holds { Ok(()) } else { Err(violation.to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use keyway_core::Timestamp;
    use keyway_secrets::{ListedSecret, SecretName};

    fn address(name: &str) -> SecretAddress {
        SecretAddress::shared(SecretName::new(name).unwrap())
    }

    fn full(name: &str) -> SecretHeader {
        let time = Timestamp::from_milliseconds(5);
        SecretHeader::new("1", address(name)).with_version(SecretVersion::FIRST).with_dates(time, time)
    }

    #[test]
    fn an_answer_about_another_secret_is_a_violation() {
        let secret = Secret { header: full("b"), value: SecretValue::text("x") };
        assert!(got(Capabilities::FULL, &address("b"), &secret).is_ok());
        assert!(got(Capabilities::FULL, &address("a"), &secret).unwrap_err().contains("another secret"));
    }

    #[test]
    fn what_is_declared_is_held_against_what_comes() {
        let address = address("a");
        let header = |header: SecretHeader, declared| super::header(declared, &address, &header);
        assert!(header(full("a"), Capabilities::FULL).is_ok());
        assert!(header(full("a"), Capabilities::MINIMAL).is_err());
        let bare = SecretHeader::new("1", address.clone());
        assert!(header(bare.clone(), Capabilities::MINIMAL).is_ok());
        assert!(header(bare.clone(), Capabilities::FULL).is_err());
        assert!(header(SecretHeader::new("", address.clone()), Capabilities::MINIMAL).is_err());
        let described = bare.with_description(Some("d".into()));
        assert!(header(described, Capabilities::MINIMAL).is_err());
        let early = full("a").with_dates(Timestamp::from_milliseconds(2), Timestamp::from_milliseconds(1));
        assert!(header(early, Capabilities::FULL).is_err());
        let bytes =
            Secret { header: SecretHeader::new("1", address.clone()), value: SecretValue::bytes([1]) };
        assert!(got(Capabilities::MINIMAL, &address, &bytes).is_err());
    }

    #[test]
    fn values_are_made_only_where_that_is_declared() {
        let asked = NewValue::Generated(keyway_secrets::Recipe::new());
        let refused = supported_value(Capabilities::FULL, &asked);
        assert!(matches!(refused, Err(StoreError::Unsupported { what: "generated values" })));
        assert!(supported_value(Capabilities::MINIMAL.generating(), &asked).is_ok());
        let bytes = NewValue::Given(SecretValue::bytes([1]));
        let refused = supported_value(Capabilities::MINIMAL.generating(), &bytes);
        assert!(matches!(refused, Err(StoreError::UnsupportedValue { .. })));
        assert!(supported_value(Capabilities::FULL, &bytes).is_ok());
    }

    #[test]
    fn versions_count_up_one_by_one() {
        let third = SecretVersion::new(3).unwrap();
        let answer = |version| full("a").with_version(version);
        let check = |expected: Option<SecretHeader>, version| {
            let expected = expected.map(|header| header.revision());
            modified(Capabilities::FULL, &address("a"), expected.as_ref(), None, &answer(version))
        };
        assert!(check(Some(answer(third)), third.next()).is_ok());
        assert!(check(Some(answer(third)), third).is_err());
        let mut other = answer(third);
        other.id = "2".to_owned();
        assert!(check(Some(other), third.next()).unwrap_err().contains("the id"));
        assert!(check(None, third).is_ok());
        let asked = Expected { address: &address("a"), description: None };
        assert!(created(Capabilities::FULL, &asked, &answer(SecretVersion::FIRST)).is_ok());
        assert!(created(Capabilities::FULL, &asked, &answer(third)).is_err());
    }

    #[test]
    fn pages_are_held_to_the_question() {
        let entry = |name: &str| ListedSecret { header: full(name), value: None };
        let page = |names: &[&str], next: Option<&str>| SecretPage {
            secrets: names.iter().map(|name| entry(name)).collect(),
            next: next.map(Cursor::from_bytes),
        };
        let check = |query: &ListQuery, page: &SecretPage| listed(Capabilities::FULL, query, page);
        let two = ListQuery::all().limit(2);
        assert!(check(&two, &page(&["a", "b"], Some("n"))).is_ok());
        assert!(check(&two, &page(&["a", "b", "c"], None)).is_err());
        assert!(check(&two, &page(&["a", "a"], None)).is_err());
        assert!(check(&two, &page(&[], Some("n"))).is_err());
        let later = two.clone().after(Cursor::from_bytes("n"));
        assert!(check(&later, &page(&["a"], Some("n"))).is_err());
        assert!(check(&two.clone().with_values(), &page(&["a"], None)).is_err());
        let of = EnvironmentFilter::In(EnvironmentName::new("e").unwrap());
        assert!(check(&two.of(of), &page(&["a"], None)).is_err());
    }

    #[test]
    fn a_bulk_write_answers_for_each_write() {
        let writes = ["a", "b"].map(|name| {
            SecretWrite::Create(NewSecret::new(address(name), SecretValue::text("v")).with_description("d"))
        });
        let asked = writes.each_ref().map(Asked::of);
        let answer =
            |name: &str| full(name).with_version(SecretVersion::FIRST).with_description(Some("d".to_owned()));
        let judged = |names: &[&str]| {
            let answers: Vec<_> = names.iter().map(|name| answer(name)).collect();
            all_written(Capabilities::FULL, &asked, &answers)
        };
        assert_eq!(judged(&["a", "b"]), Ok(()));
        assert!(judged(&["a"]).is_err());
        assert!(judged(&["b", "a"]).is_err());
    }
}
