use super::*;

fn several(answer: &str) -> Result<Vec<Reply>, String> {
    decode(StatusCode::OK, answer.as_bytes(), true).map_err(|error| error.to_string())
}

fn one(status: u16, answer: &str) -> Result<Vec<Reply>, String> {
    decode(StatusCode::from_u16(status).unwrap(), answer.as_bytes(), false)
        .map_err(|error| error.to_string())
}

fn text(text: &str) -> Reply {
    Reply::Text(text.to_owned())
}

#[test]
fn strings_numbers_nulls_and_lists_are_read() {
    let answer = r#"[{"result":1},{"result":"OK"},{"result":null},{"result":["born","1 2"]}]"#;
    let list = Reply::List(vec![text("born"), text("1 2")]);
    assert_eq!(several(answer).unwrap(), [text("1"), text("OK"), Reply::Nil, list]);
    assert_eq!(one(200, r#"{"result":"x"}"#).unwrap(), [text("x")]);
}

#[test]
fn the_error_of_one_entry_is_the_error_of_all_and_shows_its_code_only() {
    let answer = r#"[{"result":1},{"error":"WRONGTYPE key call:secret is a list"}]"#;
    assert_eq!(several(answer).unwrap_err(), "redis WRONGTYPE");
    let refused = one(400, r#"{"error":"READONLY You can't write"}"#);
    assert_eq!(refused.unwrap_err(), "redis READONLY");
    let unknown = one(400, r#"{"error":"Command is not available: 'secret'"}"#);
    assert_eq!(unknown.unwrap_err(), "redis ERR");
}

#[test]
fn a_transaction_refused_as_a_whole_is_an_error() {
    assert_eq!(several(r#"{"error":"EXECABORT Discarded"}"#).unwrap_err(), "redis EXECABORT");
    assert_eq!(several(r#"{"result":1}"#).unwrap_err(), "redis: unexpected reply");
}

#[test]
fn a_limit_of_the_plan_is_told() {
    let answer = r#"{"error":"ERR max requests limit exceeded. Limit: 1, Usage: 2."}"#;
    assert_eq!(one(400, answer).unwrap_err(), "redis ERR: max requests limit exceeded");
}

#[test]
fn a_refused_token_and_an_answer_that_is_no_json_are_told_by_their_status() {
    let refused = one(401, r#"{"error":"WRONGPASS invalid or missing auth token"}"#);
    assert_eq!(refused.unwrap_err(), "redis: HTTP 401, the token is not accepted");
    assert_eq!(one(502, "<html>secret").unwrap_err(), "redis: HTTP 502 without JSON");
    assert_eq!(one(200, "[1]").unwrap_err(), "redis: unexpected reply");
    assert_eq!(one(200, r#"{"result":{"a":1}}"#).unwrap_err(), "redis: unexpected reply");
}
