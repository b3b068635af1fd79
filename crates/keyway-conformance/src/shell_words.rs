//! Quotes arguments so that a shell reads them unchanged.

/// Writes arguments as words of a POSIX shell, separated by spaces.
pub(crate) fn shell_words(arguments: impl IntoIterator<Item = impl AsRef<str>>) -> String {
    let words: Vec<_> = arguments.into_iter().map(|argument| word(argument.as_ref())).collect();
    words.join(" ")
}

fn word(argument: &str) -> String {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "-_./:=@%+,".contains(letter);
    if !argument.is_empty() && argument.chars().all(plain) {
        return argument.to_owned();
    }
    // Within single quotes a shell changes no character. A single quote itself must be outside them.
    format!("'{}'", argument.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_word_stays_as_it_is() {
        assert_eq!(shell_words(["--exec", "/usr/bin/python3", "a=b"]), "--exec /usr/bin/python3 a=b");
    }

    proptest::proptest! {
        #![proptest_config(proptest::prelude::ProptestConfig::with_cases(32))]

        #[test]
        fn a_shell_reads_the_same(arguments in proptest::collection::vec("[ -~\\n\u{f6}\u{1F600}]{0,12}", 1..4)) {
            let script = format!("printf '%s\\0' {}", shell_words(&arguments));
            let read = std::process::Command::new("sh").args(["-c", &script]).output().unwrap();
            let expected = arguments.join("\0") + "\0";
            proptest::prop_assert_eq!(String::from_utf8(read.stdout).unwrap(), expected);
        }
    }
}
