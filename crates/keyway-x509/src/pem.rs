//! Reading and writing of PEM texts that hold only blocks.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use der::pem::{Decoder, LineEnding, encode_string};
use keyway_core::Wiped;
use keyway_core::json::shown_name;

const BEGIN: &str = "-----BEGIN ";
const END: &str = "-----END ";
const DASHES: &str = "-----";
/// The end of every label of a private key. The body of a block with such a label is read and written in constant time,
/// which takes several times as long.
const SECRET: &str = "PRIVATE KEY";
/// The length of the lines that this crate and most other programs write.
const LINE: usize = 64;

/// The reason why a text is not acceptable PEM.
///
/// It repeats at most the label of a block, and nothing of the content.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PemError {
    /// The text has no block.
    #[error("it has no PEM block, which begins with -----BEGIN")]
    Empty,
    /// The text has something beside its blocks.
    #[error("it has text beside its PEM blocks: remove everything before -----BEGIN and after -----END")]
    Outside,
    /// A block has no end, or an end with another label.
    #[error("the PEM block \"{label}\" has no line -----END {label}-----")]
    Unterminated {
        /// The label, escaped.
        label: String,
    },
    /// The body of a block is not base64 in lines of one length.
    #[error("the PEM block \"{label}\" is not base64 in lines of one length")]
    Body {
        /// The label, escaped.
        label: String,
    },
    /// A block has a label that is not expected.
    #[error("it has a PEM block \"{label}\" where \"{expected}\" is expected")]
    Label {
        /// The label, escaped.
        label: String,
        /// The label that is expected.
        expected: &'static str,
    },
    /// The text has several blocks.
    #[error("it has {count} PEM blocks where one is expected")]
    Several {
        /// The number of blocks.
        count: usize,
    },
}

/// A block of a PEM text.
#[derive(Debug)]
pub(crate) struct Block<'a> {
    pub(crate) label: &'a str,
    pub(crate) der: Wiped<Vec<u8>>,
}

/// Reads all blocks of a text. Outside its blocks the text may have only white space.
pub(crate) fn blocks(text: &str) -> Result<Vec<Block<'_>>, PemError> {
    let mut rest = text.trim_ascii();
    let mut blocks = Vec::new();
    while !rest.is_empty() {
        let (block, after) = first(rest)?;
        blocks.push(block);
        let next = after.trim_ascii_start();
        if !after.is_empty() && next.len() == after.len() {
            return Err(PemError::Outside);
        }
        rest = next;
    }
    if blocks.is_empty() { Err(PemError::Empty) } else { Ok(blocks) }
}

