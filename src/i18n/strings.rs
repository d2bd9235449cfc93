//! The list of strings. A string may contain placeholders: `{site}` is the site's title. `languages/en.toml` says what each
//! is for.
//!
//! The keys of [`IssueStrings`] and [`PageStrings`] that `docs/templates.md` lists are part of the template interface
//! (`words.read_online`); renaming one breaks users' templates.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::plural::Plural;

/// The strings of one language.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Strings {
    /// The BCP 47 tag: the name of the file.
    #[serde(skip)]
    pub(crate) tag: String,
    /// The language's name in the language.
    pub(crate) own_name: String,
    /// A day with its year: `{day}`, `{month}` and `{year}`.
    pub(super) date: String,
    /// A day without its year.
    pub(super) month_day: String,
    /// The number of the first day of a month.
    pub(super) first_day: String,
    /// The months in the form that a date needs.
    pub(super) months: [String; 12],
    pub(crate) issue: IssueStrings,
    pub(crate) callout: CalloutStrings,
    pub(crate) confirmation: TransactionalStrings,
    pub(crate) confirmation_by_email: EmailConfirmationStrings,
    pub(crate) already_subscribed: TransactionalStrings,
    pub(crate) personal_data: TransactionalStrings,
    pub(crate) web: WebStrings,
    pub(crate) page: PageStrings,
    pub(crate) feed_page: FeedPageStrings,
    pub(crate) report: ReportStrings,
}

/// In the email of an issue or a weekly digest.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct IssueStrings {
    /// Links to the post's page.
    pub(crate) read_online: String,
    /// Links from a post's excerpt in the weekly digest to the whole post.
    pub(crate) read_on: String,
    /// The heading of the weekly digest.
    pub(crate) week: String,
    /// The subject of the weekly digest, with `{title}` and `{count}`.
    pub(super) and_more: Plural,
    pub(crate) unsubscribe: String,
    /// The heading over the list of links in the text part.
    pub(crate) links: String,
    /// Replaces an image without alternative text in the text part.
    pub(crate) picture: String,
    /// The link that replaces a video.
    pub(crate) video: String,
    /// The link that replaces an audio player.
    pub(crate) audio: String,
    /// Why the subscriber receives the email.
    pub(crate) why: String,
    /// That replies are welcome.
    pub(crate) reply: String,
    /// The link to the sign-up page, for readers of a forwarded email.
    pub(crate) forwarded: String,
    /// The link to choose topics and frequency.
    pub(crate) preferences: String,
    /// The heading over the latest issue, in an email of a series.
    pub(crate) latest: String,
    /// With `{name}`.
    pub(super) greeting: String,
    /// For a subscriber whose name is unknown.
    pub(crate) greeting_without_name: String,
}

/// The titles of callouts in a post.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CalloutStrings {
    pub(crate) note: String,
    pub(crate) tip: String,
    pub(crate) important: String,
    pub(crate) warning: String,
    pub(crate) caution: String,
}

/// One transactional email. It has one link.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TransactionalStrings {
    pub(crate) subject: String,
    /// The paragraph before the link.
    pub(crate) intro: String,
    /// The text of the link.
    pub(crate) link: String,
    /// The paragraph after the link: how long it works, and that the email can be ignored.
    pub(crate) note: String,
}

/// What differs in the confirmation where there are no pages.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct EmailConfirmationStrings {
    /// The paragraph before the link, which prepares an email.
    pub(crate) intro: String,
}

/// On the pages of `letterpress serve`.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WebStrings {
    // On every page.
    pub(crate) footer: String,
    pub(crate) languages: String,
    pub(crate) home: String,
    pub(crate) issues: String,
    pub(crate) your_data: String,
    pub(crate) privacy: String,
    /// An email address follows.
    pub(crate) by_email: String,
    // Sign-up.
    pub(crate) home_title: String,
    pub(crate) home_text: String,
    pub(crate) sign_up_closed: String,
    pub(crate) email: String,
    pub(crate) name: String,
    /// The language of transactional email; issues are in the site's language.
    pub(crate) email_language: String,
    pub(crate) frequency: String,
    pub(crate) every_post: String,
    pub(crate) weekly_digest: String,
    pub(crate) topics: String,
    pub(crate) all_topics: String,
    pub(crate) some_topics: String,
    /// The label of a field that only bots fill in.
    pub(crate) honeypot: String,
    pub(crate) consent: String,
    pub(crate) subscribe: String,
    pub(crate) invalid_email: String,
    pub(crate) invalid_name: String,
    pub(crate) confirmation_expired: String,
    pub(crate) check_inbox_title: String,
    pub(crate) check_inbox_text: String,
    // Confirmation.
    pub(crate) confirm_title: String,
    pub(crate) confirm_text: String,
    pub(crate) confirm_button: String,
    pub(crate) confirmed_title: String,
    pub(crate) confirmed_text: String,
    // Unsubscribing.
    pub(crate) unsubscribe_title: String,
    pub(crate) unsubscribe_text: String,
    pub(crate) unsubscribe_button: String,
    pub(crate) fewer_emails_title: String,
    pub(crate) fewer_emails_button: String,
    pub(crate) unsubscribed_title: String,
    pub(crate) unsubscribed_text: String,
    pub(crate) still_subscribed: String,
    pub(crate) undo_title: String,
    pub(crate) undo_text: String,
    pub(crate) undo_button: String,
    pub(crate) resubscribed_title: String,
    pub(crate) undo_expired_title: String,
    pub(crate) undo_expired_text: String,
    // The writer's approval of an issue.
    pub(crate) approve_title: String,
    pub(crate) approve_text: String,
    pub(crate) approve_button: String,
    pub(crate) approved_title: String,
    pub(crate) approved_text: String,
    pub(crate) approval_gone_title: String,
    pub(crate) approval_gone_text: String,
    // Preferences.
    pub(crate) preferences_title: String,
    pub(crate) preferences_button: String,
    pub(crate) preferences_saved_title: String,
    pub(crate) preferences_saved_text: String,
    pub(crate) not_subscribed_title: String,
    pub(crate) not_subscribed_text: String,
    // Personal data.
    pub(crate) data_request_text: String,
    pub(crate) data_request_button: String,
    pub(crate) data_requested_text: String,
    pub(crate) data_title: String,
    pub(crate) data_none: String,
    pub(crate) data_download: String,
    /// The labels of the tables and columns of the personal data, by their names in the export.
    pub(crate) data_labels: BTreeMap<String, String>,
    pub(crate) erase_button: String,
    pub(crate) erase_title: String,
    pub(crate) erase_text: String,
    pub(crate) erase_confirm_button: String,
    pub(crate) erased_title: String,
    pub(crate) erased_text: String,
    // Past issues.
    pub(crate) no_issues: String,
    pub(crate) newer_issues: String,
    pub(crate) older_issues: String,
    // Errors.
    pub(crate) invalid_link_title: String,
    pub(crate) invalid_link_text: String,
    pub(crate) not_found_title: String,
    pub(crate) not_found_text: String,
    pub(crate) server_error_title: String,
    pub(crate) server_error_text: String,
    pub(crate) invalid_request_title: String,
    pub(crate) invalid_request_text: String,
}

