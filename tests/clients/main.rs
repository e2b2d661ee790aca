//! Programs that others wrote, against a real server: the SDKs and curl with `make test-clients`, a fuzzer of the API
//! with `make fuzz-api`. `install.sh` installs them; the files beside this one are what a user of each would write.

#![allow(clippy::unwrap_used, reason = "clippy.toml allows it in tests, but not in what they share")]

#[path = "../it/support/mod.rs"]
#[allow(dead_code, unused_imports, reason = "the tests in tests/it use the rest")]
mod support;

mod api_fuzzer;
mod browser;
mod documented;
mod programs;
mod scene;
