//! Reads a file of assignments as a POSIX shell does.

use std::collections::BTreeMap;

/// Returns the variables after a shell has sourced the text. Returns `None` if the shell would do anything other than
/// assign texts: expand, run a command, or fail.
pub(super) fn assigned(text: &str) -> Option<BTreeMap<String, String>> {
    let mut variables = BTreeMap::new();
    let mut rest = text.chars().peekable();
    loop {
        while rest.next_if(|next| matches!(next, ' ' | '\t' | '\n')).is_some() {}
        match rest.peek() {
            None => return Some(variables),
            Some('#') => {
                while rest.next_if(|next| *next != '\n').is_some() {}
                continue;
            }
            Some(_) => {}
        }
        let mut name = String::new();
        while let Some(next) = rest.next_if(|next| !" \t\n=".contains(*next)) {
            name.push(next);
        }
        if name == "export" && rest.peek() != Some(&'=') {
            while rest.next_if(|next| matches!(next, ' ' | '\t')).is_some() {}
            name.clear();
            while let Some(next) = rest.next_if(|next| !" \t\n=".contains(*next)) {
                name.push(next);
            }
        }
        if rest.next() != Some('=') {
            return None;
        }
        let value = word(&mut rest)?;
        variables.insert(name, value);
        while rest.next_if(|next| matches!(next, ' ' | '\t')).is_some() {}
        // If another word followed on this line, the shell would run that word as a command with the variable.
        if !matches!(rest.peek(), None | Some('\n' | '#')) {
            return None;
        }
    }
}

/// Reads one word, and removes its quotes.
fn word(rest: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Option<String> {
    let mut word = String::new();
    let mut at_beginning = true;
    while let Some(next) = rest.next_if(|next| !" \t\n".contains(*next)) {
        match next {
            '\'' => loop {
                match rest.next()? {
                    '\'' => break,
                    '\0' => return None,
                    other => word.push(other),
                }
            },
            '"' => loop {
                match rest.next()? {
                    '"' => break,
                    '$' | '`' | '\0' => return None,
                    '\\' => match rest.next()? {
                        '\n' => {}
                        escaped @ ('$' | '`' | '"' | '\\') => word.push(escaped),
                        other => word.extend(['\\', other]),
                    },
                    other => word.push(other),
                }
            },
            '\\' => match rest.next()? {
                '\n' => {}
                other => word.push(other),
            },
            '$' | '`' | ';' | '&' | '|' | '<' | '>' | '(' | ')' | '\0' => return None,
            '~' if at_beginning || word.ends_with(':') => return None,
            other => word.push(other),
        }
        at_beginning = false;
    }
    Some(word)
}

#[cfg(test)]
mod tests {
    use super::assigned;

    #[test]
    fn it_reads_as_a_shell_does() {
        let text = "# c\nA=1 # c\nexport B='a\nb'\"\\$\\x\"c\\ d\nC=\nexport=2\nD=a#b";
        let read = assigned(text).unwrap();
        let read: Vec<_> = read.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!(read, [("A", "1"), ("B", "a\nb$\\xc d"), ("C", ""), ("D", "a#b"), ("export", "2")]);
        for text in ["A=$B", "A=1 b", "A", "A=\"", "A=~", "A=`b`", "A=1;b", "A=\"$B\""] {
            assert_eq!(assigned(text), None, "{text}");
        }
    }
}
