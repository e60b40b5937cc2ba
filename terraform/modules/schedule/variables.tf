variable "function_name" {
  description = "Name of the function in AWS: also that of the schedule, and the first part of its role's name."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[0-9A-Za-z_-]{1,55}$", var.function_name))
    error_message = "function_name must be 1 to 55 letters, digits, `-` or `_`: with `-schedule` it names a role."
  }
}

variable "alias" {
  description = "The function's alias that is invoked: its name and its ARN."
  type        = object({ name = string, arn = string })
  nullable    = false
}

variable "expression" {
  description = "When the function is invoked, in UTC: rate(...) or cron(...) of EventBridge Scheduler."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^(rate|cron)\\(.+\\)$", var.expression))
    error_message = "expression must be rate(...) or cron(...), for example rate(1 minute)."
  }
}

variable "region" {
  description = "AWS region of the schedule."
  type        = string
  nullable    = false
}

variable "account_id" {
  description = "AWS account of the schedule, 12 digits."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[0-9]{12}$", var.account_id))
    error_message = "account_id must have 12 digits."
  }
}
