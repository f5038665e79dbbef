//! Calls in DynamoDB.
