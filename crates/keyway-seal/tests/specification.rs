//! Tests the examples of the Fernet specification, its list of invalid tokens, and tokens made by Python's
//! `cryptography`.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE;
use hmac::{Hmac, KeyInit, Mac};
use keyway_core::{ErrorKind, PluginError};
use keyway_seal::{Expected, KeyRing, OpenError};

/// The key, the token and the time of the specification's examples.
const KEY: &str = "cw_0x689RpI-jtRR7oE8h_eQsKImvJapLeSbXpwF4e4=";
const TOKEN: &str =
    "gAAAAAAdwJ6wAAECAwQFBgcICQoLDA0ODy021cpGVWKZ_eEwCGM4BLLF_5CV9dOPmrhuVUPgJobwOz7JcbmrR64jVmpU4IwqDA==";
const TIME: u64 = 499_162_800;
const MINUTE: Duration = Duration::from_secs(60);

/// Keys of the tokens made by Python's `cryptography`.
const A: &str = "jN0g7X4OFIsLLQ5jyYzKCZRtA-3dzJqDSf2jFN0pQZs=";
const B: &str = "_HM9IgAvBSSE8cStFW5esJSD7AMsTS-MgpR4qIox3mc=";
const C: &str = "SmPXv13tOrxnAVfCLesrAcbfNgnP_AzRX2LNVAOsJiQ=";
/// "hello world" under `A`, made at 1700000000.
const HELLO: &str =
    "gAAAAABlU_EAK-fBUbt5D2Wz0j-c53Vbvpid0I_hKQwhWo31nQABI4fi7hwv1OFKRpcSk3KU1oQyG_WXEkPkKOPr4fNEYxEdfA==";

fn ring(key: &str) -> KeyRing {
    KeyRing::parse([key]).unwrap()
}

fn malformed(at: usize, expected: Expected) -> OpenError {
    OpenError::Malformed { at, expected }
}

/// Makes a token of these bytes with a valid signature.
fn signed(key: &str, bytes: &[u8]) -> String {
    let key = URL_SAFE.decode(key).unwrap();
    let mac = Hmac::<sha2::Sha256>::new_from_slice(&key[..16]).unwrap();
    let tag = mac.chain_update(bytes).finalize().into_bytes();
    URL_SAFE.encode([bytes, &tag].concat())
}

#[test]
fn generate() {
    let iv = std::array::from_fn(|at| u8::try_from(at).unwrap());
    assert_eq!(ring(KEY).seal_with_iv(TIME, iv, b"hello"), TOKEN);
}

#[test]
fn verify() {
    assert_eq!(**ring(KEY).open_within(TOKEN.as_bytes(), MINUTE, TIME + 1).unwrap(), *b"hello");
    assert_eq!(ring(KEY).timestamp(TOKEN.as_bytes()), Ok(TIME));
}

/// The cases of the specification's list of invalid tokens, in its order.
#[test]
fn invalid() {
    let whole = URL_SAFE.decode(TOKEN).unwrap();
    let (body, _) = whole.split_at(whole.len() - 32);
    let open = |token: &str| ring(KEY).open_within(token.as_bytes(), MINUTE, TIME).unwrap_err();

    let mut wrong = whole.clone();
    *wrong.last_mut().unwrap() ^= 1;
    assert_eq!(open(&URL_SAFE.encode(wrong)), OpenError::NotAuthentic { keys: 1 });
    assert_eq!(open(&URL_SAFE.encode(&whole[..72])), malformed(96, Expected::WholeBlocks));
    assert_eq!(open(&URL_SAFE.encode(&whole[..56])), malformed(76, Expected::More));
    assert_eq!(open(&format!("%%%{}", &TOKEN[3..])), malformed(0, Expected::Symbol));
    assert_eq!(open(&signed(KEY, &body[..body.len() - 1])), malformed(96, Expected::WholeBlocks));
    let ahead = OpenError::TooNew { ahead: 61 };
    assert_eq!(ring(KEY).open_within(TOKEN.as_bytes(), MINUTE, TIME - 61), Err(ahead));
    let old = OpenError::Expired { age: 61 };
    assert_eq!(ring(KEY).open_within(TOKEN.as_bytes(), MINUTE, TIME + 61), Err(old));
    // A changed IV garbles the first block. That is the only block, so the padding is garbled, too.
    let mut garbled = body.to_vec();
    garbled[24] ^= 0x80;
    assert_eq!(open(&signed(KEY, &garbled)), malformed(100, Expected::BlockPadding));
}

