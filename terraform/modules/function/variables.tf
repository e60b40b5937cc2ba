variable "name" {
  description = "Name of the function and of its role, and the last part of its log group's name."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[0-9A-Za-z_-]{1,64}$", var.name))
    error_message = "name must be 1 to 64 letters, digits, `-` or `_`."
  }
}

variable "handler" {
  description = "Dotted path of the handler, for example functions.health.handler.handler."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z_]+(\\.[a-z_]+)+$", var.handler))
    error_message = "handler must be a dotted path to a function, for example functions.health.handler.handler."
  }
}

variable "zip" {
  description = "S3 object of the code. Its key must change with the content: Lambda gets new code only when the key changes."
  type        = object({ bucket = string, key = string })
  nullable    = false
}

variable "release" {
  description = "Release that the code belongs to. It becomes the description of the published version, by which a rollback finds it."
  type        = string
  nullable    = false
}

variable "runtime" {
  description = "Lambda runtime of the zip."
  type        = string
  nullable    = false

  # The AWS provider 5.100 rejects python3.14.
  validation {
    condition     = contains(["python3.11", "python3.12", "python3.13"], var.runtime)
    error_message = "runtime must be python3.11, python3.12 or python3.13."
  }
}

variable "architecture" {
  description = "Processor architecture of the zip."
  type        = string
  nullable    = false

  validation {
    condition     = contains(["x86_64", "arm64"], var.architecture)
    error_message = "architecture must be x86_64 or arm64."
  }
}

variable "timeout_seconds" {
  description = "Timeout of an invocation in seconds."
  type        = number
  nullable    = false

  validation {
    condition     = var.timeout_seconds >= 1 && var.timeout_seconds <= 900
    error_message = "timeout_seconds must be 1 to 900, the limits of Lambda."
  }
}

variable "memory_mb" {
  description = "Memory in MB. The share of a processor grows with it: 1,769 MB are one."
  type        = number
  nullable    = false

  validation {
    condition     = var.memory_mb >= 128 && var.memory_mb <= 10240
    error_message = "memory_mb must be 128 to 10240, the limits of Lambda."
  }
}

variable "environment" {
  description = "Environment variables: exactly those that the function reads."
  type        = map(string)
  nullable    = false
}

variable "permissions" {
  description = "What the function may do in addition to writing its log and traces: IAM actions on one resource, by a name for readers. The resource is `*` for actions that act on none."
  type        = map(object({ resource = string, actions = list(string) }))
  nullable    = false

  validation {
    condition = alltrue(flatten([
      for permission in var.permissions : [for action in permission.actions : can(regex("^[a-z0-9-]+:[A-Z][A-Za-z]+$", action))]
    ]))
    error_message = "permissions must have actions without wildcards, for example dynamodb:GetItem."
  }

  validation {
    condition = alltrue([
      for permission in var.permissions :
      startswith(permission.resource, "arn:") ||
      permission.resource == "*" && length(setsubtract(permission.actions, local.actions_without_resource)) == 0
    ])
    error_message = "permissions must have an ARN as each resource, or `*` for the few actions that act on no resource."
  }

  validation {
    condition     = !contains(flatten([for permission in var.permissions : permission.actions]), "dynamodb:Scan")
    error_message = "permissions must not have dynamodb:Scan: its cost grows with the table."
  }
}

variable "log_retention_days" {
  description = "Days that CloudWatch keeps the function's log."
  type        = number
  nullable    = false

  validation {
    condition     = var.log_retention_days >= 1
    error_message = "log_retention_days must be at least 1: with 0 the log would never expire."
  }
}
