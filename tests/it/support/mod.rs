//! Shared by the integration tests: a scripted SMTP server, certificates, a web server that
//! can lie, and a site to run the program in.

pub(crate) mod account;
#[cfg(feature = "object-store")]
pub(crate) mod bucket;
pub(crate) mod certificates;
pub(crate) mod cutter;
pub(crate) mod postgres;
pub(crate) mod provider;
pub(crate) mod script;
pub(crate) mod server;
pub(crate) mod site;
pub(crate) mod waiting;
pub(crate) mod web;

pub(crate) use certificates::Certificates;
pub(crate) use cutter::Cutter;
pub(crate) use postgres::{Bouncer, Postgres};
pub(crate) use provider::Provider;
pub(crate) use script::{At, Do, Gate, Script, reply_line};
pub(crate) use server::{Message, Server};
pub(crate) use site::{Ended, Site};
pub(crate) use waiting::{free_port, wait_until};
pub(crate) use web::{Answer, Asked, Web};
