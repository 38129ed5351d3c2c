//! The service's configuration: a file (TOML), over it the environment, over it flags.
//!
//! One list of settings serves all three and `--print-config`: the name of a flag without its
//! dashes is the key in the file, and with `BLINDSIGHT_` in front the variable.

mod merge;

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use serde::{Deserialize, Serialize};

pub use merge::ConfigError;

/// All settings. Sizes are in bytes, times in seconds.
#[derive(Debug, Clone, Args, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Address to listen on; port 0 takes a free one. The real address is printed on stdout.
    #[arg(long, env = "BLINDSIGHT_LISTEN", default_value = "127.0.0.1:8080")]
    pub listen: SocketAddr,
    /// Folder for the service's state; used by one process at a time.
    #[arg(long, env = "BLINDSIGHT_DATA", default_value = "blindsight-data")]
    pub data: PathBuf,
    /// Where keys, requests and results are kept: s3://BUCKET/PREFIX (credentials, region and
    /// endpoint from AWS_* variables). In the data folder if not given.
    #[arg(long, env = "BLINDSIGHT_BLOBS")]
    pub blobs: Option<String>,
    /// Folder of the page to serve under /.
    #[arg(long, env = "BLINDSIGHT_WEB")]
    pub web: Option<PathBuf>,
    /// Folder of compiled models: every file *.bs in it is served. It is looked at again and
    /// again, so models can come, change and go while the service runs.
    #[arg(long, env = "BLINDSIGHT_MODELS", default_value = "models")]
    pub models: PathBuf,
    /// Name of the model that is listed first; otherwise the order is that of the files' names.
    #[arg(long, env = "BLINDSIGHT_DEFAULT_MODEL")]
    pub default_model: Option<String>,
    /// Models to make ready when the service starts, separated by commas: their names, or
    /// `default`, `all` or `none`. Others are made ready when the first job needs them.
    #[arg(long, env = "BLINDSIGHT_PRELOAD", value_delimiter = ',', default_value = "default")]
    pub preload: Vec<String>,
    /// Threads that compute; 0 for all cores.
    #[arg(long, env = "BLINDSIGHT_THREADS", default_value_t = 0)]
    pub threads: usize,
    /// Jobs that run side by side on these threads.
    #[arg(long, env = "BLINDSIGHT_JOBS_AT_ONCE", default_value_t = 1)]
    pub jobs_at_once: usize,
    /// Threads that answer requests.
    #[arg(long, env = "BLINDSIGHT_HTTP_THREADS", default_value_t = 2)]
    pub http_threads: usize,
    /// Bearer token that every use of the API needs.
    #[arg(long, env = "BLINDSIGHT_TOKEN", hide_env_values = true)]
    pub token: Option<String>,
    /// Origins of other sites whose pages may use the API, separated by commas.
    #[arg(long, env = "BLINDSIGHT_CORS_ORIGINS", value_delimiter = ',')]
    pub cors_origins: Vec<String>,
    /// What is logged on stderr: a level, or targets with levels (tracing's syntax).
    #[arg(long, env = "BLINDSIGHT_LOG", default_value = "info")]
    pub log: String,
    /// How it is logged.
    #[arg(long, env = "BLINDSIGHT_LOG_FORMAT", value_enum, default_value_t = LogFormat::Text)]
    pub log_format: LogFormat,

    /// Jobs that may wait; further ones are refused for the moment.
    #[arg(long, env = "BLINDSIGHT_QUEUE", default_value_t = 32)]
    pub queue: u32,
    /// Unfinished jobs of one key set.
    #[arg(long, env = "BLINDSIGHT_JOBS_PER_KEYS", default_value_t = 8)]
    pub jobs_per_keys: u32,
    /// How often a job is started before it is given up.
    #[arg(long, env = "BLINDSIGHT_MAX_ATTEMPTS", default_value_t = 3)]
    pub max_attempts: u32,
    /// Memory for models that are ready to run.
    #[arg(long, env = "BLINDSIGHT_MODEL_MEMORY", default_value_t = 2_000_000_000)]
    pub model_memory: u64,
    /// Memory for keys kept expanded between jobs.
    #[arg(long, env = "BLINDSIGHT_KEY_CACHE_BYTES", default_value_t = 600_000_000)]
    pub key_cache_bytes: u64,
    /// Storage for everybody together, unfinished uploads included.
    #[arg(long, env = "BLINDSIGHT_STORAGE_BYTES", default_value_t = 16_000_000_000)]
    pub storage_bytes: u64,
    /// Storage of one capability.
    #[arg(long, env = "BLINDSIGHT_CAPABILITY_BYTES", default_value_t = 500_000_000)]
    pub capability_bytes: u64,
    /// Unfinished uploads of everybody together.
    #[arg(long, env = "BLINDSIGHT_UPLOADS", default_value_t = 64)]
    pub uploads: u32,
    /// Uploads that are written to at the same time.
    #[arg(long, env = "BLINDSIGHT_UPLOADS_AT_ONCE", default_value_t = 16)]
    pub uploads_at_once: usize,
    /// Longest part of an upload.
    #[arg(long, env = "BLINDSIGHT_PART_BYTES", default_value_t = 16 << 20)]
    pub part_bytes: u64,
    /// Event streams that are open at the same time.
    #[arg(long, env = "BLINDSIGHT_EVENT_STREAMS", default_value_t = 512)]
    pub event_streams: usize,
    /// Connections of each thread that answers requests.
    #[arg(long, env = "BLINDSIGHT_CONNECTIONS", default_value_t = 2048)]
    pub connections: usize,

    /// After how long an unfinished upload that nobody continues is deleted.
    #[arg(long, env = "BLINDSIGHT_UPLOAD_SECONDS", default_value_t = 24 * 3600)]
    pub upload_seconds: u64,
    /// After how long keys that nobody uses are deleted.
    #[arg(long, env = "BLINDSIGHT_KEYS_SECONDS", default_value_t = 30 * 24 * 3600)]
    pub keys_seconds: u64,
    /// After how long a result is deleted.
    #[arg(long, env = "BLINDSIGHT_RESULT_SECONDS", default_value_t = 24 * 3600)]
    pub result_seconds: u64,
    /// After how long a finished job is forgotten.
    #[arg(long, env = "BLINDSIGHT_JOB_SECONDS", default_value_t = 7 * 24 * 3600)]
    pub job_seconds: u64,
    /// Longest pause within a body.
    #[arg(long, env = "BLINDSIGHT_BODY_PAUSE_SECONDS", default_value_t = 15)]
    pub body_pause_seconds: u64,
    /// Slowest rate of a body, in bytes a second, after half a minute.
    #[arg(long, env = "BLINDSIGHT_BODY_RATE", default_value_t = 8192)]
    pub body_rate: u64,
    /// Pause between heartbeats of an event stream.
    #[arg(long, env = "BLINDSIGHT_HEARTBEAT_SECONDS", default_value_t = 10)]
    pub heartbeat_seconds: u64,
    /// Pause between searches for what has expired.
    #[arg(long, env = "BLINDSIGHT_SWEEP_SECONDS", default_value_t = 60)]
    pub sweep_seconds: u64,
    /// Pause between looks at the folder of models.
    #[arg(long, env = "BLINDSIGHT_MODELS_SECONDS", default_value_t = 3)]
    pub models_seconds: u64,
    /// How long requests may take to end when the service is stopped.
    #[arg(long, env = "BLINDSIGHT_SHUTDOWN_SECONDS", default_value_t = 10)]
    pub shutdown_seconds: u64,
}

/// The form of a line of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

impl Default for Config {
    /// What holds without a file, an environment and flags.
    fn default() -> Self {
        merge::defaults()
    }
}

impl Config {
    /// Threads that compute: the number that is set, or all cores.
    #[must_use]
    pub fn compute_threads(&self) -> usize {
        match self.threads {
            0 => std::thread::available_parallelism().map_or(1, Into::into),
            threads => threads,
        }
    }

    /// The configuration as a file that gives the same one, but for the token, which is not shown.
    ///
    /// # Panics
    /// Never: settings are plain data.
    #[must_use]
    pub fn to_toml(&self) -> String {
        let shown = Self { token: None, ..self.clone() };
        let text = toml::to_string(&shown).expect("settings are numbers, texts and lists");
        match self.token {
            Some(_) => format!("{text}# token is set, but not shown\n"),
            None => text,
        }
    }
}
