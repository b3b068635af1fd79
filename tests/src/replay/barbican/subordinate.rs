//! Replays the vectors `subca` and `delca`: subordinate authorities of a project are created and deleted.

use std::sync::Arc;

use keyway_certificates::{CaId, Pem};
use keyway_host::orders::subordinate::NewCa;
use serde_json::{Value, json};

use super::creator::Creator;
use super::stage::{Stage, class, owner, run};
use crate::replay::oracle::barbican::subordinate::{self as oracle, Answer, Deletion};
use crate::replay::{Adapter, Class, Demand, Expected, Input, Observed, Ruling, StepOutcome, UpstreamStep};

pub(super) struct Created;

pub(super) struct Deleted;

/// The usual answer, which has all optional parts.
const USUAL: Answer = Answer::Described { has_id: true, has_intermediates: true, expires: true };

fn outcome(result: Result<Value, Class>) -> StepOutcome {
    result.map_or_else(StepOutcome::Refused, StepOutcome::Ok)
}

/// Starts a host with the authority, and creates the subordinate authority that the owner already has in the vectors.
async fn stage(creator: &Arc<Creator>) -> Result<Stage, Class> {
    let stage = Stage::new([("Scripted", Arc::clone(creator))], []).await?;
    if creator.capabilities.creates_cas {
        let base = stage.ca(oracle::BASE[0]).ok_or(Class::Internal)?;
        stage.create_ca(NewCa::new(owner(), base, oracle::SUB, "cn=first")).await?;
    }
    Ok(stage)
}

async fn create(creator: &Arc<Creator>, input: &Input) -> Result<Value, Class> {
    let stage = stage(creator).await?;
    let parent = match oracle::parent(input.value()) {
        Some(name) => stage.ca(name).ok_or(Class::Internal)?,
        None => CaId::new(input.text("parent")).map_err(|_| Class::Invalid)?,
    };
    let new = NewCa::new(owner(), parent, oracle::NAME, oracle::SUBJECT);
    stage.create_ca(new.with_description(oracle::DESCRIPTION)).await?;
    let hosted = stage.hosted(oracle::NAME).ok_or(Class::NotFound)?.information;
    let text = |pem: &Option<Pem>| pem.as_ref().map(|pem| pem.as_str().to_owned());
    if text(&hosted.signing_certificate).as_deref() != Some("S") {
        return Err(Class::BadResult);
    }
    let intermediates = text(&hosted.intermediates);
    let expires = hosted.expiration.is_some();
    Ok(oracle::created(intermediates.as_deref(), expires, hosted.id.as_str()))
}

impl Adapter for Created {
    fn run(&self, input: &Input) -> Observed {
        let creator = oracle::answer(input.value()).ok_or(Class::Invalid).and_then(|answer| {
            let mut creator = Creator::new(answer).map_err(|error| class(&error))?;
            creator.capabilities = creator.capabilities.creates_cas(oracle::creates(input.value()));
            Ok(Arc::new(creator))
        });
        let made = creator.clone().and_then(|creator| run(create(&creator, input)));
        let calls = creator.map(|creator| creator.created().into());
        Observed::steps([("the authority", outcome(made)), ("the calls of the plugin", outcome(calls))])
    }

    fn rulings(&self, input: &Input) -> Vec<Option<Ruling>> {
        oracle::creation(input.value()).into()
    }

    fn demands(&self, _: &Input, expected: &Expected) -> Result<Vec<UpstreamStep>, String> {
        let made = match (expected.get("created"), expected.get("raises").as_str()) {
            (created @ Value::Object(_), _) => Demand::Exactly(json!({
                "id": created["plugin_ca_id"], "meta": created["meta"],
                "has_expiration": created["has_expiration"], "is_owners": created["project_is_mine"],
            })),
            (_, Some("InvalidParentCA")) => Demand::Refused(&[Class::NotFound]),
            (_, Some("SubCAsNotSupported")) => Demand::Refused(&[Class::Unsupported]),
            (_, Some(_)) => Demand::AnyRefusal,
            _ => return Err("neither `created` nor `raises`".to_owned()),
        };
        let calls = expected.get("plugin_calls").as_array().ok_or("no `plugin_calls`")?;
        let call = |call: &Value| {
            let dto = &call["dto"];
            json!({
                "name": dto["name"], "subject_dn": dto["subject_dn"], "description": dto["description"],
                "parent": dto["parent_ca_id"],
            })
        };
        let calls: Vec<Value> = calls.iter().map(call).collect();
        Ok(vec![made.into(), Demand::Exactly(calls.into()).into()])
    }
}

