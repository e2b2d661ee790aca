//! The repository's own files.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// The top of the repository.
pub(super) const ROOT: &str = env!("CARGO_MANIFEST_DIR");
/// What was built, or belongs to a run.
const NOT_OURS: [&str; 5] = ["target", ".git", ".data", "node_modules", "__pycache__"];

/// All its files and folders, from its top.
pub(super) fn tree() -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    walk(Path::new(ROOT), &mut found);
    found
}

fn walk(folder: &Path, found: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let name = entry.file_name();
        if NOT_OURS.iter().any(|not| name == *not) {
            continue;
        }
        let path = entry.path();
        found.insert(path.strip_prefix(ROOT).unwrap().to_str().unwrap().to_owned());
        if entry.file_type().unwrap().is_dir() {
            walk(&path, found);
        }
    }
}

/// The text of one of its files.
pub(super) fn read(path: &str) -> String {
    fs::read_to_string(Path::new(ROOT).join(path)).unwrap()
}
