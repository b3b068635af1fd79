//! The objects of an answer: secrets, environments, and pages of them.

use keyway_client::{Environment, ResolvedSecret, SecretHeader};
use keyway_core::json::Writer;
use keyway_core::{SecretText, Timestamp};

use crate::envelope::MAX_BYTES;
use crate::failure::Failure;

/// Writes the object of a secret.
pub(crate) fn write_secret(out: &mut Writer, header: &SecretHeader, value: &str, project_id: i64) {
    let environment = header.address.environment.as_ref();
    out.raw(r#"{"object":"secret","id":"#);
    out.text(&header.id);
    out.raw(r#","key":"#);
    out.text(header.address.name.as_str());
    out.raw(r#","value":"#);
    out.text(value);
    out.raw(r#","description":"#);
    out.text(header.description.as_deref().unwrap_or_default());
    for name in ["environment_id", "environment_name"] {
        out.raw(",");
        out.text(name);
        out.raw(":");
        match environment {
            Some(environment) => out.text(environment.as_str()),
            None => out.raw("null"),
        }
    }
    write_dates(out, header.created, header.modified, project_id);
    out.raw(r#","deleted_date":null,"last_use_date":null}"#);
}

/// Checks that an answer has room for a value. A write must check this before it changes anything: otherwise the caller
/// would read that it failed although it took effect.
///
/// # Errors
/// [`Failure::AnswerTooLarge`].
pub(crate) fn check_room(value: &SecretText) -> Result<(), Failure> {
    // Name and description of a secret, and the envelope, take less than this, even if each byte is escaped.
    const REST: usize = 64 << 10;
    let mut written = Writer::with_capacity(value.expose().len() + 2);
    written.text(value.expose());
    if written.finish().len() > MAX_BYTES - REST { Err(Failure::AnswerTooLarge) } else { Ok(()) }
}

/// Writes the object of an environment.
pub(crate) fn write_environment(out: &mut Writer, environment: &Environment, project_id: i64) {
    out.raw(r#"{"object":"environment","id":"#);
    out.text(environment.name.as_str());
    out.raw(r#","name":"#);
    out.text(environment.name.as_str());
    out.raw(r#","external_url":"#);
    out.text(environment.external_url.as_deref().unwrap_or_default());
    out.raw(r#","description":"""#);
    write_dates(out, environment.created, environment.modified, project_id);
    out.raw("}");
}

fn write_dates(out: &mut Writer, created: Option<Timestamp>, modified: Option<Timestamp>, project_id: i64) {
    let seconds = |time: Timestamp| {
        let milliseconds = time.as_milliseconds();
        format!("{}.{:03}", milliseconds / 1000, milliseconds % 1000)
    };
    let creation = created.map_or_else(|| "0".to_owned(), seconds);
    let revision = modified.or(created).map_or_else(|| "0".to_owned(), seconds);
    let updated = modified.filter(|modified| created != Some(*modified));
    let updated = updated.map_or_else(|| "null".to_owned(), seconds);
    out.raw(&format!(
        r#","creation_date":{creation},"revision_date":{revision},"updated_date":{updated},"project_id":{project_id}"#
    ));
}

/// Writes a list of objects.
pub(crate) fn write_list<T>(out: &mut Writer, items: &[T], mut write: impl FnMut(&mut Writer, &T)) {
    out.raw("[");
    for (at, item) in items.iter().enumerate() {
        if at > 0 {
            out.raw(",");
        }
        write(out, item);
    }
    out.raw("]");
}

/// Writes a list of the secrets whose values are texts. Other secrets cannot be shown, and reads of them fail (decision
/// L3).
pub(crate) fn write_secrets(out: &mut Writer, secrets: &[ResolvedSecret], project_id: i64) {
    let texts: Vec<_> = secrets.iter().filter_map(|secret| Some((secret, secret.expose_text()?))).collect();
    if texts.len() < secrets.len() {
        let omitted = secrets.len() - texts.len();
        tracing::warn!(omitted, "secrets whose values are no texts cannot be shown and are left out");
    }
    write_list(out, &texts, |out, (secret, value)| write_secret(out, &secret.header, value, project_id));
}

/// Writes a page: its items, and the place of the next page.
pub(crate) fn write_page(
    out: &mut Writer,
    object: &str,
    next: Option<&str>,
    items: impl FnOnce(&mut Writer),
) {
    out.raw(r#"{"object":"#);
    out.text(object);
    out.raw(r#","items":"#);
    items(out);
    out.raw(r#","next_cursor":"#);
    match next {
        Some(next) => out.text(next),
        None => out.raw("null"),
    }
    out.raw("}");
}

#[cfg(test)]
mod tests {
    use keyway_secrets::{EnvironmentName, SecretAddress, SecretName};

    use super::*;

    fn written(write: impl FnOnce(&mut Writer)) -> String {
        let mut out = Writer::with_capacity(0);
        write(&mut out);
        out.finish().to_string()
    }

    #[test]
    fn a_secret_has_every_field() {
        let times = [1_700_000_000_500, 1_700_000_001_000].map(Timestamp::from_milliseconds);
        let name = SecretName::new("K").unwrap();
        let environment = EnvironmentName::new("prod").unwrap();
        let header = SecretHeader::new("s1", SecretAddress::in_environment(name.clone(), environment))
            .with_description(Some("d".into()))
            .with_dates(times[0], times[1]);
        assert_eq!(
            written(|out| write_secret(out, &header, "a\"b", 7)),
            r#"{"object":"secret","id":"s1","key":"K","value":"a\"b","description":"d","#.to_owned()
                + r#""environment_id":"prod","environment_name":"prod","creation_date":1700000000.500,"#
                + r#""revision_date":1700000001.000,"updated_date":1700000001.000,"project_id":7,"#
                + r#""deleted_date":null,"last_use_date":null}"#
        );
        let bare = SecretHeader::new("s1", SecretAddress::shared(name));
        let text = written(|out| write_secret(out, &bare, "", 0));
        assert!(text.contains(r#""description":"","environment_id":null,"environment_name":null"#), "{text}");
        assert!(text.contains(r#""creation_date":0,"revision_date":0,"updated_date":null,"#), "{text}");
    }

    #[test]
    fn an_environment_has_every_field() {
        let environment = Environment::new(EnvironmentName::new("prod").unwrap(), None);
        assert_eq!(
            written(|out| write_environment(out, &environment, 7)),
            r#"{"object":"environment","id":"prod","name":"prod","external_url":"","description":"","#
                .to_owned()
                + r#""creation_date":0,"revision_date":0,"updated_date":null,"project_id":7}"#
        );
    }
}
