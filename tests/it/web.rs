//! `letterpress serve` with requests of the open internet: the rows H1 to H20, at least one test for each, and the
//! paths of people through the pages.

mod erasure;
mod exchange;
mod files;
mod people;
mod report;
mod requests;
mod sign_ups;
mod site;
mod sockets;

pub(crate) use site::Served;
use site::{Reply, TestSite};
