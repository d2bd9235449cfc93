//! `letterpress serve`: the half that answers readers. They sign up, confirm, choose, leave and ask for their data;
//! they read the letters, and their programs fetch the feeds.
//!
//! Nothing changes by looking: every change is a POST from a button, or the one click of a mail program. There are no
//! cookies, no scripts and no sessions; a signed token in the address is the whole of what anybody may do. Nothing is
//! sent from here: the store writes down which small letter is due, and a task in the background takes it on its way.

mod app;
mod approve;
mod background;
mod choose;
mod client;
mod confirm;
mod data;
mod figures;
mod files;
mod form;
mod guard;
mod issues;
mod leave;
mod origin;
mod pages;
mod patient;
mod quality;
mod routes;
mod seats;
mod server;
mod sign_up;
mod sockets;
mod topics;
mod whole;

pub use app::{App, Peer, Shared, snippet};
pub use routes::router;
pub use server::serve;
pub use sockets::Sockets;

use app::Visit;
