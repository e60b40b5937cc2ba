output "schedule" {
  description = "The schedule: when it invokes which alias, and with which event."
  value = {
    expression   = aws_scheduler_schedule.this.schedule_expression
    function_arn = one(aws_scheduler_schedule.this.target[*].arn)
    input        = one(aws_scheduler_schedule.this.target[*].input)
  }
}

output "policy" {
  description = "IAM policy of the schedule's role, as JSON."
  value       = aws_iam_role_policy.this.policy
}