#[test]
fn tokens_are_those_of_other_implementations() {
    let cases: [(&str, u64, u128, &[u8], &str); 6] = [
        (
            A,
            1_700_000_000,
            0x3671_0664_d61b_9295_e542_5ff0_0d65_fbfa,
            b"",
            "gAAAAABlU_EANnEGZNYbkpXlQl_wDWX7-m8-OUoO-4FIlS5BZlXURrLMgoRftA7XZV2U_668RSFLaRmtFfr_zL1ql_mysf7zsw==",
        ),
        (
            C,
            u64::MAX,
            0x3671_0664_d61b_9295_e542_5ff0_0d65_fbfa,
            b"",
            "gP__________NnEGZNYbkpXlQl_wDWX7-r7FMC3W3lD8iezzWSaVqZkoE7DaY287-Us_HlNsaStn8jWx2_mIhSxYGCfoKyT1gg==",
        ),
        (
            C,
            9_223_372_036_854_775_807,
            0xc138_675b_d37c_7e49_3182_64ab_f363_7942,
            b"hello",
            "gH__________wThnW9N8fkkxgmSr82N5QoVI-Fcya6t6NyAMTj__raw9xIVFEvIxjYbAXqBPjcBwK5I5bcrY_wTSX9uPmiznrg==",
        ),
        (
            A,
            1_700_000_000,
            0x9cf5_28d3_add1_d7e6_e5c1_1eea_b98c_d5f7,
            b"0123456789abcdef",
            "gAAAAABlU_EAnPUo063R1-blwR7quYzV9wPUSHxyBkbxP-_n3V_uGgxtsNlxRz4MXGsY_QOVXcnpRRIGFc1BLX-b0qUse2kVuWfDhglRsfApHkW8OYqziZo=",
        ),
        (
            A,
            1_700_000_000,
            0x8e1e_49cc_338e_f029_71da_6df6_da03_4bc9,
            b"0123456789abcdefg",
            "gAAAAABlU_EAjh5JzDOO8Clx2m322gNLyYapkZ5T6CFzotcCdDLHZN72o6-7FrERMpdWkDQAJZyvqZFsToFxDmTPq-MAFxhXBAfO7HsnLn-fBXM2lAmMSBc=",
        ),
        (
            B,
            0,
            0x18e9_2024_cd00_23b8_0085_166f_7e32_fd37,
            &[0xff; 32],
            "gAAAAAAAAAAAGOkgJM0AI7gAhRZvfjL9Nyczfj89k3jDojc70p1qXpxGZaUsgaRZWcdJSZRQitDTpJ4mw-YgbankvQSqTJyPBfxuf5Cr_Y96sL_slOHQGr01tds9Yxr4NM1DVYDk-Slc",
        ),
    ];
    for (key, time, iv, plaintext, token) in cases {
        let ring = ring(key);
        assert_eq!(ring.seal_with_iv(time, iv.to_be_bytes(), plaintext), token);
        assert_eq!(**ring.open(token.as_bytes()).unwrap(), *plaintext);
        assert_eq!(ring.timestamp(token.as_bytes()), Ok(time));
    }
}

/// Checks that texts that only lenient decoders accept are refused, each with the position of the fault.
///
/// See decision C8.
#[test]
fn one_spelling_only() {
    let unpadded = HELLO.trim_end_matches('=');
    let cases = [
        (unpadded.to_owned(), 98, Expected::Padding),
        (format!("{unpadded}="), 99, Expected::Padding),
        (format!("{HELLO}=="), 100, Expected::End),
        (format!("{HELLO}\n"), 100, Expected::End),
        (format!("{HELLO}{HELLO}"), 100, Expected::End),
        (format!(" {HELLO}"), 0, Expected::Symbol),
        (format!("{}\n{}", &HELLO[..20], &HELLO[20..]), 20, Expected::Symbol),
        (HELLO.replacen('-', "+", 1), HELLO.find('-').unwrap(), Expected::Symbol),
        (HELLO.replacen('_', "/", 1), HELLO.find('_').unwrap(), Expected::Symbol),
        (format!("{}B==", &unpadded[..97]), 97, Expected::CanonicalEnd),
    ];
    for (token, at, expected) in cases {
        let error = ring(A).open(token.as_bytes()).unwrap_err();
        assert_eq!(error, malformed(at, expected), "{token:?}");
        assert_eq!(error.kind(), ErrorKind::Corrupt);
    }
    let mut latin = HELLO.as_bytes().to_vec();
    latin[20] = 0xe9;
    assert_eq!(ring(A).open(&latin), Err(malformed(20, Expected::Symbol)));
    assert_eq!(ring(A).open(b""), Err(OpenError::Empty));
}

/// Checks that a validly signed text that is not a token is refused.
#[test]
fn signed_but_not_a_token() {
    let body = &URL_SAFE.decode(HELLO).unwrap()[..41];
    for version in [0x00, 0x7f, 0x81, 0xff] {
        let mut body = body.to_vec();
        body[0] = version;
        assert_eq!(ring(A).open(signed(A, &body).as_bytes()), Err(malformed(0, Expected::Version)));
    }
    for len in 1..41 {
        let token = signed(A, &body[..len]);
        let expected = if len < 25 { Expected::More } else { Expected::WholeBlocks };
        assert_eq!(ring(A).open(token.as_bytes()), Err(malformed(token.len(), expected)), "{len}");
    }
    // Three wrong paddings (PKCS #7): the last byte is 0, the last byte is 17, and the last byte is 3 but only two
    // bytes are 3.
    for token in [
        "gAAAAABlU_EA7UNEc-0sSy875X-xHSam38Dx0KshNmMpwLCX_3AF2cY9gNmwLivW4JzDM9riFLkC-j8WU5ywwb_7WjF1lcZy_A==",
        "gAAAAABlU_EA7UNEc-0sSy875X-xHSam3wp6JWOKjcGMgsW6LqbyTZFYiZ8eQ0v_IrRfVF73V9II7PMKsKBBYPUVIbVFyZPVKQ==",
        "gAAAAABlU_EA7UNEc-0sSy875X-xHSam3xHw2mnBVYlfK2-jq4MFDCiMmERNIZuPMyvtOkKORo7RneU2_r3Nwkccxq7aOzDZmg==",
    ] {
        assert_eq!(ring(A).open(token.as_bytes()), Err(malformed(100, Expected::BlockPadding)));
    }
}

