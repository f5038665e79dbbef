//! What no cloud would say before it is too late: that the template and `vercel.json` fit the code.
//!
//! `cfn-lint` and `sam validate` know CloudFormation and not us: which rows a function touches, how
//! long it may take, what is a secret.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::time::Duration;

use shared::endpoint::{Endpoint, GetTranscript, MakeCall, Recording, Status, Voice};
use yaml_rust2::{Yaml, YamlLoader};

type Names = BTreeSet<String>;

fn read(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).unwrap()
}

/// The files in a folder, as paths from the root.
fn files(folder: &str) -> Vec<String> {
    let entries = fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.map(|name| format!("{folder}/{name}")).collect()
}

/// `api/twilio/voice.rs`.
fn sources() -> Vec<String> {
    files("api").iter().flat_map(|folder| files(folder)).collect()
}

/// The template. Of `!Ref X`, `!Sub X` and `!GetAtt X` only `X` is left.
fn template() -> Yaml {
    YamlLoader::load_from_str(&read("template.yaml")).unwrap().remove(0)
}

fn text(yaml: &Yaml) -> &str {
    yaml.as_str().unwrap_or_default()
}

/// One text, or a list of them.
fn texts(yaml: &Yaml) -> Names {
    match yaml {
        Yaml::String(text) => [text.clone()].into(),
        Yaml::Array(list) => list.iter().map(|item| text(item).to_owned()).collect(),
        _ => Names::new(),
    }
}

fn list(yaml: &Yaml) -> &[Yaml] {
    yaml.as_vec().map_or(&[], Vec::as_slice)
}

fn entries(yaml: &Yaml) -> impl Iterator<Item = (&str, &Yaml)> {
    yaml.as_hash().into_iter().flatten().map(|(name, value)| (text(name), value))
}

fn of_type<'a>(template: &'a Yaml, kind: &'a str) -> impl Iterator<Item = (&'a str, &'a Yaml)> {
    let resources = entries(&template["Resources"]);
    resources.filter(move |(_, resource)| text(&resource["Type"]) == kind)
}

/// The functions by the path of their source: logical name and properties.
fn functions(template: &Yaml) -> BTreeMap<String, (&str, &Yaml)> {
    let functions = of_type(template, "AWS::Serverless::Function").map(|(name, function)| {
        let properties = &function["Properties"];
        let url = text(&properties["Events"]["Any"]["Properties"]["Path"]);
        let source = format!("{}.rs", url.trim_start_matches('/'));
        let binary = text(&function["Metadata"]["BuildProperties"]["Binary"]);
        assert_eq!(text(&function["Metadata"]["BuildMethod"]), "rust-cargolambda", "{name}");
        assert!(source.ends_with(&format!("/{binary}.rs")), "{name}: {binary} under {url}");
        assert_eq!(text(&properties["Events"]["Any"]["Properties"]["Method"]), "ANY", "{name}");
        (source, (name, properties))
    });
    let functions: BTreeMap<_, _> = functions.collect();
    assert_eq!(functions.keys().cloned().collect::<Names>(), sources().into_iter().collect());
    functions
}

/// The names of the metrics of `namespace` that some alarm looks at, for one value of a dimension.
fn watched(template: &Yaml, namespace: &str, of: &str) -> Names {
    let alarms = of_type(template, "AWS::CloudWatch::Alarm").map(|(_, alarm)| &alarm["Properties"]);
    let metrics = alarms.flat_map(|alarm| {
        let several = list(&alarm["Metrics"]).iter().map(|metric| &metric["MetricStat"]["Metric"]);
        several.chain([alarm])
    });
    let is_of = |metric: &&Yaml| {
        let mut values = list(&metric["Dimensions"]).iter().map(|one| text(&one["Value"]));
        text(&metric["Namespace"]) == namespace && values.any(|value| value == of)
    };
    metrics.filter(is_of).map(|metric| text(&metric["MetricName"]).to_owned()).collect()
}

