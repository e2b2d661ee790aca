//! Settings that hold a password. Each may stand in a file, as Docker and Kubernetes mount secrets: `DATABASE_URL_FILE` names
//! the file that holds what `DATABASE_URL` would. A flag shows its password to everybody on the machine, in `ps`.

use std::path::PathBuf;
use std::{env, fs};

use clap::parser::ValueSource;
use clap::{Arg, ArgMatches, Command};

/// What is appended to the name of a setting.
pub(super) const FILE: &str = "_FILE";

/// Has the file count for each secret that one is named for. A flag wins over it; the variable itself must not be set too.
pub(crate) fn from_files(command: Command) -> Result<Command, String> {
    let subcommands: Vec<String> = command.get_subcommands().map(|role| role.get_name().to_owned()).collect();
    let secrets: Vec<(String, String)> = command.get_arguments().filter_map(named).collect();
    let mut command = command;
    for name in subcommands {
        let mut failure = None;
        command = command.mut_subcommand(name, |role| {
            let unchanged = role.clone();
            from_files(role).unwrap_or_else(|error| {
                failure = Some(error);
                unchanged
            })
        });
        if let Some(failure) = failure {
            return Err(failure);
        }
    }
    for (id, name) in secrets {
        if let Some(secret) = read(&name)? {
            // The command line keeps it for as long as the process lives.
            let secret: &'static str = secret.leak();
            command = command.mut_arg(id, |argument| {
                argument.required(false).default_value(secret).hide_default_value(true)
            });
        }
    }
    Ok(command)
}

/// The flags that a password was written behind.
pub(crate) fn shown(command: &Command, matches: &ArgMatches) -> Vec<String> {
    let mut flags: Vec<String> = command
        .get_arguments()
        .filter(|argument| is_secret(argument))
        .filter(|argument| matches.value_source(argument.get_id().as_str()) == Some(ValueSource::CommandLine))
        .filter(|argument| raw(matches, argument).is_some_and(|value| holds_password(&value)))
        .filter_map(|argument| argument.get_long().map(str::to_owned))
        .collect();
    if let Some((name, matches)) = matches.subcommand()
        && let Some(command) = command.find_subcommand(name)
    {
        flags.extend(shown(command, matches));
    }
    flags
}

/// Whether the value of a setting is not to be shown.
pub(super) fn is_secret(argument: &Arg) -> bool {
    argument.is_hide_env_values_set()
}

/// The id of a secret setting and the name of its variable.
fn named(argument: &Arg) -> Option<(String, String)> {
    let name = argument.get_env()?.to_str()?.to_owned();
    is_secret(argument).then(|| (argument.get_id().to_string(), name))
}

fn read(name: &str) -> Result<Option<String>, String> {
    let Some(path) = env::var_os(format!("{name}{FILE}")).filter(|path| !path.is_empty()).map(PathBuf::from)
    else {
        return Ok(None);
    };
    if env::var_os(name).is_some_and(|value| !value.is_empty()) {
        return Err(format!("{name} and {name}{FILE} are both set; set one of them"));
    }
    let secret = fs::read_to_string(&path)
        .map_err(|error| format!("{name}{FILE}: cannot read {}: {error}", path.display()))?;
    match secret.trim() {
        "" => Err(format!("{name}{FILE}: {} is empty", path.display())),
        secret => Ok(Some(secret.to_owned())),
    }
}

fn raw(matches: &ArgMatches, argument: &Arg) -> Option<String> {
    let value = matches.get_raw(argument.get_id().as_str())?.next()?;
    Some(value.to_string_lossy().into_owned())
}

/// Whether a URL has a password before its host, or among its parameters.
fn holds_password(url: &str) -> bool {
    let authority = url.split_once("://").map_or(url, |(_, rest)| rest);
    let userinfo = authority.rsplit_once('@').map(|(userinfo, _)| userinfo);
    userinfo
        .is_some_and(|userinfo| userinfo.split_once(':').is_some_and(|(_, password)| !password.is_empty()))
        || url.contains("password=")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_found_where_urls_have_one() {
        for url in ["postgres://a:b@c/d", "redis://:b@c", "postgres://c/d?password=b", "host=c password=b"] {
            assert!(holds_password(url), "{url}");
        }
        for url in ["postgres://a@c/d", "redis://c:6379", "postgres://c:5432/d"] {
            assert!(!holds_password(url), "{url}");
        }
    }
}
