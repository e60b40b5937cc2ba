output "user_pool_id" {
  description = "Id of the user pool. It begins with the pool's region."
  value       = aws_cognito_user_pool.this.id
}

output "user_pool_client_id" {
  description = "Id of the app client."
  value       = aws_cognito_user_pool_client.this.id
}
