//! libphonenumber and Python's tz database judge what our tables make of many numbers
//! (`tools/numbering/judge.py`), and the tables themselves are regenerated and compared.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use shared::call::{Destination, E164, Kind, Quiet, QuietHours, Timestamp};

/// Runs a script with the Python that has the sources; without one the judges are away, which CI
/// must not accept.
fn python(script: &str, arguments: &[&str]) -> Option<String> {
    let Ok(python) = std::env::var("JUDGES_PYTHON") else {
        assert!(std::env::var_os("CI").is_none(), "JUDGES_PYTHON is not set");
        // Past libtest, which would keep it to itself.
        let _ = writeln!(
            std::io::stderr(),
            "SKIPPED: JUDGES_PYTHON is not set: {script} does not judge"
        );
        return None;
    };
    let tools: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tools/numbering");
    let output = Command::new(&python).arg(tools.join(script)).args(arguments).output();
    let output = output.unwrap_or_else(|error| panic!("{python}: {error}"));
    assert!(output.status.success(), "{script}: {}", String::from_utf8_lossy(&output.stderr));
    Some(String::from_utf8_lossy(&output.stdout).into_owned())
}

fn kind(of_type: &str) -> Kind {
    match of_type {
        "PREMIUM_RATE" => Kind::Premium,
        "SHARED_COST" => Kind::SharedCost,
        "TOLL_FREE" => Kind::TollFree,
        "PERSONAL_NUMBER" => Kind::Personal,
        "PAGER" => Kind::Pager,
        _ => Kind::Ordinary,
    }
}

/// What we know and libphonenumber does not say: `kinds.py` and `Kind` tell from where.
fn is_ours(number: &str, kind: Kind) -> bool {
    let begins = |prefixes: &[&str]| prefixes.iter().any(|prefix| number.starts_with(prefix));
    let plan = number.strip_prefix("+1").unwrap_or_default();
    match kind {
        Kind::Satellite => begins(&["+870", "+881", "+882", "+883"]),
        Kind::Personal => begins(&["+878"]),
        Kind::SharedCost => begins(&["+1600", "+1700"]),
        Kind::Premium => begins(&["+979"]) || plan.get(3..6) == Some("976"),
        Kind::TwilioTest => begins(&["+1500555"]),
        // Toll-free at one length and premium at another: only the premium one is kept.
        Kind::Ordinary => begins(&["+3761800", "+3761802", "+645088"]),
        _ => false,
    }
}

#[test]
fn the_tables_are_what_their_generator_makes_of_its_pinned_sources() {
    if let Some(said) = python("generate.py", &["--check"]) {
        println!("{said}");
    }
}

/// Where we may differ: a number that libphonenumber does not know may be of a kind all the same, and it
/// takes a prefix out once only, and not where so few digits are left that they are no number.
const MERELY_COUNTED: [&str; 2] = ["unknown left alone", "read as libphonenumber does"];

#[test]
fn libphonenumber_and_zoneinfo_agree_with_the_tables() {
    let Some(cases) = python("judge.py", &[]) else { return };
    let mut score: BTreeMap<&str, [usize; 2]> = BTreeMap::new();
    let mut wrong = Vec::new();
    let mut note = |what: &'static str, is_right: bool, case: String| {
        score.entry(what).or_default()[usize::from(is_right)] += 1;
        if !is_right && !MERELY_COUNTED.contains(&what) {
            wrong.push(format!("{what}: {case}"));
        }
    };
    for line in cases.lines() {
        match line.split('\t').collect::<Vec<_>>()[..] {
            ["other", digits, number] => {
                let read = |text: &str| String::from(E164::try_from(text.to_owned()).unwrap());
                note("other spelling refused", E164::parse(digits).is_err(), line.to_owned());
                note("other spelling read", read(digits) == read(number), line.to_owned());
                note("read as libphonenumber does", read(digits) == number, String::new());
            }
            ["number", digits, region, of_type] => {
                let Ok(number) = E164::parse(digits) else {
                    let is_trunk = of_type == "UNKNOWN trunk";
                    // More than ten digits behind +1.
                    let has_surplus =
                        of_type == "UNKNOWN" && digits.starts_with("+1") && digits.len() > 12;
                    let is_right = is_trunk || has_surplus;
                    note("refused beyond libphonenumber", is_right, line.to_owned());
                    continue;
                };
                let of_type = of_type.trim_end_matches(" trunk");
                note("taken", true, String::new());
                let ours = Destination::of(&number);
                if region != "-" {
                    let is_right = ours
                        .region
                        .map_or("001", |r| if r.as_str() == region { region } else { "" });
                    note("region", is_right == region, format!("{line} {ours:?}"));
                }
                if of_type == "UNKNOWN" {
                    let alone = ours.kind == Kind::Ordinary;
                    note("unknown left alone", alone, String::new());
                } else {
                    let is_right = ours.kind == kind(of_type) || is_ours(digits, ours.kind);
                    note("kind", is_right, format!("{line} {ours:?}"));
                }
            }
            [what @ ("quiet" | "careful"), digits, window, now, until] => {
                let number = E164::parse(digits).unwrap();
                let [now, until] = [now, until].map(|text| text.parse::<i64>().unwrap());
                let now = Timestamp::from_millis(now * 1000);
                let ours = match QuietHours::parse(window).unwrap().quiet(&number, now) {
                    None => 0,
                    Some(Quiet::Until(at)) => at.as_millis() / 1000,
                    Some(Quiet::Always) => -1,
                };
                let is_careful = what == "careful" && (until == 0 || ours >= until || ours == -1);
                note("quiet", ours == until || is_careful, format!("{line} ours {ours}"));
            }
            _ => panic!("{line}"),
        }
    }
    for (what, [no, yes]) in &score {
        println!("{what}: {yes} of {}", yes + no);
    }
    assert!(
        wrong.is_empty(),
        "{} differ:\n{}",
        wrong.len(),
        wrong.get(..wrong.len().min(60)).unwrap().join("\n")
    );
}
