//! `[oauth.NAME]`: the application that asks for tokens (RFC 6749), and how a section logs in.
//!
//! Google and Microsoft have built-in endpoints and scopes. There is no built-in client: whoever runs Letterpress
//! registers an application and has its `client_id`.

use camino::{Utf8Path, Utf8PathBuf};
use serde::Deserialize;
use url::Url;

/// A section `[oauth.NAME]`. Its keys replace those that are built in.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OauthClient {
    /// The application, as the provider calls it.
    pub client_id: String,
    /// The file with the secret of the application, if it has one.
    pub client_secret_file: Option<Utf8PathBuf>,
    /// The environment variable with it.
    pub client_secret_env: Option<String>,
    /// Where a device asks for a code (RFC 8628).
    pub device_endpoint: Option<Url>,
    /// The page for a browser on this machine (RFC 8252).
    pub authorization_endpoint: Option<Url>,
    /// Where tokens are issued.
    pub token_endpoint: Option<Url>,
    /// Where tokens are revoked (RFC 7009).
    pub revocation_endpoint: Option<Url>,
    /// What the tokens permit, separated by spaces.
    pub scope: Option<String>,
}

/// How a person approves the log-in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Grant {
    /// In any browser, with a short code (RFC 8628).
    Device(Url),
    /// In a browser that is sent back to this machine (RFC 8252).
    Code(Url),
}

/// The endpoints and the scope of a provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Provider {
    /// How a person approves the log-in, and where.
    pub grant: Grant,
    /// Where tokens are issued.
    pub token_endpoint: Url,
    /// Where tokens are revoked.
    pub revocation_endpoint: Option<Url>,
    /// What the tokens permit.
    pub scope: String,
}

/// A provider with built-in values.
struct BuiltIn {
    name: &'static str,
    device_endpoint: Option<&'static str>,
    authorization_endpoint: Option<&'static str>,
    token_endpoint: &'static str,
    revocation_endpoint: Option<&'static str>,
    scope: &'static str,
}

const MICROSOFT_SCOPE: &str =
    "https://outlook.office.com/SMTP.Send https://outlook.office.com/IMAP.AccessAsUser.All offline_access";

const BUILT_IN: [BuiltIn; 2] = [
    // Google's device grant permits only a few scopes, and none for mail.
    BuiltIn {
        name: "gmail",
        device_endpoint: None,
        // Without `access_type` there is no refresh token, and without `prompt` only the first time.
        authorization_endpoint: Some(
            "https://accounts.google.com/o/oauth2/v2/auth?access_type=offline&prompt=consent",
        ),
        token_endpoint: "https://oauth2.googleapis.com/token",
        revocation_endpoint: Some("https://oauth2.googleapis.com/revoke"),
        scope: "https://mail.google.com/",
    },
    BuiltIn {
        name: "microsoft",
        device_endpoint: Some("https://login.microsoftonline.com/common/oauth2/v2.0/devicecode"),
        authorization_endpoint: None,
        token_endpoint: "https://login.microsoftonline.com/common/oauth2/v2.0/token",
        revocation_endpoint: None,
        scope: MICROSOFT_SCOPE,
    },
];

/// The names of the providers with built-in values.
pub fn built_in_providers<'a>() -> impl Iterator<Item = &'a str> {
    BUILT_IN.iter().map(|provider| provider.name)
}

