variable "name" {
  description = "Prefix of the names of the alarms and of their topic."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[0-9A-Za-z_-]{1,128}$", var.name))
    error_message = "name must be 1 to 128 letters, digits, `-` or `_`."
  }
}

variable "account_id" {
  description = "AWS account whose alarms and budgets may publish to the topic, 12 digits."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[0-9]{12}$", var.account_id))
    error_message = "account_id must have 12 digits."
  }
}

variable "environment" {
  description = "Value of the dimension `Environment` of the service's own metrics."
  type        = string
  nullable    = false
}

variable "runbook_url" {
  description = "URL of the runbook. The description of each alarm links its section."
  type        = string
  nullable    = false

  validation {
    condition     = length(var.runbook_url) > 0 && !strcontains(var.runbook_url, "#")
    error_message = "runbook_url must be the URL of docs/runbook.md without `#`: each alarm adds its own anchor."
  }
}

variable "email" {
  description = "E-mail address that receives every alarm once its owner has confirmed; null for none."
  type        = string
  default     = null

  validation {
    condition     = var.email == null || can(regex("^[^@ ]+@[^@ ]+$", var.email))
    error_message = "email must be an e-mail address."
  }
}

variable "monthly_budget_usd" {
  description = "Monthly budget of the AWS account in US dollars; 0 for no budget."
  type        = number
  nullable    = false

  validation {
    condition     = var.monthly_budget_usd >= 0
    error_message = "monthly_budget_usd must be at least 0."
  }
}

variable "http_api" {
  description = "The HTTP API and, by route key, the function of each route and the objective of its p95 latency in milliseconds; null for a route without one."
  type = object({
    id     = string
    stage  = string
    routes = map(object({ function = string, p95_milliseconds = number }))
  })
  nullable = false
}

variable "websocket_api" {
  description = "Id and stage of the WebSocket API."
  type        = object({ id = string, stage = string })
  nullable    = false
}

variable "connect_function" {
  description = "Name in AWS of the function that API Gateway invokes for `$connect`."
  type        = string
  nullable    = false
}

variable "functions" {
  description = "The functions by Terraform key: name in AWS, timeout in seconds, and whether its errors are expected (an authorizer rejects a token by an error)."
  type        = map(object({ name = string, timeout_seconds = number, errors_are_expected = bool }))
  nullable    = false
}

variable "consumers" {
  description = "The stream consumers by Terraform key: the function's name in AWS, the UUID of its event source mapping, and how many seconds it may be behind."
  type        = map(object({ function_name = string, mapping_uuid = string, max_age_seconds = number }))
  nullable    = false
}

variable "scheduled_functions" {
  description = "Names in AWS of the functions that a schedule invokes at least every minute, by Terraform key."
  type        = map(string)
  nullable    = false
}

variable "tables" {
  description = "Names of the tables in AWS, by Terraform key."
  type        = map(string)
  nullable    = false
}

variable "audio_stream" {
  description = "Name of the Kinesis data stream with the audio of speakers; null without one."
  type        = string
  default     = null
}

variable "log_metric_namespace" {
  description = "Namespace of the metrics that are counted in logs."
  type        = string
  nullable    = false
}

variable "access_log_metrics" {
  description = "Metrics counted in the access logs, by name: threshold for five minutes, what exceeding it means for users, and the anchor in the runbook."
  type        = map(object({ threshold = number, description = string, runbook = string }))
  nullable    = false
}

variable "function_log_metrics" {
  description = "Metrics counted in the logs of functions, by name: the number of five minutes above which its alarm goes off, what that means for users, and the anchor in the runbook."
  type        = map(object({ threshold = number, description = string, runbook = string }))
  nullable    = false
}
