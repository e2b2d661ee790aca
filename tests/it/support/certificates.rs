//! A CA of a test's own, and servers that show its certificates.

use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bb8_redis::redis;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, date_time_ymd};
use tempfile::TempDir;

use super::{TestStores, folder};

/// The host that the test's servers are found at.
pub(crate) const HERE: &str = "127.0.0.1";

/// A CA.
pub(crate) struct Authority {
    dir: TempDir,
    issuer: CertifiedIssuer<'static, KeyPair>,
}

/// A certificate and its key, in files that everybody may read.
#[derive(Clone, Debug)]
pub(crate) struct Issued {
    pub(crate) cert: PathBuf,
    pub(crate) key: PathBuf,
}

impl Authority {
    pub(crate) fn new() -> Self {
        let dir = folder();
        // The servers may run as somebody else.
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        fs::write(dir.path().join("ca.pem"), issuer.pem()).unwrap();
        Self { dir, issuer }
    }

    /// The file of its own certificate.
    pub(crate) fn file(&self) -> PathBuf {
        self.dir.path().join("ca.pem")
    }

    /// A certificate for `host`.
    pub(crate) fn issue(&self, host: &str) -> Issued {
        self.issue_until(host, 4000)
    }

    /// A certificate for `host` that is good until this year begins.
    pub(crate) fn issue_until(&self, host: &str, year: i32) -> Issued {
        let mut params = CertificateParams::new(vec![host.to_owned()]).unwrap();
        // OpenSSL takes one that has its issuer's name to have signed itself.
        params.distinguished_name.push(DnType::CommonName, host);
        params.not_before = date_time_ymd(2000, 1, 1);
        params.not_after = date_time_ymd(year, 1, 1);
        let key = KeyPair::generate().unwrap();
        let cert = params.signed_by(&key, &self.issuer).unwrap();
        let file = |extension| self.dir.path().join(format!("{host}-{year}.{extension}"));
        let issued = Issued { cert: file("pem"), key: file("key") };
        fs::write(&issued.cert, cert.pem()).unwrap();
        fs::write(&issued.key, key.serialize_pem()).unwrap();
        issued
    }
}

impl TestStores {
    /// Has Postgres speak TLS with this certificate to whoever wants it.
    pub(crate) async fn encrypt_postgres(&self, issued: &Issued) {
        let postgres = self.postgres().await;
        // Only Postgres may read its key, so it writes the file itself, in its own folder.
        for (file, name) in [(&issued.cert, "server.crt"), (&issued.key, "server.key")] {
            let content = STANDARD.encode(fs::read(file).unwrap());
            let write = format!("base64 -d > {name} && chmod 600 {name}");
            postgres.batch_execute(&format!("copy (select '{content}') to program '{write}'")).await.unwrap();
        }
        postgres.batch_execute("alter system set ssl = on").await.unwrap();
        postgres.batch_execute("select pg_reload_conf()").await.unwrap();
    }

    /// Has Postgres let nobody in without TLS.
    pub(crate) async fn demand_encryption(&self) {
        let postgres = self.postgres().await;
        let rule = "hostssl all all all scram-sha-256";
        let write = format!("copy (select '{rule}') to program 'cat > pg_hba.conf'");
        postgres.batch_execute(&write).await.unwrap();
        postgres.batch_execute("select pg_reload_conf()").await.unwrap();
    }

    /// Has Redis speak TLS with this certificate on a further port, and returns its URL there.
    pub(crate) async fn encrypt_redis(&self, issued: &Issued) -> String {
        // Free now; nobody else is given it again so soon.
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
        self.show_from_redis(issued).await;
        let mut redis = self.redis().await;
        let () =
            redis::cmd("CONFIG").arg("SET").arg("tls-port").arg(port).query_async(&mut redis).await.unwrap();
        let (before, _) = self.redis_url().rsplit_once(':').unwrap();
        format!("{}:{port}", before.replace("redis://", "rediss://"))
    }

    /// Has Redis show another certificate.
    pub(crate) async fn show_from_redis(&self, issued: &Issued) {
        let mut set = redis::cmd("CONFIG");
        set.arg("SET").arg("tls-auth-clients").arg("no");
        set.arg("tls-cert-file").arg(path(&issued.cert)).arg("tls-key-file").arg(path(&issued.key));
        set.arg("tls-ca-cert-file").arg(path(&issued.cert));
        let () = set.query_async(&mut self.redis().await).await.unwrap();
    }
}

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}
