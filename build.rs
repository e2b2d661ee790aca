//! Rebuilds when a migration is added: they are compiled in, and a new file is no change to any old one.

fn main() {
    println!("cargo::rerun-if-changed=migrations");
}
