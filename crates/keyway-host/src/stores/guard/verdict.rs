//! Judges whether a plugin's answer keeps the contract. The functions are pure: they depend on question and answer
//! only.

use std::collections::BTreeSet;

use keyway_core::SecretValue;
use keyway_secrets::{
    Capabilities, Cursor, Environment, EnvironmentFilter, EnvironmentName, EnvironmentPage, ListQuery,
    NewSecret, NewValue, Secret, SecretAddress, SecretChange, SecretHeader, SecretPage, SecretRevision,
    SecretVersion, StoreError, StoreInfo,
};

/// The description of a violation. It holds no secret.
pub(super) type Violation = String;

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

pub(super) fn counted<Q>(_: Capabilities, _: &Q, answer: &StoreInfo) -> Result<(), Violation> {
    ensure(answer.secrets.exact, "the secrets were to be counted, and are estimated")
}

pub(super) fn environment_written(
    declared: Capabilities,
    (name, external_url): &(EnvironmentName, Option<String>),
    answer: &Environment,
) -> Result<(), Violation> {
    environment_of(declared, name, answer)?;
    ensure(answer.external_url == *external_url, "the external URL is another")
}

pub(super) fn environment_of(
    _: Capabilities,
    name: &EnvironmentName,
    answer: &Environment,
) -> Result<(), Violation> {
    ensure(answer.name == *name, "the answer is about another environment")
}

pub(super) fn environments_listed(
    _: Capabilities,
    (after, limit): &(Option<Cursor>, usize),
    answer: &EnvironmentPage,
) -> Result<(), Violation> {
    ensure(answer.environments.len() <= (*limit).max(1), "the page holds more than was asked for")?;
    page(answer.environments.is_empty(), after.as_ref(), answer.next.as_ref())?;
    let names: BTreeSet<_> = answer.environments.iter().map(|environment| &environment.name).collect();
    ensure(names.len() == answer.environments.len(), "the page holds an environment twice")
}

/// Checks that the store declares all that a write needs: that it accepts this type of value or makes values itself,
/// keeps descriptions if the write `describes` the secret, and keeps versions if the write `expects` a version.
///
/// # Errors
/// [`StoreError::Unsupported`] or [`StoreError::UnsupportedValue`], for the caller.
pub(super) fn supported(
    declared: Capabilities,
    value: Option<&NewValue>,
    describes: bool,
    expects: bool,
) -> Result<(), StoreError> {
    match value {
        _ if expects && !declared.versions => Err(StoreError::Unsupported { what: "versions" }),
        _ if describes && !declared.descriptions => Err(StoreError::Unsupported { what: "descriptions" }),
        Some(NewValue::Generated(_)) if !declared.generates_values => Err(NewValue::unsupported()),
        Some(NewValue::Given(value)) if !declared.stores(value.kind()) => {
            Err(StoreError::UnsupportedValue { kind: value.kind() })
        }
        _ => Ok(()),
    }
}

/// The parts of a write that its answer must repeat.
pub(super) struct Asked {
    pub(super) address: SecretAddress,
    creates: bool,
    /// Whether the write sets or removes the description.
    describes: bool,
    description: Option<String>,
    expected: Option<SecretRevision>,
}

impl Asked {
    /// Checks that the store declares all that a new secret needs, and that its name may be created.
    ///
    /// # Errors
    /// [`StoreError::InvalidName`], and those of [`supported`].
    pub(super) fn create(declared: Capabilities, secret: &NewSecret) -> Result<Self, StoreError> {
        supported(declared, Some(&secret.value), secret.description.is_some(), false)?;
        secret.address.name.check_creatable()?;
        let (address, description) = (secret.address.clone(), secret.description.clone());
        Ok(Self { address, creates: true, describes: true, description, expected: None })
    }

    /// Checks that the store declares all that a change needs.
    ///
    /// # Errors
    /// Those of [`supported`].
    pub(super) fn modify(
        declared: Capabilities,
        address: &SecretAddress,
        change: &SecretChange,
    ) -> Result<Self, StoreError> {
        let (describes, expected) = (change.description.is_some(), change.expected.clone());
        supported(declared, change.value.as_ref(), describes, expected.is_some())?;
        let description = change.description.clone().flatten();
        Ok(Self { address: address.clone(), creates: false, describes, description, expected })
    }
}

pub(super) fn written(declared: Capabilities, asked: &Asked, answer: &SecretHeader) -> Result<(), Violation> {
    header(declared, &asked.address, answer)?;
    ensure(
        !asked.creates || answer.version.is_none_or(|version| version == SecretVersion::FIRST),
        "a new secret is not of version 1",
    )?;
    if let Some(expected) = &asked.expected {
        ensure(answer.id == expected.id, "the id is not the one that was expected")?;
        ensure(
            answer.version == expected.version.map(SecretVersion::next),
            "the version is not the one after that which was expected",
        )?;
    }
    ensure(!asked.describes || answer.description == asked.description, "the description is another")
}

pub(super) fn all_written(
    declared: Capabilities,
    asked: &impl AsRef<[Asked]>,
    answers: &impl AsRef<[SecretHeader]>,
) -> Result<(), Violation> {
    let (asked, answers) = (asked.as_ref(), answers.as_ref());
    ensure(asked.len() == answers.len(), "there is not one header for each write")?;
    asked.iter().zip(answers).try_for_each(|(asked, answer)| written(declared, asked, answer))
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
    fn an_answer_is_compared_with_the_declaration() {
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
        let supported_value = |declared, value| supported(declared, Some(value), false, false);
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
            let change = SecretChange::value(SecretValue::text("v"));
            let change = match &expected {
                Some(expected) => change.if_unchanged(expected),
                None => change,
            };
            let asked = Asked::modify(Capabilities::FULL, &address("a"), &change).unwrap();
            written(Capabilities::FULL, &asked, &answer(version))
        };
        assert!(check(Some(answer(third)), third.next()).is_ok());
        assert!(check(Some(answer(third)), third).is_err());
        let mut other = answer(third);
        other.id = "2".to_owned();
        assert!(check(Some(other), third.next()).unwrap_err().contains("the id"));
        assert!(check(None, third).is_ok());
        let asked = NewSecret::new(address("a"), SecretValue::text("v"));
        let asked = Asked::create(Capabilities::FULL, &asked).unwrap();
        assert!(written(Capabilities::FULL, &asked, &answer(SecretVersion::FIRST)).is_ok());
        assert!(written(Capabilities::FULL, &asked, &answer(third)).is_err());
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
        let asked = ["a", "b"].map(|name| {
            let secret = NewSecret::new(address(name), SecretValue::text("v")).with_description("d");
            Asked::create(Capabilities::FULL, &secret).unwrap()
        });
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
