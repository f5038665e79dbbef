//! A webhook's form parameters, decoded once.

/// Decoded `application/x-www-form-urlencoded` pairs, in the order received.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Form(Vec<(String, String)>);

impl Form {
    /// Decodes a body: `+` is a space, `%XX` is UTF-8. `None` if it is no form.
    #[must_use]
    pub fn parse(body: &[u8]) -> Option<Self> {
        serde_urlencoded::from_bytes(body).ok().map(Self)
    }

    /// From pairs that are decoded already.
    #[must_use]
    pub fn from_pairs(pairs: Vec<(String, String)>) -> Self {
        Self(pairs)
    }

    /// The value under a name; empty values count as absent, as Twilio leaves many fields empty.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(key, value)| key == name && !value.is_empty())
            .map(|(_, value)| value.as_str())
    }

    /// The value under a name as a number; anything but digits is absent.
    #[must_use]
    pub fn number<T: std::str::FromStr>(&self, name: &str) -> Option<T> {
        let digits = self.get(name).filter(|text| text.bytes().all(|b| b.is_ascii_digit()))?;
        digits.parse().ok()
    }

    /// Whether each of these names occurs once at most, and only inside a name. The signature covers
    /// names and values joined in the order of the names; where a border has been moved, a former name
    /// lies across a border or in a value.
    #[must_use]
    pub fn keeps_borders(&self, names: &[&str]) -> bool {
        let mut sorted: Vec<&(String, String)> = self.0.iter().collect();
        sorted.sort_unstable();
        sorted.dedup();
        let (mut signed, mut of_names) = (String::new(), Vec::new());
        for (name, value) in &sorted {
            // Twilio's names are letters; some have a dot or a dash in them.
            if name.bytes().all(|b| b.is_ascii_alphabetic()) {
                of_names.push(signed.len()..signed.len() + name.len());
            }
            signed.push_str(name);
            signed.push_str(value);
        }
        names.iter().all(|wanted| {
            let is_once = sorted.iter().filter(|(name, _)| name == wanted).count() <= 1;
            is_once
                && signed.match_indices(wanted).all(|(start, found)| {
                    let end = start + found.len();
                    of_names.iter().any(|name| name.start <= start && end <= name.end)
                })
        })
    }

    /// Every pair received, known or not: the signature covers them all.
    #[must_use]
    pub fn pairs(&self) -> &[(String, String)] {
        &self.0
    }
}

impl std::fmt::Debug for Form {
    /// Values hold numbers and places: only the names print.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.0.iter().map(|(name, _)| name)).finish()
    }
}
