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
  description = "AWS region of everything that is shown."
  type        = string
  nullable    = false
}

variable "environment" {
  description = "The `Environment` dimension of the service's own metrics."
  type        = string
  nullable    = false
}

variable "runbook_url" {
  description = "Where the runbook is."
  type        = string
  nullable    = false
}

variable "alarm_arns" {
  description = "Alarms whose state is shown, the most telling first; none where nothing is watched."
  type        = list(string)
  nullable    = false
}

variable "http_api" {
  description = "The HTTP API, with the name of the function behind each route key."
  type        = object({ id = string, stage = string, routes = map(string) })
  nullable    = false
}

variable "p95_milliseconds" {
  description = "Milliseconds that the p95 of each function's route may take, null where nothing is promised."
  type        = map(number)
  nullable    = false
}

variable "websocket_log_group" {
  description = "Access log of the WebSocket API."
  type        = string
  nullable    = false
}

variable "access_log_namespace" {
  description = "Namespace of what is counted in the access logs."
  type        = string
  nullable    = false
}

variable "max_listeners" {
  description = "Listeners that one session has room for."
  type        = number
  nullable    = false
}

variable "function_names" {
  description = "Name in AWS of each function, by its name here."
  type        = map(string)
  nullable    = false
}

variable "table_names" {
  description = "Name in AWS of each table, by its name here."
  type        = map(string)
  nullable    = false
}

variable "mapping_uuids" {
  description = "UUID of the event source mapping of each stream consumer, by the consumer's name here."
  type        = map(string)
  nullable    = false
}
