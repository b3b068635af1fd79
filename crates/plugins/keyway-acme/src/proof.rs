//! The proof of a challenge (RFC 8555, section 8).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest::{SHA256, digest};

use crate::account_key::AccountKey;
use crate::configuration::ChallengeKind;
use crate::documents::{Authorization, Challenge};
use crate::failure::Failure;
use crate::responder::Proof;

/// Chooses a challenge of an authorization. `kinds` lists the kinds of proofs that the host can show, the preferred one
/// first. Returns `None` if the authorization has no challenge of these kinds.
pub(crate) fn choose<'a>(
    authorization: &'a Authorization,
    kinds: &[ChallengeKind],
) -> Option<(ChallengeKind, &'a Challenge)> {
    kinds.iter().find_map(|kind| {
        let challenge = authorization.challenges.iter().find(|each| each.kind == kind.as_str())?;
        Some((*kind, challenge))
    })
}

/// Makes the proof of a challenge.
pub(crate) fn proof(
    kind: ChallengeKind,
    name: &str,
    token: &str,
    key: &AccountKey,
) -> Result<Proof, Failure> {
    // The token becomes part of a path, so its characters are checked.
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    if token.is_empty() || !token.bytes().all(is_token) {
        return Err(Failure::Protocol("the token of a challenge is not base64url"));
    }
    let content = format!("{token}.{}", key.thumbprint());
    Ok(match kind {
        ChallengeKind::Http => Proof::Page { name: name.to_owned(), token: token.to_owned(), content },
        ChallengeKind::Dns => Proof::Txt {
            name: format!("_acme-challenge.{name}"),
            value: URL_SAFE_NO_PAD.encode(digest(&SHA256, content.as_bytes())),
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> AccountKey {
        AccountKey::from_pkcs8(&AccountKey::generate().unwrap()).unwrap()
    }

    #[test]
    fn a_token_that_is_a_path_is_refused() {
        for wrong in ["", "../../etc/passwd", "a/b", "a.b", "a b"] {
            assert!(matches!(
                proof(ChallengeKind::Http, "a.example", wrong, &key()),
                Err(Failure::Protocol(_))
            ));
        }
    }

    #[test]
    fn a_record_has_the_digest_of_the_page() {
        let key = key();
        let Proof::Page { content, .. } = proof(ChallengeKind::Http, "a.example", "tok-1", &key).unwrap()
        else {
            panic!()
        };
        assert_eq!(content, format!("tok-1.{}", key.thumbprint()));
        let value = URL_SAFE_NO_PAD.encode(digest(&SHA256, content.as_bytes()));
        let txt = proof(ChallengeKind::Dns, "a.example", "tok-1", &key).unwrap();
        assert_eq!(txt, Proof::Txt { name: "_acme-challenge.a.example".into(), value });
    }

    #[test]
    fn the_first_kind_that_the_server_offers_is_chosen() {
        let authorization: Authorization = serde_json::from_str(
            r#"{"status": "pending", "identifier": {"type": "dns", "value": "a.example"}, "challenges": [
                {"type": "dns-01", "url": "d", "status": "pending", "token": "t"},
                {"type": "device-attest-01", "url": "x", "status": "pending"}]}"#,
        )
        .unwrap();
        let both = [ChallengeKind::Http, ChallengeKind::Dns];
        assert_eq!(choose(&authorization, &both).unwrap().1.url, "d");
        assert!(choose(&authorization, &both[..1]).is_none());
    }
}
