//! What the integration tests share: an SMTP server that does what its script says, its certificates, and a site to
//! run the program in.
//!
//! Nothing here judges; it acts, and it remembers what it saw.

pub(crate) mod account;
pub(crate) mod certificates;
pub(crate) mod cutter;
pub(crate) mod postgres;
pub(crate) mod script;
pub(crate) mod server;
pub(crate) mod site;

pub(crate) use certificates::Certificates;
pub(crate) use cutter::Cutter;
pub(crate) use postgres::{Bouncer, Postgres};
pub(crate) use script::{At, Do, Script, say};
pub(crate) use server::{Message, Server};
pub(crate) use site::Site;
