//! The SMTP client: Letterpress's own, because no library tells in which phase a connection was lost
//! (RFC 5321, RFC 2920, RFC 3207, RFC 4954).
//!
//! No retries and no meaning here: facts go up, [`crate::delivery::verdict`] judges.

pub mod reply;
