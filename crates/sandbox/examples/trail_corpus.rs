//! Writes log files of a trail to measure scanners with, and `truth.json`, which says what they must find.
//!
//! ```sh
//! cargo run --release -p kms-insights-sandbox --example trail_corpus -- FOLDER [--files 200] [--megabytes-per-file 5] [--seed 7]
//! ```

use std::{
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use kms_insights_sandbox::{Corpus, CorpusShape, Tally};

const USAGE: &str = "trail_corpus FOLDER [--files 200] [--megabytes-per-file 5] [--seed 7]";

fn arguments() -> Result<(PathBuf, CorpusShape), String> {
    let mut shape = CorpusShape { seed: 7, files: 200, bytes_per_file: 5_000_000 };
    let mut folder = None;
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut number = || arguments.next().and_then(|text| text.parse::<u64>().ok()).ok_or_else(|| format!("{argument} wants a number; {USAGE}"));
        match argument.as_str() {
            "--files" => shape.files = usize::try_from(number()?).map_err(|error| error.to_string())?,
            "--megabytes-per-file" => shape.bytes_per_file = number()? * 1_000_000,
            "--seed" => shape.seed = number()?,
            _ if folder.is_none() && !argument.starts_with('-') => folder = Some(PathBuf::from(&argument)),
            _ => return Err(USAGE.to_owned()),
        }
    }
    Ok((folder.ok_or_else(|| USAGE.to_owned())?, shape))
}

fn write_file(folder: &Path, corpus: &Corpus, at: usize) -> std::io::Result<Tally> {
    let file = corpus.file(at)?;
    let path = folder.join(&file.path);
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    fs::write(path, &file.compressed)?;
    Ok(file.tally)
}

fn run() -> Result<Tally, String> {
    let (folder, shape) = arguments()?;
    fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let corpus = Corpus::new(shape);
    let next = AtomicUsize::new(0);
    let total = Mutex::new(Ok(Tally::default()));
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    if at >= corpus.len() {
                        break;
                    }
                    let written = write_file(&folder, &corpus, at).map_err(|error| format!("file {at}: {error}"));
                    let mut total = total.lock().unwrap_or_else(PoisonError::into_inner);
                    match (&mut *total, written) {
                        (Ok(total), Ok(tally)) => total.add(&tally),
                        (Ok(_), Err(error)) => *total = Err(error),
                        (Err(_), _) => break,
                    }
                }
            });
        }
    });
    let total = total.into_inner().unwrap_or_else(PoisonError::into_inner)?;
    let text = serde_json::to_vec_pretty(&total).map_err(|error| error.to_string())?;
    fs::write(folder.join("truth.json"), text).map_err(|error| format!("truth.json: {error}"))?;
    Ok(total)
}

fn main() -> ExitCode {
    match run() {
        Ok(total) => {
            let ratio = total.bytes * 10 / total.compressed_bytes.max(1);
            let (files, bytes, packed, records) = (total.files, total.bytes / 1_000_000, total.compressed_bytes / 1_000_000, total.records);
            println!("{files} files, {bytes} MB in {packed} MB ({}.{} : 1), {records} records, {} of KMS", ratio / 10, ratio % 10, total.kms_records);
            ExitCode::SUCCESS
        }
        Err(why) => {
            eprintln!("{why}");
            ExitCode::FAILURE
        }
    }
}
