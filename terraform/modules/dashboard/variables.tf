variable "name" {
  description = "Name of the dashboard."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[0-9A-Za-z_-]{1,255}$", var.name))
    error_message = "name must be 1 to 255 letters, digits, `-` or `_`."
  }
}

variable "region" {
  description = "AWS region of the metrics and logs."
  type        = string
  nullable    = false
}

variable "environment" {
  description = "Value of the dimension `Environment` of the service's own metrics."
  type        = string
  nullable    = false
}

variable "runbook_url" {
  description = "URL of the runbook."
  type        = string
  nullable    = false
}

variable "alarm_arns" {
  description = "ARNs of the alarms to show, at most 100, the most important first; empty in an environment without alarms."
  type        = list(string)
  nullable    = false
}

variable "http_api" {
  description = "The HTTP API, with the Terraform key of each route's function by route key."
  type        = object({ id = string, stage = string, routes = map(string) })
  nullable    = false
}

variable "p95_milliseconds" {
  description = "Objective of the p95 latency in milliseconds, by function; null for a function without one."
  type        = map(number)
  nullable    = false
}

variable "connect_function" {
  description = "Name in AWS of the function that API Gateway invokes for `$connect`."
  type        = string
  nullable    = false
}

variable "websocket_log_group" {
  description = "Name of the log group with the access log of the WebSocket API."
  type        = string
  nullable    = false
}

variable "log_metric_namespace" {
  description = "Namespace of the metrics that are counted in logs."
  type        = string
  nullable    = false
}

variable "max_listeners" {
  description = "Maximum number of listeners of one session."
  type        = number
  nullable    = false
}

variable "function_names" {
  description = "Names of the functions in AWS, by Terraform key."
  type        = map(string)
  nullable    = false
}

variable "table_names" {
  description = "Names of the tables in AWS, by Terraform key."
  type        = map(string)
  nullable    = false
}

variable "audio_stream" {
  description = "Name of the Kinesis data stream with the audio of speakers; null without one."
  type        = string
  default     = null
}

variable "mapping_uuids" {
  description = "UUIDs of the event source mappings, by the Terraform key of the stream consumer."
  type        = map(string)
  nullable    = false
}

variable "scheduled_functions" {
  description = "Names in AWS of the functions that a schedule invokes, by Terraform key."
  type        = map(string)
  nullable    = false
}
