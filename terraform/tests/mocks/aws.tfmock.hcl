# Values as AWS returns them, where the provider or a policy needs a well-formed value.
mock_data "aws_caller_identity" {
  defaults = { account_id = "123456789012" }
}

mock_resource "aws_cloudwatch_log_group" {
  defaults = { arn = "arn:aws:logs:us-east-1:123456789012:log-group:own" }
}

mock_resource "aws_dynamodb_table" {
  defaults = {
    arn        = "arn:aws:dynamodb:us-east-1:123456789012:table/own"
    stream_arn = "arn:aws:dynamodb:us-east-1:123456789012:table/own/stream/now"
  }
}

mock_resource "aws_iam_role" {
  defaults = { arn = "arn:aws:iam::123456789012:role/own" }
}

mock_resource "aws_lambda_function" {
  defaults = {
    arn        = "arn:aws:lambda:us-east-1:123456789012:function:own"
    invoke_arn = "arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/own/invocations"
  }
}

mock_resource "aws_lambda_alias" {
  defaults = {
    arn        = "arn:aws:lambda:us-east-1:123456789012:function:own:live"
    invoke_arn = "arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/own:live/invocations"
  }
}

mock_resource "aws_apigatewayv2_api" {
  defaults = {
    id            = "api1"
    api_endpoint  = "https://api1.execute-api.us-east-1.amazonaws.com"
    execution_arn = "arn:aws:execute-api:us-east-1:123456789012:api1"
  }
}

mock_resource "aws_apigatewayv2_authorizer" {
  defaults = { id = "authorizer1" }
}

mock_resource "aws_cognito_user_pool" {
  defaults = { id = "us-east-1_Own" }
}

mock_resource "aws_cognito_user_pool_client" {
  defaults = { id = "own-client" }
}

mock_resource "aws_s3_bucket" {
  defaults = { arn = "arn:aws:s3:::own" }
}

mock_resource "aws_lambda_event_source_mapping" {
  defaults = { uuid = "11111111-2222-3333-4444-555555555555" }
}
