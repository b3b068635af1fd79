//! An ordered set of keys: the first seals, all open.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use zeroize::Zeroizing;

use crate::random_bytes;
use crate::token::{Binary, ReadyKey, token_len};
use crate::{Key, KeyError, KeyId, OpenError, ResealError, SealError};

/// The number of seconds that a token's time may be ahead of the reader's clock.
///
/// See decision C8.
const CLOCK_SKEW: u64 = 60;

/// How a ring chooses the key that seals a token.
///
/// See decision C8.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Choice {
    /// The first key, which is the ring's [primary](KeyRing::primary_id).
    #[default]
    First,
    /// Any key that does not [retire](KeyRing::with_retiring), drawn anew for each token, as Convection does.
    Random,
}

/// One or more keys, in order. The first key seals, and every key opens.
///
/// A clone shares the keys and costs one reference count. The keys are wiped with the last clone. Calls block
/// only while the system's random source is starting.
#[derive(Clone)]
pub struct KeyRing {
    // Never empty.
    keys: Arc<[Arc<ReadyKey>]>,
    // The number of keys at the front of the ring that may seal. At least one.
    sealing: usize,
}

impl KeyRing {
    /// Makes a ring of these keys in this order. A repeated key counts once, at its first position.
    ///
    /// # Errors
    /// [`KeyError::NoKeys`] if there is none.
    pub fn new(keys: impl IntoIterator<Item = Key>) -> Result<Self, KeyError> {
        let ring = Self::collect(keys.into_iter().map(|key| Arc::new(ReadyKey::new(&key))));
        if ring.is_empty() { Err(KeyError::NoKeys) } else { Ok(Self::all_seal(ring)) }
    }

