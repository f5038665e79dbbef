//! The SDK's errors as the log shows them: kind and code. Message texts name keys, and differ
//! between implementations (`stores.md` 0.7).

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};

use crate::store::StoreError;

/// What went wrong in `operation`.
pub(super) fn failure<E, R>(operation: &str, error: &SdkError<E, R>) -> StoreError
where
    E: ProvideErrorMetadata,
{
    let kind = match error {
        SdkError::ServiceError(error) => error.err().code().unwrap_or("an error without a code"),
        SdkError::TimeoutError(_) => "timeout",
        SdkError::DispatchFailure(error) if error.is_timeout() => "timeout",
        SdkError::DispatchFailure(_) => "no connection",
        SdkError::ResponseError(_) => "unreadable answer",
        _ => "request not built",
    };
    StoreError::new(format_args!("DynamoDB {operation}: {kind}"))
}
