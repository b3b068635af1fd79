//! Decides for which names and key types an owner may order certificates.

use std::collections::BTreeMap;
use std::fmt;

use keyway_certificates::Owner;
use keyway_x509::KeyType;

use super::name_pattern::NamePattern;

/// Decides which certificates an owner may order (decision B18).
///
/// The host supplies a policy. [`AllowList`] is a ready-made policy, which consists of rules for owners. A rule lists
/// the names and key types that are allowed.
pub trait OrderPolicy: fmt::Debug + Send + Sync {
    /// Checks an order. The function must not block; a panic counts as a refusal.
    ///
    /// # Errors
    /// [`PolicyRefusal`] tells which name or key type is not allowed, and which rule the order breaks.
    fn check(&self, owner: &Owner, asked: &Asked<'_>) -> Result<(), PolicyRefusal>;
}

/// The parts of an order that a policy judges.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Asked<'a> {
    /// Each name that the certificate is to have: the alternative names, and the common names and e-mail addresses of
    /// the subject.
    pub names: Vec<&'a str>,
    /// The key.
    pub key: AskedKey,
}

/// The key of an order, as far as the host knows it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AskedKey {
    /// The order has no key yet. The key is judged once the certificate exists.
    #[default]
    Later,
    /// The host does not know the type of the key.
    Unknown,
    /// The key has this type.
    Known(KeyType),
}

impl<'a> Asked<'a> {
    /// Describes an order with these names, whose key is not known yet.
    pub fn new(names: impl IntoIterator<Item = &'a str>) -> Self {
        Self { names: names.into_iter().collect(), key: AskedKey::Later }
    }

    /// Sets the type of the key.
    #[must_use]
    pub const fn with_key_type(mut self, key_type: KeyType) -> Self {
        self.key = AskedKey::Known(key_type);
        self
    }
}

/// The names and key types that are allowed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rule {
    names: Vec<NamePattern>,
    key_types: Vec<KeyType>,
}

impl Rule {
    /// Creates a rule that allows keys of every type, but no names.
    pub fn new() -> Self {
        Self::default()
    }

    /// Allows the names that a pattern matches.
    #[must_use]
    pub fn name(mut self, pattern: NamePattern) -> Self {
        self.names.push(pattern);
        self
    }

    /// Adds a type to the allowed types of keys. Once a type is added, all types that were not added are refused. An
    /// RSA type also allows longer RSA keys.
    #[must_use]
    pub fn key_type(mut self, key_type: KeyType) -> Self {
        self.key_types.push(key_type);
        self
    }

    fn allows_key(&self, key: AskedKey) -> bool {
        let key_type = match key {
            AskedKey::Later => return true,
            AskedKey::Unknown => return self.key_types.is_empty(),
            AskedKey::Known(key_type) => key_type,
        };
        let fits = |allowed: &KeyType| match (allowed, key_type) {
            (KeyType::Rsa { bits: least }, KeyType::Rsa { bits }) => bits >= *least,
            (allowed, key_type) => key_type == *allowed,
        };
        self.key_types.is_empty() || self.key_types.iter().any(fits)
    }
}

/// A policy that allows the names and key types of a list, and nothing else.
///
/// ```
/// use keyway_certificates::Owner;
/// use keyway_host::orders::{AllowList, Asked, KeyType, NamePattern, OrderPolicy as _, Rule};
///
/// let (web, other) = (Owner::new("web team")?, Owner::new("others")?);
/// let hosts = Rule::new().name(NamePattern::new("*.shop.example.org")?).key_type(KeyType::EcdsaP256);
/// let policy = AllowList::new().owner(web.clone(), hosts);
///
/// let asked = Asked::new(["www.shop.example.org"]).with_key_type(KeyType::EcdsaP256);
/// assert!(policy.check(&web, &asked).is_ok());
/// assert_eq!(
///     policy.check(&web, &Asked::new(["www.example.org"])).unwrap_err().to_string(),
///     "the name \"www.example.org\" is not allowed for \"web team\": allowed is *.shop.example.org"
/// );
/// assert_eq!(
///     policy.check(&other, &asked).unwrap_err().to_string(),
///     "\"others\" may not order certificates: the policy has no rule for this owner"
/// );
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AllowList {
    owners: BTreeMap<Owner, Rule>,
    others: Option<Rule>,
}

impl AllowList {
    /// Creates a policy that refuses every order.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the rule for an owner. An earlier rule for the same owner is replaced.
    #[must_use]
    pub fn owner(mut self, owner: Owner, rule: Rule) -> Self {
        self.owners.insert(owner, rule);
        self
    }

    /// Sets the rule for all owners without a rule of their own.
    #[must_use]
    pub fn all_others(mut self, rule: Rule) -> Self {
        self.others = Some(rule);
        self
    }
}

impl OrderPolicy for AllowList {
    fn check(&self, owner: &Owner, asked: &Asked<'_>) -> Result<(), PolicyRefusal> {
        let rule = self.owners.get(owner).or(self.others.as_ref());
        let rule = rule.ok_or_else(|| PolicyRefusal::Owner { owner: owner.clone() })?;
        if let Some(name) =
            asked.names.iter().find(|name| !rule.names.iter().any(|allows| allows.matches(name)))
        {
            let allowed = rule.names.iter().map(NamePattern::to_string).collect();
            return Err(PolicyRefusal::Name { owner: owner.clone(), name: (*name).to_owned(), allowed });
        }
        if rule.allows_key(asked.key) {
            return Ok(());
        }
        let allowed = rule.key_types.iter().map(KeyType::to_string).collect();
        Err(PolicyRefusal::KeyType { owner: owner.clone(), key: asked.key, allowed })
    }
}

/// The error for an order that the policy does not allow.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PolicyRefusal {
    /// The policy has no rule for the owner.
    #[error("\"{}\" may not order certificates: the policy has no rule for this owner", owner.as_str().escape_debug())]
    Owner {
        /// The owner.
        owner: Owner,
    },
    /// A name in the order matches no pattern of the rule.
    #[error(
        "the name \"{}\" is not allowed for \"{}\": allowed {}",
        name.escape_debug(), owner.as_str().escape_debug(), Listed(allowed)
    )]
    Name {
        /// The owner.
        owner: Owner,
        /// The name.
        name: String,
        /// The patterns of the rule.
        allowed: Vec<String>,
    },
    /// The rule does not allow the type of the key.
    #[error(
        "a key of {} is not allowed for \"{}\": allowed {}",
        key, owner.as_str().escape_debug(), Listed(allowed)
    )]
    KeyType {
        /// The owner.
        owner: Owner,
        /// The key.
        key: AskedKey,
        /// The types of the rule.
        allowed: Vec<String>,
    },
    /// A policy that the host implements itself refuses the order.
    #[error("the policy refuses the order: {rule}")]
    Other {
        /// The rule that the order breaks.
        rule: String,
    },
}

impl fmt::Display for AskedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Later | Self::Unknown => f.write_str("unknown type"),
            Self::Known(key_type) => write!(f, "type {key_type}"),
        }
    }
}

/// Displays the allowed patterns or types at the end of an error message, with the verb before them.
struct Listed<'a>(&'a [String]);

impl fmt::Display for Listed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            [] => f.write_str("is none"),
            [one] => write!(f, "is {one}"),
            several => write!(f, "are {}", several.join(", ")),
        }
    }
}

#[cfg(test)]
mod tests;