#[test]
fn every_function_has_a_log_group_that_ends_and_alarms() {
    let template = template();
    for (source, (name, function)) in functions(&template) {
        assert_eq!(text(&function["LoggingConfig"]["LogFormat"]), "JSON", "{source}");
        let group = text(&function["LoggingConfig"]["LogGroup"]);
        let retention = &template["Resources"][group]["Properties"]["RetentionInDays"];
        assert_eq!(text(retention), "LogRetentionDays", "{source}");

        let seen = watched(&template, "AWS/Lambda", name);
        assert!(seen.contains("Errors") && seen.contains("Throttles"), "{source}: {seen:?}");
        // A panic is caught and answered, so the log alone knows of it.
        let filters = of_type(&template, "AWS::Logs::MetricFilter");
        let filter = filters
            .map(|(_, filter)| &filter["Properties"])
            .find(|filter| {
                text(&filter["LogGroupName"]) == group
                    && text(&filter["FilterPattern"]) == r#"{ $.level = "ERROR" }"#
            })
            .map(|filter| text(&filter["MetricTransformations"][0]["MetricName"]).to_owned());
        let alarms = of_type(&template, "AWS::CloudWatch::Alarm");
        let logged: Names = alarms
            .flat_map(|(_, alarm)| list(&alarm["Properties"]["Metrics"]))
            .map(|metric| text(&metric["MetricStat"]["Metric"]["MetricName"]).to_owned())
            .collect();
        assert!(filter.is_some_and(|metric| logged.contains(&metric)), "{source}");
    }
    assert!(watched(&template, "AWS/Lambda", "VoiceFunction").contains("Duration"));
}

/// That the patterns fit what the functions log is tested with the functions (tests/hosts/alarms.rs).
#[test]
fn whatever_the_log_is_counted_for_is_looked_at_by_an_alarm() {
    let template = template();
    let alarms =
        of_type(&template, "AWS::CloudWatch::Alarm").map(|(_, alarm)| &alarm["Properties"]);
    let watched: Names = alarms
        .flat_map(|alarm| {
            let metrics = list(&alarm["Metrics"]).iter();
            metrics
                .map(|metric| &metric["MetricStat"]["Metric"]["MetricName"])
                .chain([&alarm["MetricName"]])
        })
        .map(|name| text(name).to_owned())
        .collect();
    for (name, filter) in of_type(&template, "AWS::Logs::MetricFilter") {
        let metric = &filter["Properties"]["MetricTransformations"][0]["MetricName"];
        assert!(watched.contains(text(metric)), "{name}");
    }
    for metric in ["agent-failures", "daily-limit", "dials", "unauthorized", "webhooks-refused"] {
        assert!(watched.contains(metric), "{metric}");
    }
}

#[test]
fn the_api_lets_only_so_many_requests_through() {
    let template = template();
    let settings = &template["Resources"]["Api"]["Properties"]["DefaultRouteSettings"];
    for limit in ["ThrottlingBurstLimit", "ThrottlingRateLimit"] {
        let parameter = &template["Parameters"][text(&settings[limit])];
        assert!(parameter["Default"].as_i64().is_some_and(|limit| limit >= 100), "{limit}");
    }
}

/// A process may have to start before it answers, which takes some milliseconds.
const START: Duration = Duration::from_secs(1);

/// How long the function behind a source may take, and which secrets it uses.
fn endpoint(source: &str) -> (Duration, &'static [&'static str]) {
    fn of<E: Endpoint>() -> (Duration, &'static [&'static str]) {
        (E::LONGEST, E::SECRETS)
    }
    match source.rsplit_once('/').unwrap().1.trim_end_matches(".rs") {
        GetTranscript::NAME => of::<GetTranscript>(),
        MakeCall::NAME => of::<MakeCall>(),
        Recording::NAME => of::<Recording>(),
        Status::NAME => of::<Status>(),
        Voice::NAME => of::<Voice>(),
        other => panic!("{other} is no endpoint"),
    }
}

