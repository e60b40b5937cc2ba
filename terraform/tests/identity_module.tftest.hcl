# modules/identity: the user pool and its app client.

mock_provider "aws" {
  override_during = plan
  source          = "./tests/mocks"
}

variables {
  name                = "session-service-dev"
  allow_password_auth = false
  deletion_protection = true
}

run "the_pool" {
  command = plan

  module {
    source = "./modules/identity"
  }

  assert {
    condition     = aws_cognito_user_pool.this.admin_create_user_config[0].allow_admin_create_user_only
    error_message = "Only administrators create accounts."
  }

  assert {
    condition     = aws_cognito_user_pool.this.password_policy[0].minimum_length == 12
    error_message = "A password has at least 12 characters."
  }

  assert {
    condition     = aws_cognito_user_pool.this.deletion_protection == "ACTIVE"
    error_message = "A protected pool cannot be deleted."
  }
}

run "the_client" {
  command = plan

  module {
    source = "./modules/identity"
  }

  assert {
    condition     = !aws_cognito_user_pool_client.this.generate_secret
    error_message = "The client is public: it has no secret."
  }

  assert {
    condition = aws_cognito_user_pool_client.this.explicit_auth_flows == toset([
      "ALLOW_ADMIN_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH", "ALLOW_USER_SRP_AUTH",
    ])
    error_message = "Sign-in is by SRP or refresh token, or by an administrator with AWS credentials."
  }

  assert {
    condition     = aws_cognito_user_pool_client.this.prevent_user_existence_errors == "ENABLED"
    error_message = "A failed sign-in does not reveal whether the account exists."
  }

  assert {
    condition     = aws_cognito_user_pool_client.this.access_token_validity == 1 && aws_cognito_user_pool_client.this.id_token_validity == 1 && one(aws_cognito_user_pool_client.this.token_validity_units).access_token == "hours" && one(aws_cognito_user_pool_client.this.token_validity_units).id_token == "hours"
    error_message = "Access and id tokens are valid for one hour."
  }
}

run "an_unprotected_pool" {
  command = plan

  module {
    source = "./modules/identity"
  }

  variables {
    deletion_protection = false
  }

  assert {
    condition     = aws_cognito_user_pool.this.deletion_protection == "INACTIVE"
    error_message = "An unprotected pool can be deleted."
  }
}

run "a_client_that_may_send_passwords" {
  command = plan

  module {
    source = "./modules/identity"
  }

  variables {
    allow_password_auth = true
  }

  assert {
    condition     = contains(aws_cognito_user_pool_client.this.explicit_auth_flows, "ALLOW_USER_PASSWORD_AUTH")
    error_message = "Clients may send the password if the environment says so."
  }
}
