//! Emails that subscribe, and that confirm a sign-up. The sender of the first can be forged, as an address can be typed into a form,
//! so it has the limits of a form and asks for a confirmation; the second has the token of that confirmation in its subject.

use super::correlate;
use super::fields::Fields;
use super::mime::unstructured;
use super::notice;
use super::{Disposal, InboxProcessor, InboxReport};
use crate::address::{EmailAddress, Mailbox};
use crate::store::StoreError;
use crate::store::subscriber_store::{ConsentContext, SignUp, SignUpLimits, SignUpOrigin, SignUpResult};
use crate::subscribers::lifecycle::Confirmed;
use crate::subscribers::token::{Purpose, TokenKeys};
use crate::subscribers::{AddressKey, Preferences};

/// The subject of an email that subscribes.
const SUBSCRIBE: &str = "subscribe";

/// What a person asks for by email.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SubscriptionRequest {
    /// To be asked for a confirmation.
    SignUp(EmailAddress),
    /// The confirmation, with a genuine token.
    Confirm {
        /// The subscriber.
        key: AddressKey,
        /// Which sign-up is confirmed.
        generation: u32,
    },
}

/// How sign-ups by email are taken.
pub struct EmailSignUps {
    /// The limits of the forms.
    pub limits: SignUpLimits,
    /// What the confirmation email says, for the record of consent.
    pub consent: ConsentContext,
    /// The language of the confirmation.
    pub language: String,
}

/// Reads a request. Nothing is taken from automatic replies, from mailing lists, nor from reports.
pub(super) fn read(head: &Fields, keys: &TokenKeys) -> Option<SubscriptionRequest> {
    if notice::has_null_path(head) || head.get("list-id").is_some() {
        return None;
    }
    let subject = unstructured(head.get("subject")?);
    if let Some(claim) = correlate::token(&subject, Purpose::Confirm, keys) {
        let key = AddressKey(claim.subject.address_key()?);
        return Some(SubscriptionRequest::Confirm { key, generation: claim.generation });
    }
    if !subject.trim().eq_ignore_ascii_case(SUBSCRIBE) {
        return None;
    }
    // Services that forward forms by email name the person here.
    let from = head.get("reply-to").or_else(|| head.get("from"))?;
    Some(SubscriptionRequest::SignUp(mailbox(&unstructured(from))?))
}

/// The address of a field with one mailbox. A name that is not quoted as it must be does not matter.
fn mailbox(value: &str) -> Option<EmailAddress> {
    if let Ok(mailbox) = Mailbox::parse(value) {
        return Some(mailbox.address);
    }
    let (_, bracketed) = value.split_once('<')?;
    let (address, rest) = bracketed.split_once('>')?;
    if rest.contains(['<', ',']) { None } else { EmailAddress::parse(address.trim()).ok() }
}

impl InboxProcessor {
    /// Records a request; without `sign_ups` it is an email like any other.
    pub(super) async fn take_request(
        &self,
        request: SubscriptionRequest,
        tally: &mut InboxReport,
    ) -> Result<Disposal, StoreError> {
        let Some(sign_ups) = &self.sign_ups else {
            tally.foreign += 1;
            return Ok(Disposal::LeaveAlone);
        };
        match request {
            SubscriptionRequest::SignUp(_) => tally.sign_ups += 1,
            SubscriptionRequest::Confirm { .. } => tally.confirmations += 1,
        }
        if self.rehearsal {
            return Ok(Disposal::LeaveAlone);
        }
        let (now, consent) = (self.clock.now(), sign_ups.consent.clone());
        match request {
            SubscriptionRequest::SignUp(email) => {
                let sign_up = SignUp {
                    key: AddressKey(self.keys.address_key(&email)),
                    mailbox: AddressKey(self.keys.mailbox_key(&email)),
                    email,
                    name: None,
                    language: Some(sign_ups.language.clone()),
                    preferences: Preferences::default(),
                    origin: SignUpOrigin::Email,
                    consent,
                    limits: sign_ups.limits,
                };
                let result = self.store.sign_up(sign_up, now).await?;
                tally.asked += u64::from(result == SignUpResult::ToConfirm);
            }
            SubscriptionRequest::Confirm { key, generation } => {
                let confirmed = self.store.confirm(key, generation, consent, now).await?;
                tally.confirmed += u64::from(confirmed == Confirmed::Now);
            }
        }
        Ok(Disposal::Done)
    }
}
