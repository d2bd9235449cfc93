//! Error recovery for the configuration: reports each mistake and corrects it as well as possible, so that all mistakes are
//! reported at once. The result is used to find further mistakes, never for a run.

use std::collections::BTreeSet;

use serde_path_to_error::{Path, Segment};
use toml::{Table, Value};

use super::Config;
use super::defaults::overlay;
use super::source::Source;
use super::suggestion::{Suggestion, example, suggestion};
use super::toml_mistakes::names_a_secret;
use super::wrong_value::{self, KeyPath};
use crate::finding::Finding;

/// The limit of corrections; a configuration has fewer lines.
const MOST: usize = 500;

/// A step into a table or a list.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    Key(String),
    Item(usize),
}

/// Reads `own` over `defaults`; every mistake becomes a finding.
pub(super) struct ConfigRepair<'s, 'a> {
    pub(super) source: &'s mut Source<'a>,
    pub(super) defaults: Table,
    /// The defaults, merged with the user's values.
    pub(super) table: Table,
    pub(super) findings: Vec<Finding>,
    /// Keys that were already reported.
    pub(super) settled: BTreeSet<String>,
}

impl ConfigRepair<'_, '_> {
    /// The configuration, as far as it can be read.
    pub(super) fn read(&mut self) -> Option<Config> {
        for _ in 0..MOST {
            let read = serde_path_to_error::deserialize(Value::Table(self.table.clone()));
            match read {
                Ok(config) => return Some(config),
                Err(error) => {
                    let message = error.inner().message().to_owned();
                    if !self.mend(steps(error.path()), &message) {
                        return None;
                    }
                }
            }
        }
        None
    }

    /// Reports the mistake and corrects it; `false` if it cannot be corrected.
    fn mend(&mut self, mut path: Vec<Step>, error: &str) -> bool {
        let mut quoted = error.split('`').skip(1).step_by(2).map(str::to_owned);
        if error.starts_with("unknown field") {
            let Some(unknown) = quoted.next() else { return false };
            path.pop_if(|last| *last == Step::Key(unknown.clone()));
            let known: Vec<String> = quoted.collect();
            return self.unknown(&path, &unknown, &known);
        }
        if error.starts_with("missing field") {
            return quoted.next().is_some_and(|key| self.missing(&path, &key));
        }
        self.wrong(path, error)
    }

    fn unknown(&mut self, section: &[Step], key: &str, known: &[String]) -> bool {
        let above = name(section);
        let at = |key: &str| if above.is_empty() { key.to_owned() } else { format!("{above}.{key}") };
        let written = at(key);
        let Some(table) = table_at(&mut self.table, section) else { return false };
        let Some(value) = table.remove(key) else { return false };
        let kind = if above.is_empty() && value.is_table() { "section" } else { "key" };
        let finding = self.source.error(&written, format!("unknown {kind}"));
        let meaning = suggestion(&above, key, known);
        let corrected = match &meaning {
            Suggestion::Key(right) => self.corrected(&written, key, right, &value),
            _ => String::new(),
        };
        let Some(table) = table_at(&mut self.table, section) else { return false };
        let hint = match meaning {
            Suggestion::Key(right) => {
                // A default may be replaced, but not a value of the user.
                if !self.source.has(&at(&right)) {
                    lay_over(table, &right, value);
                    self.source.renamed.push((at(&right), written));
                }
                corrected
            }
            Suggestion::Instead { key: right, hint, stand_in } => {
                self.settled.insert(at(right));
                if let Some(stand_in) = stand_in.filter(|_| !table.contains_key("password_env")) {
                    table.insert(right.to_owned(), Value::String(stand_in.to_owned()));
                }
                hint.to_owned()
            }
            Suggestion::Elsewhere(mut sections) => {
                // A key that is missing there is here by mistake.
                let missing = |section: &String| format!("`{section}.{key}` is missing");
                if let Some(found) =
                    sections.iter().find(|section| self.is_reported(&missing(section))).cloned()
                {
                    self.findings.retain(|finding| finding.message != missing(&found));
                    sections = vec![found];
                }
                self.settled.extend(sections.iter().map(|section| format!("{section}.{key}")));
                let sections: Vec<_> = sections.iter().map(|section| format!("[{section}]")).collect();
                format!("`{key}` belongs below {}", sections.join(" or "))
            }
            Suggestion::Nothing => "`letterpress check --defaults` prints every key".to_owned(),
        };
        self.findings.push(finding.hint(hint));
        true
    }

    fn is_reported(&self, message: &str) -> bool {
        self.findings.iter().any(|finding| finding.message == message)
    }

    /// The line with the corrected key.
    fn corrected(&self, written: &str, key: &str, right: &str, value: &Value) -> String {
        let ask = format!("did you mean `{right}`?");
        match value {
            Value::Table(_) if !written.contains('.') => format!("{ask} Write [{right}]"),
            _ => match self.source.value_of(written) {
                Some(value) if names_a_secret(&format!("{key} = {value}")) => ask,
                Some(value) => format!("{ask} Write {right} = {value}"),
                None => ask,
            },
        }
    }

