//! The page: files that are read once, when the service starts.
//!
//! A request's path is looked up among the names that were found then. So no path, however it is
//! written, leads anywhere else.

use std::collections::HashMap;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use actix_web::http::Method;
use actix_web::http::header::{self, HeaderMap};
use actix_web::web::{Bytes, Data};
use actix_web::{HttpRequest, HttpResponse, ResponseError as _};
use flate2::Compression;
use flate2::write::GzEncoder;
use sha2::{Digest as _, Sha256};
use thiserror::Error;

use super::problem::{Refused, method_not_allowed};
use crate::hex;
use crate::refusal::Refusal;

/// The files of a page by their paths.
#[derive(Debug, Default)]
pub struct StaticSite {
    files: HashMap<String, StaticFile>,
}

#[derive(Debug)]
struct StaticFile {
    plain: Bytes,
    /// If it is worth it.
    gzip: Option<Bytes>,
    content_type: String,
    etag: String,
    /// Its name changes with its content.
    immutable: bool,
}

/// Why a folder cannot be served.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SiteError {
    /// A file or folder cannot be read.
    #[error("{}: {source}", path.display())]
    Read {
        /// Which one.
        path: PathBuf,
        /// What went wrong.
        source: std::io::Error,
    },
    /// More than a page has.
    #[error("{} has more than {MOST_BYTES} bytes or {MOST_FILES} files", .0.display())]
    TooLarge(PathBuf),
    /// No page to begin with.
    #[error("{} has no index.html", .0.display())]
    NoIndex(PathBuf),
}

const MOST_BYTES: u64 = 256 << 20;
const MOST_FILES: usize = 4096;

/// What the browser may do on behalf of the page.
pub(super) const CONTENT_SECURITY_POLICY: &str = "default-src 'self'; \
     script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; connect-src 'self'; \
     object-src 'none'; base-uri 'none'; form-action 'none'; \
     frame-ancestors 'none'; webrtc 'block'; \
     require-trusted-types-for 'script'; trusted-types blindsight-worker";

impl StaticSite {
    /// Reads a folder with an `index.html`. Hidden files and links are left out.
    ///
    /// # Errors
    /// When something cannot be read, or is no page.
    pub fn load(folder: &Path) -> Result<Self, SiteError> {
        let mut site = Self::default();
        let mut bytes = 0;
        site.add(folder, folder, &mut bytes)?;
        if !site.files.contains_key("index.html") {
            return Err(SiteError::NoIndex(folder.to_owned()));
        }
        Ok(site)
    }

    fn add(&mut self, root: &Path, folder: &Path, bytes: &mut u64) -> Result<(), SiteError> {
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |source| SiteError::Read { path, source }
        };
        for entry in fs::read_dir(folder).map_err(failed(folder))? {
            let entry = entry.map_err(failed(folder))?;
            let (path, name) = (entry.path(), entry.file_name());
            // Does not follow links.
            let kind = entry.file_type().map_err(failed(&path))?;
            if name.to_string_lossy().starts_with('.') {
                continue;
            }
            if kind.is_dir() {
                self.add(root, &path, bytes)?;
            } else if kind.is_file() {
                *bytes += entry.metadata().map_err(failed(&path))?.len();
                if *bytes > MOST_BYTES || self.files.len() >= MOST_FILES {
                    return Err(SiteError::TooLarge(root.to_owned()));
                }
                let content = fs::read(&path).map_err(failed(&path))?;
                if let Some(key) = key(root, &path) {
                    let file = StaticFile::new(&key, content);
                    self.files.insert(key, file);
                }
            }
        }
        Ok(())
    }

    /// The file at a path of a URL, which starts with a slash.
    fn find(&self, path: &str) -> Option<&StaticFile> {
        let name = path.strip_prefix('/')?;
        let index = if name.is_empty() || name.ends_with('/') { "index.html" } else { "" };
        self.files.get(&format!("{name}{index}"))
    }
}

/// The path below the root with slashes between, if it is plain text.
fn key(root: &Path, path: &Path) -> Option<String> {
    let below = path.strip_prefix(root).ok()?;
    let parts: Option<Vec<&str>> = below.iter().map(|part| part.to_str()).collect();
    Some(parts?.join("/"))
}

impl StaticFile {
    fn new(key: &str, content: Vec<u8>) -> Self {
        let mime = mime_guess::from_path(key).first_or_octet_stream();
        let text = mime.type_() == mime_guess::mime::TEXT
            || matches!(mime.subtype().as_str(), "javascript" | "json" | "wasm" | "svg");
        let plain_text = mime.type_() == mime_guess::mime::TEXT;
        let content_type =
            if plain_text { format!("{mime}; charset=utf-8") } else { mime.to_string() };
        let gzip = if text { compress(&content) } else { None };
        Self {
            etag: hex::encode(&Sha256::digest(&content)[..16]),
            plain: content.into(),
            gzip,
            content_type,
            // Vite puts a hash into the names of what it puts here.
            immutable: key.starts_with("assets/"),
        }
    }

