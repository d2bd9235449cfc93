//! The network below every protocol: TLS, the guarded HTTP client, and which addresses it may reach.

mod address_filter;
pub(crate) mod http;
pub(crate) mod tls;
