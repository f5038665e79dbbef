//! The files of `public/`, as Vercel serves them.

use std::path::Path;

use axum::Router;
use http::{HeaderName, HeaderValue, header};
use serde_json::Value;
use tower_http::services::ServeDir;
use tower_http::set_header::SetResponseHeaderLayer;

/// Read from Vercel's own file, so that whatever its Content-Security-Policy stops on Vercel is
/// stopped here too.
const VERCEL: &str = include_str!("../../../vercel.json");

/// Its pattern for everything but the functions.
const PAGES: &str = "/((?!api/).*)";

pub(crate) fn router() -> Result<Router, String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../public");
    let mut router = Router::new().fallback_service(ServeDir::new(folder));
    let fresh = (header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    for (name, value) in headers(VERCEL)?.into_iter().chain([fresh]) {
        router = router.layer(SetResponseHeaderLayer::overriding(name, value));
    }
    Ok(router)
}

/// The headers of every file.
fn headers(vercel: &str) -> Result<Vec<(HeaderName, HeaderValue)>, String> {
    let wrong = || format!("vercel.json has no usable headers for {PAGES}");
    let vercel: Value = serde_json::from_str(vercel).map_err(|_| wrong())?;
    let mut rules = vercel["headers"].as_array().into_iter().flatten();
    let rule = rules.find(|rule| rule["source"] == PAGES);
    let entries = rule.and_then(|rule| rule["headers"].as_array()).ok_or_else(wrong)?;
    let header = |entry: &Value| {
        let name = entry["key"].as_str()?.parse().ok()?;
        let value = entry["value"].as_str()?.parse().ok()?;
        Some((name, value))
    };
    entries.iter().map(|entry| header(entry).ok_or_else(wrong)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_has_a_content_security_policy_without_inline_scripts_and_styles() {
        let headers = headers(VERCEL).unwrap();
        let policy = headers.iter().find(|(name, _)| name == header::CONTENT_SECURITY_POLICY);
        let policy = policy.unwrap().1.to_str().unwrap();
        assert!(policy.contains("script-src 'self'; style-src 'self';"), "{policy}");
        assert!(!policy.contains("unsafe"), "{policy}");
    }

    #[test]
    fn headers_that_cannot_be_read_are_an_error() {
        let of_value =
            r#"{"headers":[{"source":"/((?!api/).*)","headers":[{"key":"A B","value":"c"}]}]}"#;
        for vercel in ["", "{}", r#"{"headers":[{"source":"/x","headers":[]}]}"#, of_value] {
            assert!(headers(vercel).is_err(), "{vercel}");
        }
    }
}
