//! An edition: the letter together with everything that its copies take from the configuration.
//!
//! It is frozen as JSON. A copy is made from the edition and its delivery alone, so that a copy sent a second time is
//! the same to the byte, whatever has become of `config.toml` since. Only the DKIM keys are not frozen: they are
//! secrets. A copy signed with another key is another one, and the ledger refuses to send it in place of the first.

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

/// A letter that is about to be frozen, or was.
#[derive(Debug, Serialize, Deserialize)]
pub struct Edition {
    letter: Letter,
    /// The domain of the `From` address: the right side of each Message-ID.
    domain: String,
    /// The envelope sender, before any token.
    sender: EmailAddress,
    /// Whether bounces come back to `sender` with the copy's token.
    traced: bool,
    /// Where unsubscribe mails go.
    unsubscribe: EmailAddress,
    /// The one-click page, before its token.
    page: Option<String>,
    /// The page for people, before its token; editions that were frozen before there was one have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    leave: Option<String>,
    /// The zone of the `Date` header.
    timezone: Tz,
    /// The letter, split and encoded as far as all copies share it; made with the first copy.
    #[serde(skip)]
    press: OnceLock<Press>,
}

impl Edition {
    /// The edition of `letter`; `None` without `newsletter.from`.
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

    /// The same edition, not prepared yet.
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

    /// What is fixed for one copy.
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
            // The Message-ID is as unique as the boundary must be, and tells a reader nothing new.
            boundary_seed: local,
            unsubscribe: keys.sign(Purpose::Unsubscribe, &reader, 1),
            bounce,
        }
    }

    /// A reader's copy with its envelope: always the same for the same claim and the same keys. Each signature was
    /// verified on the finished bytes.
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

    /// `bounces+TOKEN@example.com`, so that a bounce names its copy (VERP).
    fn return_path(&self, imprint: &Imprint) -> EmailAddress {
        if imprint.bounce.is_empty() {
            return self.sender.clone();
        }
        let traced = format!("{}+{}@{}", self.sender.local_part(), imprint.bounce, self.sender.domain());
        EmailAddress::parse(&traced).unwrap_or_else(|_| self.sender.clone())
    }

    /// The letter.
    pub fn letter(&self) -> &Letter {
        &self.letter
    }
}
