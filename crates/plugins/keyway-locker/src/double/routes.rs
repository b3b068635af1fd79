//! The routes of the service.

use serde_json::{Value, json};

use super::body::Body;
use super::cipher::Keys;
use super::faults::Fault;
use super::http::{Ending, Reply, SeenRequest, Stop};
use super::pages::page;
use super::project::{self, Project};
use super::refusal::Refusal;
use super::rows::Row;
use super::{ACCESS_KEY_ID, PROFILE_KEY, Shared, locked};

/// The route of a request that the service answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route {
    /// `GET /v1/profile`.
    Profile,
    /// `GET /v1/sync/revision_date`.
    RevisionDate,
    /// `GET /v1/sync/deleted_item_date`.
    DeletedItemDate,
    /// `GET /v1/sync/secrets/count`.
    SecretCount,
    /// `GET /v1/sync/environments/count`.
    EnvironmentCount,
    /// `GET /v1/secrets`.
    ListSecrets,
    /// `POST /v1/secrets`.
    CreateSecret,
    /// `PUT /v1/secrets/{id}`.
    UpdateSecret,
    /// `GET /v1/environments`.
    ListEnvironments,
    /// `POST /v1/environments`.
    CreateEnvironment,
    /// `PUT /v1/environments/{id}`.
    UpdateEnvironment,
}

impl Route {
    /// Returns the route of a request, and the id in its path.
    fn of(request: &SeenRequest) -> Option<(Self, &str)> {
        let path = request.path.strip_prefix("/v1/")?;
        let route = match (request.method.as_str(), path) {
            ("GET", "profile") => Self::Profile,
            ("GET", "sync/revision_date") => Self::RevisionDate,
            ("GET", "sync/deleted_item_date") => Self::DeletedItemDate,
            ("GET", "sync/secrets/count") => Self::SecretCount,
            ("GET", "sync/environments/count") => Self::EnvironmentCount,
            ("GET", "secrets") => Self::ListSecrets,
            ("POST", "secrets") => Self::CreateSecret,
            ("GET", "environments") => Self::ListEnvironments,
            ("POST", "environments") => Self::CreateEnvironment,
            ("PUT", path) => {
                let (rows, id) = path.split_once('/')?;
                let route = match rows {
                    "secrets" => Self::UpdateSecret,
                    "environments" => Self::UpdateEnvironment,
                    _ => return None,
                };
                return Some((route, id));
            }
            _ => return None,
        };
        Some((route, ""))
    }

    fn writes(self) -> bool {
        use Route::{CreateEnvironment, CreateSecret, UpdateEnvironment, UpdateSecret};
        matches!(self, CreateSecret | UpdateSecret | CreateEnvironment | UpdateEnvironment)
    }
}

/// Answers a request. Applies the fault that is switched on for it, if any.
pub(super) fn answer(shared: &Shared, request: &SeenRequest, stop: &Stop) -> Ending {
    let route = Route::of(request).map(|(route, _)| route);
    let fault = {
        let mut state = locked(&shared.state);
        state.seen.push(request.clone());
        state.faults.take(route)
    };
    match &fault {
        Some(Fault::Status { code, body, retry_after }) => {
            let (body, retry_after) = (body.clone(), retry_after.clone());
            return Ending::Send(Reply { status: *code, body, retry_after });
        }
        Some(Fault::CutConnection) => return Ending::Close,
        Some(Fault::Slow(time)) => stop.wait(*time),
        _ => {}
    }
    if stop.is_ended() {
        return Ending::Close;
    }
    let mut state = locked(&shared.state);
    let (status, mut body) = match carried_out(&mut state.project, request) {
        Ok(done) => done,
        Err(refusal) => (refusal.status, refusal.body()),
    };
    match &fault {
        Some(Fault::WrongCipher) => replace_sealed(&mut body, &|text| {
            let opened = state.project.keys.open(text).unwrap_or_default();
            Keys::of_access_key(b"other keys").seal(opened.as_bytes(), [9; 16])
        }),
        Some(Fault::Plaintext) => replace_sealed(&mut body, &|text| {
            state.project.keys.open(text).unwrap_or_else(|_| "plaintext".to_owned())
        }),
        _ => {}
    }
    drop(state);
    let reply = Reply { status, body: body.to_string(), retry_after: None };
    match fault {
        Some(Fault::LoseAnswer) => Ending::Close,
        Some(Fault::CutBody) => Ending::SendHalf(reply),
        Some(Fault::Garbage) => Ending::Send(Reply { body: "<html>no JSON</html>".to_owned(), ..reply }),
        _ => Ending::Send(reply),
    }
}

fn carried_out(project: &mut Project, request: &SeenRequest) -> Result<(u16, Value), Refusal> {
    if request.header("authorization") != Some(&format!("Bearer {ACCESS_KEY_ID}")) {
        return Err(Refusal::new(401, "unauthorized", "The access key is invalid"));
    }
    let Some((route, id)) = Route::of(request) else {
        return Err(Refusal::new(404, "not_found", "The path or its method is unknown"));
    };
    if route.writes() && !project.is_editable {
        return Err(Refusal::new(403, "permission_denied", "The access key only reads"));
    }
    let body = || Body::read(&request.body);
    let (revised, limit) = (project.revised.as_secs_f64(), project.page_limit);
    Ok(match route {
        Route::Profile => (200, profile(project)),
        Route::RevisionDate => (200, revised.into()),
        Route::DeletedItemDate => (200, project.deleted.as_secs_f64().into()),
        Route::SecretCount => (200, project.secrets.len().into()),
        Route::EnvironmentCount => (200, project.environments.len().into()),
        Route::ListSecrets => (200, page(request, &project.secrets, limit, revised)?),
        Route::CreateSecret => (201, project.create_secret(&body()?)?.json(project::ID)),
        Route::UpdateSecret => (200, project.update_secret(id, &body()?)?.json(project::ID)),
        Route::ListEnvironments => (200, page(request, &project.environments, limit, revised)?),
        Route::CreateEnvironment => (201, project.create_environment(&body()?)?.json(project::ID)),
        Route::UpdateEnvironment => (200, project.update_environment(id, &body()?)?.json(project::ID)),
    })
}

fn profile(project: &Project) -> Value {
    json!({
        "object": "profile",
        "profile": {
            "object": "access_key",
            "id": ACCESS_KEY_ID,
            "client_id": ACCESS_KEY_ID,
            "key": PROFILE_KEY,
            "activated": true,
            "editable": project.is_editable,
            "restrict_ip": [],
            "creation_date": project::START.as_secs_f64(),
            "revision_date": project::START.as_secs_f64(),
            "expiration_date": null,
            "project_id": project::ID,
            "projects": [],
        },
    })
}

/// Replaces all cipher strings.
fn replace_sealed(value: &mut Value, replace: &dyn Fn(&str) -> String) {
    match value {
        Value::String(text) if text.starts_with("2.") && text.contains('|') => *text = replace(text),
        Value::Array(items) => items.iter_mut().for_each(|item| replace_sealed(item, replace)),
        Value::Object(fields) => fields.values_mut().for_each(|field| replace_sealed(field, replace)),
        _ => {}
    }
}
