output "arns" {
  description = "ARNs of the alarms that notify operators, composite alarms first."
  value = concat(
    [for alarm in aws_cloudwatch_composite_alarm.burn_rate : alarm.arn],
    [for key, alarm in aws_cloudwatch_metric_alarm.this : alarm.arn if lookup(local.alarms[key], "notifies", true)],
  )
}

output "topic_arn" {
  description = "ARN of the SNS topic that receives all alarms."
  value       = aws_sns_topic.this.arn
}
