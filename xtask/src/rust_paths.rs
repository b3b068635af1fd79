//! Finds the paths that a Rust source names.

/// Finds the paths that start with `crate`, `super` or a name with `prefix`, including paths in groups. Comments, texts
/// and modules of tests are skipped.
pub(crate) fn paths(source: &str, prefix: &str) -> Vec<Vec<String>> {
    let tokens = without_tests(tokens(source));
    let mut found = Vec::new();
    for at in 0..tokens.len() {
        let is_start = matches!(tokens[at].as_str(), "crate" | "super") || tokens[at].starts_with(prefix);
        if is_start && (at == 0 || tokens[at - 1] != "::") {
            follow(&tokens, at, &[], &mut found);
        }
    }
    found
}

/// Removes modules that exist only for tests.
fn without_tests(mut tokens: Vec<String>) -> Vec<String> {
    const ATTRIBUTE: [&str; 7] = ["#", "[", "cfg", "(", "test", ")", "]"];
    while let Some(start) = tokens.windows(10).position(|window| {
        let (attribute, item) = window.split_at(ATTRIBUTE.len());
        attribute == ATTRIBUTE && item[0] == "mod" && item[2] == "{"
    }) {
        let mut depth = 0;
        let end = tokens[start..].iter().position(|token| {
            depth += i32::from(token == "{") - i32::from(token == "}");
            token == "}" && depth == 0
        });
        tokens.drain(start..=end.map_or(tokens.len() - 1, |end| start + end));
    }
    tokens
}

/// Follows one path from its token `at`, and returns the token after it.
fn follow(tokens: &[String], at: usize, before: &[String], found: &mut Vec<Vec<String>>) -> usize {
    let mut path = before.to_vec();
    let mut at = at;
    loop {
        path.push(tokens[at].clone());
        at += 1;
        let is_more = tokens.get(at).is_some_and(|token| token == "::");
        match tokens.get(at + 1) {
            Some(next) if is_more && next == "{" => {
                at += 2;
                while tokens.get(at).is_some_and(|token| token != "}") {
                    at = if tokens[at] == "," { at + 1 } else { follow(tokens, at, &path, found) };
                }
                return at + 1;
            }
            Some(next) if is_more && (is_name(next) || next == "*") => at += 1,
            _ => break,
        }
    }
    // `as` and the new name of the item are skipped.
    if tokens.get(at).is_some_and(|token| token == "as") {
        at += 2;
    }
    found.push(path);
    at
}

fn is_name(token: &str) -> bool {
    token.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
}

/// Splits code into names, `::` and single characters.
fn tokens(code: &str) -> Vec<String> {
    let mut tokens = Vec::new();
    let mut rest = code;
    while let Some(first) = rest.chars().next() {
        let length = if let Some(length) = skipped(rest) {
            length
        } else if is_name(rest) {
            let length = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
            tokens.push(rest[..length].to_owned());
            length
        } else {
            let length = if rest.starts_with("::") { 2 } else { first.len_utf8() };
            if !first.is_whitespace() {
                tokens.push(rest[..length].to_owned());
            }
            length
        };
        rest = &rest[length..];
    }
    tokens
}

/// Measures the comment, text or character that the code starts with, if any.
fn skipped(code: &str) -> Option<usize> {
    let until = |start: usize, end: &str| {
        Some(code[start..].find(end).map_or(code.len(), |at| start + at + end.len()))
    };
    if code.starts_with("//") {
        return until(2, "\n");
    }
    if code.starts_with("/*") {
        return until(2, "*/");
    }
    let raw = code.strip_prefix('b').unwrap_or(code);
    if let Some(raw) = raw.strip_prefix('r') {
        let marks = raw.find(|c| c != '#').unwrap_or(raw.len());
        if raw[marks..].starts_with('"') {
            let start = code.len() - raw.len() + marks + 1;
            return until(start, &format!("\"{}", &raw[..marks]));
        }
    }
    let quoted = |quote: char| {
        let mut letters = code.char_indices().skip(1);
        while let Some((at, letter)) = letters.next() {
            if letter == '\\' {
                letters.next();
            } else if letter == quote {
                return Some(at + 1);
            }
        }
        Some(code.len())
    };
    let mut letters = code.chars();
    match (letters.next(), letters.next(), letters.next()) {
        (Some('"'), ..) => quoted('"'),
        // A single quote that does not fit these patterns begins a lifetime.
        (Some('\''), Some('\\'), _) | (Some('\''), _, Some('\'')) => quoted('\''),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::paths;

    fn found(source: &str) -> Vec<String> {
        paths(source, "keyway_").iter().map(|path| path.join("::")).collect()
    }

    #[test]
    fn paths_stand_in_groups_types_and_calls() {
        let source = "use crate::{a::{B, c::D as E}, f};\nuse super::super::g;\nfn h(_: &crate::i::J) { keyway_core::k() }";
        let expected =
            ["crate::a::B", "crate::a::c::D", "crate::f", "super::super::g", "crate::i::J", "keyway_core::k"];
        assert_eq!(found(source), expected);
        assert_eq!(
            found("pub(crate) use crate::a::*; crate::b::<C>()"),
            ["crate", "crate::a::*", "crate::b"]
        );
        assert_eq!(
            found("use crate::{\n    a,\n    b::C,\n};\nuse keyway_seal::Key;"),
            ["crate::a", "crate::b::C", "keyway_seal::Key"]
        );
    }

    #[test]
    fn comments_texts_and_tests_are_no_code() {
        let source = r##"
            //! [`X`](crate::a::X)
            /* crate::b */
            fn f<'a>(_: &'a str) -> char { let _ = "crate::c \" crate::d"; let _ = r#"crate::e "quoted" crate::f"#; '"' }
            fn g() { let _ = ('\'', b'"'); crate::h() }
        "##;
        assert_eq!(found(source), ["crate::h"]);
        let tests =
            "use crate::a;\n\n#[cfg(test)]\nmod tests {\n    use crate::{b, c};\n}\n\nuse crate::d;\n";
        assert_eq!(found(tests), ["crate::a", "crate::d"]);
    }
}
