variable "alarms" {
  description = "Whether alarms watch the environment and tell people. In dev and local nobody is to be woken."
  type        = bool
  nullable    = false
  default     = false
}

variable "alarm_email" {
  description = "Address that is told of every alarm, after it has confirmed by the link that AWS sends it; null for nobody."
  type        = string
  default     = null
}

variable "runbook_url" {
  description = "Where docs/runbook.md can be read, as in https://github.com/<owner>/<repository>/blob/main/docs/runbook.md. Alarms link their paragraph of it."
  type        = string
  nullable    = false
  default     = "docs/runbook.md"
}

variable "monthly_budget_usd" {
  description = "US dollars that the AWS account may cost in a month: the alarms' topic is told at 80 % of it, and when the month is forecast to cost more. 0 for no budget."
  type        = number
  nullable    = false
  default     = 0

  validation {
    condition     = var.monthly_budget_usd == 0 || var.alarms
    error_message = "monthly_budget_usd needs alarms = true: it is told through the alarms' topic."
  }
}
