//! `letterpress serve` against what the open internet sends it: the rows H1 to H20, one test or more for each, and the
//! ways of people through the pages.

mod erasure;
mod exchange;
mod files;
mod house;
mod people;
mod requests;
mod sign_ups;
mod wire;

use house::{House, Reply};