#[test]
fn no_function_is_cut_off_before_its_budget_on_either_host() {
    let vercel: serde_json::Value = serde_json::from_str(&read("vercel.json")).unwrap();
    // The order of the file, which serde_json does not keep: the first match wins.
    let file = read("vercel.json");
    let mut patterns: Vec<&String> = vercel["functions"].as_object().unwrap().keys().collect();
    patterns.sort_by_key(|pattern| file.find(&format!("\"{pattern}\"")));
    let mut unused: Names = patterns.iter().map(|pattern| (*pattern).clone()).collect();

    let template = template();
    let usual = template["Globals"]["Function"]["Timeout"].as_i64().unwrap();
    for (source, (_, function)) in functions(&template) {
        let is_match = |pattern: &&&String| **pattern == &source || **pattern == "api/**/*.rs";
        let pattern = patterns.iter().find(is_match).unwrap();
        unused.remove(*pattern);
        let on_vercel = &vercel["functions"][pattern.as_str()];

        let timeout = function["Timeout"].as_i64().unwrap_or(usual);
        let longest = endpoint(&source).0 + START;
        assert!(
            longest <= Duration::from_secs(timeout.try_into().unwrap()),
            "{source}: {longest:?}"
        );
        assert!(timeout <= 30, "{source}: HTTP API waits 30 s");
        assert_eq!(on_vercel["maxDuration"].as_i64(), Some(timeout), "{source}");
        assert!(on_vercel["memory"].is_u64() && on_vercel["regions"].is_array(), "{source}");
        // With VERCEL_BUILD_IMAGE it would name an architecture that nobody built for.
        assert!(on_vercel.get("architecture").is_none(), "{source}");
    }
    assert!(unused.is_empty(), "vercel build fails over a pattern without a file: {unused:?}");
}

/// Name and value of each variable that all functions have.
fn common(template: &Yaml) -> &Yaml {
    &template["Globals"]["Function"]["Environment"]["Variables"]
}

#[test]
fn every_variable_is_one_that_the_code_reads() {
    let template = template();
    let settings: String = files("shared/src/settings")
        .iter()
        .filter(|file| file.ends_with(".rs"))
        .map(|file| read(file))
        .collect();
    let own = functions(&template);
    let own = own.values().map(|(_, function)| &function["Environment"]["Variables"]);
    for (name, _) in own.flat_map(entries).chain(entries(common(&template))) {
        assert!(settings.contains(&format!("\"{name}\"")), "nobody reads {name}");
    }
}

#[test]
fn each_function_gets_the_secrets_that_it_uses_and_no_other() {
    let template = template();
    for (name, _) in entries(common(&template)) {
        let looks_secret = ["TOKEN", "SECONDARY", "SECRET", "KEY"];
        assert!(!looks_secret.iter().any(|end| name.ends_with(end)), "{name} is every function's");
    }
    for (source, (_, function)) in functions(&template) {
        let variables = &function["Environment"]["Variables"];
        let mut given: Names = entries(variables).map(|(name, _)| name.to_owned()).collect();
        // No secret, and useless without one.
        let has_key_name = given.remove("TWILIO_API_KEY_SID");
        assert_eq!(has_key_name, given.contains("TWILIO_API_KEY_SECRET"), "{source}");
        let used: Names = endpoint(&source).1.iter().map(|name| (*name).to_owned()).collect();
        assert_eq!(given, used, "{source}");
        for (name, value) in entries(variables).filter(|(name, _)| used.contains(*name)) {
            let reference = format!(
                "{{{{resolve:secretsmanager:${{SecretName}}:SecretString:{name}::${{SecretVersion}}}}}}"
            );
            let mut value = texts(value);
            // A condition's name, and nothing in its place.
            if value.remove("AWS::NoValue") {
                value.retain(|text| !entries(&template["Conditions"]).any(|(it, _)| it == text));
            }
            assert_eq!(value, [reference].into(), "{source} {name}");
        }
    }
    // A secret as a parameter would pass through shells, logs and change sets.
    for (name, parameter) in entries(&template["Parameters"]) {
        assert!(parameter["NoEcho"].is_badvalue(), "{name}");
    }
}

