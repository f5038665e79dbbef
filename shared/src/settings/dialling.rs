//! What every call is given beside its number: bounds, and what its agent is told.

use crate::call::{DynamicVariables, check_name};

use super::Connect;
use super::env::Env;

/// Defaults and bounds of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Calling {
    /// `RECORD_CALLS`.
    pub record_calls: bool,
    /// `CALL_TIME_LIMIT_SECONDS`: default and maximum of `timeLimit`.
    pub time_limit_seconds: u32,
    /// `CALL_RETENTION_DAYS`.
    pub retention_days: u32,
    /// `DYNAMIC_VARIABLES`: what the agent is told on every call, inbound ones included. A call's own
    /// values win.
    pub default_variables: DynamicVariables,
    /// `CAMPAIGN_VARIABLES`: which members of `campaignData` reach the agent.
    pub campaign_variables: Vec<CampaignVariable>,
}

/// A member of `campaignData` and the dynamic variable that it becomes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CampaignVariable {
    /// Such as `leadName`.
    pub member: String,
    /// Such as `_prospect_name_`.
    pub variable: String,
}

pub(super) fn calling(env: &mut Env<'_>, connect: Option<Connect>) -> Calling {
    let variables = env.optional("DYNAMIC_VARIABLES", |text| {
        DynamicVariables::parse(text).map_err(|error| error.to_string())
    });
    let campaign_variables = env.list("CAMPAIGN_VARIABLES", campaign_variable);
    let mut names: Vec<&str> = campaign_variables.iter().map(|it| it.variable.as_str()).collect();
    names.sort_unstable();
    if names.windows(2).any(|pair| pair[0] == pair[1]) {
        env.problem("CAMPAIGN_VARIABLES", "must name each variable once");
    }
    if connect == Some(Connect::SignedUrl) {
        for name in ["CAMPAIGN_VARIABLES", "DYNAMIC_VARIABLES"] {
            if env.get(name).is_some() {
                env.problem(name, "cannot reach the agent with ELEVENLABS_CONNECT=signed-url");
            }
        }
    }
    Calling {
        record_calls: env.flag("RECORD_CALLS", false),
        time_limit_seconds: env.number("CALL_TIME_LIMIT_SECONDS", 900, 1..=14_400),
        retention_days: env.number("CALL_RETENTION_DAYS", 30, 1..=3650),
        default_variables: variables.unwrap_or_default(),
        campaign_variables,
    }
}

fn campaign_variable(text: &str) -> Result<CampaignVariable, String> {
    let wanted = || "must be member=variable pairs such as leadName=_prospect_name_".to_owned();
    let (member, variable) = text.split_once('=').ok_or_else(wanted)?;
    let (member, variable) = (member.trim(), variable.trim());
    if member.is_empty() || variable.is_empty() {
        return Err(wanted());
    }
    check_name(variable).map_err(|error| error.to_string())?;
    if variable.starts_with("secret__") {
        // Pages without the token send campaignData too.
        return Err("must not name a secret__ variable".to_owned());
    }
    Ok(CampaignVariable { member: member.to_owned(), variable: variable.to_owned() })
}