/// Reads a text of one block, whose label must be one of `labels`. The error names the first of these labels.
pub(crate) fn one(text: &str, labels: &[&'static str]) -> Result<Wiped<Vec<u8>>, PemError> {
    Ok(one_of(text, labels)?.1)
}

/// Reads a text of one block, whose label must be one of `labels`. Also returns the label.
pub(crate) fn one_of<'a>(
    text: &'a str,
    labels: &[&'static str],
) -> Result<(&'a str, Wiped<Vec<u8>>), PemError> {
    let mut blocks = labeled(text, labels)?;
    match (blocks.pop(), blocks.len()) {
        (Some(block), 0) => Ok((block.label, block.der)),
        (_, others) => Err(PemError::Several { count: others + 1 }),
    }
}

/// Writes a block.
pub(crate) fn write(label: &'static str, der: &[u8]) -> String {
    if label.ends_with(SECRET) {
        // This fails only for a label or a length that no caller passes.
        return encode_string(label, LineEnding::LF, der).unwrap_or_default();
    }
    let body = STANDARD.encode(der);
    let mut text = String::with_capacity(body.len() + body.len() / LINE + 2 * label.len() + 40);
    text.extend([BEGIN, label, DASHES, "\n"]);
    let mut rest = body.as_str();
    while !rest.is_empty() {
        let (line, after) = rest.split_at(rest.len().min(LINE));
        text.extend([line, "\n"]);
        rest = after;
    }
    text.extend([END, label, DASHES, "\n"]);
    text
}

/// Reads a text. The label of every block must be one of `labels`.
pub(crate) fn labeled<'a>(text: &'a str, labels: &[&'static str]) -> Result<Vec<Block<'a>>, PemError> {
    let blocks = blocks(text)?;
    match blocks.iter().find(|block| !labels.contains(&block.label)) {
        Some(block) => {
            Err(PemError::Label { label: shown_name(block.label).into_owned(), expected: labels[0] })
        }
        None => Ok(blocks),
    }
}

/// Reads the block at the beginning of a text, and returns the text after it.
fn first(text: &str) -> Result<(Block<'_>, &str), PemError> {
    let Some(after_begin) = text.strip_prefix(BEGIN) else {
        return Err(if text.contains(BEGIN) { PemError::Outside } else { PemError::Empty });
    };
    let (label, _) = after_begin.split_once(DASHES).ok_or(PemError::Empty)?;
    let end = [END, label, DASHES].concat();
    let unterminated = || PemError::Unterminated { label: shown_name(label).into_owned() };
    if label.contains(['\r', '\n']) {
        return Err(unterminated());
    }
    let length = text.find(&end).ok_or_else(unterminated)? + end.len();
    let (block, after) = text.split_at(length);
    // In a malformed block, the first and the last line may share dashes. The range of the body is then invalid, and
    // `body` is `None`.
    let body = block.get(BEGIN.len() + label.len() + DASHES.len()..block.len() - end.len());
    let is_public = !label.ends_with(SECRET);
    let known = body.filter(|_| is_public).and_then(decode_lines).map(Wiped::new);
    let der = known
        .or_else(|| decode(block))
        .ok_or_else(|| PemError::Body { label: shown_name(label).into_owned() })?;
    Ok((Block { label, der }, after))
}

/// Decodes the body of a public block. Returns `None` unless the body has the usual lines of 64 characters.
fn decode_lines(body: &str) -> Option<Vec<u8>> {
    let lines = body.strip_prefix('\n')?.strip_suffix('\n')?;
    let mut compact = String::with_capacity(lines.len());
    let mut is_last = false;
    for line in lines.split('\n') {
        if is_last || line.is_empty() || line.len() > LINE {
            return None;
        }
        is_last = line.len() < LINE;
        compact.push_str(line);
    }
    STANDARD.decode(compact).ok()
}

/// Decodes a block of any form in constant time, because it may be a private key.
fn decode(block: &str) -> Option<Wiped<Vec<u8>>> {
    let mut decoder = Decoder::new_detect_wrap(block.as_bytes()).ok()?;
    let mut der = Wiped::new(vec![0; decoder.remaining_len()]);
    decoder.decode(&mut der).ok()?;
    Some(der)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = "-----BEGIN THING-----\nAQID\n-----END THING-----\n";

    fn fault(text: &str) -> PemError {
        one(text, &["THING"]).unwrap_err()
    }

    #[test]
    fn one_block_and_white_space_are_read() {
        for text in
            [ONE.to_owned(), format!("\n  {ONE}\n\n"), ONE.replace('\n', "\r\n"), ONE.trim_end().to_owned()]
        {
            assert_eq!(one(&text, &["THING"]).unwrap()[..], [1, 2, 3], "{text:?}");
        }
        let lines = ONE.replace("AQID", "AQIDBAUG\nBwg=");
        assert_eq!(one(&lines, &["THING"]).unwrap()[..], [1, 2, 3, 4, 5, 6, 7, 8]);
    }

    #[test]
    fn an_end_that_shares_its_dashes_with_the_beginning_is_refused() {
        let fault = fault("-----BEGIN THING-----END THING-----\n");
        assert!(matches!(fault, PemError::Body { .. } | PemError::Unterminated { .. }), "{fault}");
    }

    #[test]
    fn anything_beside_the_block_is_refused() {
        assert_eq!(fault(""), PemError::Empty);
        assert_eq!(fault("AQID"), PemError::Empty);
        assert_eq!(fault(&format!("hello\n{ONE}")), PemError::Outside);
        assert_eq!(fault(&format!("{ONE}hello")), PemError::Empty);
        assert_eq!(fault(&format!("{}x", ONE.trim_end())), PemError::Outside);
        assert_eq!(fault(&ONE.repeat(2)), PemError::Several { count: 2 });
        let label = "THING".to_owned();
        assert_eq!(
            fault(&ONE.replace("END THING", "END THIN")),
            PemError::Unterminated { label: label.clone() }
        );
        assert_eq!(fault(&ONE.replace("AQID", "A*ID")), PemError::Body { label });
        let other = PemError::Label { label: "OTHER".into(), expected: "THING" };
        assert_eq!(fault(&ONE.replace("THING", "OTHER")), other);
    }

    #[test]
    fn public_blocks_are_read_and_written_as_private_ones() {
        for length in (1..200).chain([1000, 4096]) {
            let der: Vec<u8> = (0..length).map(|at| u8::try_from(at % 251).unwrap()).collect();
            let text = write("THING", &der);
            assert_eq!(text, encode_string("THING", LineEnding::LF, &der).unwrap());
            let (body, _) = text[BEGIN.len() + "THING".len() + DASHES.len()..].split_once(END).unwrap();
            assert_eq!(decode_lines(body), Some(der), "{text}");
            let read = |text: &str| blocks(text).map(|blocks| blocks[0].der.to_vec());
            assert_eq!(read(&text).ok(), read(&text.replace("THING", SECRET)).ok(), "{text}");
            for broken in [text.replacen('\n', "\n\n", 2), text.replace("BA", "B="), text.replace("==", "=")]
            {
                let secret = broken.replace("THING", SECRET);
                assert_eq!(read(&broken).ok(), read(&secret).ok(), "{broken}");
            }
        }
    }

    #[test]
    fn a_message_never_repeats_the_body() {
        let text = ONE.replace("AQID", "c2VjcmV0*");
        assert!(!fault(&text).to_string().contains("c2VjcmV0"));
    }
}
