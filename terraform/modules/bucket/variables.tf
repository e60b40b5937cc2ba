variable "name" {
  description = "Name of the bucket, unique across all AWS accounts."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[0-9a-z][0-9a-z-]{1,61}[0-9a-z]$", var.name))
    error_message = "name must be 3 to 63 lower-case letters, digits or `-`, beginning and ending with a letter or digit."
  }
}

variable "force_destroy" {
  description = "Whether destroying the bucket deletes its objects. If false, S3 rejects the deletion of a bucket that is not empty."
  type        = bool
  nullable    = false
}

variable "versioned" {
  description = "Whether S3 keeps the old versions of objects that are overwritten or deleted. Without versions a deleted object is gone for good."
  type        = bool
  nullable    = false
  default     = true
}

variable "expiration_days" {
  description = "Days after which S3 deletes an object; null keeps objects until somebody deletes them."
  type        = number
  default     = null

  validation {
    condition     = var.expiration_days == null ? true : var.expiration_days >= 1 && floor(var.expiration_days) == var.expiration_days
    error_message = "expiration_days must be a whole number of days, at least 1, or null."
  }
}
