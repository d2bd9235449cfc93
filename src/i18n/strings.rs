//! The list of strings. A string may contain placeholders: `{site}` is the site's title.
//!
//! The keys of [`IssueStrings`] and [`PageStrings`] that `docs/templates.md` lists are part of the template interface
//! (`words.read_online`); renaming one breaks users' templates.

use serde::Serialize;

/// The strings of one language.
#[derive(Debug, Serialize)]
pub(crate) struct Strings {
    /// The BCP 47 primary subtag.
    pub(crate) tag: &'static str,
    /// The language's name in the language.
    pub(crate) own_name: &'static str,
    /// The `strftime` format of a day with its year.
    pub(super) date: &'static str,
    /// The `strftime` format of a day without its year.
    pub(super) month_day: &'static str,
    pub(crate) issue: IssueStrings,
    pub(crate) confirmation: TransactionalStrings,
    pub(crate) already_subscribed: TransactionalStrings,
    pub(crate) personal_data: TransactionalStrings,
    pub(crate) web: WebStrings,
    pub(crate) page: PageStrings,
    pub(crate) feed_page: FeedPageStrings,
}

/// In the email of an issue or a weekly digest.
#[derive(Debug, Serialize)]
pub(crate) struct IssueStrings {
    /// Links to the post's page.
    pub(crate) read_online: &'static str,
    /// Links from a post's excerpt in the weekly digest to the whole post.
    pub(crate) read_on: &'static str,
    /// The heading of the weekly digest.
    pub(crate) week: &'static str,
    /// The subject of the weekly digest, with `{title}` and `{count}`.
    pub(super) and_more: &'static str,
    pub(crate) unsubscribe: &'static str,
    /// The heading over the list of links in the text part.
    pub(crate) links: &'static str,
    /// Replaces an image without alternative text in the text part.
    pub(crate) picture: &'static str,
    /// The link that replaces a video.
    pub(crate) video: &'static str,
    /// The link that replaces an audio player.
    pub(crate) audio: &'static str,
    /// Why the subscriber receives the email.
    pub(crate) why: &'static str,
    /// With `{name}`.
    pub(super) greeting: &'static str,
    /// For a subscriber whose name is unknown.
    pub(crate) greeting_without_name: &'static str,
}

/// One transactional email. It has one link.
#[derive(Debug, Serialize)]
pub(crate) struct TransactionalStrings {
    pub(crate) subject: &'static str,
    /// The paragraph before the link.
    pub(crate) intro: &'static str,
    /// The text of the link.
    pub(crate) link: &'static str,
    /// The paragraph after the link: how long it works, and that the email can be ignored.
    pub(crate) note: &'static str,
}

