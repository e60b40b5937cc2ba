variable "aws_region" {
  description = "AWS region of the state bucket and of the APIs, for example us-east-1."
  type        = string
  nullable    = false
  default     = "us-east-1"

  validation {
    condition     = can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]$", var.aws_region))
    error_message = "aws_region must be an AWS region, for example us-east-1."
  }
}

variable "github_repository" {
  description = "GitHub repository whose workflows deploy to this account, for example owner/name; null for none."
  type        = string
  default     = null

  validation {
    condition     = var.github_repository == null || can(regex("^[0-9A-Za-z-]+/[0-9A-Za-z._-]+$", var.github_repository))
    error_message = "github_repository must be owner/name."
  }
}

variable "environments" {
  description = "Environments in this account."
  type        = set(string)
  nullable    = false
  default     = ["dev", "staging", "prod"]

  validation {
    condition     = length(setsubtract(var.environments, ["dev", "staging", "prod"])) == 0
    error_message = "environments may have dev, staging and prod only."
  }
}
