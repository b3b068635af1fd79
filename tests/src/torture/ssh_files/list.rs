//! A second reader of OpenSSH's key revocation lists, independent of `keyway-ssh`.
//!
//! It accepts exactly the bytes that `keyway-ssh` writes.

/// The prefix of the time until which a section is needed. A number of seconds follows.
const UNTIL: &[u8] = b"keyway until ";

/// Returns the key ids that a list revokes, for any signer.
pub(super) fn revoked(list: &[u8]) -> Result<Vec<String>, String> {
    let mut rest = list;
    if take(&mut rest, 12)? != b"SSHKRL\n\0\0\0\0\x01" {
        return Err("it is not a list of revoked keys".to_owned());
    }
    // The list's version, its time, and flags.
    take(&mut rest, 24)?;
    let (reserved, comment) = (string(&mut rest)?, string(&mut rest)?);
    if !reserved.is_empty() || !comment.is_empty() {
        return Err("the list has data that was never written".to_owned());
    }
    let mut ids = Vec::new();
    while !rest.is_empty() {
        let mut section = section(&mut rest, 1)?;
        let (authority, reserved) = (string(&mut section)?, string(&mut section)?);
        if !authority.is_empty() {
            return Err("the list revokes for one authority only".to_owned());
        }
        // The time until which the section is needed.
        let until = reserved.strip_prefix(UNTIL);
        if !until.is_some_and(|until| !until.is_empty() && until.iter().all(u8::is_ascii_digit)) {
            return Err("the list has a section without an end".to_owned());
        }
        while !section.is_empty() {
            let mut key_ids = self::section(&mut section, 0x23)?;
            while !key_ids.is_empty() {
                let id = string(&mut key_ids)?;
                ids.push(String::from_utf8(id.to_vec()).map_err(|_| "a key id is not a text")?);
            }
        }
    }
    Ok(ids)
}

fn section<'a>(rest: &mut &'a [u8], kind: u8) -> Result<&'a [u8], String> {
    if take(rest, 1)? != [kind] {
        return Err("the list has a section that was never written".to_owned());
    }
    string(rest)
}

fn string<'a>(rest: &mut &'a [u8]) -> Result<&'a [u8], String> {
    let length = take(rest, 4)?.iter().fold(0, |length, byte| length << 8 | usize::from(*byte));
    take(rest, length)
}

fn take<'a>(rest: &mut &'a [u8], count: usize) -> Result<&'a [u8], String> {
    let (taken, left) = rest.split_at_checked(count).ok_or("the list is cut off")?;
    *rest = left;
    Ok(taken)
}

#[cfg(test)]
mod tests {
    use super::revoked;

    #[test]
    fn a_list_is_read_whole_or_not_at_all() {
        let string =
            |content: &[u8]| [&u32::try_from(content.len()).unwrap().to_be_bytes()[..], content].concat();
        let ids = [string(b"K_1"), string(b"K_2")].concat();
        let section =
            [string(b""), string(b"keyway until 1"), [&[0x23][..], &string(&ids)].concat()].concat();
        let head = [&b"SSHKRL\n\0\0\0\0\x01"[..], &[0; 24], &string(b""), &string(b"")].concat();
        let list = [&head[..], &[1], &string(&section)].concat();
        assert_eq!(revoked(&head).unwrap(), Vec::<String>::new());
        assert_eq!(revoked(&list).unwrap(), ["K_1", "K_2"]);
        for cut in (0..list.len()).filter(|cut| *cut != head.len()) {
            assert!(revoked(&list[..cut]).is_err(), "{cut}");
        }
        assert!(revoked(&[&list[..], &[0]].concat()).is_err());
    }
}
