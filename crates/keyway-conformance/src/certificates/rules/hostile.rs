//! Rules about hostile data of clients.

use keyway_certificates::{
    CaId, CertificateError, DeleteCa, Json, JsonObject, OrderMetadata, OrderRequest, RetryMethod,
};
use serde_json::json;

use super::{Broken, CREATES, CertificateFixture, Checked, DELETES, Handle, broken, rules};
use crate::certificates::example::metadata_of;
use crate::path_trap::PathTrap;
use crate::polled::answered;
use crate::unique::new_intent;

rules! {
    in CertificateFixture;
    "CER-100" Must from ["B20", "R4", "Barbican/supports", "Barbican/order_meta"]
        "Whatever the data of a client are, `supports` answers or refuses, without a panic and in time."
        odd_requests;
    "CER-101" Must from ["B20", "R4", "Barbican/issue", "Barbican/order_meta"]
        "Whatever the data of a client are, an order is answered or refused, without a panic and in time."
        odd_orders;
    "CER-102" Must from ["B20", "Barbican/issue"]
        "After orders with odd data, the order of the example ends in a certificate."
        goes_on;
    "CER-103" Must from ["B20", "K1"]
        "No text in the data of a client is a path to a file."
        paths_in_data;
    "CER-104" Must from ["B10", "K1"]
        "No id of an authority is a path to a file, in an order."
        paths_in_ids;
    "CER-105" Must needs CREATES from ["B19", "K1"]
        "No name of a new authority is a path to a file."
        paths_in_names;
    "CER-106" Must needs DELETES from ["B19", "K1"]
        "No id of an authority that is to be deleted is a path to a file."
        paths_in_deletions;
    "CER-107" Must from ["Barbican/check", "Barbican/plugin_meta", "R4"]
        "A check with data of the plugin that it did not write is answered or refused, without a panic and in time."
        odd_plugin_meta;
}

/// The fields of the upstream system, which a plugin may read.
const KNOWN: [&str; 9] = [
    "request_data",
    "subject_dn",
    "profile",
    "container_ref",
    "extensions",
    "ca_id",
    "name",
    "names",
    "days",
];

/// Makes unusual data from the data of the example, each with a description of what is unusual.
pub(super) fn odd_metadata(
    fixture: &CertificateFixture<'_>,
) -> Result<Vec<(&'static str, OrderMetadata)>, Broken> {
    let fields = fixture.example().fields()?;
    let with = |more: &[(&str, Json)]| {
        let more = more.iter().map(|(name, value)| ((*name).to_owned(), value.clone()));
        metadata_of(fields.clone().into_iter().chain(more).collect())
    };
    let deep = (1..OrderMetadata::MAX_DEPTH).fold(Json::Null, |inner, _| Json::Array(vec![inner]));
    let odd = "\u{0}\u{7}\r\n\u{1b}[2J\u{202e}\u{feff}\u{1F600}'\"\\$(id)`id`;|&<>%s%n{}";
    let many = (0..1500).map(|number| (format!("keyway_{number}"), Json::Null));
    let mut all = vec![
        ("no data at all", metadata_of(JsonObject::new())?),
        ("deep data", with(&[("keyway_deep", deep.clone())])?),
        ("a long text", with(&[("keyway_long", Json::text("x".repeat(40 << 10)))])?),
        ("odd names of fields", with(&[(odd, Json::Null), ("", Json::Null)])?),
        ("many fields", metadata_of(fields.clone().into_iter().chain(many).collect())?),
        ("control characters in each text", fixture.example().with_texts(|_| odd.to_owned())?),
        ("empty texts", fixture.example().with_texts(|_| String::new())?),
        ("long texts", fixture.example().with_texts(|_| "x".repeat(4 << 10))?),
    ];
    let values: [(&str, Json); 6] = [
        ("a null", Json::Null),
        ("a boolean", true.into()),
        ("a number", json!(12_345_678_901_234_567_890_u64).into()),
        ("a list", json!([[], {}, "a"]).into()),
        ("an object", json!({ "a": { "": null } }).into()),
        ("deep data", deep),
    ];
    for (what, value) in values {
        let known = KNOWN.iter().map(|name| (*name).to_owned());
        let names = known.chain(fields.keys().cloned()).filter(|name| name != OrderMetadata::REQUEST_TYPE);
        all.push((what, metadata_of(names.map(|name| (name, value.clone())).collect())?));
        for name in fields.keys() {
            all.push((what, with(&[(name, value.clone())])?));
        }
    }
    Ok(all)
}

async fn odd_requests(fixture: &CertificateFixture<'_>) -> Checked {
    let handle = fixture.handle()?;
    for (what, metadata) in odd_metadata(fixture)? {
        let request = OrderRequest::new(metadata).with_context(fixture.example().context());
        let _ = answered(handle.authority.supports(&request), handle.in_time(), "supports", what).await?;
    }
    Ok(())
}

