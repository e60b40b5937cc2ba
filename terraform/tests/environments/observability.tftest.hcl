# Holds for every environments/*.tfvars, as values.tftest.hcl beside it.

mock_provider "aws" {
  override_during = plan
  source          = "./tests/mocks"
}

run "who_is_watched" {
  command = plan

  variables {
    dist_dir = "tests/fixtures"
  }

  assert {
    condition     = var.alarms != contains(["dev", "local"], var.environment)
    error_message = "What people rely on is watched, and nobody is woken for dev."
  }

  assert {
    condition     = !var.alarms || (startswith(var.runbook_url, "https://") && var.monthly_budget_usd > 0)
    error_message = "Whoever is woken can follow the link, and a bill does not come as a surprise."
  }
}
