//! `letterpress preview`: a page on this machine that shows what a post becomes before it is sent: the email, read back out of
//! the bytes that would be sent, the inbox row, the entry in feed readers, the audience and the time.
//!
//! It reads. The ledger is opened without the right to write, no run lock is taken, and nothing is sent but a test copy to the
//! writer. Only this machine reaches the page, and only with the token in its address: `guard.rs` checks both. Read the modules in
//! this order: `view` what the address asks for · `archive`, `watch` the posts in memory · `letter` an email and its parts · `facts`,
//! `audience`, `links` what is said about it · `page` the HTML · `routes`, `guard`, `server`.

mod archive;
mod audience;
mod changes;
mod desk;
mod editor;
mod facts;
mod feed_reader;
mod guard;
mod letter;
mod links;
mod list;
mod page;
mod routes;
mod server;
mod shown;
mod view;
mod watch;

pub use editor::EditorLink;
pub use server::{PreviewServer, serve};
