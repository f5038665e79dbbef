//! Which platform runs this process: one rule, from the variables that only the platform sets.

use super::env::Variables;

/// What hands us requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Platform {
    /// A developer's shell.
    Bare,
    /// AWS Lambda's runtime API.
    Lambda,
    /// Vercel's bridge, or `vercel dev`.
    Vercel {
        /// In the cloud, not `vercel dev`.
        deployed: bool,
    },
}

impl Platform {
    /// Vercel is looked for first, because it reserves names of Lambda's too. Where the variables do
    /// not agree the process counts as deployed: that closes what a laptop leaves open.
    pub fn detect(variables: &dyn Variables) -> Self {
        let on = |name: &str| variables.get(name).is_some_and(|value| !value.trim().is_empty());
        let (is_dev, is_lambda) = (on("VERCEL_DEV"), on("AWS_LAMBDA_RUNTIME_API"));
        if is_dev || on("VERCEL") || on("VERCEL_IPC_PATH") {
            Self::Vercel { deployed: !is_dev || is_lambda }
        } else if is_lambda {
            Self::Lambda
        } else {
            Self::Bare
        }
    }

    /// Whether strangers can reach it.
    #[must_use]
    pub fn is_deployed(self) -> bool {
        matches!(self, Self::Lambda | Self::Vercel { deployed: true })
    }

    /// Whether `public/` is served beside the functions.
    #[must_use]
    pub fn serves_files(self) -> bool {
        self != Self::Lambda
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_platform_is_known_by_what_only_it_sets_and_a_doubtful_one_is_deployed() {
        let (ipc, vercel, dev) = ("VERCEL_IPC_PATH", "VERCEL", "VERCEL_DEV");
        let (lambda, name) = ("AWS_LAMBDA_RUNTIME_API", "AWS_LAMBDA_FUNCTION_NAME");
        let (cloud, local) =
            (Platform::Vercel { deployed: true }, Platform::Vercel { deployed: false });
        for (names, expected) in [
            (&[][..], Platform::Bare),
            (&[name], Platform::Bare),
            (&[lambda], Platform::Lambda),
            (&[vercel], cloud),
            (&[ipc], cloud),
            (&[vercel, ipc, lambda], cloud),
            (&[dev], local),
            (&[vercel, ipc, dev], local),
            (&[dev, lambda], cloud),
        ] {
            let variables = |name: &str| names.contains(&name).then(|| "1".to_owned());
            assert_eq!(Platform::detect(&variables), expected, "{names:?}");
        }
        assert_eq!(Platform::detect(&|_: &str| Some(" ".to_owned())), Platform::Bare);
    }
}
