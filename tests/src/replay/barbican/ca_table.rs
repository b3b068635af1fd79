//! Replays the vectors `catable`: the table of certificate authorities after one round of answers, or after two.

use keyway_certificates::{AuthorityName, CaId, CaInformation, Pem};
use keyway_core::Timestamp;
use keyway_host::orders::CaTable;
use serde_json::{Value, json};

use crate::replay::oracle::barbican::ca_table::{self as oracle, Described, ROUNDS_APART, Round};
use crate::replay::{Adapter, Demand, Expected, Input, Observed, Ruling, StepOutcome, UpstreamStep};

pub(super) struct Table;

/// Converts the description of an authority. Returns `None` if the contract cannot express it: a plugin then leaves out
/// this authority.
fn information(described: &Described) -> Option<CaInformation> {
    let pem = |text: &Option<String>| text.as_deref().map(Pem::new).transpose().ok();
    let mut ca = CaInformation::new(CaId::new(described.id.as_str()).ok()?, described.name.clone());
    if let Some(description) = &described.description {
        ca = ca.with_description(description.clone());
    }
    if let Some(signer) = pem(&described.signing_certificate)? {
        ca = ca.with_signing_certificate(signer);
    }
    if let Some(intermediates) = pem(&described.intermediates)? {
        ca = ca.with_intermediates(intermediates);
    }
    Some(
        described
            .expiration
            .map(Timestamp::from_milliseconds)
            .into_iter()
            .fold(ca, CaInformation::with_expiration),
    )
}

fn rows(table: &CaTable) -> Value {
    let row = |ca: &keyway_host::orders::HostedCa| {
        let CaInformation { id, name, description, signing_certificate, intermediates, expiration, .. } =
            &ca.information;
        oracle::row(
            ca.authority.as_str(),
            &Described {
                id: id.as_str().to_owned(),
                name: name.clone(),
                description: description.clone(),
                signing_certificate: signing_certificate.as_ref().map(|pem| pem.as_str().to_owned()),
                intermediates: intermediates.as_ref().map(|pem| pem.as_str().to_owned()),
                expiration: expiration.map(Timestamp::as_milliseconds),
            },
        )
    };
    oracle::sorted(table.all().map(row).collect())
}

impl Adapter for Table {
    fn run(&self, input: &Input) -> Observed {
        let mut table = CaTable::default();
        let mut now = Timestamp::from_milliseconds(oracle::BEGINNING);
        let mut steps = Vec::new();
        for Round { answers } in oracle::rounds(input.value()) {
            for (plugin, answer) in answers {
                let Ok(authority) = AuthorityName::new(plugin) else { continue };
                table.connect(authority.clone(), now);
                if !table.due(now).any(|due| *due == authority) {
                    continue;
                }
                match answer {
                    Some(cas) => drop(table.refreshed(&authority, cas.iter().filter_map(information), now)),
                    None => table.failed(&authority, now, None, 0),
                }
            }
            steps.push(("the table", StepOutcome::Ok(rows(&table))));
            now = now.plus(ROUNDS_APART);
        }
        Observed::steps(steps)
    }

    fn rulings(&self, input: &Input) -> Vec<Option<Ruling>> {
        let tables = oracle::tables(input.value());
        tables.into_iter().map(|rows| Some(Ruling::new("B14", Demand::Exactly(rows)))).collect()
    }

    fn demands(&self, _: &Input, expected: &Expected) -> Result<Vec<UpstreamStep>, String> {
        let rounds = expected.value().as_array().ok_or("no list of rounds")?;
        let demand = |round: &Value| match (&round["rows"], &round["raises"]) {
            (Value::Array(rows), _) => Ok(Demand::Exactly(oracle::sorted(rows.iter().map(plain).collect()))),
            (_, Value::String(_)) => Ok(Demand::AnyRefusal),
            _ => Err("neither `rows` nor `raises`".to_owned()),
        };
        rounds.iter().map(|round| Ok(demand(round)?.into())).collect()
    }
}

/// Converts a row of upstream's database to the form of Keyway's rows. Bytes become texts.
fn plain(row: &Value) -> Value {
    let mut meta = row["meta"].clone();
    for value in meta.as_object_mut().into_iter().flat_map(serde_json::Map::values_mut) {
        if value["bytes"].is_string() {
            *value = value["bytes"].take();
        }
    }
    json!({
        "plugin": row["plugin_name"], "id": row["plugin_ca_id"], "meta": meta,
        "has_expiration": row["has_expiration"],
    })
}
