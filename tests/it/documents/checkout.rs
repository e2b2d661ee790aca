//! A folder in which the documents' commands can be run as in a checkout that was built.
//!
//! `make` is the real one, with the real Makefile; `cargo` does nothing when asked to build, and runs what there is: programs
//! as the tests have built them stand where a release would be.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::shell::Shell;
use super::tree::ROOT;
use crate::support::folder;

/// The program.
pub(super) const PROGRAM: &str = env!("CARGO_BIN_EXE_campaign-manager");
/// What a checkout has that commands need.
const PARTS: [&str; 6] = ["Makefile", "infra", "grafana", "docs", "migrations", ".env.example"];
const CARGO: &str = r#"#!/bin/sh
case "$*" in
build*) ;;
"run --release -p loadtest -- "*) shift 5; exec target/release/loadtest "$@" ;;
"run --release --example "*) exec "target/release/examples/$4" ;;
*) echo "no such command here: cargo $*" >&2; exit 1 ;;
esac
"#;

/// A folder with what the commands need. It is removed when dropped; the shell has to go before it.
pub(super) struct Checkout {
    dir: TempDir,
}

impl Checkout {
    pub(super) fn make() -> Self {
        let dir = folder();
        let at = |path: &str| dir.path().join(path);
        for part in PARTS {
            symlink(Path::new(ROOT).join(part), at(part)).unwrap();
        }
        for made in ["target", "bin"] {
            fs::create_dir(at(made)).unwrap();
        }
        symlink(built(), at("target/release")).unwrap();
        fs::write(at("bin/cargo"), CARGO).unwrap();
        fs::set_permissions(at("bin/cargo"), fs::Permissions::from_mode(0o755)).unwrap();
        Self { dir }
    }

    pub(super) fn path(&self) -> &Path {
        self.dir.path()
    }

    /// A shell in it, with these settings in its environment.
    pub(super) fn shell(&self, settings: &[(&str, &str)]) -> Shell {
        let mut shell = Shell::open(self.path());
        // What `make test` was told is not for these commands.
        shell.run("unset ARGS MAKEFLAGS MAKEOVERRIDES MFLAGS");
        shell.run(r#"export PATH="$PWD/bin:$PATH" CARGO="$PWD/bin/cargo" CARGO_TARGET_DIR=target"#);
        for (name, value) in settings {
            shell.run(&format!("export {name}='{value}'"));
        }
        shell
    }
}

/// Where the programs are that the tests have built.
fn built() -> PathBuf {
    Path::new(PROGRAM).parent().unwrap().to_owned()
}

/// The load tool.
pub(super) fn loadtest() -> String {
    let tool = built().join("loadtest");
    assert!(
        tool.exists(),
        "the load tool is missing; `cargo build --workspace` makes it, and `make test` too"
    );
    tool.to_str().unwrap().to_owned()
}
