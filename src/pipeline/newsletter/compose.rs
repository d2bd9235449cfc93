//! Composes and checks the email of an issue, and sends a test message of it.

use chrono::{DateTime, Utc};

use crate::address::EmailAddress;
use crate::archive::markdown::{OwnAddress, Rendered};
use crate::archive::{Post, markdown};
use crate::config::Config;
use crate::delivery::OutgoingMessage;
use crate::delivery::verdict::{Verdict, classify};
use crate::email::{self, MessageTemplate, Origin, Templates};
use crate::finding::{Finding, Severity};
use crate::ledger::Token;
use crate::pipeline::newsletter::issue_renderer::IssueRenderer;
use crate::pipeline::newsletter::pictures::picture_sizes;
use crate::pipeline::session::context::RunContext;
use crate::pipeline::session::dkim_keys::signer;
use crate::pipeline::session::run_error::{RunError, no_sender};
use crate::pipeline::session::transport::open_transport;
use crate::pipeline::site_build::pages::refuse_dead_pictures;
use crate::pipeline::status::diagnosis::relay_error;
use crate::store::{Claimed, DeliveryId, DeliveryNumber, IssueNumber, MessageFields, ensure_kept};
use crate::subscribers::AddressKey;
use crate::text::{HeaderText, hex};

/// Composes and checks the email of a post.
pub fn compose(config: &Config, post: &Post) -> Result<(IssueRenderer, Vec<Finding>), RunError> {
    let body = markdown::render(post);
    refuse_dead_pictures(config, post, &body.own)?;
    compose_body(config, post, &body, &body.own)
}

/// The same for a body that is rendered already; the pictures are among the addresses `own`.
pub(super) fn compose_body(
    config: &Config,
    post: &Post,
    body: &Rendered,
    own: &[OwnAddress],
) -> Result<(IssueRenderer, Vec<Finding>), RunError> {
    let sizes = picture_sizes(config, post, own);
    let templates = templates(config)?;
    let template = email::compose(post, (body, &sizes), config, &templates).map_err(RunError::Findings)?;
    let folder = config.newsletter.templates.as_str();
    let origin = Origin::of_post(post).with_templates(templates.html_of_issue(folder));
    lint_message(template, config, &origin)
}

/// The renderer of an email without errors.
pub(crate) fn lint_message(
    template: MessageTemplate,
    config: &Config,
    origin: &Origin<'_>,
) -> Result<(IssueRenderer, Vec<Finding>), RunError> {
    let renderer = IssueRenderer::new(template, config).ok_or_else(no_sender)?;
    let sample = sample_message(config, &renderer, DateTime::UNIX_EPOCH)?;
    let (errors, findings): (Vec<_>, Vec<_>) = email::lint(renderer.template(), &sample.message, origin)
        .into_iter()
        .partition(|finding| finding.severity == Severity::Error);
    if errors.is_empty() { Ok((renderer, findings)) } else { Err(RunError::Findings(errors)) }
}

/// The message of an email as a subscriber would get it at `now`, signed as in a real run.
pub fn sample_message(
    config: &Config,
    renderer: &IssueRenderer,
    now: DateTime<Utc>,
) -> Result<OutgoingMessage, RunError> {
    let (claimed, fields) = sample_recipient(config)?;
    check_signature(renderer, (&Claimed { dated: now, ..claimed }, fields), config)
}

/// One message, signed as in a real run.
fn check_signature(
    renderer: &IssueRenderer,
    (claimed, fields): (&Claimed, MessageFields),
    config: &Config,
) -> Result<OutgoingMessage, RunError> {
    renderer.compose(claimed, fields, signer(config)?.as_deref()).map_err(|error| {
        RunError::user(error.to_string(), "nothing was sent; `letterpress dkim new` creates another key")
    })
}

/// The user's own templates over the built-in ones.
pub fn templates(config: &Config) -> Result<Templates, RunError> {
    let folder = config.resolve(&config.newsletter.templates);
    let read = |name: &str| match std::fs::read_to_string(folder.join(name)) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(RunError::io(format!("reading {}", folder.join(name)), error)),
    };
    let digest = [read("digest/subject.txt")?, read("digest/body.txt")?, read("digest/body.html")?];
    Ok(Templates::new(read("subject.txt")?, read("body.txt")?, read("body.html")?).with_digest(digest))
}

/// A sample delivery with values of maximum length, for the checks.
fn sample_recipient(config: &Config) -> Result<(Claimed, MessageFields), RunError> {
    let address = config.newsletter.from.as_ref().map(|from| from.address.clone());
    let address = match address {
        Some(address) => address,
        None => EmailAddress::parse("reader@example.com").map_err(RunError::internal)?,
    };
    let claimed = Claimed {
        id: DeliveryId { issue: IssueNumber(0), number: DeliveryNumber(0) },
        key: AddressKey([0; 16]),
        address,
        name: HeaderText::lossy("김민준 Reader"),
        fields: None,
        token: Token([0; 16]),
        attempts: 1,
        dated: DateTime::UNIX_EPOCH,
    };
    let fields = MessageFields {
        message_id: "0123456789abcdef0123456789abcdef@example.com".to_owned(),
        boundary_seed: "0123456789abcdef0123456789abcdef".to_owned(),
        unsubscribe: "v1.k1.u.aaaaaaaaaaaaaaaaaaaaaaaaaa.1.aaaaaaaaaaaaaaaaaaaaaaaaaa".to_owned(),
        bounce: String::new(),
    };
    Ok((claimed, fields))
}

/// Sends one message outside of any issue.
pub(crate) async fn transmit_test(
    context: &RunContext,
    renderer: &IssueRenderer,
    address: EmailAddress,
) -> Result<String, RunError> {
    ensure_kept()?;
    let random = hex(&context.clock.random());
    let (mut claimed, mut fields) = sample_recipient(&context.config)?;
    claimed.address = address;
    claimed.name = None;
    fields.message_id = format!("{random}@{}", renderer.message_domain());
    fields.boundary_seed = random;
    claimed.dated = context.clock.now();
    let composed = check_signature(renderer, (&claimed, fields), &context.config)?;
    let transport = open_transport(&context.config, &context.clock, "test")?;
    let failed = |outcome: crate::delivery::SmtpOutcome| {
        let what = format!(
            "{} rejected the message at {}: {}",
            transport.name(),
            outcome.phase,
            outcome.reply_text()
        );
        relay_error(&context.config, &outcome, what)
    };
    let mut connection = transport.connect().await.map_err(failed)?;
    connection.offer(&composed.envelope).await.map_err(failed)?;
    connection.body(&composed.message).await.map_err(failed)?;
    let outcome = connection.final_dot(None).await;
    connection.quit().await;
    if classify(&outcome) == Verdict::Sent { Ok(transport.name()) } else { Err(failed(outcome)) }
}