/// What the store sends and which rows it names, from its source.
fn store() -> (Names, Names) {
    let (mut actions, mut rows) = (Names::new(), Names::new());
    let mut files = files("shared/src/store/dynamodb");
    // Nobody but a person creates tables.
    files.retain(|file| !file.ends_with("/create_table.rs") && !file.ends_with("/tests.rs"));
    for source in files.iter().map(|file| read(file)) {
        for (method, action) in [
            ("batch_get_item", "BatchGetItem"),
            ("batch_write_item", "BatchWriteItem"),
            ("delete_item", "DeleteItem"),
            ("execute_statement", "PartiQL"),
            ("get_item", "GetItem"),
            ("put_item", "PutItem"),
            ("query", "Query"),
            ("scan", "Scan"),
            ("transact_write_items", "TransactWriteItems"),
            ("update_item", "UpdateItem"),
        ] {
            if source.contains(&format!(".{method}()")) {
                actions.insert(format!("dynamodb:{action}"));
            }
        }
        let literals = source.split('"').skip(1).step_by(2);
        for literal in literals {
            let prefix = literal.split_inclusive('#').next().unwrap_or_default();
            let word = prefix.trim_end_matches('#');
            let is_row = prefix.len() > word.len() || word == "CONC";
            if is_row && !word.is_empty() && word.bytes().all(|b| b.is_ascii_uppercase()) {
                rows.insert(prefix.to_owned());
            }
        }
    }
    (actions, rows)
}

#[test]
fn each_role_allows_the_requests_and_rows_of_the_store_and_no_more() {
    let template = template();
    let (mut roles, mut actions, mut rows) = (Names::new(), Names::new(), Names::new());
    for (source, (_, function)) in functions(&template) {
        let role = text(&function["Role"]).strip_suffix(".Arn").unwrap();
        assert!(roles.insert(role.to_owned()), "{source} shares its role");
        assert!(function["Policies"].is_badvalue(), "{source}");
        let role = &template["Resources"][role]["Properties"];
        assert!(role["ManagedPolicyArns"].is_badvalue(), "{source}");
        assert_eq!(list(&role["Policies"]).len(), 1, "{source}");

        for statement in list(&role["Policies"][0]["PolicyDocument"]["Statement"]) {
            let allowed = texts(&statement["Action"]);
            assert!(allowed.iter().all(|action| !action.contains('*')), "{source}: {allowed:?}");
            let resource = text(&statement["Resource"]);
            if text(&statement["Sid"]) == "Log" {
                let own = format!("{}.Arn", text(&function["LoggingConfig"]["LogGroup"]));
                assert_eq!(resource, own, "{source}");
                assert!(allowed.iter().all(|action| action.starts_with("logs:")), "{source}");
                continue;
            }
            let is_query = allowed.contains("dynamodb:Query");
            let place = if is_query { "${CallsTable.Arn}/index/recent" } else { "CallsTable.Arn" };
            assert_eq!(resource, place, "{source}");
            let condition = &statement["Condition"]["ForAllValues:StringLike"];
            let keys = texts(&condition["dynamodb:LeadingKeys"]);
            assert!(!keys.is_empty() && (!is_query || allowed.len() == 1), "{source}");
            actions.extend(allowed);
            rows.extend(keys.iter().map(|key| key.trim_end_matches('*').to_owned()));
        }
    }
    assert_eq!((actions, rows), store());
}

