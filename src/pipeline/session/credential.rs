//! How a run logs in to mail servers and the database: passwords from files and variables, and sources of tokens.

use std::io::ErrorKind;
use std::sync::Arc;

use camino::Utf8Path;

use crate::clock::Clock;
use crate::config::{Config, LoginSource, Secret, SecretError, environment};
use crate::finding::Finding;
use crate::oauth::endpoint::Client;
use crate::oauth::stored::{Account, TokenFile};
use crate::oauth::{Credential, TokenError, TokenSource};
use crate::pipeline::session::run_error::RunError;
use crate::text::shell_quoted;

/// What `user` logs in with, according to `section`. A password is read at once; a token is asked for when a server
/// wants it.
pub(crate) fn credential(
    config: &Config,
    (section, user): (&str, &str),
    source: LoginSource<'_>,
    clock: &Arc<dyn Clock>,
) -> Result<Credential, RunError> {
    let (file, variable) = match source {
        LoginSource::PasswordFile(file) => (Some(file), None),
        LoginSource::PasswordEnv(variable) => (None, Some(variable)),
        LoginSource::TokenCommand(command) => {
            let source = TokenSource::command(&resolved(config, command), Arc::clone(clock));
            return Ok(Credential::Token(Arc::new(source)));
        }
        LoginSource::Oauth(name) => {
            let account = account(config, name, user)?;
            account.ensure_logged_in().map_err(token_error)?;
            return Ok(Credential::Token(Arc::new(TokenSource::stored(account, Arc::clone(clock)))));
        }
    };
    let password = password(config, section, (file, variable))?;
    password.map(Credential::Password).ok_or_else(|| {
        RunError::user(
            format!("[{section}] has no password"),
            format!("add password_file or password_env to [{section}]"),
        )
    })
}

/// The command with its program relative to `config.toml`, as every other path; a bare name is looked up in PATH.
fn resolved(config: &Config, command: &[String]) -> Vec<String> {
    let mut command = command.to_vec();
    if let Some(program) = command.first_mut().filter(|program| program.contains('/')) {
        *program = config.resolve(&*program).into_string();
    }
    command
}

/// The account of `user` at the provider of `[oauth.NAME]`.
pub(crate) fn account(config: &Config, name: &str, user: &str) -> Result<Account, RunError> {
    let file = TokenFile::new(config.resolve(&config.store.tokens));
    Ok(Account { client: client(config, name)?, file, user: user.to_owned() })
}

/// The application of `[oauth.NAME]`.
fn client(config: &Config, name: &str) -> Result<Client, RunError> {
    let missing = |what: &str| {
        RunError::user(
            format!("{what} is missing in config.toml"),
            "register an application at the provider, and write its client_id there",
        )
    };
    let section = config.oauth.get(name).ok_or_else(|| missing(&format!("the section [oauth.{name}]")))?;
    let provider = section.provider(name).map_err(|key| missing(&format!("oauth.{name}.{key}")))?;
    let source = (section.client_secret_file.as_deref(), section.client_secret_env.as_deref());
    let secret = password(config, &format!("oauth.{name}"), source)?;
    Ok(Client { name: name.to_owned(), provider, id: section.client_id.clone(), secret })
}

/// The error of a command that needs a token.
pub(crate) fn token_error(error: TokenError) -> RunError {
    if error.is_lasting {
        RunError::user(error.what, error.help)
    } else {
        RunError::OutOfOrder(Box::new(Finding::error("login", "config.toml", error.what).hint(error.help)))
    }
}

/// The password of `section`, from a file or an environment variable.
pub(crate) fn password(
    config: &Config,
    section: &str,
    (file, variable): (Option<&Utf8Path>, Option<&str>),
) -> Result<Option<Secret>, RunError> {
    let secret = match (file, variable) {
        (Some(file), _) => {
            let path = config.resolve_secret(file);
            let text = std::fs::read_to_string(&path)
                .map_err(|source| SecretError::File { path: path.to_string(), source });
            text.and_then(|text| Secret::new(&text, path.as_str()))
        }
        (None, Some(name)) => environment(name)
            .ok_or_else(|| SecretError::Unset(name.to_owned()))
            .and_then(|text| Secret::new(&text, name)),
        (None, None) => return Ok(None),
    };
    secret.map(Some).map_err(|error| {
        let help = match &error {
            SecretError::File { path, source } if source.kind() == ErrorKind::NotFound => format!(
                "write the password to it, so that only you can read it: (umask 077; cat > {})",
                shell_quoted(path)
            ),
            _ => format!(
                "put only the password into the file or the environment variable that [{section}] of config.toml names"
            ),
        };
        RunError::user(error.to_string(), help)
    })
}
