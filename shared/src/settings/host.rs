//! Which host we run on.

use super::env::Env;

/// A host, told by its environment (`hosting.md` section 3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Host {
    /// AWS Lambda.
    Lambda,
    /// A developer's machine.
    Local,
    /// Vercel in the cloud.
    Vercel,
}

impl Host {
    /// Vercel is looked for first: it reserves some of Lambda's names too.
    pub(super) fn detect(env: &Env<'_>) -> Self {
        let on = |name: &str| env.get(name).is_some();
        if on("VERCEL") && !on("VERCEL_DEV") {
            Self::Vercel
        } else if on("AWS_LAMBDA_RUNTIME_API") {
            Self::Lambda
        } else {
            Self::Local
        }
    }

    /// Whether strangers can reach it.
    #[must_use]
    pub fn is_deployed(self) -> bool {
        self != Self::Local
    }

    /// Whether `public/` is served beside the functions.
    #[must_use]
    pub fn serves_files(self) -> bool {
        self != Self::Lambda
    }
}
