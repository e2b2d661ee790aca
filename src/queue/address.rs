//! The servers that `REDIS_URL` names. Pure.

/// A URL for each of them: `redis://:password@one:6379,two:6379/?parameter` names two.
pub(super) fn of_each_server(url: &str) -> Vec<String> {
    let whole = || vec![url.to_owned()];
    let Some((scheme, rest)) = url.split_once("://") else { return whole() };
    let (authority, tail) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    let hosts_at = authority.rfind('@').map_or(0, |at| at + 1);
    let (userinfo, hosts) = authority.split_at(hosts_at);
    if !hosts.contains(',') {
        return whole();
    }
    hosts.split(',').map(|host| format!("{scheme}://{userinfo}{host}{tail}")).collect()
}

/// Whether the part with the user, the password and the host ends before its `@`: the password holds `/` or `#`.
pub(super) fn ends_early(url: &str) -> bool {
    let Some(("redis" | "rediss", rest)) = url.split_once("://") else { return false };
    let tail = rest.find(['/', '?', '#']).map_or("", |end| &rest[end..]);
    // A query may hold one.
    tail.split('?').next().unwrap_or_default().contains('@')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_that_ends_the_authority_is_noticed() {
        for url in
            ["redis://:a/b@one:1", "rediss://me:1#b@one:1/0", "redis://:/@one", "redis://:a/b@one:1/?x=y"]
        {
            assert!(ends_early(url), "{url}");
        }
        for url in [
            "redis://:a%2Fb@one:1/0",
            "redis://:a@b@one",
            "redis://one/0?sslrootcert=/ca@home.pem",
            "redis+unix:///run/a@b.sock",
            "one",
        ] {
            assert!(!ends_early(url), "{url}");
        }
    }

    #[test]
    fn each_server_has_what_stands_before_and_behind_the_hosts() {
        let url = "rediss://me:a,b@one:1,two:2,[::1]:3/?sslrootcert=/ca.pem";
        let all =
            ["one:1", "two:2", "[::1]:3"].map(|host| format!("rediss://me:a,b@{host}/?sslrootcert=/ca.pem"));
        assert_eq!(of_each_server(url), all);
    }

    #[test]
    fn a_url_of_one_server_or_of_a_socket_stays_as_it_is() {
        for url in ["redis://:a,b@one:1/0", "redis://one", "redis+unix:///run/a,b.sock", "one,two"] {
            assert_eq!(of_each_server(url), [url]);
        }
    }
}
