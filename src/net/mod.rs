//! The network layer below every protocol: TLS, the guarded HTTP client with the filter of addresses, and the
//! time limit for reading what came.

mod address_filter;
pub(crate) mod budget;
pub(crate) mod http;
pub(crate) mod tls;
