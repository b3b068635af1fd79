//! Tests that an issuer behaves in the same way in this process and as an executable, which the plugin `process` runs.

use keyway_core::Effect;
use std::io::Write as _;
use std::process::{Command, Output, Stdio};
use std::sync::LazyLock;

use keyway_core::PluginError as _;
use keyway_issuers::wire::{Alphabet, Ended, Profile, WireOptions, base64, host};
use keyway_issuers::{
    ConfigurationValue, Context, CredentialRef, CredentialRequest, IntentId, Issuer, IssuerError, Json,
    JsonObject, Login, Parameters, RequestOutcome, Requester, Revocation, UserInfo,
};
use keyway_process::{AlphabetChoice, ProcessConfiguration, ProcessIssuer};
use keyway_tests::echo_issuer::Echo;
use pollster::block_on;
use proptest::prelude::*;

const EXECUTABLE: &str = env!("CARGO_BIN_EXE_echo-issuer");

fn process(alphabet: AlphabetChoice) -> ProcessIssuer {
    let mut configuration = ProcessConfiguration::new(EXECUTABLE);
    configuration.alphabet = alphabet;
    configuration.idempotent = true;
    ProcessIssuer::new(&configuration).unwrap()
}

fn texts() -> impl Strategy<Value = String> {
    prop_oneof!["[ -~]{0,12}", "\\PC{0,8}", "[\\x00-\\x1f\u{80}-\u{9f}\u{1F600}>?~/]{0,6}"]
}

fn json() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::Boolean),
        any::<i64>().prop_map(|number| Json::from(serde_json::json!(number))),
        texts().prop_map(Json::from),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Json::Array),
            prop::collection::btree_map(texts(), inner, 0..4).prop_map(Json::Object),
        ]
    })
}

fn users() -> impl Strategy<Value = UserInfo> {
    (texts(), texts(), prop::collection::btree_map(texts(), json(), 0..3)).prop_map(
        |(issuer, subject, claims)| {
            let user = UserInfo::new(issuer, subject);
            claims.into_iter().fold(user, |user, (name, claim)| user.with(name, claim))
        },
    )
}

fn contexts() -> impl Strategy<Value = Context> {
    let logins = prop::collection::vec((users(), prop::option::of(texts())), 0..3);
    (
        users(),
        logins,
        prop::option::of(texts()),
        prop::option::of("[A-Za-z0-9._-]{1,128}"),
        texts(),
        any::<bool>(),
    )
        .prop_map(|(user, logins, token, intent, prefix, loud)| {
            let configuration = keyway_issuers::Configuration::new()
                .with("prefix", ConfigurationValue::text(prefix))
                .with("loud", ConfigurationValue::Boolean(loud));
            let mut requester = Requester::new(user);
            for (user_info, token) in logins {
                requester = requester.with_login(Login { user_info, access_token: token.map(Into::into) });
            }
            requester.access_token = token.map(Into::into);
            let mut context = Context::new(requester).with_configuration(configuration);
            context.intent = intent.and_then(IntentId::new);
            context
        })
}

fn requests() -> impl Strategy<Value = CredentialRequest> {
    let then =
        prop::option::weighted(0.4, prop::sample::select(vec!["refuse", "login", "fail", "print", "other"]));
    (contexts(), prop::option::of((texts(), then))).prop_map(|(context, entered)| {
        let mut parameters = Parameters::new();
        if let Some((say, then)) = entered {
            parameters = parameters.with("say", say.as_str());
            if let Some(then) = then {
                parameters = parameters.with("then", then);
            }
        }
        CredentialRequest::new(context).with_parameters(parameters)
    })
}

