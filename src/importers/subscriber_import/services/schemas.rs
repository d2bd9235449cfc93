//! What is known about the exports of each service.

use super::super::columns::Column;
use super::super::state_columns::Sense;
use super::Service;
use crate::subscribers::SubscriptionStatus::{self, Active, Suppressed, Unconfirmed, Unsubscribed};

/// What is known about a service's exports. Headings are in the form of [`plain`](super::super::words::plain).
pub(super) struct ServiceSchema {
    pub(super) service: Service,
    pub(super) name: &'static str,
    /// Sets of headings; all headings of one set together identify the service.
    pub(super) marks: &'static [&'static str],
    /// Headings with a meaning that is specific to the service.
    pub(super) headings: &'static [(Column, &'static str)],
    /// Columns about a state beside those.
    pub(super) senses: &'static [(Sense, &'static str)],
    /// Headings to ignore.
    pub(super) unread: &'static str,
    /// States with a meaning that is specific to the service.
    pub(super) states: &'static [(SubscriptionStatus, &'static str)],
    /// Words in the name of a file for each status.
    pub(super) files: &'static [(SubscriptionStatus, &'static str)],
    /// The export contains the unsubscribed people if it has one of these columns.
    pub(super) has_unsubscribes: &'static [Column],
}

/// Names of files with everybody of one status.
const FILES: &[(SubscriptionStatus, &str)] = &[
    (Unsubscribed, "unsubscribed"),
    (Unconfirmed, "unconfirmed"),
    (Suppressed, "bounced"),
    (Suppressed, "marked-as-spam"),
    (Suppressed, "complained"),
    (Suppressed, "junk"),
    (Unsubscribed, "deleted"),
];

/// A schema without anything.
const NOTHING: ServiceSchema = ServiceSchema {
    service: Service::Letterpress,
    name: "",
    marks: &[],
    headings: &[],
    senses: &[],
    unread: "",
    states: &[],
    files: &[],
    has_unsubscribes: &[],
};

