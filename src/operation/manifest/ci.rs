//! What the environment of a CI system says of a build. It is what the runner claims; nothing here checks it.

use std::fmt;

use crate::manifest::BuildSource;

/// Says that no CI system made itself known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotInCi;

/// Finds out who builds; `lookup` returns variables of the environment.
///
/// # Errors
/// [`NotInCi`] outside of GitHub Actions, GitLab CI, Azure Pipelines and Jenkins.
pub fn detect(lookup: impl Fn(&str) -> Option<String>) -> Result<BuildSource, NotInCi> {
    let value = |name: &str| lookup(name).filter(|value| !value.is_empty());
    let address = |name: &str| value(name).map(|address| without_credentials(&address));
    let set = |name: &str| value(name).is_some_and(|value| !value.eq_ignore_ascii_case("false"));
    let (provider, repository, commit, run_url) = if set("GITHUB_ACTIONS") {
        let home = value("GITHUB_SERVER_URL").zip(value("GITHUB_REPOSITORY"));
        let repository = home.map(|(server, name)| format!("{}/{name}", without_credentials(&server)));
        let attempt = value("GITHUB_RUN_ATTEMPT").map(|attempt| format!("/attempts/{attempt}")).unwrap_or_default();
        let run = repository.as_ref().zip(value("GITHUB_RUN_ID"));
        let run = run.map(|(home, id)| format!("{home}/actions/runs/{id}{attempt}"));
        ("github-actions", repository, value("GITHUB_SHA"), run)
    } else if set("GITLAB_CI") {
        let run = address("CI_JOB_URL").or_else(|| address("CI_PIPELINE_URL"));
        ("gitlab-ci", address("CI_PROJECT_URL"), value("CI_COMMIT_SHA"), run)
    } else if set("TF_BUILD") {
        let home = address("SYSTEM_COLLECTIONURI").zip(value("SYSTEM_TEAMPROJECT"));
        let run = home.zip(value("BUILD_BUILDID")).map(|((server, project), id)| {
            format!("{}/{}/_build/results?buildId={id}", server.trim_end_matches('/'), project.replace(' ', "%20"))
        });
        ("azure-pipelines", address("BUILD_REPOSITORY_URI"), value("BUILD_SOURCEVERSION"), run)
    } else if set("JENKINS_URL") {
        ("jenkins", address("GIT_URL"), value("GIT_COMMIT"), address("BUILD_URL"))
    } else {
        return Err(NotInCi);
    };
    Ok(BuildSource { provider: Some(provider.to_owned()), repository, commit, run_url })
}

/// Takes user and password out of an address: the manifest is for everyone to read.
fn without_credentials(address: &str) -> String {
    match address.split_once("://") {
        Some((scheme, rest)) => {
            let (host, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
            let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
            format!("{scheme}://{host}{path}")
        }
        None => address.to_owned(),
    }
}

impl fmt::Display for NotInCi {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the environment is that of no CI system that is known")
    }
}

impl std::error::Error for NotInCi {}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(variables: &[(&str, &str)]) -> Result<[String; 4], NotInCi> {
        let lookup =
            |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| value.to_string());
        let source = detect(lookup)?;
        let text = |text: Option<String>| text.unwrap_or_default();
        Ok([text(source.provider), text(source.repository), text(source.commit), text(source.run_url)])
    }

    #[test]
    fn each_system_tells_where_the_build_came_from() {
        let github = told(&[
            ("GITHUB_ACTIONS", "true"),
            ("GITHUB_SERVER_URL", "https://github.com"),
            ("GITHUB_REPOSITORY", "acme/core"),
            ("GITHUB_SHA", "1f"),
            ("GITHUB_RUN_ID", "77"),
            ("GITHUB_RUN_ATTEMPT", "2"),
        ]);
        let run = "https://github.com/acme/core/actions/runs/77/attempts/2";
        assert_eq!(github.unwrap(), ["github-actions", "https://github.com/acme/core", "1f", run]);
        let gitlab = told(&[
            ("GITLAB_CI", "true"),
            ("CI_PROJECT_URL", "https://gitlab.example/acme/core"),
            ("CI_COMMIT_SHA", "2f"),
            ("CI_JOB_URL", "https://gitlab.example/acme/core/-/jobs/9"),
            ("CI_PIPELINE_URL", "https://gitlab.example/acme/core/-/pipelines/8"),
        ]);
        let run = "https://gitlab.example/acme/core/-/jobs/9";
        assert_eq!(gitlab.unwrap(), ["gitlab-ci", "https://gitlab.example/acme/core", "2f", run]);
        let azure = told(&[
            ("TF_BUILD", "True"),
            ("BUILD_REPOSITORY_URI", "https://acme@dev.azure.example/acme/p/_git/core"),
            ("BUILD_SOURCEVERSION", "3f"),
            ("SYSTEM_COLLECTIONURI", "https://dev.azure.example/acme/"),
            ("SYSTEM_TEAMPROJECT", "my project"),
            ("BUILD_BUILDID", "5"),
        ]);
        let run = "https://dev.azure.example/acme/my%20project/_build/results?buildId=5";
        let home = "https://dev.azure.example/acme/p/_git/core";
        assert_eq!(azure.unwrap(), ["azure-pipelines", home, "3f", run]);
        let jenkins = told(&[
            ("JENKINS_URL", "https://ci.example/"),
            ("GIT_URL", "https://robot:secret@git.example/core.git"),
            ("GIT_COMMIT", "4f"),
            ("BUILD_URL", "https://ci.example/job/core/3/"),
        ]);
        assert_eq!(
            jenkins.unwrap(),
            ["jenkins", "https://git.example/core.git", "4f", "https://ci.example/job/core/3/"]
        );
    }

    #[test]
    fn a_desk_is_no_ci() {
        assert_eq!(told(&[]), Err(NotInCi));
        assert_eq!(told(&[("GITLAB_CI", "false"), ("GITHUB_ACTIONS", "")]), Err(NotInCi));
    }

    #[test]
    fn what_is_not_said_is_left_out() {
        assert_eq!(told(&[("GITHUB_ACTIONS", "true")]).unwrap(), ["github-actions", "", "", ""]);
    }
}
