//! The renderer of an issue: the email together with everything that its messages take from the configuration.
//!
//! It is frozen as JSON. A message depends only on the renderer and its delivery, so a message sent a second time has the
//! same bytes, even if `config.toml` has changed. Only the DKIM keys are not frozen, because they are secrets. A message
//! signed with another key differs, and the ledger refuses to send it in place of the first one.

use std::sync::OnceLock;

use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use crate::address::{EmailAddress, Mailbox};
use crate::config::Config;
use crate::delivery::{Envelope, OutgoingMessage};
use crate::email::dkim::{SignError, Signer};
use crate::email::{MessageRenderer, MessageTemplate, Note, Recipient, Unsubscribe};
use crate::store::{Claimed, MessageFields};
use crate::subscribers::token::{Purpose, Subject, TokenKeys};

/// An issue that is about to be frozen, or was.
#[derive(Debug, Serialize, Deserialize)]
pub struct IssueRenderer {
    #[serde(rename = "letter")]
    template: MessageTemplate,
    /// The domain of the `From` address: the right side of each Message-ID.
    domain: String,
    /// The envelope sender, before any token.
    sender: EmailAddress,
    /// Whether bounces are addressed to `sender` with the token of the delivery.
    #[serde(rename = "traced")]
    has_delivery_tokens: bool,
    /// The address for unsubscribe emails.
    unsubscribe: EmailAddress,
    /// The URL for one-click unsubscribe, without the token.
    page: Option<String>,
    /// The URL of the unsubscribe page, without the token; `None` in issues of older versions.
    #[serde(rename = "leave", default, skip_serializing_if = "Option::is_none")]
    unsubscribe_page: Option<String>,
    /// The zone of the `Date` header.
    timezone: Tz,
    /// The id of the key that signs the tokens; `None` in issues of older versions, whose deliveries store theirs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    key: Option<String>,
    /// The email, split and encoded as far as all messages share it; prepared with the first message.
    #[serde(skip)]
    prepared: OnceLock<MessageRenderer>,
}

impl IssueRenderer {
    /// The renderer of `template`; `None` without `newsletter.from`.
    pub fn new(template: MessageTemplate, config: &Config) -> Option<Self> {
        let newsletter = &config.newsletter;
        let from = &newsletter.from.as_ref()?.address;
        Some(Self {
            template,
            domain: from.domain().to_owned(),
            sender: newsletter.bounces.as_ref().unwrap_or(from).clone(),
            has_delivery_tokens: newsletter.bounces.is_some(),
            unsubscribe: newsletter.unsubscribe_address()?.clone(),
            page: config.web.url.as_ref().map(|url| url.join("u/")),
            unsubscribe_page: config.web.url.as_ref().map(|url| url.join("leave/")),
            timezone: config.site.timezone,
            key: None,
            prepared: OnceLock::new(),
        })
    }

    /// The same email marked as a test, with a note above it.
    pub(crate) fn with_banner(&self, mark: &str, note: Option<&Note>) -> Self {
        Self { template: self.template.with_note(mark, note), ..self.duplicate() }
    }

    /// A clone without the prepared email.
    pub(crate) fn duplicate(&self) -> Self {
        Self {
            template: self.template.clone(),
            domain: self.domain.clone(),
            sender: self.sender.clone(),
            has_delivery_tokens: self.has_delivery_tokens,
            unsubscribe: self.unsubscribe.clone(),
            page: self.page.clone(),
            unsubscribe_page: self.unsubscribe_page.clone(),
            timezone: self.timezone,
            key: self.key.clone(),
            prepared: OnceLock::new(),
        }
    }

    /// The JSON to freeze. From then on the tokens are signed with the present key.
    pub fn freeze(&mut self, keys: &TokenKeys) -> Result<String, serde_json::Error> {
        self.key = keys.signing_key().map(str::to_owned);
        serde_json::to_string(self)
    }

    /// What distinguishes the message of one delivery of `post`; always the same for the same keys.
    pub fn message_fields(&self, keys: &TokenKeys, post: &str, claimed: &Claimed) -> MessageFields {
        if let Some(stored) = &claimed.fields {
            return stored.clone();
        }
        let local = keys.message_id_local(post, &claimed.address);
        let subscriber = Subject::from(claimed.key.0);
        let number = u64::try_from(claimed.id.number.0).unwrap_or_default();
        let bounce = if self.has_delivery_tokens {
            keys.sign_with(self.key.as_deref(), Purpose::Bounce, &Subject::from(number), 1)
        } else {
            String::new()
        };
        MessageFields {
            message_id: format!("{local}@{}", self.domain),
            // The Message-ID is unique, as the boundary must be, and reveals nothing new.
            boundary_seed: local,
            unsubscribe: keys.sign_with(self.key.as_deref(), Purpose::Unsubscribe, &subscriber, 1),
            bounce,
        }
    }

    /// The message of a delivery with its envelope: always the same for the same claim and the same keys. Signatures are
    /// verified on the final bytes.
    pub fn compose(
        &self,
        claimed: &Claimed,
        fields: MessageFields,
        signer: Option<&Signer>,
    ) -> Result<OutgoingMessage, SignError> {
        let from = self.return_path(&fields);
        let recipient = Recipient {
            to: Mailbox { name: claimed.name.clone(), address: claimed.address.clone() },
            message_id: fields.message_id.clone(),
            date: claimed.dated.with_timezone(&self.timezone).fixed_offset(),
            boundary_seed: fields.boundary_seed,
            unsubscribe: Unsubscribe {
                mailbox: self.unsubscribe.clone(),
                page: self.page.as_ref().map(|page| format!("{page}{}", fields.unsubscribe)),
                human: self.unsubscribe_page.as_ref().map(|page| format!("{page}{}", fields.unsubscribe)),
                token: fields.unsubscribe,
            },
        };
        let unsigned = self.prepared.get_or_init(|| self.template.prepare()).render_for(&recipient);
        let message = match signer {
            Some(signer) => signer.sign(&unsigned, claimed.dated)?,
            None => unsigned,
        };
        let envelope = Envelope { from, to: claimed.address.clone(), size: message.len() };
        Ok(OutgoingMessage { envelope, message, message_id: fields.message_id })
    }

    /// `bounces+TOKEN@example.com`, so that a bounce identifies its delivery (VERP).
    fn return_path(&self, fields: &MessageFields) -> EmailAddress {
        if fields.bounce.is_empty() {
            return self.sender.clone();
        }
        let traced = format!("{}+{}@{}", self.sender.local_part(), fields.bounce, self.sender.domain());
        EmailAddress::parse(&traced).unwrap_or_else(|_| self.sender.clone())
    }

    /// The right side of each Message-ID.
    pub fn message_domain(&self) -> &str {
        &self.domain
    }

    /// The email.
    pub fn template(&self) -> &MessageTemplate {
        &self.template
    }
}
