//! A port of 127.0.0.1 that stays ours, also while its server restarts.
//!
//! A socket bound to the port is kept, without listening on it. On Linux the server, which asks for `SO_REUSEADDR` as
//! all servers do, can then still listen there, while the kernel gives the port to nobody else: neither to a bind to
//! port 0 nor as the source of an outgoing connection (which, aimed at this port, would even connect to itself).
//!
//! A data folder that lasts keeps its ports too: the first start chooses them and writes them down, so that whoever
//! was told an address finds the server there after a restart.

use std::{
    fs, io,
    net::Ipv4Addr,
    ops::Range,
    path::{Path, PathBuf},
};

use tokio::net::TcpSocket;

use super::{EmbeddedError, data_dir::write_private};

/// Where lasting ports are chosen: below the ports that Linux and macOS give to outgoing connections, one of which
/// could have taken the port while the server was down.
const LASTING: Range<u16> = 20_000..30_000;
/// How many of them are tried before any free port is taken.
const ATTEMPTS: u32 = 100;

/// A port that nobody else has.
#[derive(Debug)]
pub(super) struct Port {
    number: u16,
    _kept: Option<TcpSocket>,
}

impl Port {
    /// Takes a port that is free now.
    pub(super) fn take() -> Result<Self, EmbeddedError> {
        Self::bind_first(0).map_err(EmbeddedError::io("bind to a free port of", "127.0.0.1"))
    }

    /// Takes the port that `file` names for `server`. Where there is no such file yet, it takes a free port and writes
    /// it down.
    pub(super) fn take_lasting(server: &'static str, file: PathBuf) -> Result<Self, EmbeddedError> {
        let Some(number) = written_in(&file)? else {
            let port = Self::bind_lasting().or_else(|_| Self::take())?;
            write_down(port.number, &file)?;
            return Ok(port);
        };
        Self::bind_again(number).map_err(|source| match source.kind() {
            io::ErrorKind::AddrInUse => EmbeddedError::PortTaken { server, port: number, file },
            _ => EmbeddedError::io("bind to", format!("127.0.0.1:{number}"))(source),
        })
    }

    fn bind_lasting() -> io::Result<Self> {
        let mut bound = Err(io::ErrorKind::AddrInUse.into());
        for _ in 0..ATTEMPTS {
            bound = Self::bind_first(rand::random_range(LASTING));
            if bound.is_ok() {
                break;
            }
        }
        bound
    }

    /// Binds to a port that no other socket has, with or without sharing; 0 is any.
    fn bind_first(port: u16) -> io::Result<Self> {
        let socket = TcpSocket::new_v4()?;
        socket.bind((Ipv4Addr::LOCALHOST, port).into())?;
        socket.set_reuseaddr(true)?;
        Self::keep(socket)
    }

    /// Binds to a port of an earlier run, whose last connections may still be closing.
    fn bind_again(port: u16) -> io::Result<Self> {
        let socket = TcpSocket::new_v4()?;
        socket.set_reuseaddr(true)?;
        socket.bind((Ipv4Addr::LOCALHOST, port).into())?;
        Self::keep(socket)
    }

    fn keep(socket: TcpSocket) -> io::Result<Self> {
        let number = socket.local_addr()?.port();
        // other systems do not let the server share the port, so there it is free until the server has it
        Ok(Self { number, _kept: cfg!(target_os = "linux").then_some(socket) })
    }

    pub(super) fn number(&self) -> u16 {
        self.number
    }
}

fn written_in(file: &Path) -> Result<Option<u16>, EmbeddedError> {
    match fs::read_to_string(file) {
        // a number that cannot be read is chosen anew
        Ok(text) => Ok(text.trim().parse().ok().filter(|port| *port > 0)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(EmbeddedError::io("read", file)(error)),
    }
}

/// Writes aside and renames, so that a run killed here leaves no half of a number.
fn write_down(port: u16, file: &Path) -> Result<(), EmbeddedError> {
    let aside = file.with_extension("port.new");
    write_private(&aside, &format!("{port}\n"))?;
    fs::rename(&aside, file).map_err(EmbeddedError::io("rename", aside))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(target_os = "linux")]
    #[test]
    fn a_server_can_listen_on_it_again_and_again() {
        let port = Port::take().unwrap();
        for _ in 0..2 {
            std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, port.number())).unwrap();
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn nobody_else_is_given_it() {
        let port = Port::take().unwrap();
        let other = TcpSocket::new_v4().unwrap();
        let refused = other.bind((Ipv4Addr::LOCALHOST, port.number()).into()).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::AddrInUse);
    }

    #[test]
    fn a_lasting_port_is_the_same_at_each_start() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("redis.port");
        let first = Port::take_lasting("redis", file.clone()).unwrap();
        let number = first.number();
        assert!(LASTING.contains(&number));
        drop(first);
        assert_eq!(Port::take_lasting("redis", file).unwrap().number(), number);
    }

    #[test]
    fn a_lasting_port_that_somebody_else_has_is_an_error_that_names_it() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("redis.port");
        let other = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let number = other.local_addr().unwrap().port();
        fs::write(&file, format!("{number}\n")).unwrap();
        let refused = Port::take_lasting("redis", file.clone()).unwrap_err().to_string();
        assert!(refused.contains(&number.to_string()), "{refused}");
        assert!(refused.contains(&file.display().to_string()), "{refused}");
    }
}
