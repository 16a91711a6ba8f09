//! What a scan of log files is measured beside, on one thread. `floor decompress FOLDER` decompresses each file with libdeflate and does no more; `floor parse FOLDER` then parses all of it into typed
//! structures, and prints who used which key.
//!
//! The second is what one would write with serde: nothing of it is the scanner's but the names by which an encryption context tells the resource.

use std::{
    borrow::Cow,
    collections::{HashMap, HashSet},
    error::Error,
    fs::{self, File},
    io::Read as _,
    path::{Path, PathBuf},
};

use kms_insights_trail::{CRYPTOGRAPHIC, NamedResource};
use libdeflater::Decompressor;
use serde::Deserialize;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(mode), Some(folder)) = (arguments.next(), arguments.next()) else { return Err("floor decompress|parse FOLDER".into()) };
    let mut files = Vec::new();
    log_files(Path::new(&folder), &mut files)?;
    files.sort();
    match mode.as_str() {
        "decompress" => {
            let mut bytes = 0_u64;
            each_text(&files, |text| {
                bytes += text.len() as u64;
                Ok(())
            })?;
            println!("{}", serde_json::json!({ "files": files.len(), "bytes": bytes }));
        }
        "parse" => {
            let mut usage = Usage::default();
            each_text(&files, |text| {
                for record in &serde_json::from_slice::<Log<'_>>(text)?.records {
                    usage.take(record);
                }
                Ok(())
            })?;
            println!("{}", serde_json::to_string(&usage.rows())?);
        }
        other => return Err(format!("{other}: decompress or parse").into()),
    }
    Ok(())
}

fn log_files(folder: &Path, into: &mut Vec<PathBuf>) -> std::io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            log_files(&entry.path(), into)?;
        } else if entry.file_name().to_string_lossy().ends_with(".json.gz") {
            into.push(entry.path());
        }
    }
    Ok(())
}

/// Hands on the text of each file, all in the memory of the longest.
fn each_text(files: &[PathBuf], mut each: impl FnMut(&[u8]) -> Result<(), Box<dyn Error>>) -> Result<(), Box<dyn Error>> {
    let mut decompressor = Decompressor::new();
    let (mut packed, mut text) = (Vec::new(), Vec::new());
    for file in files {
        packed.clear();
        File::open(file)?.read_to_end(&mut packed)?;
        // The last four bytes of a gzip file are its text's length.
        let len = u32::from_le_bytes(*packed.last_chunk().ok_or("too short")?) as usize;
        if text.len() < len {
            text.resize(len, 0);
        }
        let len = decompressor.gzip_decompress(&packed, &mut text[..len]).map_err(|error| format!("{}: {error}", file.display()))?;
        each(&text[..len]).map_err(|error| format!("{}: {error}", file.display()))?;
    }
    Ok(())
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Log<'t> {
    #[serde(borrow)]
    records: Vec<Record<'t>>,
}

/// Borrowed where it has no escapes, within an `Option` too.
#[derive(Deserialize, PartialEq, Eq, Hash)]
struct Text<'t>(#[serde(borrow)] Cow<'t, str>);

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Record<'t> {
    #[serde(borrow)]
    event_source: Cow<'t, str>,
    #[serde(borrow)]
    event_name: Cow<'t, str>,
    #[serde(borrow)]
    event_time: Cow<'t, str>,
    #[serde(borrow, rename = "eventID")]
    event_id: Cow<'t, str>,
    #[serde(borrow, rename = "sharedEventID")]
    shared_event_id: Option<Text<'t>>,
    #[serde(borrow)]
    error_code: Option<Text<'t>>,
    #[serde(borrow)]
    recipient_account_id: Option<Text<'t>>,
    #[serde(borrow)]
    user_identity: UserIdentity<'t>,
    #[serde(borrow)]
    request_parameters: Option<RequestParameters<'t>>,
    #[serde(borrow)]
    resources: Option<Vec<Resource<'t>>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct UserIdentity<'t> {
    #[serde(borrow)]
    arn: Option<Text<'t>>,
    #[serde(borrow)]
    account_id: Option<Text<'t>>,
    #[serde(borrow)]
    invoked_by: Option<Text<'t>>,
    #[serde(borrow)]
    session_context: Option<SessionContext<'t>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SessionContext<'t> {
    #[serde(borrow)]
    session_issuer: Option<SessionIssuer<'t>>,
}

#[derive(Deserialize)]
struct SessionIssuer<'t> {
    #[serde(borrow)]
    arn: Option<Text<'t>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RequestParameters<'t> {
    #[serde(borrow)]
    encryption_context: Option<HashMap<Text<'t>, Text<'t>>>,
}

#[derive(Deserialize)]
struct Resource<'t> {
    #[serde(borrow, rename = "ARN")]
    arn: Option<Text<'t>>,
}

