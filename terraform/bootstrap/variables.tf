variable "aws_region" {
  description = "AWS region of the bucket and of the APIs that log, as in us-east-1."
  type        = string
  nullable    = false
  default     = "us-east-1"

  validation {
    condition     = can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]$", var.aws_region))
    error_message = "aws_region must be a region's code, as in us-east-1."
  }
}

variable "github_repository" {
  description = "GitHub repository whose workflows deploy to this account, as in owner/name; null for none."
  type        = string
  default     = null

  validation {
    condition     = var.github_repository == null || can(regex("^[0-9A-Za-z-]+/[0-9A-Za-z._-]+$", var.github_repository))
    error_message = "github_repository must be owner/name."
  }
}

variable "environments" {
  description = "Environments that lie in this account."
  type        = set(string)
  nullable    = false
  default     = ["dev", "staging", "prod"]

  validation {
    condition     = length(setsubtract(var.environments, ["dev", "staging", "prod"])) == 0
    error_message = "environments must be some of dev, staging and prod."
  }
}
