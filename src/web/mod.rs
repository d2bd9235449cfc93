//! `letterpress serve`: pages to sign up, confirm, set preferences, unsubscribe, read past issues and see one's data; it
//! also serves the public folder with the feeds.
//!
//! A GET never changes anything: every change is a POST from a button or a mail program's one-click unsubscribe. There
//! are no cookies, scripts or sessions; a signed token in the URL authorises a request. Handlers send no email: they
//! queue it in the store, and a background task sends it.

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
