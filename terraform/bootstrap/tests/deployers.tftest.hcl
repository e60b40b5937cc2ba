# The roles of GitHub Actions: who may assume them, and their policies.

mock_provider "aws" {
  override_during = plan
  source          = "../tests/mocks"
}

override_resource {
  override_during = plan
  target          = aws_iam_openid_connect_provider.github
  values          = { arn = "arn:github" }
}

override_resource {
  override_during = plan
  target          = module.state.aws_s3_bucket.this
  values          = { id = "state", arn = "arn:aws:s3:::state" }
}

variables {
  github_repository = "our/service"
}

run "trust_policies" {
  command = plan

  assert {
    condition = {
      for name, role in aws_iam_role.deploy : name => one(jsondecode(role.assume_role_policy).Statement).Condition.StringEquals["token.actions.githubusercontent.com:sub"]
      } == {
      dev     = "repo:our/service:environment:dev"
      staging = "repo:our/service:environment:staging"
      prod    = "repo:our/service:environment:prod"
    }
    error_message = "Only jobs of the GitHub environment, after its approval, may assume its deploy role."
  }

  assert {
    condition = alltrue([
      for role in concat(values(aws_iam_role.deploy), values(aws_iam_role.plan)) :
      one(jsondecode(role.assume_role_policy).Statement).Principal.Federated == "arn:github" &&
      one(jsondecode(role.assume_role_policy).Statement).Condition.StringEquals["token.actions.githubusercontent.com:aud"] == "sts.amazonaws.com"
    ])
    error_message = "A role is assumed with a GitHub token for AWS only."
  }
}

run "permissions" {
  command = plan

  assert {
    condition     = !can(regex("staging|prod", aws_iam_role_policy.deploy["dev"].policy))
    error_message = "The deploy role of one environment has no permissions for another."
  }

  assert {
    condition     = alltrue([for policy in aws_iam_role_policy.deploy : !can(regex("\"[a-z0-9-]+:[A-Za-z]*\\*\"", policy.policy)) && !strcontains(policy.policy, "\"Action\":\"*\"")])
    error_message = "No action has a wildcard."
  }

  assert {
    condition = alltrue([
      for policy in concat(values(aws_iam_role_policy.deploy), values(aws_iam_role_policy.plan)) :
      alltrue([for statement in jsondecode(policy.policy).Statement : length(flatten([statement.Action])) > 0])
    ])
    error_message = "Every statement has an action: IAM rejects an empty list."
  }

  assert {
    condition = {
      for statement in jsondecode(aws_iam_role_policy.deploy["dev"].policy).Statement : join(", ", statement.Action) => statement.Resource
      if contains(flatten([statement.Resource]), "arn:aws:s3:::session-service-dev-failed-records-123456789012/*")
      } == {
      "s3:DeleteObject, s3:DeleteObjectVersion" = ["arn:aws:s3:::session-service-dev-failed-records-123456789012/*"]
    }
    error_message = "A deploy role may delete failed records, but not read or write them."
  }

  assert {
    condition = alltrue(flatten([
      for policy in aws_iam_role_policy.plan : [
        for statement in jsondecode(policy.policy).Statement : [
          for action in statement.Action :
          can(regex(":(Get|List|Describe|Filter|GET|View)", action)) || alltrue([for resource in statement.Resource : endswith(resource, ".tflock")])
        ]
      ]
    ]))
    error_message = "A plan role may change the lock of the state only."
  }
}

run "without_github" {
  command = plan

  variables {
    github_repository = null
  }

  assert {
    condition     = length(aws_iam_role.deploy) + length(aws_iam_role.plan) + length(aws_iam_openid_connect_provider.github) == 0
    error_message = "Without a repository there are no roles."
  }
}

run "a_repository_without_an_owner_is_rejected" {
  command         = plan
  expect_failures = [var.github_repository]

  variables {
    github_repository = "service"
  }
}