/// On the static pages of posts.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PageStrings {
    pub(crate) previous: String,
    pub(crate) next: String,
    /// Names the links to the previous and the next post for screen readers.
    pub(crate) beside: String,
    pub(crate) older: String,
    pub(crate) newer: String,
    /// Names the links to older and newer lists for screen readers.
    pub(crate) pages: String,
    pub(crate) years: String,
    pub(crate) categories: String,
    pub(crate) all_posts: String,
    pub(crate) feeds: String,
    pub(crate) sign_up: String,
    /// A date follows.
    pub(crate) updated: String,
    /// An address follows.
    pub(crate) in_reply_to: String,
    pub(crate) listen: String,
    pub(crate) download: String,
}

/// On the page next to a feed.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FeedPageStrings {
    pub(crate) about: String,
    pub(crate) instructions: String,
    pub(crate) latest_posts: String,
    pub(crate) all_feeds: String,
    pub(crate) opml: String,
    /// The heading over HTML for the `head` of a page.
    pub(crate) discovery: String,
    /// At the top of a feed that a browser shows.
    pub(crate) raw_feed: String,
    pub(crate) kind_site: String,
    pub(crate) kind_podcast: String,
    pub(crate) kind_category: String,
    pub(crate) kind_tag: String,
    pub(crate) kind_author: String,
    pub(crate) kind_language: String,
}

/// On the page of `letterpress report`.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReportStrings {
    pub(crate) title: String,
    pub(crate) since: String,
    pub(crate) empty: String,
    pub(crate) table: String,
    pub(crate) about: String,
    pub(crate) subscribers: String,
    pub(crate) active: String,
    pub(crate) unconfirmed: String,
    pub(crate) unsubscribed: String,
    pub(crate) suppressed: String,
    pub(crate) deleted: String,
    pub(crate) subscribers_over_time: String,
    pub(crate) joined: String,
    pub(crate) bounced: String,
    pub(crate) complaints: String,
    pub(crate) day: String,
    pub(crate) week: String,
    pub(crate) month: String,
    pub(crate) issues: String,
    pub(crate) issue: String,
    pub(crate) date: String,
    pub(crate) audience: String,
    pub(crate) delivered: String,
    pub(crate) deferred: String,
    pub(crate) failed: String,
    pub(crate) unknown_outcome: String,
    pub(crate) unsubscribed_after: String,
    pub(crate) took: String,
    pub(crate) took_axis: String,
    pub(crate) rehearsal: String,
    pub(crate) curve: String,
    pub(crate) failures: String,
    pub(crate) by_reason: String,
    pub(crate) reason: String,
    pub(crate) messages: String,
    pub(crate) no_mailbox: String,
    pub(crate) mailbox_full: String,
    pub(crate) refused: String,
    pub(crate) expired: String,
    pub(crate) by_domain: String,
    pub(crate) domain: String,
    pub(crate) others: String,
    pub(crate) replies: String,
    pub(crate) reply: String,
    pub(crate) choices: String,
    pub(crate) sign_up_form: String,
    pub(crate) sources: String,
    pub(crate) source: String,
    pub(crate) confirmations: String,
    pub(crate) asked: String,
    pub(crate) confirmed: String,
    pub(crate) feed_readers: String,
    pub(crate) readers_over_time: String,
    pub(crate) readers: String,
    pub(crate) programs: String,
    pub(crate) program: String,
    pub(crate) health: String,
    pub(crate) never_bounced: String,
    pub(crate) bounced_once: String,
    pub(crate) bounced_more: String,
    pub(crate) unreached: String,
    pub(crate) runs: String,
    pub(crate) time: String,
    pub(crate) longest: String,
    pub(crate) idle: String,
}