/// Key, principal, operation and resource, as texts of their own.
type Of = [String; 4];

#[derive(Default)]
struct Count {
    uses: u64,
    errors: u64,
    last_at: String,
}

#[derive(Default)]
struct Usage {
    counts: HashMap<Of, Count>,
    counted: HashSet<String>,
    /// What the owners of keys were told of other accounts' calls, by the id that they share with what the callers were told.
    of_owners: HashMap<String, Call>,
}

/// What one record says.
struct Call {
    used: Vec<Of>,
    is_failed: bool,
    at: String,
}

impl Usage {
    fn take(&mut self, record: &Record<'_>) {
        if record.event_source != "kms.amazonaws.com" || !CRYPTOGRAPHIC.contains(&&*record.event_name) {
            return;
        }
        let id = record.shared_event_id.as_ref().map_or(&record.event_id, |shared| &shared.0);
        if self.counted.contains(&**id) {
            return;
        }
        if record.shared_event_id.is_some() && record.user_identity.account_id != record.recipient_account_id {
            self.of_owners.insert(id.to_string(), Call::new(record));
        } else {
            self.counted.insert(id.to_string());
            Call::new(record).count(&mut self.counts);
        }
    }

    /// Key, principal, operation, resource, uses, errors, last time: as the other programs of the benchmark give them.
    fn rows(mut self) -> Vec<(String, String, String, String, u64, u64, String)> {
        for (id, call) in self.of_owners {
            if !self.counted.contains(&id) {
                call.count(&mut self.counts);
            }
        }
        self.counts
            .into_iter()
            .map(|([key, principal, event, resource], count)| (key, principal, event, resource, count.uses, count.errors, count.last_at))
            .collect()
    }
}

impl Call {
    fn new(record: &Record<'_>) -> Self {
        let identity = &record.user_identity;
        let issuer = identity.session_context.as_ref().and_then(|context| context.session_issuer.as_ref()?.arn.as_ref());
        let caller = [issuer, identity.arn.as_ref(), identity.invoked_by.as_ref(), identity.account_id.as_ref()];
        let principal = caller.into_iter().flatten().next().map_or("", |text| &*text.0);
        let mut resource = NamedResource::default();
        for (name, value) in record.request_parameters.iter().flat_map(|request| request.encryption_context.iter().flatten()) {
            resource.consider(&name.0, || value.0.clone());
        }
        let mut used: Vec<Of> = Vec::new();
        for key in record.resources.iter().flatten().filter_map(|resource| resource.arn.as_ref()) {
            if key.0.contains(":key/") && used.iter().all(|of| of[0] != key.0) {
                used.push([&*key.0, principal, &*record.event_name, resource.get().unwrap_or_default()].map(str::to_owned));
            }
        }
        Self { used, is_failed: record.error_code.is_some(), at: record.event_time.to_string() }
    }

    fn count(self, counts: &mut HashMap<Of, Count>) {
        for of in self.used {
            let count = counts.entry(of).or_default();
            *(if self.is_failed { &mut count.errors } else { &mut count.uses }) += 1;
            if self.at > count.last_at {
                count.last_at.clone_from(&self.at);
            }
        }
    }
}
