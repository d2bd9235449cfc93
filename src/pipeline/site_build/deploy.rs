//! After a build: what changed is uploaded into the bucket of `output.url`, and `output.command` is run. What failed is due
//! again in the next run, although nothing changed.

use camino::{Utf8Path, Utf8PathBuf};

use crate::config::Config;
use crate::durable::{self, Mode};
use crate::finding::Finding;
use crate::pipeline::session::context::RunContext;
use crate::pipeline::session::ledger_session::LedgerSession;
use crate::pipeline::session::run_error::RunError;
use crate::pipeline::site_build::feeds::BuildReport;
use crate::pipeline::site_build::pages::issues;
use crate::store::RunLock;
use crate::upload::{Record, SiteCommand, SiteFile, UploadError, Uploaded, scan};

/// What was done after the build.
#[derive(Debug, Default)]
pub struct DeployReport {
    /// The upload; `None` without `output.url`.
    pub upload: Option<Result<Uploaded, RunError>>,
    /// The program and what it printed; `None` without `output.command`, if nothing changed, or if the upload failed.
    pub command: Option<Result<String, RunError>>,
}

impl DeployReport {
    /// This one, followed by another one of the same run.
    fn and(mut self, later: Self) -> Self {
        if let (Some(Ok(before)), Some(Ok(after))) = (&mut self.upload, &later.upload) {
            before.written += after.written;
            before.deleted += after.deleted;
            before.left.clone_from(&after.left);
        } else if later.upload.is_some() {
            self.upload = later.upload;
        }
        if later.command.is_some() {
            self.command = later.command;
        }
        self
    }

    /// The first failure.
    pub fn error(&self) -> Option<&RunError> {
        let upload = self.upload.as_ref().and_then(|result| result.as_ref().err());
        upload.or_else(|| self.command.as_ref().and_then(|result| result.as_ref().err()))
    }
}

/// Takes the public folder to where the site is served.
pub async fn deploy(context: &RunContext, built: &BuildReport) -> Result<DeployReport, RunError> {
    let config = &context.config;
    let mut done = DeployReport::default();
    if config.output.url.is_none() && config.output.command.is_empty() {
        return Ok(done);
    }
    let folder = config.resolve(".letterpress");
    std::fs::create_dir_all(&folder).map_err(|error| RunError::io(format!("making {folder}"), error))?;
    // A run that goes on for long must not meet the next one half-way.
    let _alone = RunLock::take(&folder.join("deploy"))?;
    let mut site = built.site.clone();
    site.add(&built.issues.files);
    let files = site.to_upload(config);
    if config.output.url.is_some() {
        done.upload =
            Some(upload(config, &files, built.waivers.remote).await.map_err(|error| failure(config, error)));
    }
    if !matches!(done.upload, Some(Err(_))) && !config.output.command.is_empty() {
        done.command = run_command(config, &files).await.map_err(|error| failure(config, error)).transpose();
    }
    Ok(done)
}

/// Adds the pages of the issues that were mailed since, and takes them there too.
pub(crate) async fn deploy_issues(
    context: &RunContext,
    session: &LedgerSession,
    built: &mut BuildReport,
    done: DeployReport,
) -> DeployReport {
    let deployed = match issues::add(context, Some(session), built).await {
        // What failed a moment ago is due again in the next run.
        Ok(true) if done.error().is_none() => deploy(context, built).await,
        Ok(_) => return done,
        Err(error) => Err(error),
    };
    match deployed {
        Ok(deployed) => done.and(deployed),
        // The emails are sent by now, and are reported; the next run writes the pages.
        Err(error) => {
            let finding = Finding::warning("issue-page", "issues/", error.to_string());
            built.issues.findings.push(finding);
            done
        }
    }
}

fn failure(config: &Config, error: UploadError) -> RunError {
    if error.is_lasting {
        return RunError::user(error.what, error.help);
    }
    let finding = Finding::error("upload", config.file.as_str(), error.what).hint(error.help);
    RunError::OutOfOrder(Box::new(finding))
}

