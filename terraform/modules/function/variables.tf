variable "name" {
  description = "Name of the function, of its role and of its log group's end."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[0-9A-Za-z_-]{1,64}$", var.name))
    error_message = "name must be 1 to 64 letters, digits, `-` or `_`."
  }
}

variable "handler" {
  description = "Dotted path of the Python function to call, as in functions.health.handler.handler."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z_]+(\\.[a-z_]+)+$", var.handler))
    error_message = "handler must be a dotted path to a function, as in functions.health.handler.handler."
  }
}

variable "zip" {
  description = "Where the code lies in S3. The key must change with the content: a new key is what deploys new code."
  type        = object({ bucket = string, key = string })
  nullable    = false
}

variable "release" {
  description = "Version of the build that the code belongs to. Each published version carries it, so a release is found again."
  type        = string
  nullable    = false
}

variable "runtime" {
  description = "Lambda runtime that the zip was built for."
  type        = string
  nullable    = false

  validation {
    condition     = contains(["python3.11", "python3.12", "python3.13"], var.runtime)
    error_message = "runtime must be python3.11, python3.12 or python3.13."
  }
}

variable "architecture" {
  description = "Processor that the zip was built for."
  type        = string
  nullable    = false

  validation {
    condition     = contains(["x86_64", "arm64"], var.architecture)
    error_message = "architecture must be x86_64 or arm64."
  }
}

variable "timeout_seconds" {
  description = "Seconds after which Lambda ends an invocation."
  type        = number
  nullable    = false

  validation {
    condition     = var.timeout_seconds >= 1 && var.timeout_seconds <= 900
    error_message = "timeout_seconds must be 1 to 900, as Lambda allows."
  }
}

variable "environment" {
  description = "Environment variables: all that the function reads, and no more."
  type        = map(string)
  nullable    = false
}

variable "permissions" {
  description = "What the function may do beside writing its log and traces: exact actions on an exact resource, keyed by a name for the reader."
  type        = map(object({ resource = string, actions = list(string) }))
  nullable    = false

  validation {
    condition = alltrue(flatten([
      for permission in var.permissions : [for action in permission.actions : can(regex("^[a-z0-9-]+:[A-Z][A-Za-z]+$", action))]
    ]))
    error_message = "permissions must name whole actions, as in dynamodb:GetItem, without wildcards."
  }

  validation {
    condition     = alltrue([for permission in var.permissions : startswith(permission.resource, "arn:")])
    error_message = "permissions must each name a resource by its ARN."
  }

  validation {
    condition     = !contains(flatten([for permission in var.permissions : permission.actions]), "dynamodb:Scan")
    error_message = "No function may scan a table: a scan's cost grows with the table."
  }
}

variable "log_retention_days" {
  description = "Days that CloudWatch keeps the function's log."
  type        = number
  nullable    = false

  validation {
    condition     = var.log_retention_days >= 1
    error_message = "log_retention_days must be at least 1: 0 would keep the log for ever."
  }
}
