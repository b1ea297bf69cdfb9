use super::DevArgs;
use anyhow::{Context, bail};
use std::{
    io,
    net::{Ipv4Addr, TcpListener},
};

/// By how much the privileged listener's port is above the public one's unless a flag says otherwise
/// (one above is the local L1's default).
const PRIVILEGED_OFFSET: u16 = 2;

/// The ports of a local chain, each free when it was looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ports {
    pub(crate) http: u16,
    pub(crate) privileged: u16,
    /// Used only if a local L1 is started.
    pub(crate) l1: u16,
}

/// Finds the ports that the flags ask for.
///
/// # Errors
/// A port that is in use, with the flag that chooses another.
pub(crate) fn reserve(args: &DevArgs) -> anyhow::Result<Ports> {
    let wants_l1 = args.settled() && args.l1_rpc_url.is_none();
    // All are held until all are known, so that no two free ones are the same.
    let http = bind(args.http_port, "--http.port")?;
    let http_port = http.local_addr()?.port();
    let privileged = match args.privileged_port {
        Some(port) => bind(port, "--privileged.port")?,
        None if args.http_port == 0 => bind(0, "--privileged.port")?,
        None => {
            let port = http_port
                .checked_add(PRIVILEGED_OFFSET)
                .context("no port is two above --http.port: choose one by --privileged.port")?;
            bind(port, "--privileged.port")?
        }
    };
    let l1 = wants_l1
        .then(|| bind(args.l1_port, "--l1.port"))
        .transpose()?;
    let port = |listener: &TcpListener| anyhow::Ok(listener.local_addr()?.port());
    Ok(Ports {
        http: http_port,
        privileged: port(&privileged)?,
        l1: l1.as_ref().map(port).transpose()?.unwrap_or(args.l1_port),
    })
}

fn bind(port: u16, flag: &'static str) -> anyhow::Result<TcpListener> {
    match TcpListener::bind((Ipv4Addr::LOCALHOST, port)) {
        Ok(listener) => Ok(listener),
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
            bail!("port {port} is in use: choose another one by {flag}")
        }
        Err(error) => {
            Err(error).with_context(|| format!("port {port} can't be used, choose one by {flag}"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Cli, Command};
    use clap::Parser;

    fn args(more: &[&str]) -> DevArgs {
        let cli = Cli::try_parse_from([&["openledger", "dev"], more].concat()).unwrap();
        let Command::Dev(args) = cli.command else {
            panic!("not dev")
        };
        args
    }

    #[test]
    fn a_port_in_use_names_its_flag() {
        let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = taken.local_addr().unwrap().port().to_string();
        for (flag, others) in [
            ("--http.port", ["--privileged.port", "--l1.port"]),
            ("--privileged.port", ["--http.port", "--l1.port"]),
            ("--l1.port", ["--http.port", "--privileged.port"]),
        ] {
            let args = args(&[flag, &port, others[0], "0", others[1], "0"]);
            let error = reserve(&args).unwrap_err().to_string();
            assert_eq!(
                error,
                format!("port {port} is in use: choose another one by {flag}")
            );
        }
    }

    #[test]
    fn an_unsettled_chain_needs_no_l1_port() {
        let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = taken.local_addr().unwrap().port().to_string();
        let args = args(&["--no-batcher", "--http.port", "0", "--l1.port", &port]);
        let ports = reserve(&args).unwrap();
        assert_ne!(ports.http, ports.privileged);
    }

    #[test]
    fn free_ports_differ() {
        let args = args(&["--http.port", "0", "--l1.port", "0"]);
        let ports = reserve(&args).unwrap();
        assert!(
            ports.http != ports.privileged
                && ports.http != ports.l1
                && ports.privileged != ports.l1
        );
    }
}
