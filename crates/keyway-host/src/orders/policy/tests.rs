use super::*;

fn pattern(text: &str) -> NamePattern {
    NamePattern::new(text).unwrap()
}

fn owner() -> Owner {
    Owner::new("web").unwrap()
}

#[test]
fn every_name_and_the_key_must_be_allowed() {
    let rule = Rule::new()
        .name(pattern("*.example.org"))
        .name(pattern("example.org"))
        .key_type(KeyType::EcdsaP256)
        .key_type(KeyType::Rsa { bits: 3072 });
    let policy = AllowList::new().all_others(rule);
    let check = |asked: Asked<'_>| policy.check(&owner(), &asked).map_err(|refusal| refusal.to_string());

    assert_eq!(
        check(Asked::new(["example.org", "www.example.org"]).with_key_type(KeyType::Rsa { bits: 4096 })),
        Ok(())
    );
    assert_eq!(
        check(Asked::new(["example.org", "a.b\n"]).with_key_type(KeyType::EcdsaP256)),
        Err("the name \"a.b\\n\" is not allowed for \"web\": allowed are *.example.org, example.org"
            .to_owned())
    );
    assert_eq!(
        check(Asked::new(["example.org"]).with_key_type(KeyType::Rsa { bits: 2048 })),
        Err("a key of type RSA 2048 is not allowed for \"web\": allowed are ECDSA P-256, RSA 3072".to_owned())
    );
    assert_eq!(check(Asked::new(["example.org"])), Ok(()), "it is judged later");
    assert_eq!(
        check(Asked { key: AskedKey::Unknown, ..Asked::new(["example.org"]) }),
        Err("a key of unknown type is not allowed for \"web\": allowed are ECDSA P-256, RSA 3072".to_owned())
    );
}

#[test]
fn a_rule_of_an_owner_takes_the_place_of_the_general_one() {
    let policy = AllowList::new().all_others(Rule::new().name(pattern("*.org"))).owner(owner(), Rule::new());
    let asked = Asked::new(["example.org"]);
    assert_eq!(policy.check(&Owner::new("other").unwrap(), &asked), Ok(()));
    let refusal = policy.check(&owner(), &asked).unwrap_err();
    assert_eq!(refusal.to_string(), "the name \"example.org\" is not allowed for \"web\": allowed is none");
    assert_eq!(policy.check(&owner(), &Asked::default()), Ok(()));
}

#[test]
fn without_a_rule_nothing_is_allowed() {
    let refusal = AllowList::new().check(&owner(), &Asked::default()).unwrap_err();
    assert_eq!(refusal, PolicyRefusal::Owner { owner: owner() });
}
