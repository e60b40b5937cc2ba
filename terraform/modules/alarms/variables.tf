variable "name" {
  description = "Name that every alarm's begins with, and that of the topic that tells of them."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[0-9A-Za-z_-]{1,128}$", var.name))
    error_message = "name must be 1 to 128 letters, digits, `-` or `_`."
  }
}

variable "account_id" {
  description = "AWS account whose alarms and budgets may write to the topic, 12 digits."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[0-9]{12}$", var.account_id))
    error_message = "account_id must be an account's id of 12 digits."
  }
}

variable "environment" {
  description = "The `Environment` dimension of the service's own metrics."
  type        = string
  nullable    = false
}

variable "runbook_url" {
  description = "Where the runbook is: each description links its paragraph there."
  type        = string
  nullable    = false

  validation {
    condition     = length(var.runbook_url) > 0 && !strcontains(var.runbook_url, "#")
    error_message = "runbook_url must be the address of docs/runbook.md without `#`: each alarm adds its own."
  }
}

variable "email" {
  description = "Address that is told of every alarm, after it has confirmed; null for nobody."
  type        = string
  default     = null

  validation {
    condition     = var.email == null || can(regex("^[^@ ]+@[^@ ]+$", var.email))
    error_message = "email must be an e-mail address."
  }
}

variable "monthly_budget_usd" {
  description = "US dollars that the AWS account may cost in a month before the topic tells of it; 0 for no budget."
  type        = number
  nullable    = false

  validation {
    condition     = var.monthly_budget_usd >= 0
    error_message = "monthly_budget_usd must be at least 0."
  }
}

variable "http_api" {
  description = "The HTTP API, with the milliseconds that the p95 of each route's answers may take; null for a route without such a promise."
  type = object({
    id     = string
    stage  = string
    routes = map(object({ function = string, p95_milliseconds = number }))
  })
  nullable = false
}

variable "functions" {
  description = "The functions by their name here: the name in AWS, the time limit, and whether failing is how it says no (an authorizer), so that its errors mean nothing."
  type        = map(object({ name = string, timeout_seconds = number, fails_to_refuse = bool }))
  nullable    = false
}

variable "consumers" {
  description = "The stream consumers by their name here: the function's name in AWS, and the UUID of its event source mapping."
  type        = map(object({ function_name = string, mapping_uuid = string }))
  nullable    = false
}

variable "tables" {
  description = "Name in AWS of each table, by its name here."
  type        = map(string)
  nullable    = false
}

variable "access_log_metrics" {
  description = "The metrics that are counted in the access logs, by name: how many of each are too many in five minutes, what that means for people, and its paragraph of the runbook."
  type        = map(object({ namespace = string, above = number, says = string, runbook = string }))
  nullable    = false
}