async fn ordered(handle: &Handle<'_, '_>) -> Checked {
    for (what, metadata) in odd_metadata(handle)? {
        let order = handle.order_of(metadata, handle.example())?;
        for (method, name) in [(RetryMethod::Issue, "issue"), (RetryMethod::Check, "check")] {
            let _ = answered(handle.ask(method, &order), handle.in_time(), name, what).await?;
        }
    }
    Ok(())
}

async fn odd_orders(fixture: &CertificateFixture<'_>) -> Checked {
    ordered(&fixture.handle()?).await
}

async fn goes_on(fixture: &CertificateFixture<'_>) -> Checked {
    let handle = fixture.handle()?;
    // Other rules check whether these calls are answered.
    drop(ordered(&handle).await);
    handle.issued().await.map(drop)
}

async fn odd_plugin_meta(fixture: &CertificateFixture<'_>) -> Checked {
    let handle = fixture.handle()?;
    let placed = fixture.order()?;
    handle.must(RetryMethod::Issue, &placed).await?;
    // A plugin that keeps nothing finds an entry, too.
    let names: Vec<_> = placed.order.plugin_meta.snapshot().into_keys().chain(["kit".to_owned()]).collect();
    for (what, value) in [
        ("nulls", Json::Null),
        ("numbers", json!(7).into()),
        ("lists", json!([]).into()),
        ("odd texts", "\0\n".into()),
    ] {
        let order = fixture.order()?;
        for name in &names {
            let set = order.order.plugin_meta.set(name.as_str(), value.clone());
            set.map_err(|error| broken("an entry for the plugin", error.to_string()))?;
        }
        let _ = answered(handle.ask(RetryMethod::Check, &order), handle.in_time(), "check", what).await?;
    }
    Ok(())
}

/// Calls `answer` with each path of a `PathTrap`, and demands that the call neither shows nor touches a file. `answer`
/// makes the plugin's call, and returns its whole result as text.
async fn trapped(
    fixture: &CertificateFixture<'_>,
    of: &str,
    answer: impl AsyncFn(&Handle<'_, '_>, &str) -> Result<String, Broken>,
) -> Checked {
    let trap = PathTrap::new(fixture.canary("file"))?;
    let handle = fixture.handle()?;
    for (form, path) in trap.names() {
        trap.is_harmless(&answer(&handle, &path).await?, of, form)?;
    }
    Ok(())
}

/// Returns an answer as text.
fn text<T: std::fmt::Debug>(answer: &Result<T, CertificateError>) -> String {
    match answer {
        Ok(answer) => format!("{answer:?}"),
        Err(error) => super::provoked::all_words(error),
    }
}

async fn paths_in_data(fixture: &CertificateFixture<'_>) -> Checked {
    trapped(fixture, "a text of the client", async |handle, path| {
        let metadata = handle.example().with_texts(|_| path.to_owned())?;
        let request = OrderRequest::new(metadata.clone()).with_context(handle.example().context());
        let mut all = text(
            &answered(handle.authority.supports(&request), handle.in_time(), "supports", "a path").await?,
        );
        let order = handle.order_of(metadata, handle.example())?;
        for (method, name) in [(RetryMethod::Issue, "issue"), (RetryMethod::Check, "check")] {
            all.push_str(&text(
                &answered(handle.ask(method, &order), handle.in_time(), name, "a path").await?,
            ));
        }
        Ok(all)
    })
    .await
}

fn id(path: &str) -> Result<CaId, Broken> {
    CaId::new(path).map_err(|error| broken("a path that can be an id of an authority", error.to_string()))
}

async fn paths_in_ids(fixture: &CertificateFixture<'_>) -> Checked {
    trapped(fixture, "the id of an authority", async |handle, path| {
        let example = handle.example().clone().ca(id(path)?);
        let order = handle.order_of(example.metadata()?, &example)?;
        Ok(text(
            &answered(handle.ask(RetryMethod::Issue, &order), handle.in_time(), "issue", "a path").await?,
        ))
    })
    .await
}

async fn paths_in_names(fixture: &CertificateFixture<'_>) -> Checked {
    trapped(fixture, "the name of an authority", async |handle, path| {
        let mut request = super::authorities::creation(handle).await?;
        request.name = path.to_owned();
        request.subject_dn = format!("CN={path}");
        let answer =
            answered(handle.authority.create_ca(&request), handle.in_time(), "create_ca", "a path").await?;
        if let (Ok(made), true) = (&answer, handle.authority.capabilities().deletes_cas) {
            let _ = handle.authority.delete_ca(&DeleteCa::new(new_intent(), made.id.clone())).await;
        }
        // The name is left out, because it is the path itself and not the content of a file.
        Ok(text(&answer.map(|made| made.description)))
    })
    .await
}

async fn paths_in_deletions(fixture: &CertificateFixture<'_>) -> Checked {
    trapped(fixture, "the id of an authority", async |handle, path| {
        let request = DeleteCa::new(new_intent(), id(path)?);
        Ok(text(
            &answered(handle.authority.delete_ca(&request), handle.in_time(), "delete_ca", "a path").await?,
        ))
    })
    .await
}