    fn respond(&self, request: &HttpRequest) -> HttpResponse {
        let headers = request.headers();
        let gzip = self.gzip.as_ref().filter(|_| accepts_gzip(headers));
        // Another form of the content is another entity.
        let etag = match gzip {
            Some(_) => format!("\"{}-gzip\"", self.etag),
            None => format!("\"{}\"", self.etag),
        };
        let unchanged = headers.get(header::IF_NONE_MATCH).is_some_and(|known| {
            let known = known.to_str().unwrap_or_default();
            known.split(',').any(|known| known.trim().trim_start_matches("W/") == etag)
        });
        let mut response = if unchanged { HttpResponse::NotModified() } else { HttpResponse::Ok() };
        let cache = if self.immutable { "public, max-age=31536000, immutable" } else { "no-cache" };
        response.insert_header((header::CACHE_CONTROL, cache));
        response.insert_header((header::ETAG, etag));
        if self.gzip.is_some() {
            response.insert_header((header::VARY, "Accept-Encoding"));
        }
        for (name, value) in PAGE_HEADERS {
            response.insert_header((name, value));
        }
        if unchanged {
            return response.finish();
        }
        response.content_type(self.content_type.as_str());
        match gzip {
            Some(gzip) => {
                response.insert_header((header::CONTENT_ENCODING, "gzip"));
                response.body(gzip.clone())
            }
            None => response.body(self.plain.clone()),
        }
    }
}

const PAGE_HEADERS: [(&str, &str); 4] = [
    ("Content-Security-Policy", CONTENT_SECURITY_POLICY),
    ("Referrer-Policy", "no-referrer"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
];

/// The file at the path of a request.
pub(super) async fn serve(request: HttpRequest, site: Option<Data<StaticSite>>) -> HttpResponse {
    let Some(file) = site.as_ref().and_then(|site| site.find(request.path())) else {
        return Refused(Refusal::not_found()).error_response();
    };
    if request.method() != Method::GET && request.method() != Method::HEAD {
        return method_not_allowed(request.method(), "GET, HEAD");
    }
    file.respond(&request)
}

fn accepts_gzip(headers: &HeaderMap) -> bool {
    let accepted = headers.get(header::ACCEPT_ENCODING).and_then(|value| value.to_str().ok());
    accepted.is_some_and(|accepted| {
        accepted.split(',').any(|coding| {
            let (name, quality) = coding.split_once(';').unwrap_or((coding, ""));
            let refused = matches!(quality.trim().strip_prefix("q="), Some("0" | "0.0" | "0.00"));
            name.trim().eq_ignore_ascii_case("gzip") && !refused
        })
    })
}

/// The content as gzip, if that is shorter.
fn compress(content: &[u8]) -> Option<Bytes> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    let compressed = encoder.write_all(content).and_then(|()| encoder.finish()).ok()?;
    (compressed.len() < content.len()).then(|| compressed.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::TempFolder;

    fn site(folder: &TempFolder) -> StaticSite {
        let put = |name: &str, content: &str| {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        };
        put("dist/index.html", &"<p>page</p>".repeat(50));
        put("dist/assets/a-1f.js", "1");
        put("dist/assets/b.wasm", "\0asm");
        put("dist/.hidden", "x");
        put("secret", "x");
        #[cfg(unix)]
        std::os::unix::fs::symlink(folder.path().join("secret"), folder.path().join("dist/link"))
            .unwrap();
        StaticSite::load(&folder.path().join("dist")).unwrap()
    }

    #[test]
    fn only_files_of_the_folder_are_found() {
        let folder = TempFolder::new();
        let site = site(&folder);
        for path in ["/", "/index.html", "/assets/a-1f.js", "/assets/b.wasm"] {
            assert!(site.find(path).is_some(), "{path}");
        }
        for path in [
            "",
            "/.hidden",
            "/link",
            "/../secret",
            "/assets/../index.html",
            "//index.html",
            "/index.html/",
            "/assets",
            "/assets/",
            "/%69ndex.html",
            "/assets\\a-1f.js",
        ] {
            assert!(site.find(path).is_none(), "{path}");
        }
    }

    #[test]
    fn files_have_their_types() {
        let folder = TempFolder::new();
        let site = site(&folder);
        let kind = |path: &str| site.find(path).unwrap().content_type.clone();
        assert_eq!(kind("/"), "text/html; charset=utf-8");
        assert_eq!(kind("/assets/a-1f.js"), "text/javascript; charset=utf-8");
        assert_eq!(kind("/assets/b.wasm"), "application/wasm");
        assert!(site.find("/").unwrap().gzip.is_some());
        assert!(!site.find("/").unwrap().immutable);
        assert!(site.find("/assets/a-1f.js").unwrap().immutable);
    }

    #[test]
    fn a_folder_without_a_page_is_refused() {
        let folder = TempFolder::new();
        assert!(matches!(StaticSite::load(folder.path()), Err(SiteError::NoIndex(_))));
        let missing = folder.path().join("missing");
        assert!(matches!(StaticSite::load(&missing), Err(SiteError::Read { .. })));
    }
}
