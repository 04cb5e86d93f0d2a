//! `--plans` and `--plan`.

use insta::assert_snapshot;

use super::claims::payload;
use crate::harness::Bench;
use crate::verify::bench;

const PLANS: &str = r#"
features = ["audit", "reports", "sso"]
limits = ["max_agents"]

[plans.trial]
tier = "Free"
validity = "30d"
features = ["reports"]
limits = { max_apps = 1 }

[plans.pro]
tier = "Licensed"
product = "editor"
validity = "52w"
maintenance = "104w"
grace_days = 14
max_activations = 3
seats = 5
activation = "proof"
features = ["reports", "audit"]
limits = { max_apps = 25, max_users = 50 }
"#;

fn shop() -> Bench {
    let bench = bench();
    bench.write("plans.toml", PLANS);
    bench
}

#[test]
fn a_plan_gives_what_the_command_line_leaves_out() {
    let bench = shop();
    let mint = |arguments: &[&str]| {
        payload(&bench.minting(&[&["-q", "--tenant", "acme", "--plans", "plans.toml"][..], arguments].concat()))
    };
    assert_snapshot!(mint(&["--plan", "pro"]), @r#"{"activation":"proof","exp":1798675200,"features":["reports","audit"],"gracePeriodDays":14,"iat":1767225600,"kid":"ec192ae06d2b6cb0","licenseId":"lic-1","limits":{"max_apps":25,"max_users":50},"maintenanceUntil":1830124800,"maxActivations":3,"product":"editor","seats":5,"tenantId":"acme","tier":"Licensed"}"#);
    assert_snapshot!(mint(&["--plan", "trial", "--limit", "max_agents=2", "--max-apps", "9", "--feature", "sso", "--expires", "2026-12-31"]), @r#"{"exp":1798761599,"features":["sso"],"gracePeriodDays":0,"iat":1767225600,"kid":"ec192ae06d2b6cb0","licenseId":"lic-1","limits":{"max_agents":2,"max_apps":9},"tenantId":"acme","tier":"Free"}"#);
}

#[test]
fn a_name_that_is_nearly_right_is_not_minted() {
    let bench = shop();
    let mint = |arguments: &[&str]| {
        bench.minting(&[&["-q", "--tenant", "acme", "--plans", "plans.toml"][..], arguments].concat())
    };
    assert_snapshot!(mint(&["--plan", "rpo"]), @"
    ------- stderr -------
    mintage: error[unknown-name]: the plans define no plan `rpo`; did you mean `pro`?
    mintage: hint: use a name that the plans file defines
    [exit status: 2]
    ");
    assert_snapshot!(mint(&["--plan", "pro", "--max-aps", "3"]), @"
    ------- stderr -------
    mintage: error[unknown-name]: the plans define no limit `max_aps`; did you mean `max_apps`?
    mintage: hint: use a name that the plans file defines
    [exit status: 2]
    ");
    assert_snapshot!(mint(&["--plan", "pro", "--feature", "adit"]), @"
    ------- stderr -------
    mintage: error[unknown-name]: the plans define no feature `adit`; did you mean `audit`?
    mintage: hint: use a name that the plans file defines
    [exit status: 2]
    ");
    // What grants everything is never suggested, and not granted unless the plans define it.
    assert_snapshot!(mint(&["--plan", "pro", "--feature", "*"]), @"
    ------- stderr -------
    mintage: error[unknown-name]: the plans define no feature `*`; they define `audit`, `reports`, `sso`
    mintage: hint: use a name that the plans file defines
    [exit status: 2]
    ");
    bench.write("plans.toml", format!("{PLANS}\n[plans.all]\nvalidity = '52w'\nfeatures = ['*']\n"));
    assert_eq!(mint(&["--plan", "pro", "--feature", "*"]).status, Some(0));
    assert_snapshot!(mint(&["--plan", "pro", "--feature", "x"]), @"
    ------- stderr -------
    mintage: error[unknown-name]: the plans define no feature `x`; they define `audit`, `reports`, `sso`
    mintage: hint: use a name that the plans file defines
    [exit status: 2]
    ");
}

#[test]
fn plans_at_fault_are_named_by_their_place() {
    let bench = bench();
    bench.write("plans.toml", "[plans.pro]\nvaliditty = '52w'\n");
    assert_snapshot!(bench.minting(&["-q", "--tenant", "acme", "--plans", "plans.toml", "--plan", "pro"]), @"
    ------- stderr -------
    mintage: error[usage]: plans `plans.toml`: `plans.pro.validitty` is not a member of a plan; did you mean `validity`?
    mintage: hint: mend that file there; no option is at fault
    [exit status: 2]
    ");
    bench.write("plans.toml", "[plans.pro\n");
    assert_eq!(bench.minting(&["-q", "--tenant", "acme", "--plans", "plans.toml", "--plan", "pro"]).status, Some(2));
    bench.write("plans.toml", "[plans.pro]\nvalidity = 'soon'\n");
    assert_snapshot!(bench.minting(&["-q", "--tenant", "acme", "--plans", "plans.toml", "--plan", "pro"]), @"
    ------- stderr -------
    mintage: error[usage]: plans `plans.toml`: `plans.pro.validity`: `soon` is not a time
    mintage: hint: mend that file there; no option is at fault
    [exit status: 2]
    ");
    assert_eq!(bench.minting(&["-q", "--tenant", "acme", "--plans", "gone.toml", "--plan", "pro"]).status, Some(3));
}
