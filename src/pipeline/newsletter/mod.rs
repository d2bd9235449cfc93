//! From a post that is due to messages at the relay: choose it, schedule the issue, deliver it.

pub(crate) mod approval;
pub(crate) mod compose;
pub(crate) mod deliver;
pub(crate) mod delivery_health;
pub(crate) mod digest;
pub(crate) mod held_posts;
pub(crate) mod idle_shortcut;
pub(crate) mod issue;
pub(crate) mod issue_renderer;
pub(crate) mod pictures;
pub(crate) mod planning;
pub(crate) mod preview;
pub(crate) mod rehearsal;
pub(crate) mod relay_backoff;
pub(crate) mod report;
pub(crate) mod series;
pub(crate) mod sign_ups;
pub(crate) mod subscriber_list;
pub(crate) mod topics;
pub(crate) mod transactional;
pub(crate) mod unsubscribe_check;

pub use approval::{Approved, approve};
pub(crate) use compose::transmit_test;
pub use compose::{compose, sample_message, templates};
pub use deliver::deliver_open;
pub use digest::{
    DigestDraft, DigestVariant, ScheduledDigest, compose_digest, digest_forecast, weekly_subscribers,
};
pub(crate) use held_posts::fingerprint;
pub use held_posts::{HeldPosts, NoAudience, Unapproved};
pub(crate) use idle_shortcut::last_run;
pub use issue::schedule_issue;
pub use issue_renderer::IssueRenderer;
pub(crate) use pictures::picture_files;
pub use planning::{Draft, draft, ensure_not_mailed_before_restore, hold_reason};
pub use preview::{draft_of, send_test};
pub use relay_backoff::{RelayBackoff, active_backoff};
pub use report::NewsletterReport;
pub(crate) use series::is_for_everybody;
pub use series::{ScheduledStep, compose_step, plan_of};
pub use sign_ups::AskedReport;
pub(crate) use sign_ups::{ask, delete_expired_if_due, email_sign_ups, send_confirmations, sign_up_limits};
pub use subscriber_list::import_list;
pub(crate) use subscriber_list::{ListImport, open_list};
pub use topics::{unused_topics, unused_topics_of};
pub use transactional::{PollOutcome, TransactionalSender, compose_sample};
pub use unsubscribe_check::{record_inbox_run, remember_unrecognised, unrecognised};
pub(crate) use unsubscribe_check::{unsubscribe_findings, unsubscribe_routes};
