//! Which platform runs this process, told by its environment.

use crate::settings::Variables;

/// Who hands us requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Platform {
    /// Nobody: a developer's shell.
    Bare,
    /// AWS Lambda's runtime API.
    Lambda,
    /// Vercel's bridge or `vercel dev`.
    Vercel,
}

impl Platform {
    /// Vercel is looked for first: it reserves names of Lambda's too (`hosting.md` 0).
    pub(super) fn detect(variables: &dyn Variables) -> Self {
        let on = |name: &str| variables.get(name).is_some_and(|value| !value.is_empty());
        if on("VERCEL_IPC_PATH") || on("VERCEL_DEV") {
            Self::Vercel
        } else if on("AWS_LAMBDA_RUNTIME_API") {
            Self::Lambda
        } else {
            Self::Bare
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_platform_is_known_by_what_only_it_sets() {
        for (names, expected) in [
            (&[][..], Platform::Bare),
            (&["AWS_LAMBDA_FUNCTION_NAME"], Platform::Bare),
            (&["AWS_LAMBDA_RUNTIME_API"], Platform::Lambda),
            (&["VERCEL_IPC_PATH"], Platform::Vercel),
            (&["VERCEL_DEV", "AWS_LAMBDA_RUNTIME_API"], Platform::Vercel),
            (&["VERCEL_IPC_PATH", "AWS_LAMBDA_RUNTIME_API"], Platform::Vercel),
        ] {
            let variables = |name: &str| names.contains(&name).then(|| "1".to_owned());
            assert_eq!(Platform::detect(&variables), expected, "{names:?}");
        }
        assert_eq!(Platform::detect(&|_: &str| Some(String::new())), Platform::Bare);
    }
}
