output "state_bucket" {
  description = "Name to write as `bucket` into environments/<environment>.s3.tfbackend."
  value       = module.state.name
}

output "deploy_role_arns" {
  description = "Roles by environment: the variable DEPLOY_ROLE of each GitHub environment."
  value       = { for name, role in aws_iam_role.deploy : name => role.arn }
}

output "plan_role_arns" {
  description = "Roles by environment: the one of dev is the repository's variable PLAN_ROLE."
  value       = { for name, role in aws_iam_role.plan : name => role.arn }
}
