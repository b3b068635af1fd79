//! Whose a grant is: what never changes about it, and is seldom read.

use std::fmt;

use keyway_core::Wiped;
use keyway_issuers::{Context, Json, Reader, UserId, UserInfo};

use super::fields::{Bytes, put_text};
use super::machine::Refusal;
use crate::sealed_records::{RecordError, corrupt};

/// The schema that this version writes and reads. No [record](super::record) has the same, so that one
/// is not taken for the other.
const SCHEMA: u8 = 0x81;

/// Whose a grant is. It is sealed once, apart from the [record](super::record::GrantRecord), which
/// changes with every step.
#[derive(Clone)]
pub(super) struct Owner {
    pub(super) user: UserId,
    /// What the login said about the user, as JSON: the plugin is told the same when a
    /// revocation is tried again and nobody is logged in.
    claims: Wiped<String>,
}

/// Reads what was written here, however long it is.
const READER: Reader = Reader { max_bytes: usize::MAX, ..Reader::STRICT };

impl Owner {
    /// # Errors
    /// [`Refusal::Claims`] when they could not be read again.
    pub(super) fn of(asked: &Context) -> Result<Self, Refusal> {
        let claims = asked.user_info.to_ascii();
        let opened = claims.bytes().filter(|byte| matches!(byte, b'[' | b'{')).count();
        // Only then can it be too deep, and reading costs as much as a seal.
        if opened > READER.max_depth && READER.read(claims.as_bytes()).is_err() {
            return Err(Refusal::Claims);
        }
        Ok(Self { user: asked.user.clone(), claims })
    }

    /// What the plugin is told about the user when nobody is there to say more.
    pub(super) fn context(&self) -> Result<Context, RecordError> {
        let claims = match READER.read(self.claims.as_bytes()) {
            Ok(Json::Object(claims)) => UserInfo::from_claims(claims),
            _ => None,
        };
        let user_info = claims.ok_or_else(|| corrupt("its claims make no sense"))?;
        Ok(Context::new(user_info).with_user(self.user.clone()))
    }

    /// How many bytes [`write`](Self::write) appends.
    pub(super) fn room(&self) -> usize {
        1 + 2 * 4 + self.user.as_str().len() + self.claims.len()
    }

    pub(super) fn write(&self, out: &mut Vec<u8>) -> Result<(), RecordError> {
        out.push(SCHEMA);
        put_text(out, self.user.as_str())?;
        put_text(out, &self.claims)
    }

    pub(super) fn read(bytes: &[u8]) -> Result<Self, RecordError> {
        let mut bytes = Bytes(bytes);
        let [schema] = bytes.take()?;
        if schema != SCHEMA {
            return Err(corrupt(format!("schema {schema} of an owner, and this version knows {SCHEMA}")));
        }
        let user = UserId::received(bytes.text()?);
        let claims = Wiped::new(bytes.text()?.to_owned());
        bytes.end()?;
        Ok(Self { user, claims })
    }
}

impl fmt::Debug for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Owner([REDACTED])")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn owners_come_back_and_damaged_ones_are_refused(
            subject in ".{0,9}",
            claim in ".{0,30}",
            cut: prop::sample::Index,
        ) {
            let asked = Context::new(UserInfo::new("https://issuer.example.com", subject).with("name", claim));
            let owner = Owner::of(&asked).unwrap();
            let mut bytes = Vec::new();
            owner.write(&mut bytes).unwrap();
            prop_assert_eq!(bytes.len(), owner.room());
            prop_assert_eq!(Owner::read(&bytes).unwrap().context().unwrap(), asked);
            prop_assert!(Owner::read(&bytes[..cut.index(bytes.len())]).is_err());
            bytes[0] = 1;
            prop_assert!(Owner::read(&bytes).unwrap_err().to_string().contains("schema 1"));
        }
    }
}