#[cfg(feature = "object-store")]
async fn upload(config: &Config, files: &[SiteFile], replace: bool) -> Result<Uploaded, UploadError> {
    let Some(url) = config.output.bucket() else { return Ok(Uploaded::default()) };
    let endpoint = config.output.endpoint.clone();
    let destination = format!("{url} {}", endpoint.as_deref().unwrap_or_default());
    let file = config.output.credentials_file.as_ref();
    let service = || {
        let variables = file.map(|file| read_variables(&config.resolve(file))).transpose()?;
        let service = crate::upload::Service {
            url: url.clone(),
            endpoint: endpoint.clone(),
            region: config.output.region.clone(),
            variables: variables.unwrap_or_default(),
            variables_file: file.map(ToString::to_string).unwrap_or_default(),
        };
        service.open()
    };
    let transfer = crate::upload::Transfer {
        directory: &config.resolve(&config.output.directory),
        files,
        record: &config.resolve(".letterpress/uploaded.json"),
        site: config.site.url.as_url().as_str(),
        replace,
    };
    transfer.run(service, &destination).await
}

/// The configuration with `output.url` was refused.
#[cfg(not(feature = "object-store"))]
async fn upload(_: &Config, _: &[SiteFile], _: bool) -> Result<Uploaded, UploadError> {
    let what = "this program was built without uploads to buckets";
    Err(UploadError::lasting(what, "install one that was built with the feature `object-store`"))
}

/// The lines `NAME=value` of the file of credentials. Its values are never part of an error.
#[cfg(feature = "object-store")]
fn read_variables(file: &Utf8Path) -> Result<Vec<(String, String)>, UploadError> {
    let text = std::fs::read_to_string(file).map_err(|error| {
        UploadError::lasting(
            format!("cannot read {file}: {error}"),
            "output.credentials_file has lines such as AWS_ACCESS_KEY_ID=…; let only this user read it (`chmod 600`)",
        )
    })?;
    let mut variables = Vec::new();
    for (number, line) in text.lines().map(str::trim).enumerate() {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let Some((name, value)) = line.split_once('=') else {
            let what = format!("{file}:{}: this line has no =", number + 1);
            return Err(UploadError::lasting(what, "write it like AWS_ACCESS_KEY_ID=…"));
        };
        let name = name.trim().trim_start_matches("export ");
        variables.push((name.trim().to_owned(), value.trim().trim_matches(['"', '\'']).to_owned()));
    }
    Ok(variables)
}

/// Runs the program if the site changed since it last succeeded; `None` if not.
async fn run_command(config: &Config, files: &[SiteFile]) -> Result<Option<String>, UploadError> {
    let command = &config.output.command;
    let folder = config.resolve(".letterpress");
    let path = folder.join("command.json");
    let mut record = Record::read(&path, &command.join(" "));
    let directory = config.resolve(&config.output.directory);
    let local = scan(&directory, files, &record)?;
    if record.is_current(&local) {
        return Ok(None);
    }
    let changed = local.iter().filter(|file| !record.has(&file.file.path, &file.sha256));
    let changed: Vec<&Utf8Path> = changed.map(|file| file.file.path.as_path()).collect();
    let here: std::collections::HashSet<&Utf8Path> = files.iter().map(|file| file.path.as_path()).collect();
    let deleted = record.files.keys().map(Utf8PathBuf::as_path).filter(|path| !here.contains(path)).collect();
    let lists =
        [("LETTERPRESS_CHANGED", "changed.txt", changed), ("LETTERPRESS_DELETED", "deleted.txt", deleted)];
    let mut variables = vec![("LETTERPRESS_PUBLIC", absolute(&directory)?)];
    for (variable, name, paths) in lists {
        let list = folder.join(name);
        let text: String = paths.into_iter().flat_map(|path| [path.as_str(), "\n"]).collect();
        durable::replace(&list, text.as_bytes(), Mode::Umask).map_err(|error| cannot_write(&list, &error))?;
        variables.push((variable, absolute(&list)?));
    }
    let limit = config.output.command_timeout.duration();
    let printed = SiteCommand { command, folder: &config.root, limit, variables }.run().await?;
    record.files.clear();
    for file in &local {
        record.insert(file, None);
    }
    record.write(&path).map_err(|error| cannot_write(&path, &error))?;
    Ok(Some(printed))
}

/// The program is run in another folder.
fn absolute(path: &Utf8Path) -> Result<String, UploadError> {
    let absolute = camino::absolute_utf8(path).map_err(|error| cannot_write(path, &error))?;
    Ok(absolute.into_string())
}

fn cannot_write(path: &Utf8Path, error: &std::io::Error) -> UploadError {
    UploadError::lasting(
        format!("cannot write {path}: {error}"),
        "let the user that runs Letterpress write there, and run the command again",
    )
}