#[test]
fn only_status_lists_only_make_call_limits_dials_and_get_transcript_changes_no_call() {
    let template = template();
    for (source, (_, function)) in functions(&template) {
        let role = text(&function["Role"]).trim_end_matches(".Arn");
        let policy = &template["Resources"][role]["Properties"]["Policies"][0]["PolicyDocument"];
        let keys_of = |action: &str| -> Names {
            let statements = list(&policy["Statement"]).iter();
            let allowing = statements.filter(|one| texts(&one["Action"]).contains(action));
            let conditions = allowing.map(|one| &one["Condition"]["ForAllValues:StringLike"]);
            conditions.flat_map(|condition| texts(&condition["dynamodb:LeadingKeys"])).collect()
        };
        let names = |keys: &[&str]| -> Names { keys.iter().map(|key| (*key).to_owned()).collect() };
        let (written, listed) = match source.as_str() {
            "api/twilio/make-call.rs" => {
                let limits = ["KEY#*", "WIN#*", "CNT#*", "CONC", "VARS#*", "CALL#*"];
                (names(&limits), names(&[]))
            }
            "api/twilio/status.rs" => (names(&["CALL#*", "CONC", "WIN#*"]), names(&["D#*"])),
            // A reader: it notes when it last asked ElevenLabs, and nothing in the call.
            "api/elevenlabs/get-transcript.rs" => (names(&["WIN#*"]), names(&[])),
            // The end of the call is looked up before its recording.
            "api/twilio/recording.rs" => (names(&["CALL#*", "CONC", "WIN#*"]), names(&[])),
            _ => (names(&["CALL#*"]), names(&[])),
        };
        assert_eq!(keys_of("dynamodb:UpdateItem"), written, "{source}");
        assert_eq!(keys_of("dynamodb:Query"), listed, "{source}");
        // What can be written expires, and what has expired is deleted before it is written anew,
        // but for days, windows and slots, which expire inside.
        let inside = names(&["CNT#*", "WIN#*", "CONC"]);
        let deleted = written.difference(&inside).cloned().collect();
        assert_eq!(keys_of("dynamodb:DeleteItem"), deleted, "{source}");
        let calls = names(&["CALL#*", "VARS#*"]);
        // A repetition of a dial reads its key's row and claims nothing.
        let is_dialling = source == "api/twilio/make-call.rs";
        let keys = names(if is_dialling { &["KEY#*"] } else { &[] });
        let batches = keys_of("dynamodb:BatchGetItem");
        assert_eq!(batches, calls.union(&keys).cloned().collect(), "{source}");
    }
}

/// What README lists, an owner must be able to set.
#[test]
fn every_setting_that_bounds_the_bill_is_a_parameter() {
    let template = template();
    let variables = common(&template);
    let source = read("shared/src/settings/dialling.rs");
    for (prefix, at_least) in [("CALL_", 11), ("ANONYMOUS_", 4)] {
        let names: Vec<_> = source.split('"').filter(|part| part.starts_with(prefix)).collect();
        assert!(names.len() >= at_least, "{names:?}");
        for name in names {
            assert!(!variables[name].is_badvalue(), "{name} is not in the template");
        }
    }
}

/// What an existing site needs of its deployment, with none of it set unless its owner does.
#[test]
fn every_setting_of_an_existing_site_is_a_parameter_that_is_off_by_default() {
    let template = template();
    let variables = common(&template);
    for name in [
        "ALLOW_ANONYMOUS_DIALLING",
        "CAMPAIGN_VARIABLES",
        "DYNAMIC_VARIABLES",
        "TRANSCRIPTS_FOR_PAGES",
        "VOICE_NAME",
    ] {
        let parameter = &template["Parameters"][text(&variables[name])];
        assert!(["", "false"].contains(&parameter["Default"].as_str().unwrap()), "{name}");
    }
}

/// What the console shows together.
#[test]
fn every_parameter_is_in_one_group() {
    let template = template();
    let groups = &template["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"];
    let mut grouped: Vec<_> =
        list(groups).iter().flat_map(|one| list(&one["Parameters"])).map(text).collect();
    let mut all: Vec<_> = entries(&template["Parameters"]).map(|(name, _)| name).collect();
    grouped.sort_unstable();
    all.sort_unstable();
    assert_eq!(grouped, all);
}

