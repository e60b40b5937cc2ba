output "name" {
  description = "Name of the dashboard in the CloudWatch console."
  value       = aws_cloudwatch_dashboard.this.dashboard_name
}

output "body" {
  description = "The widgets, as CloudWatch's JSON."
  value       = aws_cloudwatch_dashboard.this.dashboard_body
}
