variable "aws_region" {
  description = "AWS region of the state bucket and of the APIs, for example us-east-1."
  type        = string
  nullable    = false

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

variable "github_owner_id" {
  description = "Id of the repository's owner on GitHub, a number; docs/deploy.md says how to read it."
  type        = string
  nullable    = false
  default     = ""

  validation {
    condition     = can(regex("^[0-9]+$", var.github_owner_id)) || var.github_repository == null || var.github_subject_without_ids
    error_message = "github_owner_id must be a number. It is required with github_repository."
  }
}

variable "github_repository_id" {
  description = "Id of the repository on GitHub, a number; docs/deploy.md says how to read it."
  type        = string
  nullable    = false
  default     = ""

  validation {
    condition     = can(regex("^[0-9]+$", var.github_repository_id)) || var.github_repository == null || var.github_subject_without_ids
    error_message = "github_repository_id must be a number. It is required with github_repository."
  }
}

variable "github_subject_without_ids" {
  description = "Whether the repository's tokens have a subject without ids: it was created before 15 July 2026, has never been renamed or transferred since, and has not opted in."
  type        = bool
  nullable    = false
  default     = false
}

variable "github_provider_exists" {
  description = "Whether the account has an OpenID Connect provider for GitHub that another project created."
  type        = bool
  nullable    = false
  default     = false
}

variable "api_gateway_logs_role_arn" {
  description = "ARN of the role with which API Gateway writes logs in this account and region; null creates one."
  type        = string
  default     = null

  validation {
    condition     = var.api_gateway_logs_role_arn == null || can(regex("^arn:aws:iam::[0-9]{12}:role/", var.api_gateway_logs_role_arn))
    error_message = "api_gateway_logs_role_arn must be the ARN of an IAM role."
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