#[test]
fn the_table_is_the_one_that_the_store_expects() {
    let template = template();
    let table = &template["Resources"]["CallsTable"]["Properties"];
    let item = read("shared/src/store/dynamodb/item.rs");
    let constant = |name: &str| -> String {
        let (_, rest) = item.split_once(&format!("const {name}: &str = \"")).unwrap();
        rest.split('"').next().unwrap().to_owned()
    };
    let keys = |of: &Yaml| -> Vec<(String, String)> {
        let pair =
            |key: &Yaml| (text(&key["AttributeName"]).to_owned(), text(&key["KeyType"]).to_owned());
        list(&of["KeySchema"]).iter().map(pair).collect()
    };
    let index = &table["GlobalSecondaryIndexes"][0];
    assert_eq!(keys(table), [(constant("PK"), "HASH".to_owned())]);
    assert_eq!(
        keys(index),
        [(constant("GPK"), "HASH".to_owned()), (constant("GSK"), "RANGE".to_owned())]
    );
    assert_eq!(text(&index["IndexName"]), constant("RECENT"));
    assert_eq!(text(&index["Projection"]["ProjectionType"]), "KEYS_ONLY");
    assert_eq!(text(&table["TimeToLiveSpecification"]["AttributeName"]), constant("TTL"));
    assert_eq!(text(&table["BillingMode"]), "PAY_PER_REQUEST");
    // A stack that is deleted by mistake takes no record with it.
    let protection = &template["Parameters"][text(&table["DeletionProtectionEnabled"])];
    assert_eq!(text(&protection["Default"]), "true");
    let recovery = &table["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"];
    assert_eq!(recovery.as_bool(), Some(true));
}

#[test]
fn workflows_pin_what_they_run_and_ask_for_little() {
    for file in files(".github/workflows") {
        let text = read(&file);
        for line in text.lines().filter_map(|line| line.split_once("uses: ")) {
            let action = line.1.split_whitespace().next().unwrap();
            let commit = action.split_once('@').map(|(_, commit)| commit);
            let is_pinned = commit.is_some_and(|commit| {
                commit.len() == 40 && commit.bytes().all(|b| b.is_ascii_hexdigit())
            });
            assert!(is_pinned || action.starts_with("./"), "{file}: {action}");
        }
        let workflow = YamlLoader::load_from_str(&text).unwrap().remove(0);
        let everywhere: Vec<_> = entries(&workflow["permissions"]).collect();
        assert!(matches!(everywhere[..], [("contents", Yaml::String(_))]), "{file}");
    }
}

/// What a dependency's build script could do with the right to deploy.
#[test]
fn no_job_that_may_deploy_runs_what_a_dependency_brings() {
    let mut may_deploy = 0;
    for file in files(".github/workflows") {
        let workflow = YamlLoader::load_from_str(&read(&file)).unwrap().remove(0);
        for (name, job) in entries(&workflow["jobs"]) {
            let mut dumped = String::new();
            yaml_rust2::YamlEmitter::new(&mut dumped).dump(job).unwrap();
            let has_token = text(&job["permissions"]["id-token"]) == "write";
            if !has_token && !dumped.contains("secrets.") {
                continue;
            }
            may_deploy += 1;
            for step in list(&job["steps"]) {
                let run = text(&step["run"]);
                for build in ["cargo", "rustup", "sam build", "vercel build", ".ci/", "npm run"] {
                    assert!(!run.contains(build), "{file} {name}: {run}");
                }
                assert!(!run.contains("npm ") || run.contains("--ignore-scripts"), "{name}: {run}");
                assert!(
                    !run.contains("pip") || run.contains("--only-binary :all:"),
                    "{name}: {run}"
                );
            }
        }
    }
    assert_eq!(may_deploy, 2, "one for each host");
}
