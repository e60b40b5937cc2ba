variable "name" {
  description = "Name of the stream."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[0-9A-Za-z_.-]{1,128}$", var.name))
    error_message = "name must be 1 to 128 letters, digits, `-`, `_` or `.`."
  }
}