/// On the pages of `letterpress serve`.
#[derive(Debug, Serialize)]
pub(crate) struct WebStrings {
    // On every page.
    pub(crate) footer: &'static str,
    pub(crate) languages: &'static str,
    pub(crate) home: &'static str,
    pub(crate) issues: &'static str,
    pub(crate) your_data: &'static str,
    pub(crate) privacy: &'static str,
    /// An email address follows.
    pub(crate) by_email: &'static str,
    // Sign-up.
    pub(crate) home_title: &'static str,
    pub(crate) home_text: &'static str,
    pub(crate) sign_up_closed: &'static str,
    pub(crate) email: &'static str,
    pub(crate) name: &'static str,
    /// The language of transactional email; issues are in the site's language.
    pub(crate) email_language: &'static str,
    pub(crate) frequency: &'static str,
    pub(crate) every_post: &'static str,
    pub(crate) weekly_digest: &'static str,
    pub(crate) topics: &'static str,
    pub(crate) all_topics: &'static str,
    pub(crate) some_topics: &'static str,
    /// The label of a field that only bots fill in.
    pub(crate) honeypot: &'static str,
    pub(crate) consent: &'static str,
    pub(crate) subscribe: &'static str,
    pub(crate) invalid_email: &'static str,
    pub(crate) invalid_name: &'static str,
    pub(crate) confirmation_expired: &'static str,
    pub(crate) check_inbox_title: &'static str,
    pub(crate) check_inbox_text: &'static str,
    // Confirmation.
    pub(crate) confirm_title: &'static str,
    pub(crate) confirm_text: &'static str,
    pub(crate) confirm_button: &'static str,
    pub(crate) confirmed_title: &'static str,
    pub(crate) confirmed_text: &'static str,
    // Unsubscribing.
    pub(crate) unsubscribe_title: &'static str,
    pub(crate) unsubscribe_text: &'static str,
    pub(crate) unsubscribe_button: &'static str,
    pub(crate) fewer_emails_title: &'static str,
    pub(crate) fewer_emails_button: &'static str,
    pub(crate) unsubscribed_title: &'static str,
    pub(crate) unsubscribed_text: &'static str,
    pub(crate) still_subscribed: &'static str,
    pub(crate) undo_title: &'static str,
    pub(crate) undo_text: &'static str,
    pub(crate) undo_button: &'static str,
    pub(crate) resubscribed_title: &'static str,
    pub(crate) undo_expired_title: &'static str,
    pub(crate) undo_expired_text: &'static str,
    // The writer's approval of an issue.
    pub(crate) approve_title: &'static str,
    pub(crate) approve_text: &'static str,
    pub(crate) approve_button: &'static str,
    pub(crate) approved_title: &'static str,
    pub(crate) approved_text: &'static str,
    pub(crate) approval_gone_title: &'static str,
    pub(crate) approval_gone_text: &'static str,
    // Preferences.
    pub(crate) preferences_title: &'static str,
    pub(crate) preferences_button: &'static str,
    pub(crate) preferences_saved_title: &'static str,
    pub(crate) preferences_saved_text: &'static str,
    pub(crate) not_subscribed_title: &'static str,
    pub(crate) not_subscribed_text: &'static str,
    // Personal data.
    pub(crate) data_request_text: &'static str,
    pub(crate) data_request_button: &'static str,
    pub(crate) data_requested_text: &'static str,
    pub(crate) data_title: &'static str,
    pub(crate) data_none: &'static str,
    pub(crate) data_download: &'static str,
    /// The labels of the tables and columns of the personal data, by their names in the export.
    pub(crate) data_labels: &'static [(&'static str, &'static str)],
    pub(crate) erase_button: &'static str,
    pub(crate) erase_title: &'static str,
    pub(crate) erase_text: &'static str,
    pub(crate) erase_confirm_button: &'static str,
    pub(crate) erased_title: &'static str,
    pub(crate) erased_text: &'static str,
    // Past issues.
    pub(crate) no_issues: &'static str,
    pub(crate) newer_issues: &'static str,
    pub(crate) older_issues: &'static str,
    // Errors.
    pub(crate) invalid_link_title: &'static str,
    pub(crate) invalid_link_text: &'static str,
    pub(crate) not_found_title: &'static str,
    pub(crate) not_found_text: &'static str,
    pub(crate) server_error_title: &'static str,
    pub(crate) server_error_text: &'static str,
    pub(crate) invalid_request_title: &'static str,
    pub(crate) invalid_request_text: &'static str,
}

/// On the static pages of posts.
#[derive(Debug, Serialize)]
pub(crate) struct PageStrings {
    pub(crate) previous: &'static str,
    pub(crate) next: &'static str,
    /// Names the links to the previous and the next post for screen readers.
    pub(crate) beside: &'static str,
    pub(crate) older: &'static str,
    pub(crate) newer: &'static str,
    /// Names the links to older and newer lists for screen readers.
    pub(crate) pages: &'static str,
    pub(crate) years: &'static str,
    pub(crate) categories: &'static str,
    pub(crate) all_posts: &'static str,
    pub(crate) feeds: &'static str,
    pub(crate) sign_up: &'static str,
    /// A date follows.
    pub(crate) updated: &'static str,
    /// An address follows.
    pub(crate) in_reply_to: &'static str,
    pub(crate) listen: &'static str,
    pub(crate) download: &'static str,
}

/// On the page next to a feed. These strings are inserted into HTML and CSS as they are.
#[derive(Debug, Serialize)]
pub(crate) struct FeedPageStrings {
    pub(crate) about: &'static str,
    pub(crate) instructions: &'static str,
    pub(crate) latest_posts: &'static str,
    pub(crate) all_feeds: &'static str,
    pub(crate) opml: &'static str,
    /// The heading over HTML for the `head` of a page.
    pub(crate) discovery: &'static str,
    /// At the top of a feed that a browser shows.
    pub(crate) raw_feed: &'static str,
    pub(crate) kind_site: &'static str,
    pub(crate) kind_podcast: &'static str,
    pub(crate) kind_category: &'static str,
    pub(crate) kind_tag: &'static str,
    pub(crate) kind_author: &'static str,
    pub(crate) kind_language: &'static str,
}