/// Checks that a token at exactly its time to live, or up to 60 s ahead, is accepted, and that time
/// does not matter without a time to live.
///
/// See decision C8.
#[test]
fn time() {
    let made = 1_700_000_000;
    let within = |ttl, now| ring(A).open_within(HELLO.as_bytes(), Duration::from_secs(ttl), now);
    for (ttl, now) in [
        (60, made),
        (60, made + 60),
        (0, made),
        (60, made - 60),
        (0, made - 60),
        (1_000_000_000, 2_700_000_000),
        (u64::MAX, u64::MAX),
    ] {
        assert_eq!(**within(ttl, now).unwrap(), *b"hello world", "{ttl} {now}");
    }
    for (ttl, now, age) in [
        (60, made + 61, 61),
        (0, made + 1, 1),
        (60, u64::MAX, u64::MAX - made),
        (999_999_999, 2_700_000_000, 1_000_000_000),
    ] {
        assert_eq!(within(ttl, now), Err(OpenError::Expired { age }), "{ttl} {now}");
    }
    for (ttl, now, ahead) in [(60, made - 61, 61), (u64::MAX, 0, made)] {
        assert_eq!(within(ttl, now), Err(OpenError::TooNew { ahead }), "{ttl} {now}");
    }
    assert_eq!(within(0, made + 9).unwrap_err().kind(), ErrorKind::Invalid);
}

#[test]
fn times_at_the_edge_of_u64_do_not_overflow() {
    for time in [0, 1, u64::MAX - 60, u64::MAX - 1, u64::MAX] {
        let ring = ring(A);
        let token = ring.seal_at(time, b"edge").unwrap();
        assert_eq!(**ring.open(token.as_bytes()).unwrap(), *b"edge");
        for now in [0, time.saturating_sub(60), time, u64::MAX] {
            for ttl in [Duration::ZERO, MINUTE, Duration::MAX] {
                let good = now
                    .checked_sub(time)
                    .map_or(time - now.min(time) <= 60, |age| Duration::from_secs(age) <= ttl);
                assert_eq!(
                    ring.open_within(token.as_bytes(), ttl, now).is_ok(),
                    good,
                    "{time} {ttl:?} {now}"
                );
            }
        }
    }
}

/// Checks that a wrong time is reported only if a key verifies the token.
#[test]
fn a_forged_time_is_not_believed() {
    let mut bytes = URL_SAFE.decode(HELLO).unwrap();
    bytes[1..9].fill(0xff);
    let forged = URL_SAFE.encode(bytes);
    let error = ring(A).open_within(forged.as_bytes(), MINUTE, 1_700_000_000).unwrap_err();
    assert_eq!(error, OpenError::NotAuthentic { keys: 1 });
    let error = ring(B).open_within(HELLO.as_bytes(), MINUTE, 1_700_000_061).unwrap_err();
    assert_eq!((error, error.kind()), (OpenError::NotAuthentic { keys: 1 }, ErrorKind::WrongKey));
    assert_eq!(ring(B).timestamp(HELLO.as_bytes()), Err(error));
}

#[test]
fn a_key_anywhere_in_the_ring_opens() {
    for keys in [&[A, B][..], &[B, A], &[B, C, A]] {
        let ring = KeyRing::parse(keys.iter().copied()).unwrap();
        let (plaintext, key) = ring.open_naming_key(HELLO.as_bytes()).unwrap();
        assert_eq!((&**plaintext, key), (&b"hello world"[..], crate::ring(A).primary_id()));
    }
    let ring = KeyRing::parse([B, C]).unwrap();
    assert_eq!(ring.open(HELLO.as_bytes()), Err(OpenError::NotAuthentic { keys: 2 }));
}

#[test]
fn resealing_keeps_the_time_and_changes_the_key() {
    let ring = KeyRing::parse([B, A]).unwrap();
    let token = ring.reseal(HELLO.as_bytes()).unwrap();
    assert_ne!(token, HELLO);
    assert_eq!(ring.timestamp(token.as_bytes()), Ok(1_700_000_000));
    assert_eq!(**crate::ring(B).open(token.as_bytes()).unwrap(), *b"hello world");
    let error = KeyRing::parse([B, C]).unwrap().reseal(HELLO.as_bytes()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::WrongKey);
}