    fn missing(&mut self, section: &[Step], key: &str) -> bool {
        let above = name(section);
        let path = format!("{above}.{key}");
        if !self.settled.contains(&path) {
            let mut finding = Finding::error("config", self.source.file, format!("`{path}` is missing"));
            finding.line = self.source.line_of(&above);
            let below = above.split('[').next().unwrap_or_default();
            // `site.author` is a table inside a section, so the hint shows the whole table.
            let whole =
                below.split_once('.').and_then(|(section, table)| Some((table, example(section, table)?)));
            let hint = if let Some((table, shown)) = whole {
                format!("write it like {table} = {shown}")
            } else {
                let shown = example(below, key).unwrap_or("…");
                format!("add a line like {key} = {shown} below [{below}]")
            };
            self.findings.push(finding.hint(hint));
        }
        self.settled.insert(path.clone());
        let stand_in = match path.as_str() {
            "site.title" => "-",
            "site.url" => "https://site.invalid/",
            "smtp.host" | "inbox.host" => "server.invalid",
            "inbox.user" => "user",
            _ if key == "client_id" => "client",
            _ => return self.restore(section.to_vec()),
        };
        let Some(table) = table_at(&mut self.table, section) else { return false };
        table.insert(key.to_owned(), Value::String(stand_in.to_owned()));
        true
    }

    fn wrong(&mut self, path: Vec<Step>, error: &str) -> bool {
        let found = value_at(&self.table, &path);
        let keys: Vec<&str> = path
            .iter()
            .filter_map(|step| match step {
                Step::Key(key) => Some(key.as_str()),
                Step::Item(_) => None,
            })
            .collect();
        let (section, key) = match keys.as_slice() {
            [] => ("", ""),
            [key] => ("", *key),
            [section, key, ..] => (*section, *key),
        };
        let is_list = matches!(path.last(), Some(Step::Item(_)));
        let is_inside = is_list || keys.len() > 2;
        let (message, hint) = wrong_value::explain(KeyPath { section, key, is_inside }, found, error);
        // Removed items have changed the indices of the others.
        let shown = if is_list { &path[..path.len() - 1] } else { &path };
        let mut finding = self.source.error(&name(shown), message);
        finding.hint = hint;
        // A password must not end up in an email from cron.
        if key.contains("password") && !key.ends_with("file") && !key.ends_with("env") {
            finding.hint = None;
        }
        self.findings.push(finding);
        self.settled.insert(name(&path));
        self.restore(path)
    }

    /// Restores the default, or removes the value.
    fn restore(&mut self, mut path: Vec<Step>) -> bool {
        while !path.is_empty() && value_at(&self.table, &path).is_none() {
            path.pop();
        }
        let Some(last) = path.pop() else { return false };
        match last {
            Step::Key(key) => {
                let mut defaults = path.iter().try_fold(&self.defaults, |table, step| match step {
                    Step::Key(key) => table.get(key)?.as_table(),
                    Step::Item(_) => None,
                });
                let default = defaults.take().and_then(|table| table.get(&key)).cloned();
                let Some(table) = table_at(&mut self.table, &path) else { return false };
                match default {
                    Some(default) if table.get(&key) != Some(&default) => {
                        table.insert(key, default);
                        true
                    }
                    _ => table.remove(&key).is_some(),
                }
            }
            Step::Item(number) => {
                let Some(Value::Array(items)) = value_at_mut(&mut self.table, &path) else { return false };
                items.remove(number);
                // An empty list would cause another error.
                items.is_empty().then(|| self.restore(path));
                true
            }
        }
    }
}

/// Merges `value` into the table: a section that was renamed keeps its defaults.
fn lay_over(table: &mut Table, key: &str, value: Value) {
    match (table.get_mut(key), value) {
        (Some(Value::Table(under)), Value::Table(over)) => overlay(under, over),
        (_, value) => {
            table.insert(key.to_owned(), value);
        }
    }
}

fn steps(path: &Path) -> Vec<Step> {
    path.iter()
        .filter_map(|segment| match segment {
            Segment::Map { key } => Some(Step::Key(key.clone())),
            Segment::Seq { index } => Some(Step::Item(*index)),
            Segment::Enum { .. } | Segment::Unknown => None,
        })
        .collect()
}

/// `dkim[1].selector`.
fn name(path: &[Step]) -> String {
    let step = |(at, step): (usize, &Step)| match step {
        Step::Key(key) if at == 0 => key.clone(),
        Step::Key(key) => format!(".{key}"),
        Step::Item(number) => format!("[{number}]"),
    };
    path.iter().enumerate().map(step).collect()
}

fn value_at<'t>(table: &'t Table, path: &[Step]) -> Option<&'t Value> {
    let (first, rest) = path.split_first()?;
    let Step::Key(first) = first else { return None };
    rest.iter().try_fold(table.get(first)?, |value, step| match step {
        Step::Key(key) => value.get(key),
        Step::Item(number) => value.get(*number),
    })
}

fn value_at_mut<'t>(table: &'t mut Table, path: &[Step]) -> Option<&'t mut Value> {
    let (first, rest) = path.split_first()?;
    let Step::Key(first) = first else { return None };
    rest.iter().try_fold(table.get_mut(first)?, |value, step| match step {
        Step::Key(key) => value.get_mut(key),
        Step::Item(number) => value.get_mut(*number),
    })
}

fn table_at<'t>(table: &'t mut Table, path: &[Step]) -> Option<&'t mut Table> {
    if path.is_empty() { Some(table) } else { value_at_mut(table, path)?.as_table_mut() }
}
