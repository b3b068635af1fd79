//! Answers one request of the protocol `locker.sdk`.

use keyway_core::json::Writer;
use keyway_core::{Plugins, Wiped, with_causes};
use keyway_storage::Sqlite;

use crate::configuration::{Configuration, ConfigurationError};
use crate::context;
use crate::envelope::{self, Envelope, MAX_BYTES, MAX_DEPTH};
use crate::failure::Failure;
use crate::method::Method;
use crate::objects::write_list;
use crate::parameters::Parameters;
use crate::project::Project;
use crate::runtime::run_to_end;

/// The version in the field `cli_version` of answers.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Answers one request of the protocol `locker.sdk`. The answer is always a complete object, even for a request that is
/// not JSON. `configuration` is called only if the request needs the configuration.
///
/// Blocks until the store has answered, at most until the deadlines of the store's calls. It must not be called inside
/// of a tokio runtime.
pub fn answer(
    request: &[u8],
    plugins: &Plugins,
    configuration: impl FnOnce() -> Result<Configuration, ConfigurationError>,
) -> Wiped<String> {
    let (id, envelope) = envelope::read(request);
    let mut out = Writer::with_capacity(1024);
    begin(&mut out, id.as_deref());
    out.raw(r#","result":{"protocol_version":1,"data":"#);
    let done = envelope.and_then(|envelope| carry_out(envelope, plugins, configuration, &mut out));
    out.raw(r#","meta":{"cli_version":"#);
    out.text(VERSION);
    out.raw("}}}");
    let out = out.finish();
    let failure = match done {
        Ok(()) if out.len() <= MAX_BYTES => return out,
        Ok(()) => Failure::AnswerTooLarge,
        Err(failure) => failure,
    };
    refusal(id.as_deref(), failure)
}

fn begin(out: &mut Writer, id: Option<&str>) {
    out.raw(r#"{"jsonrpc":"2.0","id":"#);
    match id {
        Some(id) => out.text(id),
        None => out.raw("null"),
    }
}

/// Writes an error. The SDKs replace the message by their own, so the message only repeats the kind.
fn refusal(id: Option<&str>, failure: Failure) -> Wiped<String> {
    let (code, kind, retryable) = failure.row();
    let mut out = Writer::with_capacity(256);
    begin(&mut out, id);
    out.raw(&format!(
        r#","error":{{"code":{code},"message":"{kind}","data":{{"protocol_version":1,"kind":"{kind}","retryable":{retryable}"#
    ));
    if let Some(seconds) = failure.retry_after() {
        out.raw(&format!(r#","retry_after_seconds":{seconds}"#));
    }
    out.raw("}}}");
    out.finish()
}

/// Carries out a request, and writes the data of its answer.
fn carry_out(
    Envelope { method, mut parameters }: Envelope,
    plugins: &Plugins,
    configuration: impl FnOnce() -> Result<Configuration, ConfigurationError>,
    out: &mut Writer,
) -> Result<(), Failure> {
    if method == Method::Capabilities {
        parameters.take("context");
        parameters.end()?;
        write_capabilities(out);
        return Ok(());
    }
    let given = parameters.object("context")?;
    let configuration = configuration().map_err(|error| {
        tracing::error!("{}", with_causes(&error));
        match error {
            ConfigurationError::NoHome | ConfigurationError::Missing(_) => Failure::Path,
            ConfigurationError::File(_) | ConfigurationError::Invalid { .. } => Failure::File,
        }
    })?;
    let (access, accepted) = context::access(given, &configuration)?;
    if access.read_only && method.writes() {
        tracing::warn!(
            "a request would write to the store {} with an access key that only reads",
            access.store
        );
        return Err(Failure::Forbidden);
    }
    let entry = configuration.stores.get(&access.store).ok_or(Failure::Internal)?;
    let called = run_to_end(async {
        let project =
            Project::open(plugins, &access.store, entry, accepted, |path| Sqlite::open(path)).await?;
        project.call(method, parameters, out).await
    });
    called.unwrap_or_else(|error| {
        tracing::error!("the runtime could not be made: {error}");
        Err(Failure::Internal)
    })
}

impl Project {
    async fn call(&self, method: Method, given: Parameters, out: &mut Writer) -> Result<(), Failure> {
        match method {
            Method::GetSecret => self.get_secret(given, out).await,
            Method::ListSecrets => self.list_secrets(given, out).await,
            Method::PageSecrets => self.page_secrets(given, out).await,
            Method::CreateSecret => self.create_secret(given, out).await,
            Method::UpdateSecret => self.update_secret(given, out).await,
            Method::GetEnvironment => self.get_environment(given, out).await,
            Method::ListEnvironments => self.list_environments(given, out).await,
            Method::PageEnvironments => self.page_environments(given, out).await,
            Method::CreateEnvironment => self.create_environment(given, out).await,
            Method::UpdateEnvironment => self.update_environment(given, out).await,
            // `carry_out` answers this method before it opens a store.
            Method::Capabilities => Err(Failure::Internal),
        }
    }
}

fn write_capabilities(out: &mut Writer) {
    out.raw(r#"{"protocol":{"name":"locker.sdk","transport":"json-rpc-2.0-stdio","min_version":1,"max_version":1},"#);
    out.raw(r#""cli":{"version":"#);
    out.text(VERSION);
    out.raw(r#"},"methods":"#);
    write_list(out, &Method::ALL, |out, (name, _)| out.text(name));
    out.raw(&format!(
        r#","limits":{{"max_request_bytes":{MAX_BYTES},"max_response_bytes":{MAX_BYTES},"max_json_depth":{MAX_DEPTH}}},"#
    ));
    out.raw(r#""error_contracts":["typed-v1"]}"#);
}
