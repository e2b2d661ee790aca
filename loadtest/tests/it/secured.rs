//! Runs with TLS, to the server and to its database.

use std::fs;
use std::path::{Path, PathBuf};

use campaign_manager::config::Auth;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tempfile::TempDir;

use crate::system::{System, output, tool, until};

/// A CA, and a certificate for this machine, in files.
struct Certificates {
    _dir: TempDir,
    ca: PathBuf,
    cert: PathBuf,
    key: PathBuf,
}

impl Certificates {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
        let cert = params.signed_by(&key, &issuer).unwrap();
        let dir = TempDir::new().unwrap();
        let [ca_file, cert_file, key_file] =
            ["ca.pem", "cert.pem", "key.pem"].map(|name| dir.path().join(name));
        fs::write(&ca_file, issuer.pem()).unwrap();
        fs::write(&cert_file, cert.pem()).unwrap();
        fs::write(&key_file, key.serialize_pem()).unwrap();
        Self { _dir: dir, ca: ca_file, cert: cert_file, key: key_file }
    }
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// Has Postgres speak TLS with this certificate. Only it may read its key, so it writes the files itself.
async fn encrypt(system: &System, certificates: &Certificates) {
    let postgres = system.postgres().await;
    for (file, name) in [(&certificates.cert, "server.crt"), (&certificates.key, "server.key")] {
        let content = fs::read_to_string(file).unwrap().replace('\n', "|");
        let write = format!("tr \"|\" \"\\n\" > {name} && chmod 600 {name}");
        postgres.batch_execute(&format!("copy (select '{content}') to program '{write}'")).await.unwrap();
    }
    postgres.batch_execute("alter system set ssl = on").await.unwrap();
    postgres.batch_execute("select pg_reload_conf()").await.unwrap();
    // A new connection has what Postgres itself has read by then.
    until("Postgres to speak TLS", async || {
        system.count("select count(*) from pg_settings where name = 'ssl' and setting = 'on'").await == 1
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn server_and_database_are_reached_with_tls_and_only_where_their_ca_is_trusted() {
    let certificates = Certificates::new();
    let tls = ["--tls-cert", text(&certificates.cert), "--tls-key", text(&certificates.key)];
    let system = System::start(Auth::None, &tls).await;
    encrypt(&system, &certificates).await;
    let plain = system.urls.database_url.expose().to_owned();
    let ca = text(&certificates.ca);
    let secured = format!("{plain}?sslmode=verify-full&sslrootcert={ca}");
    let run = async |arguments: &[&str]| {
        let mut command = tool(Path::new("/"));
        command.args(["--events", "500", "--url", &system.url()]).args(arguments);
        output(command).await
    };

    let (code, out, err) = run(&["--database-url", &secured, "--ca", ca]).await;
    assert_eq!(code, Some(0), "{out}{err}");
    assert!(out.contains("https://127.0.0.1:") && out.contains("verified"), "{out}");

    let (code, _, err) = run(&["--database-url", &secured]).await;
    assert!(code == Some(2) && err.contains("name the file of its CA with --ca"), "{err}");
    let (code, _, err) = run(&["--database-url", &format!("{plain}?sslmode=verify-full"), "--ca", ca]).await;
    assert!(code == Some(2) && err.contains("database: "), "{err}");
    let (code, _, err) = run(&["--database-url", &plain, "--ca", text(&certificates.key)]).await;
    assert!(code == Some(2) && err.contains("key.pem: it holds none"), "{err}");
}
