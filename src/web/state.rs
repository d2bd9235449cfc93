//! What every handler shares: the site, its store and keys, its pages and files, and the figures.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::http::HeaderMap;
use axum::http::header::ACCEPT_LANGUAGE;
use chrono::{DateTime, Utc};

use super::client::{self, Network};
use super::figures::Figures;
use super::files::Files;
use super::pages::Pages;
use super::words::Language;
use crate::ledger::pace::Rate;
use crate::pipeline::{self, Office, RunError, World};
use crate::store::Books;
use crate::store::desk::{Circumstances, SignUpLimits};
use crate::subscribers::AddressKey;
use crate::subscribers::token::{Keys, Purpose};
use crate::text::HeaderText;

/// How long the categories of the archive are good for.
const TOPICS_FRESH: Duration = Duration::from_mins(5);
/// More than so many would be a page of nothing else.
const MOST_TOPICS: usize = 40;
/// The version of the forms: part of what is kept as the record of consent.
const FORM: &str = "1";

/// One site, as its pages see it.
pub(super) struct Site {
    pub(super) world: World,
    pub(super) store: Arc<dyn Books>,
    pub(super) keys: Arc<Keys>,
    pub(super) pages: Pages,
    pub(super) files: Files,
    pub(super) figures: Figures,
    /// The path below which the pages answer: `/`, or `/letters/` behind a proxy.
    pub(super) base: String,
    proxies: Vec<Network>,
    pub(super) limits: SignUpLimits,
    topics: Mutex<Option<(Instant, Arc<Vec<HeaderText>>)>>,
}

impl Site {
    /// The site of an open office; an error says what is wrong in `[web]`.
    pub(super) fn new(world: &World, office: &Office) -> Result<Self, RunError> {
        let config = &world.config;
        let base = config.web.url.as_ref().map_or("/", |url| path_of(url.as_str())).to_owned();
        let proxies = config.web.proxies.iter().map(|raw| {
            Network::parse(raw).ok_or_else(|| {
                let help = "write addresses or networks, such as \"127.0.0.1\" or \"10.0.0.0/8\"";
                RunError::user(format!("web.proxies: {raw:?} is no address"), help)
            })
        });
        let rate = |name: &str, number: u32| {
            Rate::per_hour(number).ok_or_else(|| {
                let help =
                    "write a number from 1 to 1000000; without a form there are no sign-ups: sign_up = false";
                RunError::user(format!("web.limits.{name} = {number}"), help)
            })
        };
        let limits = &config.web.limits;
        Ok(Self {
            store: Arc::clone(&office.store),
            keys: Arc::clone(&office.keys),
            pages: Pages::new(config, &base),
            files: Files::new(
                config.resolve(&config.output.directory),
                config.site.url.as_str(),
                Vec::new(),
                config.web.max_age.duration(),
            ),
            figures: Figures::default(),
            proxies: proxies.collect::<Result<_, _>>()?,
            limits: SignUpLimits {
                all: rate("per_hour", limits.per_hour)?,
                each_network: rate("per_network_per_hour", limits.per_network_per_hour)?,
                each_domain: rate("per_domain_per_hour", limits.per_domain_per_hour)?,
            },
            topics: Mutex::new(None),
            base,
            world: world.clone(),
        })
    }

    pub(super) fn now(&self) -> DateTime<Utc> {
        self.world.clock.now()
    }

    /// In which language to answer: what was asked for, what the browser prefers, the site's own.
    pub(super) fn language(&self, query: Option<&str>, headers: &HeaderMap) -> Language {
        let asked = url::form_urlencoded::parse(query.unwrap_or_default().as_bytes())
            .find(|(name, _)| name == "lang")
            .and_then(|(_, tag)| Language::of(&tag));
        let accepted = || headers.get(ACCEPT_LANGUAGE)?.to_str().ok().and_then(Language::accepted);
        asked
            .or_else(accepted)
            .or_else(|| Language::of(&self.world.config.site.language))
            .unwrap_or(Language::English)
    }

    /// Whose token this is, if it is good for `purpose`; with its generation.
    pub(super) fn reader(&self, purpose: Purpose, token: &str) -> Option<(AddressKey, u32)> {
        let claim = self.keys.verify(purpose, token).ok()?;
        Some((AddressKey(claim.subject.address_key()?), claim.generation))
    }

    /// The network of the client behind the proxies.
    pub(super) fn network(&self, peer: IpAddr, headers: &HeaderMap) -> String {
        let forwarded: Vec<&str> =
            headers.get_all("x-forwarded-for").iter().filter_map(|value| value.to_str().ok()).collect();
        client::network_of(client::address(peer, &forwarded.join(","), &self.proxies))
    }

    /// The categories of the archive, those with the most posts first.
    pub(super) async fn topics(&self) -> Arc<Vec<HeaderText>> {
        let known = self.topics.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some((at, topics)) = &known
            && at.elapsed() < TOPICS_FRESH
        {
            return Arc::clone(topics);
        }
        let world = self.world.clone();
        let read = tokio::task::spawn_blocking(move || pipeline::categories(&world)).await;
        // An archive with a mistake in it keeps the categories that it had.
        let topics = match (read, known) {
            (Ok(Ok(mut topics)), _) => {
                topics.truncate(MOST_TOPICS);
                Arc::new(topics)
            }
            (_, Some((_, topics))) => topics,
            (_, None) => Arc::default(),
        };
        let kept = Some((Instant::now(), Arc::clone(&topics)));
        *self.topics.lock().unwrap_or_else(PoisonError::into_inner) = kept;
        topics
    }
}

/// The path of an address, from its first slash.
fn path_of(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.find('/').and_then(|at| rest.get(at..)).unwrap_or("/")
}

/// How something was said, for the record: the form, and a hash of the words that it showed.
pub(super) fn circumstances(form: &str, language: Language, network: String) -> Circumstances {
    let shown = serde_json::to_vec(language.words()).unwrap_or_default();
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &shown);
    let mut wording = [0; 32];
    wording.copy_from_slice(digest.as_ref());
    Circumstances { form: format!("{form} {FORM} {}", language.tag()), wording, network: Some(network) }
}
