variable "name" {
  description = "Name of the user pool and of its app client."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[0-9A-Za-z-]{1,128}$", var.name))
    error_message = "name must be 1 to 128 letters, digits or `-`."
  }
}

variable "allow_password_auth" {
  description = "Whether clients may send the password itself to Cognito (USER_PASSWORD_AUTH), besides SRP."
  type        = bool
  nullable    = false
}

variable "deletion_protection" {
  description = "Whether AWS rejects the deletion of the pool and of all its accounts."
  type        = bool
  nullable    = false
}
