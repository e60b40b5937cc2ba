"""An authorizer that imports PyJWT and boto3 and makes a client, and calls neither."""

import boto3
import jwt

dynamodb = boto3.client("dynamodb")
TOKENS = jwt.PyJWKClient(
    "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_AbCdEfGhI/.well-known/jwks.json"
)


def handler(event, context):
    return {"principalId": "listener", "context": event["queryStringParameters"]}