/// Returns the part of a result that a host can see. For an error, these are the plugin's texts for the user and for
/// the log (even if they went over the wire), and whether the call certainly had no effect.
fn seen<T>(result: Result<T, IssuerError>) -> Result<T, (String, String, bool)> {
    result
        .map_err(|error| (error.user_message().into_owned(), error.detail(), error.effect() == Effect::None))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn a_request_brings_the_same(request in requests(), standard in any::<bool>()) {
        static URL_SAFE: LazyLock<ProcessIssuer> = LazyLock::new(|| process(AlphabetChoice::UrlSafe));
        static STANDARD: LazyLock<ProcessIssuer> = LazyLock::new(|| process(AlphabetChoice::Standard));
        let (inside, outside) = block_on(async {
            let outside = if standard { &*STANDARD } else { &*URL_SAFE };
            (Echo.request(&request).await, outside.request(&request).await)
        });
        // Tells whether the host may forget its intent.
        let is_certain = |result: &Result<RequestOutcome, IssuerError>| {
            result.as_ref().map_or_else(|error| error.effect() == Effect::None, |_| true)
        };
        prop_assert!(is_certain(&inside) || !is_certain(&outside), "{:?}", outside);
        let (inside, mut outside) = (seen(inside), seen(outside));
        if let Err((_, log, _)) = &mut outside {
            // The log begins with the plugin's text, and the output to standard error follows.
            prop_assert!(log.starts_with(&inside.as_ref().unwrap_err().1), "{log}");
            log.clone_from(&inside.as_ref().unwrap_err().1);
        }
        prop_assert_eq!(inside, outside);
    }

    #[test]
    fn a_revocation_brings_the_same(context in contexts(), state in "(stays)?\\PC{0,8}") {
        let revocation = Revocation::new(context, CredentialRef::new(state));
        let issuer = process(AlphabetChoice::UrlSafe);
        let (inside, outside) = block_on(async { (Echo.revoke(&revocation).await, issuer.revoke(&revocation).await) });
        prop_assert_eq!(seen(inside), seen(outside));
    }
}

#[test]
fn it_describes_itself_the_same_and_says_that_it_reads_standard_input() {
    let (inside, outside) = block_on(async {
        (Echo.describe().await.unwrap(), process(AlphabetChoice::UrlSafe).describe().await.unwrap())
    });
    assert!(outside.features().stdin && outside.features().idempotent);
    assert_eq!(inside.with_features(outside.features()), outside);
}

#[test]
fn a_panic_is_an_error_object_and_its_text_goes_nowhere() {
    let parameters = Parameters::new().with("say", "open sesame").with("then", "panic");
    let request = CredentialRequest::new(joe()).with_parameters(parameters);
    let error = block_on(process(AlphabetChoice::UrlSafe).request(&request)).unwrap_err();
    // The outcome is unknown, and the host must not forget the intent (decision R2).
    assert!(matches!(error, IssuerError::Failed { .. }) && error.effect() == Effect::Unknown, "{error:?}");
    assert!(
        error.detail().contains("it panicked") && error.detail().contains("echo_issuer.rs"),
        "{}",
        error.detail()
    );
    assert!(!error.detail().contains("sesame"));
}

fn joe() -> Context {
    Context::new(UserInfo::new("https://issuer.example.com", "joe"))
}

/// Runs the executable as any host might.
fn run(arguments: &[&[u8]], input: &[u8]) -> Output {
    use std::os::unix::ffi::OsStrExt as _;
    let mut child = Command::new(EXECUTABLE)
        .args(arguments.iter().map(|argument| std::ffi::OsStr::from_bytes(argument)))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // An error is ignored, because the executable may close its input early.
    let _ = child.stdin.take().unwrap().write_all(input);
    child.wait_with_output().unwrap()
}

fn encoded(json: &str) -> Vec<u8> {
    base64::encode(json.as_bytes(), Alphabet::UrlSafe).expose().as_bytes().to_vec()
}

#[test]
fn it_reads_the_argument_first_and_standard_input_without_one() {
    let described = |output: &Output| {
        assert_eq!(output.status.code(), Some(0));
        host::decode_description(&output.stdout, Ended::SUCCESS, Profile::Strict).unwrap()
    };
    let input = host::encode_parameter(&WireOptions::new("1.6.1"));
    let input = input.expose().as_bytes();
    let by_argument = described(&run(&[input], b"not looked at"));
    assert_eq!(by_argument, described(&run(&[], input)));
    // Old hosts and shells add a line break, and some add padding. The answer stays the same.
    assert_eq!(by_argument, described(&run(&[], &[input, b"\n"].concat())));
}

