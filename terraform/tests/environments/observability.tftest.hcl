# Tests of every environments/*.tfvars; see values.tftest.hcl.

mock_provider "aws" {
  override_during = plan
  source          = "./tests/mocks"
}

run "alarms" {
  command = plan

  variables {
    dist_dir = "tests/fixtures"
  }

  assert {
    condition     = var.alarms != contains(["dev", "local"], var.environment)
    error_message = "staging and prod have alarms, dev and local have none."
  }

  assert {
    condition     = !var.alarms || (startswith(var.runbook_url, "https://") && var.monthly_budget_usd > 0)
    error_message = "An environment with alarms has a runbook URL and a budget."
  }
}