/// In the order in which they are tried.
pub(super) const SERVICES: [ServiceSchema; 16] = [
    ServiceSchema {
        service: Service::Letterpress,
        name: "Letterpress",
        marks: &["email name language state source consentedat"],
        ..NOTHING
    },
    ServiceSchema {
        service: Service::Ghost,
        name: "Ghost",
        marks: &["subscribedtoemails", "email complimentaryplan"],
        headings: &[
            (Column::Receives, "subscribedtoemails subscribed"),
            (Column::Disabled, "emaildisabled"),
            (Column::Deleted, "deletedat"),
        ],
        // The first states whether a member pays; the second is read on its own.
        unread: "status emailsuppression",
        has_unsubscribes: &[Column::Receives],
        ..NOTHING
    },
    ServiceSchema {
        service: Service::Listmonk,
        name: "listmonk",
        marks: &["uuid email attributes status", "uuid email attribs status"],
        states: &[(Active, "enabled"), (Unsubscribed, "disabled"), (Suppressed, "blocklisted blacklisted")],
        // `status` is about the account: a person who unsubscribed from a list is still "enabled" (listmonk's
        // issues 738 and 2855).
        has_unsubscribes: &[Column::Receives],
        ..NOTHING
    },
    ServiceSchema {
        service: Service::Mailchimp,
        name: "Mailchimp",
        marks: &[
            "memberrating",
            "leid euid",
            "emailaddress optintime",
            "emailaddress cleantime",
            "emailaddress unsubtime",
            "emailaddress uniqueemailid",
        ],
        headings: &[
            (Column::UnsubscribedAt, "unsubtime"),
            (Column::Cleaned, "cleantime"),
            (Column::OptedIn, "optintime timestampsignup"),
            (Column::Confirmed, "confirmtime timestampopt"),
        ],
        states: &[(Unconfirmed, "pending nonsubscribed transactional"), (Unsubscribed, "archived")],
        // Its exports are one file for each kind of member.
        ..NOTHING
    },
    ServiceSchema {
        service: Service::Substack,
        name: "Substack",
        marks: &[
            "email activesubscription",
            "email emaildisabled expiry",
            "email stripeconnectedcustomerid",
            "email subscriptiontype activity",
            "email subscriptiontype subscriptiondate",
            "email type startdate",
        ],
        headings: &[(Column::Disabled, "emaildisabled")],
        has_unsubscribes: &[Column::Disabled],
        ..NOTHING
    },
    ServiceSchema {
        service: Service::Buttondown,
        name: "Buttondown",
        marks: &["creationdate type", "creationdate subscribertype", "email notes metadata tags"],
        headings: &[
            (Column::State, "type subscribertype"),
            (Column::Created, "creationdate"),
            (Column::UnsubscribedAt, "unsubscriptiondate"),
            (Column::Cleaned, "undeliverabilitydate"),
        ],
        states: &[
            (Active, "regular premium trialed unpaid gifted churning paused pastdue"),
            (Unconfirmed, "unactivated upcoming churned"),
            (Suppressed, "removed spammy undeliverable malformed"),
        ],
        has_unsubscribes: &[Column::State],
        ..NOTHING
    },
    ServiceSchema {
        service: Service::Beehiiv,
        name: "beehiiv",
        marks: &[
            "email status subscriptiontier",
            "email status createdat utmsource",
            "email status tier utmsource",
            "email status referralcode",
        ],
        states: &[(Unconfirmed, "validating needsattention paused"), (Unsubscribed, "inactive")],
        has_unsubscribes: &[Column::State],
        ..NOTHING
    },
    ServiceSchema {
        service: Service::EmailOctopus,
        name: "EmailOctopus",
        marks: &[
            "emailaddress firstname lastname status createdat",
            "emailaddress status createdat lastupdatedat",
        ],
        has_unsubscribes: &[Column::State],
        ..NOTHING
    },
    ServiceSchema {
        service: Service::CampaignMonitor,
        name: "Campaign Monitor",
        marks: &[
            "emailaddress name date state",
            "emailaddress name subscriberstatus",
            "emailaddress state readsemailwith",
            "emailaddress listjoineddate",
        ],
        headings: &[
            (Column::State, "subscriberstatus state status"),
            (Column::Subscribed, "date listjoineddate datejoined dateadded datesubscribed"),
            (Column::UnsubscribedAt, "dateunsubscribed unsubscribeddate"),
        ],
        // It is about the measuring of opened emails.
        unread: "consenttotrack",
        files: FILES,
        has_unsubscribes: &[Column::State],
        ..NOTHING
    },
    ServiceSchema {
        service: Service::Sendy,
        name: "Sendy",
        marks: &["email status signupdate", "email status lastactivity", "name email lastactivity"],
        // A soft bounce is temporary: Sendy goes on mailing, and makes the third one a bounce.
        states: &[(Active, "softbounced")],
        files: FILES,
        has_unsubscribes: &[Column::State],
        ..NOTHING
    },
    ServiceSchema {
        service: Service::PhpList,
        name: "phpList",
        marks: &[
            "email listmembership",
            "email htmlemail",
            "email confirmed blacklisted",
            "email isthisuserblacklisted",
            "email isthissubscriberblacklisted",
        ],
        headings: &[
            (Column::Disabled, "blacklisted isthisuserblacklisted isthissubscriberblacklisted"),
            (Column::Created, "entered"),
        ],
        senses: &[
            (
                Sense::Receives { no: Unconfirmed, empty: None },
                "confirmed isthisuserconfirmed isthissubscriberconfirmed istheemailofthisuserconfirmed \
                 istheemailofthissubscriberconfirmed",
            ),
            (Sense::Happened(Unsubscribed), "disabled isthisaccountdisabled?"),
        ],
        // phpList itself blacklists an address that bounces too often.
        unread: "optedin didthisusermanuallyconfirm didthissubscribermanuallyconfirm bouncecount \
                 numberofbouncesonthisuser numberofbouncesonthissubscriber",
        has_unsubscribes: &[Column::Disabled],
        ..NOTHING
    },
    ServiceSchema {
        service: Service::MailerLite,
        name: "MailerLite",
        marks: &[
            "subscriber subscribed",
            "subscriber opens clicks",
            "subscriber status",
            "email subscribed opens clicks",
            "email subscribed opened clicked",
            "email subscribedat unsubscribedat optedinat",
        ],
        headings: &[
            (Column::Email, "subscriber"),
            (Column::Subscribed, "subscribed subscribedat datesubscribed"),
            (Column::OptedIn, "optedinat optindate optedin"),
            (Column::UnsubscribedAt, "unsubscribed unsubscribedat dateunsubscribed unsubscribeddate"),
            (Column::Cleaned, "bounced bouncedat"),
        ],
        files: FILES,
        has_unsubscribes: &[Column::State, Column::UnsubscribedAt],
        ..NOTHING
    },
    ServiceSchema {
        service: Service::Mailjet,
        name: "Mailjet",
        marks: &["email subscribed unsub", "email isexcludedfromcampaigns"],
        headings: &[
            (Column::Receives, "subscribed"),
            (Column::Disabled, "unsub unsubscribed isunsubscribed isexcludedfromcampaigns"),
            (Column::UnsubscribedAt, "unsubscribedat"),
        ],
        senses: &[
            (Sense::Happened(Suppressed), "isspamcomplaining"),
            (Sense::Happened(Unconfirmed), "isoptinpending"),
        ],
        unread: "exclusionfromcampaignsupdatedat",
        has_unsubscribes: &[Column::Disabled],
        ..NOTHING
    },
    ServiceSchema {
        service: Service::Brevo,
        name: "Brevo",
        marks: &[
            "email doubleoptin optin",
            "email emailblacklisted smsblacklisted",
            "email emailblacklisted addedtime",
            "email emailblocklisted addedtime",
            "email addedtime modifiedtime",
        ],
        headings: &[
            (Column::Disabled, "emailblacklisted emailblocklisted blacklisted blocklisted"),
            (Column::Created, "addedtime"),
        ],
        // A no is not a refusal: the person was added without a confirmation.
        unread: "doubleoptin",
        has_unsubscribes: &[Column::Disabled],
        ..NOTHING
    },
    ServiceSchema {
        service: Service::Stibee,
        name: "Stibee",
        marks: &[
            "이메일주소 구독상태",
            "이메일주소 추가경로",
            "이메일주소 구독해지사유",
            "이메일주소 광고성정보수신동의",
            "이메일주소 마지막업데이트일",
        ],
        headings: &[
            (Column::Source, "추가경로"),
            (Column::Subscribed, "추가일"),
            (Column::UnsubscribedAt, "구독해지사유 구독해지일 수신거부일 수신거부사유"),
            (Column::Cleaned, "자동삭제일"),
        ],
        // It is about advertisements.
        unread: "광고성정보수신동의",
        files: &[(Unsubscribed, "수신거부"), (Suppressed, "자동삭제")],
        has_unsubscribes: &[Column::State],
        ..NOTHING
    },
    ServiceSchema {
        service: Service::Kit,
        name: "Kit",
        marks: &[
            "emailaddress firstname state createdat",
            "email firstname state createdat",
            "email firstname status createdat",
        ],
        states: &[(Active, "cold"), (Unconfirmed, "inactive"), (Unsubscribed, "cancelled canceled")],
        has_unsubscribes: &[Column::State],
        ..NOTHING
    },
];
