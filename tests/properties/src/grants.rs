//! Checks the records of a host about grants.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use keyway_core::{Registry, Timestamp};
use keyway_host::grants::{GrantId, GrantOutcome, GrantRequest, Isolation, Limits, Service};
use keyway_host::{Host, HostError};
use keyway_issuers::{
    Capabilities, CredentialPart, CredentialRequest, Description, Issued, Issuer, IssuerError,
    ParameterDescriptor, Parameters, RequestOutcome, Revocation, ServiceName, UserInfo, async_trait,
};
use keyway_storage::{Memory, Storage};

use super::records::{
    PREFIX, RECORD, Records, all_show_nothing, host_record_sealed_anew, keys, records_of, run, storage_of,
};
use super::silence::shows_nothing;

/// An issuer that keeps no record.
#[derive(Debug)]
struct Door;

#[async_trait]
impl Issuer for Door {
    fn capabilities(&self) -> Capabilities {
        Capabilities::MINIMAL.idempotent(true)
    }

    async fn describe(&self) -> Result<Description, IssuerError> {
        let say = ParameterDescriptor::mandatory("say", "say", "the word");
        let description = Description::builder("1.0.0").set([say]).build();
        description.map_err(|error| IssuerError::system("describe itself", error))
    }

    async fn request(&self, request: &CredentialRequest) -> Result<RequestOutcome, IssuerError> {
        let say = request.parameters.text("say").unwrap_or_default();
        let state = format!("door/{}/{}", request.context.requester.user, say.len());
        Ok(Issued::new(state).with(CredentialPart::text("say", say)).into())
    }

    async fn revoke(&self, _: &Revocation) -> Result<(), IssuerError> {
        Ok(())
    }
}

fn joe() -> UserInfo {
    UserInfo::new("https://issuer.example.com", "joe")
}

fn service() -> ServiceName {
    ServiceName::new("door").expect("a name")
}

async fn host(storage: &Arc<dyn Storage>) -> Result<Host, HostError> {
    let limits = Limits::default().with_isolation(Isolation::Inline).with_deadline(Duration::from_secs(2));
    let service = Service::with_issuer(service(), Arc::new(Door)).allow_everybody();
    let registry = Registry::builder().build().expect("no plugins");
    Host::builder(registry, Arc::clone(storage), keys())
        .name("web-1")
        .takeover_after(Duration::ZERO)
        .grant_limits(limits)
        .service(service)
        .start()
        .await
}

fn request(say: &str) -> GrantRequest {
    GrantRequest::new(joe()).with_parameters(Parameters::new().with("say", say))
}

/// A host with one grant.
static HOST: LazyLock<(Records, GrantId)> = LazyLock::new(|| {
    let storage: Arc<dyn Storage> = Arc::new(Memory::new());
    let grant = run(async {
        let host = host(&storage).await.expect("a host");
        match host.grants().request(&service(), request("friend")).await {
            Ok(GrantOutcome::Granted(issued)) => issued.grant,
            other => panic!("{other:?}"),
        }
    });
    (records_of(&*storage), grant)
});

const GRANT: u8 = 3;
const UNIQUE: u8 = 2;
const COUNT: u8 = 3;
const DUE: u8 = 4;
const CLAIMED: u8 = 5;
const UNDECIDED: u8 = 6;
/// The rooms (groups of records) that the first byte of an input chooses from. The room of the grant occurs more often,
/// because its record is the largest.
const ROOMS: [u8; 8] = [RECORD, COUNT, UNIQUE, DUE, RECORD, CLAIMED, UNDECIDED, RECORD];
/// The index in [`ROOMS`] at which the input replaces the owner in the grant's record. At the other indices of
/// [`RECORD`], the input replaces the state.
const OWNER: u8 = 4;

/// Checks a record of a host about grants.
///
/// The first byte chooses the group of records, which is called a room. The record of the grant has two parts, the
/// owner and the state, both sealed with the host's own key. The other rooms are not sealed, so any process may have
/// written them: the number of grants, the index entry that finds a grant by its credential, a due time, a claim, and
/// an undecided grant.
///
/// A host starts, lists, resumes and revokes, or reports an error. An unreadable record stays unchanged. An error shows
/// nothing of the record (decisions R2, W5).
pub fn host_grant(data: &[u8]) {
    let Some((what, payload)) = data.split_first() else { return };
    let (is_owner, room) = (what % 8 == OWNER, ROOMS[usize::from(what % 8)]);
    let (mut records, grant) = HOST.clone();
    let room_key = [PREFIX, &[GRANT, room]].concat();
    let key_length = match room {
        // The key ends with a lane or a host, a time and the id of a grant, of 16, 8 and 16 bytes; or only with the id
        // of a grant.
        DUE | CLAIMED => 16 + 8 + 16,
        UNDECIDED => 16,
        _ => 0,
    };
    if key_length > 0 {
        let (place, value) = payload.split_at(payload.len().min(key_length));
        records.push(([&room_key, place].concat(), value.to_vec()));
    }
    let (key, value) =
        records.iter_mut().rev().find(|(key, _)| key.starts_with(&room_key)).expect("a record of this room");
    match room {
        RECORD => *value = host_record_sealed_anew(value, payload, is_owner),
        COUNT | UNIQUE => *value = payload.to_vec(),
        _ => {}
    }
    let (key, stored) = (key.clone(), value.clone());
    let storage = storage_of(&records);
    run(async {
        let quiet = |error: &(dyn std::error::Error + 'static)| shows_nothing(error, payload);
        let host = match host(&storage).await {
            Ok(host) => host,
            Err(error) => return quiet(&error),
        };
        let grants = host.grants();
        let listed = grants.list(&joe().user_id()).await;
        if let Err(error) = grants.undecided(None, 10).await {
            quiet(&error);
        }
        let now = Timestamp::from_milliseconds(1_800_000_000_000);
        for done in [host.recover().await, host.run_due(now).await] {
            match done {
                Ok(reports) => all_show_nothing(&reports, payload),
                Err(error) => quiet(&error),
            }
        }
        if let Err(error) = host.health().await {
            quiet(&error);
        }
        if let Err(error) = listed {
            quiet(&error);
            let now = storage.get(&key).await.expect("the engine works").expect("the record is there");
            assert!(now.value == stored, "a record that is refused stays");
        }
        if let Err(error) = grants.revoke(grant, joe()).await {
            quiet(&error);
        }
        if let Err(error) = grants.request(&service(), request("again")).await {
            quiet(&error);
        }
    });
}
