//! The network layer below every protocol: TLS, the guarded HTTP client, and the filter of addresses.

mod address_filter;
pub(crate) mod http;
pub(crate) mod tls;
