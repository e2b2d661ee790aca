//! What logs in to the private servers: each part as a user of its own, which may do what it needs and no more.
//!
//! The passwords follow from that of the folder, so that they are the same after a restart, and none leads to another.

use std::fmt::Write as _;

use sha2::{Digest as _, Sha256};

/// Who logs in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// `migrate`, the commands that look, and people.
    Owner,
    /// `serve`.
    Serve,
    /// `worker`.
    Worker,
}

impl Part {
    /// Its role in Postgres.
    #[must_use]
    pub fn role(self) -> &'static str {
        match self {
            Self::Owner => "campaigns_owner",
            Self::Serve => "campaigns_serve",
            Self::Worker => "campaigns_worker",
        }
    }

    /// Its user in Redis; people have all rights there.
    fn user(self) -> Option<&'static str> {
        match self {
            Self::Owner => None,
            Self::Serve => Some("serve"),
            Self::Worker => Some("worker"),
        }
    }

    /// The URL of a private Postgres, with the part in place of the superuser.
    #[must_use]
    pub fn database_url(self, url: &str) -> String {
        with_user(url, self.role())
    }

    /// The URL of a private Redis, with the part in place of its default user. A Redis without passwords has no other users.
    #[must_use]
    pub fn redis_url(self, url: &str) -> String {
        self.user().map_or_else(|| url.to_owned(), |user| with_user(url, user))
    }
}

/// The password of one user.
pub(super) fn password_of(user: &str, password: &str) -> String {
    sha256(&format!("{password}:{user}"))
}

/// In hexadecimal, as Redis wants passwords that are hashed.
fn sha256(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().fold(String::new(), |mut hex, byte| {
        write!(hex, "{byte:02x}").expect("writing to a string cannot fail");
        hex
    })
}

/// The users of Redis, one a line, as its configuration has them.
const USERS: &str = include_str!("../../infra/docker/users.conf");

/// The lines of Redis' configuration that make the users, where `password` is that of the default user. They hold for one server:
/// each node of a cluster needs them.
#[must_use]
pub fn redis_users(password: &str) -> String {
    USERS
        .replace("SERVE_PASSWORD", &sha256(&password_of("serve", password)))
        .replace("WORKER_PASSWORD", &sha256(&password_of("worker", password)))
}

fn with_user(url: &str, user: &str) -> String {
    let parts = url.split_once("://").and_then(|(scheme, rest)| {
        let (userinfo, host) = rest.split_once('@')?;
        Some((scheme, userinfo.split_once(':')?.1, host))
    });
    match parts {
        Some((scheme, password, host)) => format!("{scheme}://{user}:{}@{host}", password_of(user, password)),
        None => url.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_part_has_a_user_and_a_password_of_its_own() {
        let urls = [Part::Owner, Part::Serve, Part::Worker]
            .map(|part| part.database_url("postgres://campaigns:secret@here:1/db"));
        for (index, url) in urls.iter().enumerate() {
            assert!(url.ends_with("@here:1/db") && !url.contains("secret"), "{url}");
            assert!(!urls[index + 1..].contains(url));
        }
        assert_eq!(Part::Serve.redis_url("redis://one:1,two:2"), "redis://one:1,two:2");
    }
}
