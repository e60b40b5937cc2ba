output "arns" {
  description = "ARNs of the alarms that tell people, the composite ones first."
  value = concat(
    [for alarm in aws_cloudwatch_composite_alarm.burn_rate : alarm.arn],
    [for key, alarm in aws_cloudwatch_metric_alarm.this : alarm.arn if lookup(local.alarms[key], "tells", true)],
  )
}

output "topic_arn" {
  description = "ARN of the topic that all alarms are told to."
  value       = aws_sns_topic.this.arn
}
