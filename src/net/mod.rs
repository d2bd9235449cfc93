//! The network layer below every protocol: TLS, the guarded HTTP client with the filter of addresses, and the
//! time limit for reading what came, and when a certificate ends.

mod address_filter;
pub(crate) mod budget;
pub(crate) mod certificate;
pub(crate) mod http;
pub(crate) mod tls;
