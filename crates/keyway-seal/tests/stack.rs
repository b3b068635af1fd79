//! Tests that opening and sealing leave neither plaintext nor keys on the stack of the thread.
//!
//! A thread works and then waits without a call, so that nothing overwrites its old frames. Another thread reads them.
#![cfg(target_os = "linux")]

use std::collections::HashSet;
use std::fs::File;
use std::hint::{black_box, spin_loop};
use std::os::unix::fs::FileExt as _;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use aes::Aes256;
use aes::cipher::{Array, BlockModeDecrypt as _, BlockModeEncrypt as _, InnerIvInit as _, KeyInit as _};
use keyway_seal::{Key, KeyRing, overwrite_stack, random_bytes};

/// The length of the parts that are searched for, which is that of a block and of an encryption key.
const PART: usize = 16;
/// The number of bytes that are read below the frame of the thread. No call reaches deeper.
const DEPTH: usize = 128 * 1024;

/// Returns the part of a thread's stack in which `work` had its frames.
fn stack_after(work: impl FnOnce() + Send) -> Vec<u8> {
    let (frame, is_read) = (AtomicUsize::new(0), AtomicBool::new(false));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            called(work);
            let here = 0_u8;
            frame.store(std::ptr::from_ref(black_box(&here)).addr(), Ordering::Release);
            while !is_read.load(Ordering::Acquire) {
                spin_loop();
            }
        });
        while frame.load(Ordering::Acquire) == 0 {
            std::thread::yield_now();
        }
        let mut stack = vec![0; DEPTH];
        let from = (frame.load(Ordering::Acquire) - DEPTH) as u64;
        let read = File::open("/proc/self/mem").and_then(|memory| memory.read_exact_at(&mut stack, from));
        is_read.store(true, Ordering::Release);
        read.unwrap();
        stack
    })
}

/// Calls `work` in a frame of its own, so that all of its frames lie below that of the thread.
#[inline(never)]
fn called(work: impl FnOnce()) {
    work();
}

/// Counts the parts of `secret` in `stack`.
fn parts_in(stack: &[u8], secret: &[u8]) -> usize {
    let parts: HashSet<&[u8]> = secret.chunks_exact(PART).collect();
    stack.windows(PART).filter(|window| parts.contains(window)).count()
}

fn noise(bytes: usize) -> Vec<u8> {
    (0..bytes / PART).flat_map(|_| random_bytes::<PART>().unwrap()).collect()
}

#[test]
fn neither_plaintext_nor_key_is_left_on_the_stack() {
    let key = random_bytes::<32>().unwrap();
    let ring = KeyRing::new([Key::from_bytes(&mut { key })]).unwrap();
    for len in [16, 320, 1024, 4096] {
        let plaintext = noise(len);
        let token = ring.seal(&plaintext).unwrap();
        let opened = stack_after(|| drop(black_box(ring.open(token.as_bytes()))));
        let sealed = stack_after(|| drop(black_box(ring.seal(&plaintext))));
        for (stack, what) in [(opened, "opened"), (sealed, "sealed")] {
            let left = [&plaintext[..], &key].map(|secret| parts_in(&stack, secret));
            assert_eq!(left, [0, 0], "parts of plaintext and key, after {len} bytes were {what}");
        }
    }
}

/// Tests the cipher with the longest schedule, which other crates use.
#[test]
fn a_caller_with_a_cipher_of_its_own_leaves_nothing_on_the_stack() {
    let key = random_bytes::<32>().unwrap();
    let cipher = Aes256::new(&key.into());
    let plaintext = noise(4096);
    let mut text = plaintext.clone();
    let stack = stack_after(|| {
        let blocks = Array::slice_as_chunks_mut(&mut text).0;
        cbc::Encryptor::<&Aes256>::inner_iv_init(&cipher, &[7; PART].into()).encrypt_blocks(blocks);
        cbc::Decryptor::<&Aes256>::inner_iv_init(&cipher, &[7; PART].into()).decrypt_blocks(blocks);
        overwrite_stack();
    });
    assert_eq!(text, plaintext);
    assert_eq!([&plaintext[..], &key].map(|secret| parts_in(&stack, secret)), [0, 0]);
}

/// Proves that the search finds what a call leaves.
#[test]
fn a_part_that_a_call_leaves_is_found() {
    let plaintext = noise(4096);
    let stack = stack_after(|| {
        let mut copy = [0; 4096];
        copy.copy_from_slice(&plaintext);
        black_box(&mut copy);
    });
    // The thread itself may overwrite the upper end of the frame.
    assert!(parts_in(&stack, &plaintext) > 3072 / PART);
}
