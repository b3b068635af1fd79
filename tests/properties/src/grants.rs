//! What a host remembers of grants.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use keyway_core::Timestamp;
use keyway_host::grants::{GrantId, GrantLimits, GrantOutcome, Grants, GrantsError, Isolation, Service};
use keyway_issuers::{
    Capabilities, Context, CredentialPart, CredentialRequest, Description, Issued, Issuer, IssuerError,
    Outcome, ParameterDescriptor, Parameters, Revocation, ServiceName, UserInfo, async_trait,
};
use keyway_storage::{Memory, Storage};

use super::records::{Records, keys, records_of, run, storage_of};
use super::silence::shows_nothing;

/// An issuer that keeps nothing.
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

    async fn request(&self, request: &CredentialRequest) -> Result<Outcome, IssuerError> {
        let say = request.parameters.text("say").unwrap_or_default();
        let state = format!("door/{}/{}", request.context.user, say.len());
        Ok(Issued::new(state).with(CredentialPart::text("say", say)).into())
    }

    async fn revoke(&self, _: &Revocation) -> Result<(), IssuerError> {
        Ok(())
    }
}

fn joe() -> Context {
    Context::new(UserInfo::new("https://issuer.example.com", "joe"))
}

fn service() -> ServiceName {
    ServiceName::new("door").expect("a name")
}

async fn host(storage: &Arc<dyn Storage>) -> Result<Grants, GrantsError> {
    let limits =
        GrantLimits::default().with_isolation(Isolation::Inline).with_deadline(Duration::from_secs(2));
    let service = Service::with_issuer(service(), Arc::new(Door)).allow_everybody();
    Grants::builder(Arc::clone(storage), keys())
        .limits(limits)
        .host_name("web-1")
        .service(service)
        .start()
        .await
}

/// A host with one grant.
static HOST: LazyLock<(Records, GrantId)> = LazyLock::new(|| {
    let storage: Arc<dyn Storage> = Arc::new(Memory::new());
    let grant = run(async {
        let request = CredentialRequest::new(joe()).with_parameters(Parameters::new().with("say", "friend"));
        match host(&storage).await?.request(&service(), request).await? {
            GrantOutcome::Granted(handed) => Ok::<_, GrantsError>(handed.grant),
            _ => panic!("it asks for no login"),
        }
    });
    (records_of(&*storage), grant.expect("a grant"))
});

/// Where the kind of a record stands in its key.
const KIND_AT: usize = PREFIX.len();
const PREFIX: &[u8] = b"keyway-host\0";
const COUNT: u8 = 2;
const GRANT: u8 = 3;
const GRANT_BY_STATE: u8 = 4;
const WORK: u8 = 5;
/// The grant oftener, because it has the most to say.
const KINDS: [u8; 5] = [GRANT, COUNT, GRANT_BY_STATE, WORK, GRANT];
/// In [`KINDS`], the grant of which the owner is another.
const OWNER: u8 = 4;

/// A record of what a host keeps about grants. The first byte says of which kind: a grant or its owner, both
/// sealed with the host's own key; or a number of grants, which grant has a state, or when something is to
/// be done, which are not sealed, so anybody may have written them.
///
/// A host starts, lists, goes on and revokes, or says why not; a record that it cannot read stays; an error
/// shows nothing of it (decisions R2, W5).
pub fn host_grant(data: &[u8]) {
    let Some((kind, payload)) = data.split_first() else { return };
    let (is_owner, kind) = (kind % 5 == OWNER, KINDS[usize::from(kind % 5)]);
    let (mut records, grant) = HOST.clone();
    if kind == WORK {
        // A moment and the id of a grant, then the mark of a user.
        let (place, value) = payload.split_at(payload.len().min(8 + 16));
        records.push(([PREFIX, &[WORK], place].concat(), value.to_vec()));
    }
    let (key, value) =
        records.iter_mut().rev().find(|(key, _)| key[KIND_AT] == kind).expect("a record of this kind");
    match kind {
        GRANT => *value = sealed_anew(value, payload, is_owner),
        COUNT | GRANT_BY_STATE => *value = payload.to_vec(),
        _ => {}
    }
    let (key, stored) = (key.clone(), value.clone());
    let storage = storage_of(&records);
    run(async {
        let quiet = |error: GrantsError| shows_nothing(&error, payload);
        let grants = match host(&storage).await {
            Ok(grants) => grants,
            Err(error) => return quiet(error),
        };
        let listed = grants.list(&joe().user).await;
        let now = Timestamp::from_milliseconds(1_800_000_000_000);
        for error in
            [grants.undecided().await.err(), grants.recover().await.err(), grants.run_due(now).await.err()]
                .into_iter()
                .flatten()
        {
            quiet(error);
        }
        if let Err(error) = listed {
            quiet(error);
            let now = storage.get(&key).await.expect("the engine works").expect("the record is there");
            assert!(now.value == stored, "a record that is refused stays");
        }
        if let Err(error) = grants.revoke(grant, joe()).await {
            quiet(error);
        }
        let request = CredentialRequest::new(joe()).with_parameters(Parameters::new().with("say", "again"));
        if let Err(error) = grants.request(&service(), request).await {
            quiet(error);
        }
    });
}

/// `length | owner | record`, the last two sealed, each as `length | place | payload`: one of them with another
/// payload.
fn sealed_anew(value: &[u8], payload: &[u8], is_owner: bool) -> Vec<u8> {
    let (length, sealed) = value.split_first_chunk().expect("a length");
    let (owner, record) = sealed.split_at(u32::from_le_bytes(*length) as usize);
    let anew = |sealed: &[u8]| {
        let plaintext = keys().open(sealed).expect("our own");
        let place = &plaintext[..=usize::from(plaintext[0])];
        keys().seal(&[place, payload].concat()).expect("it is sealed").into_bytes()
    };
    let (owner, record) =
        if is_owner { (anew(owner), record.to_vec()) } else { (owner.to_vec(), anew(record)) };
    let length = u32::try_from(owner.len()).expect("short").to_le_bytes();
    [&length[..], &owner, &record].concat()
}
