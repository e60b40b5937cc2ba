# The roles of GitHub Actions: who may assume them, and their policies.

mock_provider "aws" {
  override_during = plan
  source          = "../tests/mocks"
}

# A mock provider cannot import.
override_resource {
  override_during = plan
  target          = aws_api_gateway_account.this
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
  aws_region           = "us-east-1"
  github_repository    = "our/service"
  github_owner_id      = "12345"
  github_repository_id = "67890"
}

run "trust_policies" {
  command = plan

  assert {
    condition = {
      for name, role in aws_iam_role.deploy : name => one(jsondecode(role.assume_role_policy).Statement).Condition.StringEquals["token.actions.githubusercontent.com:sub"]
      } == {
      dev     = "repo:our@12345/service@67890:environment:dev"
      staging = "repo:our@12345/service@67890:environment:staging"
      prod    = "repo:our@12345/service@67890:environment:prod"
    }
    error_message = "Only jobs of the GitHub environment, after its approval, may assume its deploy role."
  }

  assert {
    condition = alltrue([
      for role in aws_iam_role.plan :
      one(jsondecode(role.assume_role_policy).Statement).Condition.StringEquals["token.actions.githubusercontent.com:sub"] == "repo:our@12345/service@67890:pull_request"
    ])
    error_message = "Only jobs of pull requests may assume a plan role."
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
      "s3:DeleteObject, s3:DeleteObjectVersion" = [
        "arn:aws:s3:::session-service-dev-failed-captions-123456789012/*",
        "arn:aws:s3:::session-service-dev-failed-records-123456789012/*",
        "arn:aws:s3:::session-service-dev-voice-123456789012/*",
      ]
    }
    error_message = "A deploy role may delete failed records and voices, but not read or write them."
  }

  assert {
    condition = {
      for statement in jsondecode(aws_iam_role_policy.deploy["dev"].policy).Statement : jsonencode(statement.Resource) => [
        for action in statement.Action : action if can(regex("^kinesis:(Get|Put|Subscribe)", action))
      ]
      if can(regex("arn:aws:kinesis", jsonencode(statement.Resource)))
    } == { "[\"arn:aws:kinesis:us-east-1:123456789012:stream/session-service-dev-audio\"]" = [] }
    error_message = "A deploy role may create the audio stream of its environment, but not read or write its records."
  }

  assert {
    condition = alltrue(flatten([
      for policy in aws_iam_role_policy.plan : [
        for statement in jsondecode(policy.policy).Statement : [
          for action in statement.Action : can(regex(":(Get|List|Describe|Filter|GET|View)", action))
        ]
      ]
    ]))
    error_message = "A plan role may change nothing, not even the lock of the state."
  }

  assert {
    condition = one([
      for statement in jsondecode(aws_iam_role_policy.deploy["dev"].policy).Statement : statement if contains(flatten([statement.Action]), "iam:CreateServiceLinkedRole")
      ]) == {
      Effect    = "Allow"
      Action    = "iam:CreateServiceLinkedRole"
      Resource  = "arn:aws:iam::123456789012:role/aws-service-role/ops.apigateway.amazonaws.com/AWSServiceRoleForAPIGateway"
      Condition = { StringEquals = { "iam:AWSServiceName" = "ops.apigateway.amazonaws.com" } }
    }
    error_message = "A deploy role may create API Gateway's service-linked role, and no other."
  }
}

run "roles_that_are_passed_on" {
  command = plan

  assert {
    condition = {
      for statement in jsondecode(aws_iam_role_policy.deploy["dev"].policy).Statement : jsonencode(statement.Resource) => statement.Condition
      if contains(flatten([statement.Action]), "iam:PassRole")
      } == {
      "\"arn:aws:iam::123456789012:role/session-service-dev-*\"" = {
        StringEquals = { "iam:PassedToService" = ["lambda.amazonaws.com", "scheduler.amazonaws.com"] }
      }
    }
    error_message = "A deploy role may pass the roles of its environment on to Lambda and to EventBridge Scheduler only."
  }
}

run "a_repository_whose_subject_has_no_ids" {
  command = plan

  variables {
    github_owner_id            = ""
    github_repository_id       = ""
    github_subject_without_ids = true
  }

  assert {
    condition     = one(jsondecode(aws_iam_role.deploy["prod"].assume_role_policy).Statement).Condition.StringEquals["token.actions.githubusercontent.com:sub"] == "repo:our/service:environment:prod"
    error_message = "Where it is asked for, the subject is the one without ids."
  }

  assert {
    condition     = one(jsondecode(aws_iam_role.plan["dev"].assume_role_policy).Statement).Condition.StringEquals["token.actions.githubusercontent.com:sub"] == "repo:our/service:pull_request"
    error_message = "That is so for pull requests too."
  }
}

run "an_account_that_has_a_provider_for_github" {
  command = plan

  variables {
    github_provider_exists = true
  }

  override_data {
    override_during = plan
    target          = data.aws_iam_openid_connect_provider.github
    values          = { arn = "arn:existing", client_id_list = ["other", "sts.amazonaws.com"] }
  }

  assert {
    condition     = length(aws_iam_openid_connect_provider.github) == 0
    error_message = "No second provider is created: IAM rejects it."
  }

  assert {
    condition     = one(jsondecode(aws_iam_role.deploy["dev"].assume_role_policy).Statement).Principal.Federated == "arn:existing"
    error_message = "The roles trust the existing provider."
  }
}

run "an_existing_provider_for_other_audiences_is_rejected" {
  command         = plan
  expect_failures = [data.aws_iam_openid_connect_provider.github]

  variables {
    github_provider_exists = true
  }

  override_data {
    override_during = plan
    target          = data.aws_iam_openid_connect_provider.github
    values          = { arn = "arn:existing", client_id_list = ["other"] }
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

run "a_repository_without_its_ids_is_rejected" {
  command         = plan
  expect_failures = [var.github_owner_id, var.github_repository_id]

  variables {
    github_owner_id      = ""
    github_repository_id = ""
  }
}

run "ids_that_are_names_are_rejected" {
  command         = plan
  expect_failures = [var.github_owner_id, var.github_repository_id]

  variables {
    github_owner_id      = "our"
    github_repository_id = "service"
  }
}
