//! Runs a real Pebble on loopback, and the server from which Pebble fetches proofs.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::thread::sleep;
use std::time::{Duration, Instant};

use keyway_acme::{Proof, Responder, Visibility};
use keyway_certificates::{CertificateError, async_trait};
use keyway_tests::services::{Skip, system_program};
use rcgen::{CertificateParams, KeyPair};
use serde_json::{Value, json};
use tempfile::TempDir;

/// The key of the external account `kid-1`.
pub(crate) const MAC_KEY: &str = "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W";

/// The programs of Pebble.
#[derive(Clone, Debug)]
pub(crate) struct Pebble {
    pebble: PathBuf,
    proofs: PathBuf,
}

/// A server, and the server of its proofs. Both end on drop.
#[derive(Debug)]
pub(crate) struct Server {
    folder: TempDir,
    children: [Child; 2],
    pub(crate) port: u16,
    management: u16,
    pub(crate) identity: Identity,
}

/// The certificate of a server on loopback, and its key, in PEM. The certificate is self-signed, so it is also the root
/// that clients trust.
#[derive(Clone, Debug)]
pub(crate) struct Identity {
    pub(crate) certificate: String,
    pub(crate) key: String,
}

impl Identity {
    fn new() -> Self {
        let key = KeyPair::generate().expect("a key");
        let certificate =
            CertificateParams::new(vec!["127.0.0.1".to_owned()]).expect("a name").self_signed(&key);
        Self { certificate: certificate.expect("a certificate").pem(), key: key.serialize_pem() }
    }
}

/// The settings of a server.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Settings {
    /// Whether an account has to be bound to an external one.
    pub(crate) external: bool,
    /// The share of nonces that are refused, in percent.
    pub(crate) refused_nonces: u8,
}

impl Default for Settings {
    fn default() -> Self {
        Self { external: false, refused_nonces: 20 }
    }
}

impl Pebble {
    pub(crate) fn find() -> Result<Self, Skip> {
        let [pebble, proofs] = ["pebble", "pebble-challtestsrv"].map(system_program);
        Ok(Self { pebble: pebble?, proofs: proofs? })
    }

    /// Starts a server.
    pub(crate) fn start(&self, settings: Settings) -> Server {
        let folder = tempfile::tempdir().expect("a folder");
        let file = |name: &str| folder.path().join(name);
        let identity = Identity::new();
        fs::write(file("cert.pem"), &identity.certificate).expect("a file");
        fs::write(file("key.pem"), &identity.key).expect("a file");
        let [port, pebbles, pages, tls, names, management] = free_ports();
        let local = |port: u16| format!("127.0.0.1:{port}");
        let configuration = json!({ "pebble": {
            "listenAddress": local(port),
            "managementListenAddress": local(pebbles),
            "certificate": file("cert.pem"),
            "privateKey": file("key.pem"),
            "httpPort": pages,
            "tlsPort": tls,
            "ocspResponderURL": "",
            "externalAccountBindingRequired": settings.external,
            "externalAccountMACKeys": { "kid-1": MAC_KEY },
        }});
        fs::write(file("pebble.json"), configuration.to_string()).expect("a file");
        let log = fs::File::create(file("log")).expect("a file");
        let proofs = Command::new(&self.proofs)
            .args(["-http01", &local(pages), "-https01", "", "-tlsalpn01", ""])
            .args(["-dns01", &local(names), "-management", &local(management), "-defaultIPv6", ""])
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a file"))
            .stderr(log.try_clone().expect("a file"))
            .spawn()
            .expect("the server of proofs starts");
        let pebble = Command::new(&self.pebble)
            .args(["-strict", "-dnsserver", &local(names), "-config"])
            .arg(file("pebble.json"))
            .env("PEBBLE_VA_NOSLEEP", "1")
            .env("PEBBLE_WFE_NONCEREJECT", settings.refused_nonces.to_string())
            .env("PEBBLE_AUTHZREUSE", "0")
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a file"))
            .stderr(log)
            .spawn()
            .expect("pebble starts");
        let server = Server { children: [proofs, pebble], port, management, identity, folder };
        let begun = Instant::now();
        for port in [port, management, pages] {
            while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
                assert!(begun.elapsed() < Duration::from_secs(30), "{}", server.log());
                sleep(Duration::from_millis(20));
            }
        }
        server
    }
}

/// Returns ports on which nothing listens. All ports are taken before the first one is released, so that they differ.
fn free_ports<const N: usize>() -> [u16; N] {
    let taken = [(); N].map(|()| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port"));
    taken.map(|listener| listener.local_addr().expect("an address").port())
}

impl Server {
    /// Returns the URL of the directory.
    pub(crate) fn directory(&self) -> String {
        format!("https://127.0.0.1:{}/dir", self.port)
    }

    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    pub(crate) fn responder(&self) -> RealResponder {
        let management = SocketAddr::from((Ipv4Addr::LOCALHOST, self.management));
        RealResponder { management, records: Mutex::default() }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        for child in &mut self.children {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// A responder that shows proofs through the server from which Pebble fetches them.
#[derive(Debug)]
pub(crate) struct RealResponder {
    management: SocketAddr,
    /// The TXT records that are shown. They are kept here, because the server can only remove all records of a name.
    records: Mutex<Vec<(String, String)>>,
}

impl RealResponder {
    fn told(&self, operation: &str, body: &Value) -> Result<(), CertificateError> {
        self.asked(operation, &body.to_string())
            .map_err(|error| CertificateError::system("reach the server of proofs", error))
    }

    fn asked(&self, operation: &str, body: &str) -> std::io::Result<()> {
        let mut stream = TcpStream::connect(self.management)?;
        let length = body.len();
        write!(
            stream,
            "POST /{operation} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}"
        )?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        if answer.starts_with("HTTP/1.1 200") { Ok(()) } else { Err(std::io::Error::other(answer)) }
    }

    fn show_records(&self, of: &str, records: &[(String, String)]) -> Result<(), CertificateError> {
        let host = format!("{of}.");
        self.told("clear-txt", &json!({ "host": host }))?;
        for (_, value) in records.iter().filter(|(name, _)| name == of) {
            self.told("set-txt", &json!({ "host": host, "value": value }))?;
        }
        Ok(())
    }
}

#[async_trait]
impl Responder for RealResponder {
    async fn put(&self, proof: &Proof) -> Result<Visibility, CertificateError> {
        match proof {
            Proof::Page { token, content, .. } => {
                self.told("add-http01", &json!({ "token": token, "content": content }))?;
            }
            Proof::Txt { name, value } => {
                let mut records = self.records.lock().expect("no test panics within it");
                records.push((name.clone(), value.clone()));
                self.show_records(name, &records)?;
            }
            other => panic!("{other:?}"),
        }
        Ok(Visibility::Now)
    }

    async fn remove(&self, proof: &Proof) -> Result<(), CertificateError> {
        match proof {
            Proof::Page { token, .. } => self.told("del-http01", &json!({ "token": token })),
            Proof::Txt { name, value } => {
                let mut records = self.records.lock().expect("no test panics within it");
                records.retain(|record| *record != (name.clone(), value.clone()));
                self.show_records(name, &records)
            }
            other => panic!("{other:?}"),
        }
    }
}
