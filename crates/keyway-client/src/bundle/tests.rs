use std::io::Write as _;
use std::process::{Command, Stdio};

use proptest::prelude::*;

use super::*;

fn bundle(entries: impl IntoIterator<Item = (String, String)>) -> Bundle {
    let mut bundle = Bundle::new();
    for (key, value) in entries {
        bundle.push(&key, value).unwrap();
    }
    bundle
}

fn dotenv(text: &str) -> Vec<(String, String)> {
    let bundle = Bundle::from_dotenv(text).unwrap_or_else(|error| panic!("{text:?}: {error}"));
    bundle.iter().map(|(key, value)| (key.to_owned(), value.expose().to_owned())).collect()
}

/// Returns the value that a POSIX shell reads, or `None` if the shell fails.
#[cfg(unix)]
fn shell(text: &str, key: &str) -> Option<String> {
    let script = format!("{text}\nprintf '%s|' \"${key}\"");
    let mut child = Command::new("sh")
        .env_clear()
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(script.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    output.status.success().then(|| text.strip_suffix('|').unwrap_or(&text).to_owned())
}

/// Tests values that shells expand after `export`: bash expands braces, and some shells expand file patterns.
#[test]
fn text_that_a_shell_expands_behind_export_needs_quotes() {
    for value in ["{a,b}", "{1..3}", "a*", "?", "[ab]"] {
        let error = Bundle::from_dotenv(&format!("A=1\nexport K={value}\n")).unwrap_err();
        assert!(error.to_string().starts_with("line 2: the value needs quotes"), "{value}: {error}");
        for line in [format!("K={value}"), format!("export K='{value}'")] {
            let bundle = Bundle::from_dotenv(&line).unwrap();
            assert_eq!(bundle.get("K").unwrap().expose(), value, "{line}");
        }
    }
}

#[test]
fn values_are_written_as_listed() {
    for (key, value, text) in [
        ("A", "1", "A=\"1\"\n"),
        ("A", "", "A=\"\"\n"),
        ("_a", "é\\", "_a=\"é\\\\\"\n"),
        ("A", "a b\"c\n$X", "A=\"a b\\\"c\n\\$X\"\n"),
        ("a_b", "`id`", "a_b=\"\\`id\\`\"\n"),
    ] {
        let written = bundle([(key.to_owned(), value.to_owned())]).to_dotenv().unwrap();
        assert_eq!(written.expose(), text);
    }
    let names = ["UID", "EUID", "PPID", "SHELLOPTS", "BASHOPTS", "OPTIND", "RANDOM", "_"];
    for key in ["1A", "A B", "", "-a", ".a", "ä", "A=", "A\n", "db.password", "A-B"].into_iter().chain(names)
    {
        let others = [("A".to_owned(), "1".to_owned()), (key.to_owned(), "n33dle".to_owned())];
        let error = bundle(others).to_dotenv().expect_err(key);
        assert!(matches!(error, BundleError::NotDotenv { .. }), "{key}");
        let text = error.to_string();
        assert!(text.contains(&format!("\"{}\"", key.escape_debug())), "{text}");
        assert!(!text.contains('\n') && !text.contains("n33dle"), "{text}");
    }
    assert!(bundle([("A".to_owned(), "\0".to_owned())]).to_dotenv().is_err());
}

/// Tests names that shells use themselves. Whatever key is written, every installed shell reads the whole file as
/// intended, without an error message.
#[test]
#[cfg(unix)]
fn every_shell_reads_every_key_that_is_written() {
    const NAMES: &str = "A_B _x BASH BASHOPTS BASHPID BASH_ALIASES BASH_ARGC BASH_ARGV BASH_ARGV0 BASH_CMDS \
        BASH_COMMAND BASH_COMPAT BASH_ENV BASH_EXECUTION_STRING BASH_LINENO BASH_REMATCH BASH_SOURCE \
        BASH_SUBSHELL BASH_VERSINFO BASH_VERSION BASH_XTRACEFD CDPATH COLUMNS COMP_WORDS COPROC DIRSTACK ENV \
        EPOCHREALTIME EPOCHSECONDS EUID FUNCNAME FUNCNEST GROUPS HISTCMD HISTFILE HISTSIZE HOME HOSTNAME \
        HOSTTYPE IFS IGNOREEOF LINENO LINES MAIL MAILCHECK MAPFILE OLDPWD OPTARG OPTERR OPTIND OSTYPE PATH \
        PIPESTATUS POSIXLY_CORRECT PPID PROMPT_COMMAND PS1 PS2 PS4 PWD RANDOM READLINE_LINE REPLY SECONDS \
        SHELL SHELLOPTS SHLVL SRANDOM TERM TIMEFORMAT TMOUT UID USER _ a.b a-b case do if in time while db.x-y";
    let is_here = |program: &&[&str]| Command::new(program[0]).args(["-c", ":"]).output().is_ok();
    let shells: Vec<&[&str]> =
        [&["sh"][..], &["dash"], &["bash"], &["bash", "--posix"]].into_iter().filter(is_here).collect();
    assert!(!shells.is_empty(), "no machine is without a sh");
    let folder = tempfile::tempdir().unwrap();
    let mut written = 0;
    for name in NAMES.split_whitespace() {
        // If a shell took an assignment for a command, it would write an error message with the key.
        let entries = [("A0", "before"), (name, "x y"), ("ZZ", "after")];
        let bundle = bundle(entries.map(|(key, value)| (key.to_owned(), value.to_owned())));
        let Ok(text) = bundle.to_dotenv() else { continue };
        written += 1;
        let file = folder.path().join("env");
        std::fs::write(&file, text.expose()).unwrap();
        let script = format!(". {}; printf '%s|%s|%s' \"$A0\" \"${name}\" \"$ZZ\"", file.display());
        for shell in &shells {
            let mut command = Command::new(shell[0]);
            let output = command.args(&shell[1..]).args(["-c", &script]).output().unwrap();
            let told = [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned());
            assert_eq!(told, ["before|x y|after", ""], "{name} in {shell:?}");
        }
    }
    assert!(written > 40, "{written}");
}

#[test]
fn lines_are_read_as_listed() {
    let text = "# a comment\n\n  export A=plain\t # more\nB='it $is\nliteral\\n'\nC=\"\\\"\\\\\\$\\`\\\nx\" #c\nD=\nE=a=b:c/é,@%+!\n";
    let read = dotenv(text);
    let read: Vec<_> = read.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
    let expected =
        [("A", "plain"), ("B", "it $is\nliteral\\n"), ("C", "\"\\$`x"), ("D", ""), ("E", "a=b:c/é,@%+!")];
    assert_eq!(read, expected);
    assert!(dotenv("").is_empty());
    assert_eq!(dotenv("A=1").len(), 1, "the last line may be without its end");
}

#[test]
#[cfg(unix)]
fn a_shell_reads_the_same() {
    let text = "# a comment\n\n  export A=plain\t # more\nB='it $is\nliteral\\n'\nC=\"\\\"\\\\\\$\\`\\\nx\" #c\nD=\nE=a=b:c/é,@%+!\n";
    for (key, value) in dotenv(text) {
        assert_eq!(shell(text, &key).as_ref(), Some(&value), "{key}");
    }
}

#[test]
fn a_refused_line_is_named() {
    for (text, line) in [
        ("A", 1),
        ("A =1", 1),
        ("A= 1", 1),
        ("1A=1", 1),
        ("\n=1", 2),
        ("A=b c", 1),
        ("A=$HOME", 1),
        ("A=a#b", 1),
        ("A=~", 1),
        ("A=a;b", 1),
        ("A=a\\ b", 1),
        ("A='b'c", 1),
        ("A='b'#c", 1),
        ("A=\"b\"'c'", 1),
        ("A='b\nc", 1),
        ("A=\"b\n", 1),
        ("A=1\nB=\"x\ny\\n\"", 3),
        ("A=\"x\n$y\"", 2),
        ("A=\"`id`\"", 1),
        ("A=1\r\nB=2\r\n", 1),
        ("A='1'\r\n", 1),
        ("\u{feff}A=1", 1),
        ("A='\0'", 1),
        ("A='x\ny'\nB=\"\0\"", 3),
    ] {
        match Bundle::from_dotenv(text) {
            Err(BundleError::Lines { faults }) => assert_eq!(faults[0].line, line, "{text:?}"),
            other => panic!("{text:?}: {other:?}"),
        }
    }
    let twice = Bundle::from_dotenv("A='x\ny'\nB=1\nA=2").unwrap_err();
    assert_eq!(twice, BundleError::Duplicate { key: "A".to_owned(), first: Some(1), line: Some(4) });
    assert_eq!(twice.to_string(), "the key \"A\" occurs twice, in the lines 1 and 4: remove one");
    let windows = Bundle::from_dotenv("A=1\r\n").unwrap_err().to_string();
    assert!(windows.contains("carriage return"), "{windows}");
    let bom = Bundle::from_dotenv("\u{feff}A=1").unwrap_err().to_string();
    assert!(bom.contains("byte order mark"), "{bom}");
}

#[test]
fn json_of_both_shapes() {
    let object = Bundle::from_json("{\"B\": \"2\", \"A\": \"\\u00e9\\n\"}").unwrap();
    assert_eq!(object.get("A").unwrap().expose(), "é\n");
    let list = Bundle::from_json(
        r#"[{"object": "secret", "\u006bey": "A", "value": "é\n", "id": 1, "data": {"key": "X"}}, {"value": "2", "key": "B"}]"#,
    );
    assert!(list.unwrap().same_as(&object));
    let twice = |entry, field| BundleError::FieldTwice { entry, field };
    for (text, expected) in [
        ("{\n \"A\": }", BundleError::NotJson { line: 2, column: 7 }),
        (
            "{\"A\": \"1\", \"A\": \"1\"}",
            BundleError::Duplicate { key: "A".to_owned(), first: None, line: None },
        ),
        (r#"[{"key": "A", "value": "1", "value": "2"}]"#, twice(1, Some("value"))),
        (r#"[{"key": "A", "value": "1"}, {"key": "B", "key": "B", "value": ""}]"#, twice(2, Some("key"))),
        (r#"[{"key": "A", "valu\u0065": "1", "value": "1"}]"#, twice(1, Some("value"))),
        (r#"[{"key": "A", "value": "1", "id": 1, "id": 2}]"#, twice(1, None)),
        ("{\"A\": 1}", BundleError::NotTextInJson { key: "A".to_owned() }),
        ("{\"A\": null}", BundleError::NotTextInJson { key: "A".to_owned() }),
        ("{\"A\": {\"b\": [1.5, -1, true]}}", BundleError::NotTextInJson { key: "A".to_owned() }),
        ("[{\"key\": \"A\"}]", BundleError::NotTextInJson { key: "A".to_owned() }),
        ("[{\"value\": \"A\"}]", BundleError::Shape("an entry has no key")),
        ("[1]", BundleError::Shape("the file has another shape")),
        ("\"A\"", BundleError::Shape("the file has another shape")),
        ("{\n\"A\": \"\",\n \"é\": \"x\\ud800\"}", BundleError::NotJson { line: 3, column: 10 }),
        ("{\"\\udc00\": \"\"}", BundleError::NotJson { line: 1, column: 3 }),
        ("{\"A\": \"\\x\"}", BundleError::NotJson { line: 1, column: 9 }),
    ] {
        assert_eq!(Bundle::from_json(text).unwrap_err(), expected, "{text}");
    }
    assert!(matches!(Bundle::from_json("{} {}"), Err(BundleError::NotJson { .. })));
}

#[test]
fn json_is_what_other_readers_read() {
    let all: String = (0..0x250_u32).filter_map(char::from_u32).chain("\u{2028}𝄞".chars()).collect();
    let bundle = bundle([(all.clone(), all.clone()), (String::new(), String::new())]);
    let json: serde_json::Value = serde_json::from_str(bundle.to_json().expose()).unwrap();
    assert_eq!(json, serde_json::json!({all.clone(): all, "": ""}));
    assert_eq!(
        serde_json::json!({}),
        serde_json::from_str::<serde_json::Value>(Bundle::new().to_json().expose()).unwrap()
    );
}

proptest! {
    #[test]
    fn dotenv_out_and_in_is_the_identity(
        entries in prop::collection::btree_map("[A-Za-z_][a-z0-9_]{1,6}", "[^\0]{0,12}", 0..6),
    ) {
        let bundle = bundle(entries);
        let text = bundle.to_dotenv().unwrap();
        assert!(Bundle::from_dotenv(text.expose()).unwrap().same_as(&bundle));
    }

    #[test]
    fn json_out_and_in_is_the_identity(
        entries in prop::collection::btree_map("(?s).{0,6}", "(?s).{0,12}", 0..6),
    ) {
        let bundle = bundle(entries);
        assert!(Bundle::from_json(bundle.to_json().expose()).unwrap().same_as(&bundle));
    }

    #[test]
    fn readers_survive_anything(text in "(?s).{0,60}", lines in "([A=\"'\\\\$#\n\r é\0]|export ){0,40}") {
        for text in [text, lines] {
            let _ = Bundle::from_dotenv(&text);
            let _ = Bundle::from_json(&text);
        }
    }
}

#[cfg(unix)]
proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn a_shell_reads_what_is_written(value in "[^\0]{0,12}", hostile in "[\"'\\\\$`!#~*{}\n\t (a)=]{0,12}") {
        for value in [value, hostile] {
            let text = bundle([("A".to_owned(), value.clone())]).to_dotenv().unwrap();
            assert_eq!(shell(text.expose(), "A"), Some(value));
        }
    }

    #[test]
    fn a_shell_reads_a_value_alike(value in "[\"'\\\\$`!#~*?{}\n\t (ab)=:;&é^%]{0,8}") {
        let text = format!("A={value}\n");
        if let Ok(read) = Bundle::from_dotenv(&text)
            && let Some(value) = read.get("A")
            && read.len() == 1
        {
            assert_eq!(shell(&text, "A").as_deref(), Some(value.expose()), "{text:?}");
        }
    }
}

#[test]
fn every_fault_of_a_file_is_named_with_the_file() {
    let text = "A=1\nB = 2\nA=3\nC=x y\nD=\"$X\"\nE=ok\nF='open\nG = 1\n";
    let error = Bundle::from_dotenv(text).unwrap_err();
    let BundleError::Lines { faults } = &error else { panic!("{error:?}") };
    assert_eq!(faults.iter().map(|fault| fault.line).collect::<Vec<_>>(), [2, 3, 4, 5, 7]);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("staging.env");
    std::fs::write(&file, text).unwrap();
    let told = Bundle::from_file(&file).unwrap_err().to_string();
    assert!(
        told.contains("staging.env: line 2: ") && told.contains("; line 7: the quote is never closed"),
        "{told}"
    );
    let missing = Bundle::from_file(folder.path().join("none.env")).unwrap_err().to_string();
    assert!(missing.contains("none.env: the file cannot be read"), "{missing}");
    let json = folder.path().join("staging.json");
    std::fs::write(&json, "{\"A\": \"1\"}").unwrap();
    assert_eq!(Bundle::from_file(&json).unwrap().len(), 1);
}

#[test]
#[cfg(target_os = "linux")]
fn a_pipe_is_read_to_its_end_and_a_source_without_an_end_is_refused() {
    use std::io::Write as _;
    use std::os::fd::AsRawFd as _;

    let value = "x".repeat(100);
    let text = (0..10_000).fold(String::new(), |text, number| text + &format!("K{number}={value}\n"));
    assert!(text.len() > 1_000_000);
    let (output, mut input) = std::io::pipe().unwrap();
    let expected = Bundle::from_dotenv(&text).unwrap();
    let writing = std::thread::spawn(move || input.write_all(text.as_bytes()).unwrap());
    let read = Bundle::from_file(format!("/dev/fd/{}", output.as_raw_fd())).unwrap();
    writing.join().unwrap();
    assert!(read.same_as(&expected));

    let BundleError::InFile { source, .. } = Bundle::from_file("/dev/zero").unwrap_err() else { panic!() };
    assert!(matches!(*source, BundleError::TooLong { limit: 67_108_864 }), "{source}");
}

#[test]
fn the_lenient_reader_says_what_a_shell_reads_otherwise() {
    let text = "URL=http://h/?a&b\nNAME=two words # a comment\nPLAIN=x\nexport LIST=(a;b)\n";
    assert!(Bundle::from_dotenv(text).is_err());
    let read = Bundle::from_dotenv_lenient(text).unwrap();
    let value = |key| read.bundle.get(key).unwrap().expose().to_owned();
    assert_eq!(value("URL"), "http://h/?a&b");
    assert_eq!(
        (value("NAME"), value("PLAIN"), value("LIST")),
        ("two words".into(), "x".into(), "(a;b)".into())
    );
    assert_eq!(read.lines, [1, 2, 4]);
    for differs in ["A=a$b", "A=a`b`", "A=a\\b", "A=it's", "A=say \"x\""] {
        assert!(Bundle::from_dotenv_lenient(differs).is_err(), "{differs}");
    }
}