/// Deletes an authority. Returns the outcome, and what is left: the ids of the remaining authorities, and the authority
/// that a new order gets if it names none.
async fn delete(creator: &Arc<Creator>, deletion: Deletion) -> Result<(StepOutcome, Value), Class> {
    let stage = stage(creator).await?;
    let ca = |name: &str| stage.ca(name).ok_or(Class::Internal);
    if let Some(preferred) = deletion.preferred {
        stage.prefer(true, &ca(preferred)?).await?;
    }
    let deleted = stage.delete_ca(&ca(deletion.deleted)?).await;
    let mut left: Vec<String> = stage.cas().into_iter().map(|ca| ca.information.id.to_string()).collect();
    left.sort();
    let order = stage.submit(&json!({})).await?;
    let preferred = stage.order(&order).await?.ca.map(|ca| ca.to_string());
    Ok((outcome(deleted.map(|()| Value::Null)), json!({ "cas": left, "preferred": preferred })))
}

impl Adapter for Deleted {
    fn run(&self, input: &Input) -> Observed {
        let creator = Creator::new(USUAL).map(Arc::new).map_err(|error| class(&error));
        let deletion = oracle::deletion(input.situation()).ok_or(Class::Invalid);
        let done = creator.clone().and_then(|creator| run(delete(&creator, deletion?)));
        let (deleted, left) = match done {
            Ok((deleted, left)) => (deleted, StepOutcome::Ok(left)),
            Err(class) => (StepOutcome::Refused(class), StepOutcome::Refused(class)),
        };
        let calls = creator.map(|creator| json!(creator.deleted()));
        Observed::steps([
            ("the deletion", deleted),
            ("what is left", left),
            ("the calls of the plugin", outcome(calls)),
        ])
    }

    fn rulings(&self, input: &Input) -> Vec<Option<Ruling>> {
        match oracle::deletion(input.situation()) {
            Some(deletion) => oracle::deletion_rulings(deletion).into(),
            None => vec![None, None, None],
        }
    }

    fn demands(&self, input: &Input, expected: &Expected) -> Result<Vec<UpstreamStep>, String> {
        let Deletion { deleted, preferred } =
            oracle::deletion(input.situation()).ok_or("no such situation")?;
        let deletion = match (expected.get("deleted"), expected.get("raises").as_str()) {
            (Value::Bool(true), _) => Demand::done(),
            (_, Some("CannotDeleteBaseCA")) => Demand::Refused(&[Class::Denied]),
            _ => return Err("neither `deleted` nor `raises`".to_owned()),
        };
        let mut rows = expected.get("ca_rows_left").as_array().ok_or("no `ca_rows_left`")?.clone();
        if oracle::BASE.contains(&deleted) {
            // In upstream's vector the project has no subordinate authority. The replay creates one before the
            // deletion, so the expected list gets a row for it.
            rows.push(oracle::SUB.into());
        }
        let preferred = preferred.filter(|_| *expected.get("preferred_rows") == 1);
        let left = json!({ "cas": rows, "preferred": preferred });
        let calls = expected.get("plugin_calls").as_array().ok_or("no `plugin_calls`")?;
        let calls: Vec<&Value> = calls.iter().map(|call| &call["ca_id"]).collect();
        Ok(vec![deletion.into(), Demand::Exactly(left).into(), Demand::Exactly(json!(calls)).into()])
    }
}
