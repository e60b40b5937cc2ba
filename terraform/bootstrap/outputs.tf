output "state_bucket" {
  description = "Name of the state bucket, for `bucket` in environments/<environment>.s3.tfbackend."
  value       = module.state.name
}

output "deploy_role_arns" {
  description = "ARNs of the deploy roles by environment, for the variable DEPLOY_ROLE of each GitHub environment."
  value       = { for name, role in aws_iam_role.deploy : name => role.arn }
}

output "plan_role_arns" {
  description = "ARNs of the plan roles by environment. The one of dev is for the repository variable PLAN_ROLE."
  value       = { for name, role in aws_iam_role.plan : name => role.arn }
}
