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
use crate::delivery::{Composed, Envelope};
use crate::letters::dkim::{SignError, Signer};
use crate::letters::{Letter, Note, Press, Recipient, Unsubscribe};
use crate::store::{Addressee, Claimed, Imprint};
use crate::subscribers::token::{Keys, Purpose, Subject};

/// An issue that is about to be frozen, or was.
#[derive(Debug, Serialize, Deserialize)]
pub struct Edition {
    letter: Letter,
    /// The domain of the `From` address: the right side of each Message-ID.
    domain: String,
    /// The envelope sender, before any token.
    sender: EmailAddress,
    /// Whether bounces are addressed to `sender` with the token of the delivery.
    traced: bool,
    /// The address for unsubscribe emails.
    unsubscribe: EmailAddress,
    /// The URL for one-click unsubscribe, without the token.
    page: Option<String>,
    /// The URL of the unsubscribe page, without the token; `None` in issues of older versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    leave: Option<String>,
    /// The zone of the `Date` header.
    timezone: Tz,
    /// The email, split and encoded as far as all messages share it; prepared with the first message.
    #[serde(skip)]
    press: OnceLock<Press>,
}

impl Edition {
    /// The renderer of `letter`; `None` without `newsletter.from`.
    pub fn new(letter: Letter, config: &Config) -> Option<Self> {
        let newsletter = &config.newsletter;
        let from = &newsletter.from.as_ref()?.address;
        Some(Self {
            letter,
            domain: from.domain().to_owned(),
            sender: newsletter.bounces.as_ref().unwrap_or(from).clone(),
            traced: newsletter.bounces.is_some(),
            unsubscribe: newsletter.unsubscribe_address()?.clone(),
            page: config.web.url.as_ref().map(|url| url.join("u/")),
            leave: config.web.url.as_ref().map(|url| url.join("leave/")),
            timezone: config.site.timezone,
            press: OnceLock::new(),
        })
    }

    /// The same email marked as a test, with a note above it.
    pub(super) fn marked(&self, mark: &str, note: Option<&Note>) -> Self {
        Self { letter: self.letter.marked(mark, note), ..self.duplicate() }
    }

    /// A copy that is not prepared yet.
    pub(super) fn duplicate(&self) -> Self {
        Self {
            letter: self.letter.clone(),
            domain: self.domain.clone(),
            sender: self.sender.clone(),
            traced: self.traced,
            unsubscribe: self.unsubscribe.clone(),
            page: self.page.clone(),
            leave: self.leave.clone(),
            timezone: self.timezone,
            press: OnceLock::new(),
        }
    }

    /// The fields that are fixed for one delivery.
    pub fn imprint(&self, keys: &Keys, addressee: &Addressee<'_>) -> Imprint {
        let local = keys.message_id_local(addressee.post, addressee.address);
        let reader = Subject::from(addressee.key.0);
        let bounce = if self.traced {
            keys.sign(Purpose::Bounce, &Subject::from(addressee.number), 1)
        } else {
            String::new()
        };
        Imprint {
            message_id: format!("{local}@{}", self.domain),
            // The Message-ID is unique, as the boundary must be, and reveals nothing new.
            boundary_seed: local,
            unsubscribe: keys.sign(Purpose::Unsubscribe, &reader, 1),
            bounce,
        }
    }

    /// The message of a delivery with its envelope: always the same for the same claim and the same keys. Signatures are
    /// verified on the final bytes.
    pub fn compose(&self, copy: &Claimed, signer: Option<&Signer>) -> Result<Composed, SignError> {
        let recipient = Recipient {
            to: Mailbox { name: copy.name.clone(), address: copy.address.clone() },
            message_id: copy.imprint.message_id.clone(),
            date: copy.dated.with_timezone(&self.timezone).fixed_offset(),
            boundary_seed: copy.imprint.boundary_seed.clone(),
            unsubscribe: Unsubscribe {
                mailbox: self.unsubscribe.clone(),
                token: copy.imprint.unsubscribe.clone(),
                page: self.page.as_ref().map(|page| format!("{page}{}", copy.imprint.unsubscribe)),
                human: self.leave.as_ref().map(|page| format!("{page}{}", copy.imprint.unsubscribe)),
            },
        };
        let letter = self.press.get_or_init(|| self.letter.prepare()).copy_for(&recipient);
        let message = match signer {
            Some(signer) => signer.sign(&letter, copy.dated)?,
            None => letter,
        };
        let envelope =
            Envelope { from: self.return_path(&copy.imprint), to: copy.address.clone(), size: message.len() };
        Ok(Composed { envelope, message })
    }

    /// `bounces+TOKEN@example.com`, so that a bounce identifies its delivery (VERP).
    fn return_path(&self, imprint: &Imprint) -> EmailAddress {
        if imprint.bounce.is_empty() {
            return self.sender.clone();
        }
        let traced = format!("{}+{}@{}", self.sender.local_part(), imprint.bounce, self.sender.domain());
        EmailAddress::parse(&traced).unwrap_or_else(|_| self.sender.clone())
    }

    /// The email.
    pub fn letter(&self) -> &Letter {
        &self.letter
    }
}
