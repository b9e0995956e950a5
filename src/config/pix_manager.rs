//! The `[pix_manager]` table: where our network's own PIX manager is asked about links and told of ids.

use http::Uri;

use super::section::Section;
use super::target::url;

/// URLs of the PIX manager.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PixManager {
    /// ITI-45: it is asked here.
    pub query: Uri,
    /// ITI-44: it is told here what other networks call a person; None is not told.
    pub feed: Option<Uri>,
}

impl PixManager {
    pub(super) fn read(file: &mut Section<'_>) -> Option<Self> {
        let Some(mut section) = file.section("pix_manager") else {
            file.fault("kind", "missing table `[pix_manager]`", "see docs/configuration.md");
            return None;
        };
        if !section.has("query") {
            let _ = section.required("query", "\"https://host:port/path\"");
        }
        let query = url(&mut section, "query");
        let feed = url(&mut section, "feed");
        section.finish();
        Some(Self { query: query?, feed })
    }
}
