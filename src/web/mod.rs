//! `letterpress serve`: pages to sign up, confirm, set preferences, unsubscribe, read past issues and see one's data; it
//! also serves the public folder with the feeds.
//!
//! A GET never changes anything: every change is a POST from a button or a mail program's one-click unsubscribe. There
//! are no cookies, scripts or sessions; a signed token in the URL authorises a request. Handlers send no email: they
//! queue it in the store, and a background task sends it.

mod accept;
mod app;
mod approve;
mod background;
mod client_address;
mod confirm;
mod connection_slots;
mod files;
mod form;
mod issues;
mod metrics;
mod middleware;
mod origin;
mod pages;
mod personal_data;
mod preferences;
mod refused_sign_ups;
mod report;
mod request_body;
mod routes;
mod server;
mod sign_up;
mod sockets;
mod topics;
mod unsubscribe;
mod write_timeout;

pub use app::{App, Peer, SharedApp, snippet};
pub(crate) use origin::is_foreign;
pub use routes::router;
pub use server::serve;
pub use sockets::Sockets;

use app::RequestContext;
