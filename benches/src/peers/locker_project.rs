//! A bare client of Locker's service. It requests the pages of the list, and decrypts the items of each page.

use aes::Aes256;
use aes::cipher::{Array, BlockModeDecrypt as _, InnerIvInit as _, KeyInit as _};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac as _};
use keyway_locker::double::LockerDouble;
use serde::Deserialize;
use sha2::Sha256;
use ureq::Agent;

use crate::areas::BenchError;

/// A project, read by a program that needs nothing but names and values.
#[derive(Debug)]
pub(crate) struct BareProject {
    agent: Agent,
    base: String,
    bearer: String,
    keys: Keys,
}

#[derive(Debug)]
struct Keys {
    cipher: Aes256,
    mac: Hmac<Sha256>,
}

/// A decrypted secret: its name, its environment and its value.
pub(crate) type Plain = (String, Option<String>, String);

#[derive(Deserialize)]
struct Page<'a> {
    next: Option<&'a str>,
    #[serde(borrow)]
    results: Vec<Item<'a>>,
}

#[derive(Deserialize)]
struct Item<'a> {
    key: &'a str,
    value: &'a str,
    environment_name: Option<&'a str>,
}

#[derive(Deserialize)]
struct Profile<'a> {
    #[serde(borrow)]
    profile: ProfileKey<'a>,
}

#[derive(Deserialize)]
struct ProfileKey<'a> {
    key: &'a str,
}

impl BareProject {
    /// Reads the key of the project.
    pub(crate) fn open(double: &LockerDouble) -> Result<Self, BenchError> {
        let agent: Agent = Agent::config_builder().proxy(None).build().into();
        let bearer = format!("Bearer {}", double.access_key_id());
        let access = STANDARD.decode(double.secret_access_key())?;
        let expanded = |label: &[u8]| -> Result<_, BenchError> {
            let mac = Hmac::<Sha256>::new_from_slice(&access)?;
            Ok(mac.chain_update(label).chain_update([1]).finalize().into_bytes())
        };
        let keys = Keys::new(&expanded(b"enc")?, &expanded(b"mac")?)?;
        let project = Self { agent, base: double.base(), bearer, keys };
        let body = project.get("/v1/profile")?;
        let profile: Profile<'_> = serde_json::from_slice(&body)?;
        let opened = project.keys.open(profile.profile.key)?;
        let keys = Keys::new(&opened[..32], &opened[32..64])?;
        Ok(Self { keys, ..project })
    }

    /// Reads and decrypts all secrets, in pages of 1,000 as the service serves them.
    pub(crate) fn secrets(&self) -> Result<Vec<Plain>, BenchError> {
        let mut secrets = Vec::new();
        for number in 1.. {
            let body = self.get(&format!(
                "/v1/secrets?count_secrets=1&page={number}&paging=1&revision_date=0&size=1000&hash="
            ))?;
            let page: Page<'_> = serde_json::from_slice(&body)?;
            for item in &page.results {
                let text =
                    |text: &str| -> Result<_, BenchError> { Ok(String::from_utf8(self.keys.open(text)?)?) };
                let environment = item.environment_name.map(text).transpose()?;
                secrets.push((text(item.key)?, environment, text(item.value)?));
            }
            if page.next.is_none() {
                break;
            }
        }
        Ok(secrets)
    }

    fn get(&self, path: &str) -> Result<Vec<u8>, BenchError> {
        let request = self.agent.get(format!("{}{path}", self.base)).header("authorization", &self.bearer);
        Ok(request.call()?.body_mut().with_config().limit(32 << 20).read_to_vec()?)
    }
}

impl Keys {
    fn new(encryption: &[u8], authentication: &[u8]) -> Result<Self, BenchError> {
        Ok(Self { cipher: Aes256::new_from_slice(encryption)?, mac: Hmac::new_from_slice(authentication)? })
    }

    fn open(&self, text: &str) -> Result<Vec<u8>, BenchError> {
        let mut parts = text.strip_prefix("2.").ok_or("another type")?.split('|');
        let mut part =
            || -> Result<_, BenchError> { Ok(STANDARD.decode(parts.next().ok_or("a part is missing")?)?) };
        let (iv, mut bytes, tag) = (part()?, part()?, part()?);
        self.mac.clone().chain_update(&iv).chain_update(&bytes).verify_slice(&tag)?;
        let iv: [u8; 16] = iv.try_into().map_err(|_| "an IV of another length")?;
        cbc::Decryptor::<&Aes256>::inner_iv_init(&self.cipher, &iv.into())
            .decrypt_blocks(Array::slice_as_chunks_mut(&mut bytes).0);
        let padding = usize::from(*bytes.last().ok_or("no block")?);
        bytes.truncate(bytes.len().checked_sub(padding).ok_or("wrong padding")?);
        Ok(bytes)
    }
}
