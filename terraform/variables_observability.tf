variable "alarms" {
  description = "Whether the environment has alarms that notify operators."
  type        = bool
  nullable    = false
  default     = false
}

variable "alarm_email" {
  description = "E-mail address that receives every alarm once its owner has followed the link that AWS sends; null for none."
  type        = string
  default     = null
}

variable "runbook_url" {
  description = "URL of docs/runbook.md, for example https://github.com/<owner>/<repository>/blob/main/docs/runbook.md. The description of each alarm links its section."
  type        = string
  nullable    = false
  default     = "docs/runbook.md"
}

variable "monthly_budget_usd" {
  description = "Monthly budget of the whole AWS account in US dollars. The alarms' topic is notified at 80 % of it, and when the forecast exceeds it. 0 for no budget."
  type        = number
  nullable    = false
  default     = 0

  validation {
    condition     = var.monthly_budget_usd == 0 || var.alarms
    error_message = "monthly_budget_usd needs alarms = true: the alarms' topic receives its notifications."
  }
}
