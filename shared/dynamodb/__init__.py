"""The tables: the only modules that speak DynamoDB."""