#[test]
fn an_object_is_all_that_is_printed() {
    let parameters = Parameters::new().with("say", "in between").with("then", "print");
    let request = CredentialRequest::new(joe()).with_parameters(parameters);
    let input = host::encode_request(&request, &WireOptions::new("1.6.1"));
    let output = run(&[input.expose().as_bytes()], b"");
    let outcome = host::decode_outcome(&output.stdout, Ended::SUCCESS, Profile::Strict).unwrap();
    assert!(matches!(outcome, RequestOutcome::Issued(_)));
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "in between\n");
}

#[test]
fn an_invalid_input_gets_an_error_object() {
    let parameter = r#"{"action":"parameter","cred_state":"undefined","watts_version":"1"}"#;
    let deep = format!("{{\"action\":{}1", "[".repeat(100_000));
    let mut inputs: Vec<Vec<u8>> = vec![
        vec![],
        b"\n".to_vec(),
        b"not base64!".to_vec(),
        vec![0xff, 0xfe],
        encoded(""),
        encoded("[]"),
        encoded("{}"),
        encoded("nul"),
        encoded(&parameter.replace("parameter", "destroy")),
        encoded(&parameter.replace("parameter", "Parameter")),
        encoded(&parameter.replace("parameter", "request")),
        encoded(&format!("{parameter}{parameter}")),
        encoded(&deep),
    ];
    let whole = encoded(parameter);
    inputs.push(whole[..whole.len() / 2].to_vec());
    for input in inputs {
        let mut outputs = vec![run(&[], &input)];
        if input.len() < 100_000 {
            outputs.push(run(&[&input], b""));
        }
        for output in outputs {
            let shown = String::from_utf8_lossy(&input);
            assert_eq!(output.status.code(), Some(0), "{shown}");
            let error = host::decode_outcome(&output.stdout, Ended::SUCCESS, Profile::Strict).unwrap_err();
            assert!(matches!(error, IssuerError::Refused { .. }), "{shown}: {error:?}");
        }
    }
    let two = run(&[&whole, &whole], b"");
    assert!(host::decode_description(&two.stdout, Ended::SUCCESS, Profile::Strict).is_err());
}

#[test]
fn values_that_the_host_should_have_checked_are_checked() {
    let options = WireOptions::new("1.6.1");
    let ask = |request: &CredentialRequest| {
        let output = run(&[], host::encode_request(request, &options).expose().as_bytes());
        host::decode_outcome(&output.stdout, Ended::SUCCESS, Profile::Strict)
    };
    let mandatory_missing =
        CredentialRequest::new(joe()).with_parameters(Parameters::new().with("then", "x"));
    let mut number = JsonObject::new();
    number.insert("say".to_owned(), Json::Boolean(true));
    let wrong_type = CredentialRequest::new(joe()).with_parameters(number.into());
    let unknown = keyway_issuers::Configuration::new().with("shoe_size", ConfigurationValue::text("42"));
    let unknown = CredentialRequest::new(joe().with_configuration(unknown));
    for request in [mandatory_missing, wrong_type, unknown] {
        assert!(matches!(ask(&request), Err(IssuerError::Refused { .. })), "{request:?}");
    }
    // The configuration does not set `prefix`, so the issuer uses the default `echo/`.
    let Ok(RequestOutcome::Issued(issued)) = ask(&CredentialRequest::new(joe())) else { panic!() };
    assert!(issued.state.as_str().starts_with("echo/"), "{}", issued.state.as_str());
}

#[test]
fn an_answer_without_a_reader_is_a_failure() {
    let input = host::encode_parameter(&WireOptions::new("1"));
    let status = Command::new("sh")
        .args(["-c", "\"$0\" \"$1\" >/dev/full", EXECUTABLE, input.expose()])
        .stderr(Stdio::null())
        .status()
        .unwrap();
    assert_eq!(status.code(), Some(1));
}
