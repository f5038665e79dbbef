//! A call: how it goes on, and what every form about it says.

/// The version of the REST interface and of the forms.
pub const API_VERSION: &str = "2010-04-01";

/// The parameters of a form, in the order in which they are sent.
pub type Fields = Vec<(String, String)>;

/// Parameters of their own.
#[must_use]
pub fn pairs<const N: usize>(pairs: [(&str, &str); N]) -> Fields {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// What follows a status in the life of a dialled call whose last status is to be `end`; `None` when the
/// call is over. A call that fails does not ring: no phone is found (SIP 404).
#[must_use]
pub fn next(status: &str, end: &'static str) -> Option<&'static str> {
    match status {
        "queued" => Some("initiated"),
        "initiated" if end != "failed" => Some("ringing"),
        "ringing" if end == "completed" => Some("in-progress"),
        "initiated" | "ringing" | "in-progress" => Some(end),
        _ => None,
    }
}

/// What a form says about a call, whatever has happened to it.
#[derive(Clone, Copy, Debug)]
pub struct Call<'a> {
    /// The account's SID.
    pub account_sid: &'a str,
    /// The call's SID.
    pub sid: &'a str,
    /// The calling number.
    pub from: &'a str,
    /// The called number.
    pub to: &'a str,
    /// Whether a person rings us.
    pub inbound: bool,
}

impl Call<'_> {
    /// `outbound-api`, never `outbound`.
    #[must_use]
    pub fn direction(&self) -> &'static str {
        if self.inbound { "inbound" } else { "outbound-api" }
    }

    /// The parameters that every webhook of a call has, at this status.
    #[must_use]
    pub fn fields(&self, status: &str) -> Fields {
        let mut fields = pairs([
            ("CallSid", self.sid),
            ("AccountSid", self.account_sid),
            ("From", self.from),
            ("To", self.to),
            ("Called", self.to),
            ("Caller", self.from),
            ("ApiVersion", API_VERSION),
            ("Direction", self.direction()),
        ]);
        let (from, to) = (place(self.from), place(self.to));
        for (who, place) in [("From", from), ("To", to), ("Caller", from), ("Called", to)] {
            for (what, value) in ["City", "State", "Zip", "Country"].iter().zip(place) {
                fields.push((format!("{who}{what}"), value.to_owned()));
            }
        }
        fields.extend(pairs([("CallStatus", status)]));
        fields
    }
}

/// City, state, post code and country, as far as the number tells.
fn place(number: &str) -> [&'static str; 4] {
    const COUNTRIES: [(&str, &str); 5] =
        [("+1", "US"), ("+33", "FR"), ("+34", "ES"), ("+44", "GB"), ("+49", "DE")];
    if number.starts_with("+1212") {
        return ["NEW YORK", "NY", "", "US"];
    }
    let country = COUNTRIES.iter().find(|(prefix, _)| number.starts_with(prefix));
    ["", "", "", country.map_or("", |(_, country)| country)]
}