impl OauthClient {
    /// The endpoints of the provider `name`; otherwise the key that is missing.
    pub fn provider(&self, name: &str) -> Result<Provider, &'static str> {
        let built_in = BUILT_IN.iter().find(|provider| provider.name == name);
        let or_built_in = |own: &Option<Url>, value: Option<&str>| {
            own.clone().or_else(|| value.and_then(|value| Url::parse(value).ok()))
        };
        let default = |value: fn(&BuiltIn) -> Option<&'static str>| built_in.and_then(value);
        // An own page for the browser replaces the built-in device grant, which some administrators disable.
        let device = match &self.authorization_endpoint {
            Some(_) => self.device_endpoint.clone(),
            None => or_built_in(&self.device_endpoint, default(|built_in| built_in.device_endpoint)),
        };
        let page =
            || or_built_in(&self.authorization_endpoint, default(|built_in| built_in.authorization_endpoint));
        let grant = device.map(Grant::Device).or_else(|| page().map(Grant::Code)).ok_or("device_endpoint")?;
        let scope =
            self.scope.clone().or_else(|| default(|built_in| Some(built_in.scope)).map(str::to_owned));
        Ok(Provider {
            grant,
            token_endpoint: or_built_in(
                &self.token_endpoint,
                default(|built_in| Some(built_in.token_endpoint)),
            )
            .ok_or("token_endpoint")?,
            revocation_endpoint: or_built_in(
                &self.revocation_endpoint,
                default(|built_in| built_in.revocation_endpoint),
            ),
            scope: scope.ok_or("scope")?,
        })
    }

    /// The endpoints in the file, with their keys.
    pub(super) fn endpoints(&self) -> impl Iterator<Item = (&'static str, &Url)> {
        [
            ("device_endpoint", &self.device_endpoint),
            ("authorization_endpoint", &self.authorization_endpoint),
            ("token_endpoint", &self.token_endpoint),
            ("revocation_endpoint", &self.revocation_endpoint),
        ]
        .into_iter()
        .filter_map(|(key, url)| Some((key, url.as_ref()?)))
    }
}

/// How a section logs in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LoginSource<'a> {
    /// The file with the password.
    PasswordFile(&'a Utf8Path),
    /// The environment variable with the password.
    PasswordEnv(&'a str),
    /// The program that prints a token.
    TokenCommand(&'a [String]),
    /// The section `[oauth.NAME]` for which `letterpress login` stored tokens.
    Oauth(&'a str),
}

impl LoginSource<'_> {
    /// Whether it is a password and not a token.
    pub fn is_password(self) -> bool {
        matches!(self, Self::PasswordFile(_) | Self::PasswordEnv(_))
    }

    /// Its key in the configuration.
    pub fn key(self) -> &'static str {
        match self {
            Self::PasswordFile(_) => "password_file",
            Self::PasswordEnv(_) => "password_env",
            Self::TokenCommand(_) => "token_command",
            Self::Oauth(_) => "oauth",
        }
    }
}

/// The keys of a section by which it logs in.
#[derive(Debug, Clone, Copy)]
pub(super) struct LoginKeys<'a> {
    pub(super) password_file: Option<&'a Utf8Path>,
    pub(super) password_env: Option<&'a str>,
    pub(super) token_command: Option<&'a [String]>,
    pub(super) oauth: Option<&'a str>,
}

impl<'a> LoginKeys<'a> {
    /// Those that are set. A correct configuration has at most one.
    pub(super) fn given(self) -> impl Iterator<Item = LoginSource<'a>> {
        [
            self.password_file.map(LoginSource::PasswordFile),
            self.password_env.map(LoginSource::PasswordEnv),
            self.token_command.map(LoginSource::TokenCommand),
            self.oauth.map(LoginSource::Oauth),
        ]
        .into_iter()
        .flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn google_and_microsoft_need_only_a_client() {
        let client = OauthClient::default();
        assert!(matches!(client.provider("gmail").unwrap().grant, Grant::Code(_)));
        let microsoft = client.provider("microsoft").unwrap();
        assert!(matches!(microsoft.grant, Grant::Device(_)));
        assert!(microsoft.scope.ends_with(" offline_access"));
        assert_eq!(client.provider("fastmail"), Err("device_endpoint"));
    }

    #[test]
    fn an_own_page_for_the_browser_replaces_the_built_in_device_grant() {
        let page = Url::parse("https://login.example/authorize").unwrap();
        let client = OauthClient { authorization_endpoint: Some(page.clone()), ..OauthClient::default() };
        assert_eq!(client.provider("microsoft").unwrap().grant, Grant::Code(page));
    }
}
