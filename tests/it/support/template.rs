//! A data folder with a migrated database, made once and copied for each test: making one takes seconds, a copy does not.

use std::{
    collections::hash_map::DefaultHasher,
    fs::{self, File},
    hash::{Hash, Hasher},
    path::{Path, PathBuf},
};

use campaign_manager::{
    embedded::{Binaries, Part, Profile, Stores},
    store::migrate::migrate_and_grant,
};

use tokio::sync::OnceCell;

use super::stores::connect;

/// What decides how a cluster is made. A template of another make is of no use.
const MAKE: [&str; 7] = [
    include_str!("../../../src/embedded/postgres.rs"),
    include_str!("../../../src/embedded/redis.rs"),
    include_str!("../../../src/embedded/part.rs"),
    include_str!("../../../src/store/roles.rs"),
    include_str!("../../../src/store/roles/grants.rs"),
    include_str!("../../../src/store/roles/make.rs"),
    include_str!("template.rs"),
];

/// Templates stay here, from run to run.
const ROOT: &str = env!("CARGO_TARGET_TMPDIR");

/// The template.
pub(crate) async fn template() -> &'static Path {
    static TEMPLATE: OnceCell<PathBuf> = OnceCell::const_new();
    TEMPLATE.get_or_init(find_or_make).await
}

/// Test processes that run side by side make it only once.
async fn find_or_make() -> PathBuf {
    let template = Path::new(ROOT).join(format!("template-{:016x}", make()));
    if template.exists() {
        return template;
    }
    let lock = File::create(Path::new(ROOT).join("template.lock")).unwrap();
    lock.lock().unwrap();
    if !template.exists() {
        let unfinished = Path::new(ROOT).join("template-unfinished");
        remove_others();
        let stores = Stores::start(&unfinished, Profile::Throwaway).await.unwrap();
        let grantees = stores.make_roles().await.unwrap();
        let owner = stores.urls(Part::Owner).database_url;
        migrate_and_grant(owner.expose(), &grantees).await.unwrap();
        drop_all_but_ours(stores.database_url()).await;
        stores.stop().await;
        fs::rename(&unfinished, &template).unwrap();
    }
    template
}

fn make() -> u64 {
    let mut hasher = DefaultHasher::new();
    (MAKE, Binaries::find().unwrap().postgres_version()).hash(&mut hasher);
    let mut migrations: Vec<PathBuf> = fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/migrations"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    migrations.sort();
    for migration in migrations {
        (&migration, fs::read(&migration).unwrap()).hash(&mut hasher);
    }
    hasher.finish()
}

/// A database is 300 files to copy, and a test needs one database.
async fn drop_all_but_ours(database_url: &str) {
    let client = connect(database_url).await;
    client.batch_execute("update pg_database set datistemplate = false").await.unwrap();
    for other in ["postgres", "template0", "template1"] {
        client.batch_execute(&format!("drop database {other}")).await.unwrap();
    }
}

/// Templates of another make, and one whose making was killed.
fn remove_others() {
    for entry in fs::read_dir(ROOT).unwrap() {
        let entry = entry.unwrap();
        if entry.file_name().to_string_lossy().starts_with("template-") {
            fs::remove_dir_all(entry.path()).unwrap();
        }
    }
}
