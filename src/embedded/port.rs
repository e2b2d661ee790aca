//! A port of 127.0.0.1 that stays ours, also while its server restarts.
//!
//! A socket bound to the port is kept, without listening on it. On Linux the server, which asks for `SO_REUSEADDR` as
//! all servers do, can then still listen there, while the kernel gives the port to nobody else: neither to a bind to
//! port 0 nor as the source of an outgoing connection (which, aimed at this port, would even connect to itself).

use std::{io, net::Ipv4Addr};

use tokio::net::TcpSocket;

use super::EmbeddedError;

/// A port that nobody else has.
#[derive(Debug)]
pub(super) struct Port {
    number: u16,
    _kept: Option<TcpSocket>,
}

impl Port {
    /// Takes a port that is free now.
    pub(super) fn take() -> Result<Self, EmbeddedError> {
        Self::bind_any().map_err(EmbeddedError::io("bind to a free port of", "127.0.0.1"))
    }

    fn bind_any() -> io::Result<Self> {
        let socket = TcpSocket::new_v4()?;
        socket.bind((Ipv4Addr::LOCALHOST, 0).into())?;
        let number = socket.local_addr()?.port();
        // after the bind, which is to find a port that nobody has, not one that others would share
        socket.set_reuseaddr(true)?;
        // other systems do not let the server share the port, so there it is free until the server has it
        Ok(Self { number, _kept: cfg!(target_os = "linux").then_some(socket) })
    }

    pub(super) fn number(&self) -> u16 {
        self.number
    }
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
}
