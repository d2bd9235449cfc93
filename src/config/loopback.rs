//! Hosts that can only be this machine.

/// Whether `host` can only be this machine, so that unencrypted data stays on it.
pub(crate) fn is_this_machine(host: &str) -> bool {
    host == "localhost"
        || host.trim_matches(['[', ']']).parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}