    /// Makes a ring of keys that are given as texts, each read by [`Key::parse`].
    ///
    /// # Errors
    /// [`KeyError::MalformedLine`] gives the number of the key, counted from 1, and the position; `NoKeys` if there is
    /// no text.
    pub fn parse<'text>(texts: impl IntoIterator<Item = &'text str>) -> Result<Self, KeyError> {
        Self::numbered((1..).zip(texts))
    }

    /// Makes a ring from the text of a key file with one key per line. The first key seals. Empty lines, lines that
    /// begin with `#`, white space around a key, and a byte order mark are skipped. Other text is an error.
    ///
    /// # Errors
    /// As [`parse`](Self::parse), with the number of the line. The position is counted from the end of the leading
    /// white space.
    pub fn parse_lines(text: &str) -> Result<Self, KeyError> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let lines = text.lines().map(str::trim_ascii);
        Self::numbered((1..).zip(lines).filter(|(_, line)| !line.is_empty() && !line.starts_with('#')))
    }

    /// Returns the name of the key that seals.
    pub fn primary_id(&self) -> KeyId {
        self.primary().id
    }

    /// Returns the names of all keys, in order.
    pub fn ids(&self) -> impl ExactSizeIterator<Item = KeyId> + '_ {
        self.keys.iter().map(|key| key.id)
    }

    /// Tells whether the ring has the key of this name.
    pub fn contains(&self, id: KeyId) -> bool {
        self.ids().any(|other| other == id)
    }

    /// Returns this ring's keys followed by the keys of `old`. During a rotation, a host needs both: it reads with new
    /// and old keys, and writes with the new ones (decision C7). The keys that only `old` has are retired in the
    /// returned ring: they open tokens, and never seal under any [`Choice`].
    #[must_use]
    pub fn with_retiring(&self, old: &KeyRing) -> KeyRing {
        let keys = Self::collect(self.keys.iter().chain(old.keys.iter()).cloned());
        Self { keys: keys.into(), sealing: self.sealing }
    }

    /// Returns a ring of the keys with these names, in the order of `ids`. None of its keys retires. Returns `None` if
    /// a key is missing, or `ids` is empty.
    pub fn select(&self, ids: impl IntoIterator<Item = KeyId>) -> Option<KeyRing> {
        let find = |id| self.keys.iter().find(|key| key.id == id).cloned();
        let keys: Vec<_> = ids.into_iter().map(find).collect::<Option<_>>()?;
        (!keys.is_empty()).then(|| Self::all_seal(Self::collect(keys)))
    }

    /// Returns a ring with only one key: the first key, which seals.
    #[must_use]
    pub fn only_primary(&self) -> KeyRing {
        Self::all_seal(self.keys.first().cloned().into_iter().collect())
    }

    /// Returns the ring with this key in front, so that this key seals even if it was retired. Returns `None` if the
    /// ring does not have the key.
    #[must_use]
    pub fn led_by(&self, id: KeyId) -> Option<KeyRing> {
        if self.primary_id() == id {
            return Some(self.clone());
        }
        let at = self.keys.iter().position(|key| key.id == id)?;
        let keys = Self::collect(self.keys.get(at).into_iter().chain(self.keys.iter()).cloned());
        // Every key that could seal still can. If the key in front was retired, one more key can seal.
        Some(Self { keys: keys.into(), sealing: self.sealing + usize::from(at >= self.sealing) })
    }

    /// Seals `plaintext` with the first key, at the system's time.
    ///
    /// # Errors
    /// [`SealError`], if the system gives no randomness or its clock is before 1970.
    pub fn seal(&self, plaintext: &[u8]) -> Result<String, SealError> {
        self.seal_with(Choice::First, plaintext).map(|(token, _)| token)
    }

    /// Seals `plaintext` with the key that `choice` selects, and returns the key's name.
    ///
    /// # Errors
    /// As [`seal`](Self::seal).
    pub fn seal_with(&self, choice: Choice, plaintext: &[u8]) -> Result<(String, KeyId), SealError> {
        let (time, (key, iv)) = (now()?, self.draw(choice)?);
        Ok((seal_text(key, plaintext, time, &iv), key.id))
    }

    /// Seals as [`seal`](Self::seal) does, with `time` (seconds since 1970) in the token
    /// instead of the system's time.
    ///
    /// # Errors
    /// [`SealError::Random`], if the system gives no randomness.
    pub fn seal_at(&self, time: u64, plaintext: &[u8]) -> Result<String, SealError> {
        let (key, iv) = self.draw(Choice::First)?;
        Ok(seal_text(key, plaintext, time, &iv))
    }

    /// Seals as [`seal`](Self::seal) does, appends the token to `out`, and returns the key's name. Allocates
    /// only if `out` has less spare capacity than [`token_len`].
    ///
    /// # Errors
    /// As [`seal`](Self::seal); `out` is unchanged then.
    pub fn seal_into(&self, plaintext: &[u8], out: &mut Vec<u8>) -> Result<KeyId, SealError> {
        let (time, (key, iv)) = (now()?, self.draw(Choice::First)?);
        let start = out.len();
        out.resize(start + token_len(plaintext.len()), 0);
        key.seal(plaintext, time, &iv, &mut out[start..]);
        Ok(key.id)
    }

    /// Seals with a given IV. Use it only to replay recorded tokens and to measure the time of sealing. A repeated IV
    /// reveals which plaintexts begin alike.
    #[doc(hidden)]
    pub fn seal_with_iv(&self, time: u64, iv: [u8; 16], plaintext: &[u8]) -> String {
        seal_text(self.primary(), plaintext, time, &iv)
    }

    /// Opens a token that any key of the ring made. The time in the token does not matter.
    ///
    /// The form is checked first, then the signature, in constant time. Only then the plaintext is decrypted. The
    /// plaintext is wiped when it is dropped.
    ///
    /// # Errors
    /// [`OpenError::Empty`], [`Malformed`](OpenError::Malformed) or [`NotAuthentic`](OpenError::NotAuthentic).
    pub fn open(&self, token: &[u8]) -> Result<Zeroizing<Vec<u8>>, OpenError> {
        let (key, binary) = self.verify(token)?;
        key.decrypt(binary)
    }

    /// Opens as [`open`](Self::open) does, and returns the name of the key, too.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_naming_key(&self, token: &[u8]) -> Result<(Zeroizing<Vec<u8>>, KeyId), OpenError> {
        let (key, binary) = self.verify(token)?;
        Ok((key.decrypt(binary)?, key.id))
    }

    /// Opens a token with one key, whose name was stored with the token. Tries no other key.
    ///
    /// # Errors
    /// [`OpenError::UnknownKey`] if the ring does not have the key, `Empty`, `Malformed`, or
    /// [`Altered`](OpenError::Altered) if the key does not verify the token: its own key was tried, so the token itself
    /// must have changed.
    pub fn open_with(&self, id: KeyId, token: &[u8]) -> Result<Zeroizing<Vec<u8>>, OpenError> {
        let key = self.keys.iter().find(|key| key.id == id).ok_or(OpenError::UnknownKey(id))?;
        let binary = Binary::decode(token)?;
        if key.verifies(&binary) { key.decrypt(binary) } else { Err(OpenError::Altered { key: id }) }
    }

    /// Opens as [`open`](Self::open) does, if the token is at most `time_to_live` old at `now` (seconds since 1970) and
    /// its time is at most 60 s after `now`.
    ///
    /// See decision C8.
    ///
    /// # Errors
    /// As [`open`](Self::open), and [`OpenError::Expired`] or [`TooNew`](OpenError::TooNew), only for tokens
    /// that a key of the ring made.
    pub fn open_within(
        &self,
        token: &[u8],
        time_to_live: Duration,
        now: u64,
    ) -> Result<Zeroizing<Vec<u8>>, OpenError> {
        let (key, binary) = self.verify(token)?;
        let time = binary.time();
        match now.checked_sub(time) {
            Some(age) if Duration::from_secs(age) > time_to_live => Err(OpenError::Expired { age }),
            None if time - now > CLOCK_SKEW => Err(OpenError::TooNew { ahead: time - now }),
            _ => key.decrypt(binary),
        }
    }

    /// Returns the time at which a token was made, in seconds since 1970. A key of the ring must have made the token.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn timestamp(&self, token: &[u8]) -> Result<u64, OpenError> {
        self.verify(token).map(|(_, binary)| binary.time())
    }

    /// Reseals a token of any key of the ring with the first key. The time in the token stays (decision C7).
    ///
    /// # Errors
    /// [`ResealError::Open`] as [`open`](Self::open), [`ResealError::Seal`] as
    /// [`seal`](Self::seal).
    pub fn reseal(&self, token: &[u8]) -> Result<String, ResealError> {
        let (old, binary) = self.verify(token)?;
        let time = binary.time();
        let plaintext = old.decrypt(binary)?;
        Ok(self.seal_at(time, &plaintext)?)
    }

    fn numbered<'text>(lines: impl Iterator<Item = (usize, &'text str)>) -> Result<Self, KeyError> {
        let keys: Result<Vec<Key>, KeyError> = lines
            .map(|(line, text)| {
                Key::parse(text).map_err(|error| match error {
                    KeyError::Malformed { at, expected } => KeyError::MalformedLine { line, at, expected },
                    other => other,
                })
            })
            .collect();
        Self::new(keys?)
    }

    fn all_seal(keys: Vec<Arc<ReadyKey>>) -> Self {
        Self { sealing: keys.len(), keys: keys.into() }
    }

    /// Keeps each key once, at its first position.
    fn collect(keys: impl IntoIterator<Item = Arc<ReadyKey>>) -> Vec<Arc<ReadyKey>> {
        let mut distinct: Vec<Arc<ReadyKey>> = Vec::new();
        for key in keys {
            if distinct.iter().all(|other| other.id != key.id) {
                distinct.push(key);
            }
        }
        distinct
    }

    fn primary(&self) -> &ReadyKey {
        &self.keys[0]
    }

    /// Returns the key that `choice` selects, and a random IV, as the specification requires.
    fn draw(&self, choice: Choice) -> Result<(&ReadyKey, [u8; 16]), SealError> {
        let at = match choice {
            Choice::First => 0,
            Choice::Random if self.sealing == 1 => 0,
            Choice::Random => {
                let drawn = u64::from_le_bytes(random_bytes().map_err(SealError::Random)?);
                // The remainder favours the first keys by a probability of less than one in 2^50.
                usize::try_from(drawn % self.sealing as u64).unwrap_or(0)
            }
        };
        Ok((&self.keys[at], random_bytes().map_err(SealError::Random)?))
    }

    /// Decodes a token and finds the key that made it.
    fn verify(&self, token: &[u8]) -> Result<(&ReadyKey, Binary), OpenError> {
        let binary = Binary::decode(token)?;
        let key = self.keys.iter().find(|key| key.verifies(&binary));
        let key = key.ok_or(OpenError::NotAuthentic { keys: self.keys.len() })?;
        Ok((key, binary))
    }
}

impl fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyRing ")?;
        f.debug_list().entries(self.ids()).finish()
    }
}

fn seal_text(key: &ReadyKey, plaintext: &[u8], time: u64, iv: &[u8; 16]) -> String {
    let mut text = vec![0; token_len(plaintext.len())];
    key.seal(plaintext, time, iv, &mut text);
    String::from_utf8(text).expect("Base64 is ASCII")
}

/// Returns the seconds since 1970.
fn now() -> Result<u64, SealError> {
    SystemTime::now().duration_since(UNIX_EPOCH).map(|time| time.as_secs()).map_err(|_| SealError::Clock)
}
