//! What a document may name in capitals or behind two dashes: our own settings and flags, and those of others.

use std::collections::BTreeSet;
use std::process::Command;

use super::checkout;
use super::tree::read;

/// Programs whose flags are not ours.
pub(super) const OTHER_PROGRAMS: [&str; 15] = [
    "cargo",
    "compose",
    "curl",
    "docker",
    "down",
    "helm",
    "kubectl",
    "npm",
    "pg_dump",
    "pg_restore",
    "psql",
    "redis-cli",
    "redis-server",
    "up",
    "zstd",
];

/// Flags of others that stand alone: cargo's, and zstd's.
const FLAGS_OF_OTHERS: [&str; 2] = ["--release", "--long"];

/// Variables that others read.
const VARIABLES_OF_OTHERS: [&str; 21] = [
    // psql and its relatives, and redis-cli
    "PGDATABASE",
    "PGHOST",
    "PGPASSFILE",
    "PGPORT",
    "PGUSER",
    "REDISCLI_AUTH",
    "REDIS_ADDR",
    // keys of the Secret
    "SERVE_REDIS_URL",
    "WORKER_REDIS_URL",
    // a build of the images
    "RUST_IMAGE",
    // the systems that containers run on
    "CAP_SETUID",
    "USER",
    // the system's TLS
    "SSL_CERT_FILE",
    // Grafana, and its provisioning
    "GF_PATHS_PROVISIONING",
    "DASHBOARDS",
    "PROMETHEUS_URL",
    // tests and benches of ours
    "UPDATE_DOCS",
    "ROWS",
    // cargo
    "CARGO_TARGET_DIR",
    // the Makefile
    "ARGS",
    // the shell
    "PATH",
];

/// Words in capitals that are no variables: commands and answers of Redis, SQL and HTTP, names of Linux.
const OTHER_WORDS: [&str; 57] = [
    "ASK",
    "BUSY",
    "CAP_SYS_NICE",
    "CLUSTER",
    "COMMIT",
    "CONFIG",
    "COPY",
    "DEL",
    "DELETE",
    "EVAL",
    "FLUSHALL",
    "GET",
    "FAILOVER",
    "HSETNX",
    "INFO",
    "LISTEN",
    "LOADING",
    "MGET",
    "MISCONF",
    "MSETNX",
    "MULTI",
    "NOMKSTREAM",
    "NOPERM",
    "NOREPLICAS",
    "NOTIFY",
    "OOM",
    "PATCH",
    "PEXPIRE",
    "PEXPIREAT",
    "PING",
    "POST",
    "PUT",
    "QUEUED",
    "READONLY",
    "SADD",
    "SCHED_IDLE",
    "SET",
    "SIGINT",
    "SIGKILL",
    "SIGTERM",
    "SLOTS",
    "SLOWLOG",
    "UPDATE",
    "SQLSTATE",
    "WRONGPASS",
    "WRONGTYPE",
    "XACK",
    "WAITAOF",
    "XADD",
    "XAUTOCLAIM",
    "XDEL",
    "XPENDING",
    "XREADGROUP",
    "XTRIM",
    "PENDING",
    "BGSAVE",
    "BGREWRITEAOF",
];

/// What is known.
pub(super) struct Vocabulary {
    /// With their dashes.
    pub(super) flags: BTreeSet<String>,
    variables: BTreeSet<String>,
}

impl Vocabulary {
    /// Asks the programs and reads the files that settings are in.
    pub(super) fn read() -> Self {
        let mut flags: BTreeSet<String> = FLAGS_OF_OTHERS.iter().map(|&flag| flag.to_owned()).collect();
        let mut variables = BTreeSet::new();
        for help in helps() {
            flags.extend(
                words(&help, |c| c == '-' || c.is_ascii_lowercase()).filter(|word| word.starts_with("--")),
            );
            let named = help.split("[env: ").skip(1).filter_map(|behind| behind.split(['=', ']']).next());
            variables.extend(named.map(str::to_owned));
            // What is not shown may stand in a file.
            let secret = help.split("[env: ").skip(1).filter_map(|behind| behind.split_once(']')?.0.into());
            variables
                .extend(secret.filter(|name: &&str| !name.contains('=')).map(|name| format!("{name}_FILE")));
        }
        // `docker compose` reads some of its own.
        let compose = read("infra/docker-compose.yml");
        let read_by_compose = compose.split("${").skip(1).map(|behind| {
            behind.chars().take_while(|c| c.is_ascii_uppercase() || *c == '_').collect::<String>()
        });
        variables.extend(read_by_compose);
        let others = VARIABLES_OF_OTHERS.iter().chain(&OTHER_WORDS).map(|&name| name.to_owned());
        variables.extend(others);
        Self { flags, variables }
    }

    pub(super) fn has_variable(&self, name: &str) -> bool {
        self.variables.contains(name)
    }
}

/// The help of each role and command of the program, and of the load tool.
fn helps() -> Vec<String> {
    let mut helps = vec![help(&checkout::loadtest(), &[])];
    let mut open = vec![vec![]];
    while let Some(command) = open.pop() {
        let help = help(checkout::PROGRAM, &command);
        let commands = help.split_once("Commands:\n").map_or("", |(_, behind)| behind);
        // What is indented more goes on with the line before.
        let names = commands.lines().take_while(|line| line.starts_with("  "));
        let names = names.filter_map(|line| line[2..].split(' ').next().filter(|name| !name.is_empty()));
        for name in names.filter(|name| *name != "help") {
            open.push([&command[..], &[name.to_owned()]].concat());
        }
        helps.push(help);
    }
    helps
}

fn help(program: &str, command: &[String]) -> String {
    let output = Command::new(program).args(command).arg("--help").output().unwrap();
    assert!(output.status.success(), "{program} {command:?} --help");
    String::from_utf8(output.stdout).unwrap()
}

/// The longest runs of such characters.
fn words(text: &str, part: impl Fn(char) -> bool) -> impl Iterator<Item = String> {
    text.split(move |c| !part(c)).filter(|word| !word.is_empty()).map(str::to_owned)
}
